"""One look for every figure: colours that a colour-blind reader can tell apart, no global state."""

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from wiringup.core.errors import InputError
from wiringup.core.files import atomic_path

# Okabe & Ito (2008), without its yellow, which is too pale on white.
COLORS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_ROOM = 0.08  # of an axis that the name of a tick takes
FORMATS = ("png", "pdf", "svg")
SIMULATED = "simulated recordings: these numbers say nothing about real brains"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of the given size in inches, laid out tightly, drawn without a display."""
    figure = Figure(figsize=(width, height), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    return figure


def look(labels: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return {label: (colour, marker)}, distinct for up to 64 labels: each round takes other markers."""
    n = len(COLORS)
    return {label: (COLORS[i % n], MARKERS[(i + i // n) % n]) for i, label in enumerate(labels)}


def area_panels(areas: Sequence[str], width: float, height: float) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure with a panel for each area, in two rows over one x axis; ``width`` is a panel's."""
    columns = (len(areas) + 1) // 2
    figure = new_figure(width * columns, height)
    panels = list(figure.subplots(2, columns, sharex=True, squeeze=False).flat)
    for axes in panels[len(areas) :]:
        axes.set_visible(False)
    return figure, dict(zip(areas, panels, strict=False))


def legend(figure: Figure, fontsize: float = 8) -> None:
    """Write what the first panel's lines are below a figure, which grows with them."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    entry = 0.5 + 0.009 * fontsize * max(map(len, labels), default=0)  # inches
    columns = max(1, min(3, int(figure.get_figwidth() / entry)))
    figure.set_figheight(figure.get_figheight() + 0.02 * fontsize * max(0, -(-len(labels) // columns) - 2))
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, fontsize=fontsize, frameon=False
    )


def log_axis(axes: Axes, first: float, most: float, name: str = "") -> None:
    """Make x logarithmic with ticks at decades, six at most, or between them where there is but one.

    Args:
        axes: the panel.
        first: the left end.
        most: what is drawn last.
        name: of a tick at ``first``, for what no logarithm has (birth, nothing); decades keep off it.
    """
    axes.set_xscale("log")
    least = first * max(2.0, (most / first) ** _ROOM) if name else first
    powers = [10.0**d for d in range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)]
    decades = [tick for tick in powers if least <= tick <= most]
    if len(decades) < 2:
        decades = [
            tick for power in powers for tick in (power, 2 * power, 5 * power) if least <= tick <= most
        ]
    if not decades and least <= most:
        decades = [most]
    shown = decades[:: max(1, -(-len(decades) // 6))]
    axes.xaxis.set_major_locator(FixedLocator([first, *shown] if name else shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: name if name and np.isclose(x, first) else _power(x))
    )


def _power(value: float) -> str:
    if 0.1 <= value < 1000:
        return f"{value:.3g}"
    times, exponent = f"{value:.1e}".split("e")
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if times == "1.0" else f"${times.removesuffix('.0')}\\times{power}$"


def head(figure: Figure, title: str, simulated: bool, *notes: str) -> None:
    """Write above a figure what it shows, and what a reader must know: simulated data, and sentences."""
    wide = int(figure.get_figwidth() * 17)  # characters of this size in a line
    lines = [title, f"({SIMULATED})" if simulated else "", *notes]
    written = [part for line in lines for part in textwrap.wrap(line, wide)]
    if written:
        figure.suptitle("\n".join(written), fontsize=8)


def foot(figure: Figure, *notes: str) -> None:
    """Write what a reader must know between a figure and its legend, which grow with it."""
    wide = int(figure.get_figwidth() * 19)  # characters of this size in a line
    written = [part for line in notes for part in textwrap.wrap(line, wide)]
    if written:
        figure.legends[0].set_title("\n".join(written), prop=FontProperties(size=7))
        figure.set_figheight(figure.get_figheight() + 0.12 * len(written))


def clean(axes: Axes) -> None:
    """Remove the box around a panel and draw a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.tick_params(labelsize=8, labelbottom=True)


def check_format(path: Path) -> str:
    """Return the format that the ending of ``path`` names; raise `InputError` if there is no such format."""
    kind = path.suffix.lstrip(".").lower()
    if kind in FORMATS:
        return kind
    raise InputError(f"{path} has to end in one of {', '.join('.' + k for k in FORMATS)}.")


def write(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the ending of ``path`` names."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=check_format(path))
