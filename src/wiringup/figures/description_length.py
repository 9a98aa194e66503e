"""Brain match against description length, on a log axis, with pixels and Kaiming normal as references."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from wiringup.figures.style import COLORS, MARKERS, SIMULATED, clean, new_figure
from wiringup.results.bits import REFERENCE, Document
from wiringup.results.comparison import COLUMNS
from wiringup.results.record import MEAN

NOTHING_GAP = 10.0  # how far left of the smallest size the births without any parameters stand, as a factor


def draw(matches: Sequence[Document], suite: str) -> Figure:
    """Return a figure with a panel for the mean and one for each area; bars are 95 % intervals.

    References are horizontal lines, and so are births that need no parameters (Kaiming normal), which also
    stand at the left end: no number has a logarithm of zero bits.
    """
    areas = [MEAN, *(a for a in COLUMNS if any(a in m["areas"] for m in matches))]
    columns = (len(areas) + 1) // 2
    figure = new_figure(3.6 * columns, 6.4)
    panels = list(figure.subplots(2, columns, sharex=True, squeeze=False).flat)
    for area, axes in zip(areas, panels, strict=False):
        _panel(axes, area, matches)
    for axes in panels[len(areas) :]:
        axes.set_visible(False)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=7, frameon=False)
    simulated = any(m["simulated"] for m in matches)
    figure.suptitle(
        f"Brain match on {suite} against description length" + (f"\n({SIMULATED})" if simulated else ""),
        fontsize=10,
    )
    return figure


def labels_of(matches: Sequence[Document]) -> list[str]:
    """Return a name for each: with the network, and the policy of BatchNorm, where these differ."""
    each = [m["described"] for m in matches]
    plain = [of for of in each if of["kind"] != REFERENCE]
    networks, policies = ({of[name] for of in plain} for name in ("network", "batchnorm"))
    return [_label(of, len(networks) > 1, len(policies) > 1) for of in each]


def _label(of: Document, network: bool, policy: bool) -> str:
    if of["kind"] == REFERENCE:
        return str(of["network"])
    parts = [of["name"], of["network"] if network else "", f"BN {of['batchnorm']}" if policy else ""]
    return ", ".join(filter(None, parts))


def _panel(axes: Axes, area: str, matches: Sequence[Document]) -> None:
    known = [m["described"]["bits"] for m in matches if m["described"]["bits"]]
    nothing = min(known, default=1000) / NOTHING_GAP
    for i, (match, label) in enumerate(zip(matches, labels_of(matches), strict=True)):
        estimate = match["mean"] if area == MEAN else match["areas"].get(area)
        if estimate is not None and estimate["value"] is not None:
            look = {"color": COLORS[i % len(COLORS)], "label": label}
            marker = MARKERS[i // len(COLORS) % len(MARKERS)]
            _mark(axes, match["described"]["bits"], estimate, nothing, marker, look)
    axes.set_title("mean of all" if area == MEAN else area, fontsize=9, loc="left")
    axes.set_ylabel("ceiled score", fontsize=8)
    axes.set_xlabel("description length, bits", fontsize=8)
    _log_axis(axes, nothing, max(known, default=10_000))
    clean(axes)


def _mark(
    axes: Axes, bits: int | None, estimate: Document, nothing: float, marker: str, look: dict[str, Any]
) -> None:
    value = float(estimate["value"])
    if bits is None:
        axes.axhline(value, linestyle=":", linewidth=1.4, **look)
        return
    if bits == 0:
        axes.axhline(value, linestyle="--", linewidth=0.8, alpha=0.6, color=look["color"])
    low, high = (value if estimate[end] is None else estimate[end] for end in ("low", "high"))
    reach = [[max(0.0, value - low)], [max(0.0, high - value)]]
    style: dict[str, Any] = {"fmt": marker, "markersize": 5, "linewidth": 1.0, "capsize": 2.0}
    axes.errorbar(bits or nothing, value, reach, **style, **look)


def _log_axis(axes: Axes, nothing: float, most: float) -> None:
    axes.set_xscale("log")
    decades = [10.0**d for d in range(int(np.ceil(np.log10(nothing * 3))), int(np.log10(most)) + 1)]
    axes.set_xlim(nothing / 2, most * 3)
    axes.xaxis.set_major_locator(FixedLocator([nothing, *decades[:: max(1, len(decades) // 5)]]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: "0" if np.isclose(x, nothing) else f"$10^{{{np.log10(x):.0f}}}$")
    )
