"""One look for every figure: colours that a colour-blind reader can tell apart, no global state."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wiringup.core.errors import InputError
from wiringup.core.files import atomic_path

# Okabe & Ito (2008), without its yellow, which is too pale on white.
COLORS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
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


def head(figure: Figure, title: str, simulated: bool, *notes: str) -> None:
    """Write above a figure what it shows, and what a reader must know: simulated data, and sentences."""
    wide = int(figure.get_figwidth() * 17)  # characters of this size in a line
    lines = [title, f"({SIMULATED})" if simulated else "", *notes]
    written = [part for line in lines for part in textwrap.wrap(line, wide)]
    if written:
        figure.suptitle("\n".join(written), fontsize=8)


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
