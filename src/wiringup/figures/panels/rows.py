"""Panels of many bars: a row for each condition, and a column for the mean and each area."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from wiringup.figures.panels.curves import cut, percent, span
from wiringup.figures.panels.series import (
    SIMULATED_RUNS,
    Look,
    Series,
    every_seed,
    in_legend,
    named,
    sentences,
)
from wiringup.figures.panels.sheet import PAGE, SMALL, TINY, sheet, tidy
from wiringup.figures.panels.spots import Spot

_ROW = 0.145  # inches
_HEAD = 0.45  # inches above and below the rows
_GAP = 0.5  # rows between own conditions and published ones
_FILLED = 0.55  # opacity of own bars: seeds and intervals are seen on black ones too
_USUAL = "0.62"  # colour of what has none in other panels: rows are told by their names


def draw(
    shown: Sequence[Series],
    groups: Sequence[str],
    title: str,
    caption: str,
    fixed: Mapping[Hashable, Look],
    seeds: Mapping[str, Sequence[Spot]],
) -> Figure:
    """Return a panel with a column of horizontal bars for each group; own bars are filled, published hollow.

    Args:
        shown: what is drawn from the top, own before published, each with a single moment.
        groups: the mean and areas.
        title: above.
        caption: below.
        fixed: look of keys that have one; of the others the bars are grey.
        seeds: name of a published series -> moments of its other seeds, drawn as dots.
    """
    each = [percent(one.spots[-1], group) for one in shown for group in groups]
    low, high = span(value for value, _, _ in each)
    limits = low, 1.02 * high
    told = caption + sentences(shown, "bar") + cut(each, limits)
    if any(one.simulated for one in shown):
        told += f" {SIMULATED_RUNS.capitalize()}."
    y = -np.arange(len(shown)) - _GAP * np.array([one.published for one in shown])
    figure, columns = sheet(title, told, [], PAGE, _HEAD + _ROW * -y[-1], len(groups))
    for axes, group in zip(columns, groups, strict=True):
        for place, one in zip(y, shown, strict=True):
            _bar(axes, one, group, place, fixed.get(one.key, (_USUAL, ""))[0])
            _dots(axes, one, group, place, seeds.get(one.name, ()) if one.published else ())
        for whole in (0, 100):
            axes.axvline(whole, color="0.75" if whole else "0.3", linewidth=0.7, zorder=0)
        tidy(axes, title=named(group))
        axes.grid(axis="y", visible=False)
        axes.set_xlim(*limits)
        axes.set_ylim(y[-1] - 0.7, 0.7)
        axes.tick_params(axis="y", length=0)
        axes.set_yticks(y, [""] * len(y))
    columns[0].set_yticks(y, [in_legend(one, shown) for one in shown], fontsize=SMALL)
    columns[0].figure.supxlabel("brain match, % of reference", fontsize=SMALL)
    return figure


def _bar(axes: Axes, one: Series, group: str, place: float, color: str) -> None:
    value, low, high = percent(one.spots[-1], group)
    if not np.isfinite(value):
        return
    face = "white" if one.published else to_rgba(color, _FILLED)
    axes.barh(place, value, 0.74, facecolor=face, edgecolor=color, linewidth=0.8)
    if np.isfinite(low) and np.isfinite(high):
        ends = [[max(value - low, 0)], [max(high - value, 0)]]
        axes.errorbar(value, place, xerr=ends, fmt="none", ecolor="0.1", elinewidth=0.8, capsize=1.5)
    axes.annotate(
        f"{value:.0f}", (0, place), (2, 0), textcoords="offset points", fontsize=TINY, va="center", zorder=6,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.2},
    )  # fmt: skip


def _dots(axes: Axes, one: Series, group: str, place: float, others: Sequence[Spot]) -> None:
    found = every_seed(one, group, others)
    if len(found) > 1:
        spread = np.linspace(-0.25, 0.25, len(found))
        axes.plot(found, place + spread, "o", color="0.15", mfc="none", markersize=1.4, mew=0.4, zorder=4)
