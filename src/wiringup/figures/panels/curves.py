"""Panels of lines: percent of the reference against what was spent."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import cycle
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from wiringup.figures.panels.series import BLACK, GREY, SIMULATED_RUNS, Look, Series, looks, sentences
from wiringup.figures.panels.sheet import COLUMN, entry, sheet, tidy
from wiringup.figures.panels.spots import Spot
from wiringup.figures.style import log_axis

PUBLISHED = ", published"
"""How the names of published lines end."""

X = Callable[[Spot], float]
Y = Callable[[Spot, str], tuple[float, float, float]]
"""Returns a value and the ends of its interval (NaN where there is none) of a moment in an area."""


def percent(spot: Spot, area: str) -> tuple[float, float, float]:
    """Return the percentage of the reference with its interval."""
    of = spot.percent.get(area)
    return (of.value, of.low, of.high) if of else (np.nan, np.nan, np.nan)


def draw(
    series: Sequence[Series],
    title: str,
    caption: str,
    x: X,
    x_name: str,
    *,
    fixed: Mapping[Hashable, Look] = MappingProxyType({}),
    y: Y = percent,
    y_name: str = "brain match, % of reference",
    lines: Mapping[str, float] | None = None,
    close: bool = False,
    width: float = COLUMN,
    height: float = 2.4,
) -> Figure:
    """Return a panel of lines on a logarithmic axis; what has spent nothing stands at its left end.

    Own runs are filled and solid, with a band or bars for their 95 % interval; published ones hollow and
    dashed.

    Args:
        series: what is drawn, back to front.
        title: above.
        caption: below.
        x: what was spent until a moment.
        x_name: what that is.
        fixed: look of keys that have one.
        y: what is drawn of a moment.
        y_name: what that is.
        lines: name -> a height to draw a horizontal line at.
        close: for few points near each other: bars for intervals, and an axis that starts near the lowest.
        width: in inches.
        height: of the panel, in inches.
    """
    styles = looks(series, dict(fixed))
    ends = [y(s, one.area) for one in series if not one.minor for s in one.spots]
    limits = span(y(s, one.area)[0] for one in series for s in one.spots)
    if close:
        minor = [y(s, one.area)[0] for one in series if one.minor for s in one.spots]
        limits, told = _zoomed(limits, [*minor, *(end for of in ends for end in of)])
        caption += told
    figure, (axes,) = sheet(
        title,
        caption + sentences(series, "line") + cut(ends, limits),
        _handles(series, styles, lines or {}),
        width,
        height,
    )
    spent = [x(s) for one in series for s in one.spots if x(s) > 0]
    least = min(spent, default=1.0) / 3
    for one in sorted(series, key=lambda s: not s.minor):
        _line(axes, one, styles[one.key], lambda s: max(x(s), least), y, banded=not close)
    for name, look in _horizontal(lines or {}).items():
        axes.axhline((lines or {})[name], **look)
    axes.axhline(100, color="0.75", linewidth=0.7, zorder=0)
    tidy(axes, x_name, y_name)
    at_birth = any(x(s) <= 0 for one in series for s in one.spots)
    first, most = least if at_birth else 3 * least, max(spent, default=10.0)
    log_axis(axes, first, most, "birth" if at_birth else "")
    axes.set_xlim(first / 1.5, most * 1.6)
    axes.set_ylim(*limits)
    return figure


def span(values: Iterable[float]) -> tuple[float, float]:
    """Return the ends of an axis of percentages that holds values; intervals may leave it."""
    known = [value for value in values if np.isfinite(value)]
    return min(0.0, 1.1 * min(known, default=0.0)), max(105.0, 1.08 * max(known, default=0.0))


def _zoomed(limits: tuple[float, float], values: Iterable[float]) -> tuple[tuple[float, float], str]:
    """Return limits that start at a round number below all values, and what a caption says of it."""
    low = 10 * np.floor(min((v for v in values if np.isfinite(v)), default=0.0) / 10)
    return (limits, "") if low <= limits[0] else ((low, limits[1]), f" The axis starts at {low:.0f} %.")


def cut(ends: Iterable[tuple[float, float, float]], limits: tuple[float, float]) -> str:
    """Return the sentence for the caption where an interval (value, low, high) is wider than the panel."""
    wide = any(low < limits[0] or high > limits[1] for _, low, high in ends)
    return " Intervals that leave the panel are cut; the numbers have them." if wide else ""


def _line(axes: Axes, one: Series, look: Look, x: X, y: Y, *, banded: bool) -> None:
    color, marker = look
    known = [(x(s), *y(s, one.area)) for s in one.spots]
    xs, ys, low, high = (np.array(column, float) for column in zip(*known, strict=True))
    there = np.isfinite(ys)
    face = "white" if one.published else color
    if one.minor:
        axes.plot(xs[there], ys[there], marker, color=color, mfc=face, markersize=2, alpha=0.45, mew=0.5)
        return
    band = np.isfinite(low) & np.isfinite(high) & there
    if banded and band.sum() > 1:
        axes.fill_between(xs, low, high, where=band, color=color, alpha=0.18, linewidth=0)
    elif band.any():
        reach = [np.maximum(ys - low, 0)[band], np.maximum(high - ys, 0)[band]]
        axes.errorbar(xs[band], ys[band], reach, fmt="none", ecolor=color, elinewidth=0.9, capsize=1.5)
    dash = (0, (4, 1.6)) if one.published else "-"
    axes.plot(
        xs[there], ys[there], color=color, marker=marker, mfc=face, markersize=3.4, linewidth=1.1, mew=0.8,
        linestyle=dash,
    )  # fmt: skip


def _handles(
    series: Sequence[Series], styles: Mapping[Hashable, Look], lines: Mapping[str, float]
) -> list[Line2D]:
    shown = {one.key: one for one in reversed(series) if not one.minor}
    sources = {one.published for one in series}
    found = [entry(one.name, *styles[key], hollow=one.published) for key, one in reversed(shown.items())]
    if len(sources) > 1:
        found = [entry(one.name, *styles[key]) for key, one in reversed(shown.items())]
        found.append(entry("published", BLACK, "o", hollow=True))
        found.append(entry("own runs", BLACK, "o"))
    if any(one.simulated for one in series):
        found.append(Line2D([], [], linestyle="none", label=SIMULATED_RUNS))
    return found + [Line2D([], [], label=name, **look) for name, look in _horizontal(lines).items()]


def _horizontal(lines: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the look of horizontal lines: dashes by what they are of, grey if it was published."""
    of = {name: name.removesuffix(PUBLISHED) for name in lines}
    dashes = dict(zip(dict.fromkeys(of.values()), cycle((":", "-.", "--")), strict=False))
    return {
        name: {"linestyle": dashes[base], "color": BLACK if name == base else GREY, "linewidth": 1}
        for name, base in of.items()
    }
