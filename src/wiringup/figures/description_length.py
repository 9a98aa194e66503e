"""Brain match against description length, on a log axis, with pixels and Kaiming normal as references."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wiringup.core.areas import SCORED
from wiringup.figures.style import COLORS, MARKERS, SIMULATED, area_panels, clean, legend, log_axis
from wiringup.results.bits import REFERENCE, Document
from wiringup.results.record import MEAN

NOTHING_GAP = 10.0  # how far left of the smallest size the births without any parameters stand, as a factor


def draw(matches: Sequence[Document], suite: str) -> Figure:
    """Return a figure with a panel for the mean and one for each area; bars are 95 % intervals.

    References are horizontal lines, and so are births that need no parameters (Kaiming normal), which also
    stand at the left end: no number has a logarithm of zero bits.
    """
    areas = [MEAN, *(a for a in SCORED if any(a in m["areas"] for m in matches))]
    figure, panels = area_panels(areas, 3.6, 6.4)
    for area, axes in panels.items():
        _panel(axes, area, matches)
    legend(figure, 7)
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
    most = max(known, default=10_000)
    log_axis(axes, nothing, most, "0")
    axes.set_xlim(nothing / 2, most * 3)
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
