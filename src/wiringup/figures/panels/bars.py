"""Panels of bars: conditions beside each other, for the mean and each area."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import AbstractPathEffect, withStroke

from wiringup.core.areas import SCORED
from wiringup.figures.panels import rows
from wiringup.figures.panels.curves import cut, percent, span
from wiringup.figures.panels.series import (
    SIMULATED_RUNS,
    Look,
    Series,
    every_seed,
    in_legend,
    looks,
    named,
    sentences,
)
from wiringup.figures.panels.sheet import PAGE, TINY, sheet, tidy
from wiringup.figures.panels.spots import Spot
from wiringup.figures.style import MARKERS
from wiringup.results.record import MEAN

HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++", "oooo", "----")
_NARROW = 0.09  # of a group's width: numbers above narrower bars are turned
_BEHIND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.3}
_HALO: list[AbstractPathEffect] = [withStroke(linewidth=1.9, foreground="white")]
"""Around what lies on bars: on a black one it would not be seen."""
HEIGHT = 2.3  # inches
_ABOVE = 15  # percentage points above a bar, at most, at which its number stands
GROUPS = (MEAN, *SCORED)
MANY = 10
"""Bars of a group; more are rows, see `panels.rows`."""


def draw(
    series: Sequence[Series],
    title: str,
    caption: str,
    *,
    fixed: Mapping[Hashable, Look],
    seeds: Mapping[str, Sequence[Spot]] | None = None,
) -> Figure:
    """Return a panel with a group of bars for the mean and each area; own bars are filled, published hollow.

    More bars than `MANY` are rows.

    Args:
        series: what is drawn, each with a single moment.
        title: above.
        caption: below.
        fixed: look of keys that have one.
        seeds: name of a published series -> moments of its other seeds, drawn as dots.
    """
    shown = sorted((one for one in series if not one.minor), key=lambda one: one.published)
    groups = [area for area in GROUPS if any(area in one.spots[-1].percent for one in shown)]
    if len(shown) > MANY:
        return rows.draw(shown, groups, title, caption, fixed, seeds or {})
    styles = looks(shown, dict(fixed))
    hatches = {key: HATCHES[MARKERS.index(marker)] for key, (_, marker) in styles.items()}
    handles = [
        _patch(one, styles[one.key][0], hatches[one.key], label=in_legend(one, shown)) for one in shown
    ]
    if any(one.simulated for one in shown):
        handles.append(Patch(facecolor="none", edgecolor="none", label=SIMULATED_RUNS))
    caption += " Numbers: the mean of areas."
    each = [percent(one.spots[-1], group) for one in shown for group in groups]
    low, high = span(value for value, _, _ in each)
    limits = low, 1.05 * high
    told = caption + sentences(shown, "bar") + cut(each, limits)
    figure, (axes,) = sheet(title, told, handles, PAGE, HEIGHT)
    step = 0.84 / len(shown)
    for i, one in enumerate(shown):
        x = np.arange(len(groups)) + (i - (len(shown) - 1) / 2) * step
        _bars(axes, one, groups, x, 0.9 * step, styles[one.key][0], hatches[one.key])
        _dots(axes, one, groups, x, 0.6 * step, (seeds or {}).get(one.name, ()) if one.published else ())
    axes.set_xticks(range(len(groups)), [named(area) for area in groups])
    axes.axhline(100, color="0.75", linewidth=0.7, zorder=0)
    axes.axhline(0, color="0.3", linewidth=0.7)
    tidy(axes, y="brain match, % of reference")
    axes.grid(axis="x", visible=False)
    axes.set_ylim(*limits)
    axes.margins(x=0.01)
    return figure


def _patch(one: Series, color: str, hatch: str, label: str) -> Patch:
    face, edge, width = _filled(one, color)
    return Patch(facecolor=face, edgecolor=edge, hatch=hatch, label=label, linewidth=width)


def _filled(one: Series, color: str) -> tuple[str, str, float]:
    """Return the colours of a bar's face and edge, and how wide the edge is; hatches have the edge's."""
    return ("white", color, 0.8) if one.published else (color, "white", 0.0)


def _bars(
    axes: Axes, one: Series, groups: Sequence[str], x: np.ndarray, width: float, color: str, hatch: str
) -> None:
    values, low, high = (
        np.array(v, float) for v in zip(*(percent(one.spots[-1], g) for g in groups), strict=True)
    )
    face, edge, line = _filled(one, color)
    axes.bar(x, values, width, facecolor=face, edgecolor=edge, hatch=hatch, linewidth=line)
    if one.published:
        axes.bar(x, values, width, facecolor="none", edgecolor=color, linewidth=0.8)
    known = np.isfinite(low) & np.isfinite(high)
    if known.any():
        ends = [np.maximum(values - low, 0)[known], np.maximum(high - values, 0)[known]]
        drawn = axes.errorbar(
            x[known], values[known], ends, fmt="none", ecolor="0.1", elinewidth=0.9, capsize=2
        )
        for part in (*drawn.lines[1], *drawn.lines[2]):
            part.set_path_effects(_HALO)
    if np.isfinite(values[0]):
        top = max(values[0], min(high[0], values[0] + _ABOVE) if known[0] else values[0], 0)
        turned = 90 if width < _NARROW else 0
        axes.text(
            x[0],
            top + 2,
            f"{values[0]:.0f}",
            fontsize=TINY,
            ha="center",
            va="bottom",
            rotation=turned,
            bbox=_BEHIND,
        )


def _dots(
    axes: Axes, one: Series, groups: Sequence[str], x: np.ndarray, width: float, others: Sequence[Spot]
) -> None:
    for place, group in zip(x, groups, strict=True):
        found = every_seed(one, group, others)
        if len(found) > 1:
            spread = np.linspace(-width / 2, width / 2, len(found))
            (dots,) = axes.plot(
                place + spread, found, "o", color="0.15", mfc="none", markersize=1.6, mew=0.45, zorder=4
            )
            dots.set_path_effects(_HALO)
