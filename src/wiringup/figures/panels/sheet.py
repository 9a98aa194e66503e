"""The sheet that every panel is drawn on: title above, legend and caption below, at the width of a column."""

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from wiringup.figures.style import new_figure

COLUMN, PAGE = 3.5, 7.2
"""Inches: widths of one and of two columns of a journal."""

TEXT, SMALL, TINY = 7.0, 6.0, 5.0
"""Sizes of letters in points."""

_LINE = 0.105  # inches of a line of the caption
_ENTRY = 0.135  # of a line of the legend
_LETTERS = 22  # of the caption in an inch

Handle = Any


def sheet(
    title: str,
    caption: str,
    handles: Sequence[Handle],
    width: float = COLUMN,
    height: float = 2.4,
    columns: int = 1,
) -> tuple[Figure, list[Axes]]:
    """Return a figure and its empty panels, side by side.

    Args:
        title: above.
        caption: below; it is wrapped.
        handles: of the legend, between panels and caption.
        width: of the figure in inches.
        height: of the panels alone.
        columns: how many panels.
    """
    lines = textwrap.wrap(caption, int(width * _LETTERS))
    entries = _rows(handles, width)
    parts = [height, 0.06 + _ENTRY * entries if handles else 0.02, 0.06 + _LINE * len(lines)]
    heads = textwrap.wrap(title, int(width * 17))
    figure = new_figure(width, sum(parts) + 0.14 * len(heads))
    top, middle, bottom = figure.subfigures(
        3, 1, height_ratios=[parts[0] + 0.14 * len(heads), *parts[1:]], squeeze=False
    ).flat
    top.suptitle("\n".join(heads), fontsize=TEXT, x=0.01, ha="left", fontweight="bold")
    if handles:
        _legend(middle, handles, width)
    bottom.text(0.01, 1.0, "\n".join(lines), fontsize=SMALL, va="top", ha="left", linespacing=1.15)
    return figure, list(top.subplots(1, columns, squeeze=False).flat)


def _columns(handles: Sequence[Handle], width: float) -> int:
    longest = max((len(str(h.get_label())) for h in handles), default=0)
    return max(1, min(len(handles), 4, int(width / (0.42 + longest * 0.052))))


def _rows(handles: Sequence[Handle], width: float) -> int:
    return -(-len(handles) // _columns(handles, width)) if handles else 0


def _legend(part: SubFigure, handles: Sequence[Handle], width: float) -> None:
    part.legend(
        handles=list(handles), loc="center", ncols=_columns(handles, width), fontsize=SMALL, frameon=False,
        borderpad=0, borderaxespad=0, labelspacing=0.35, handlelength=2.2, columnspacing=1.2,
    )  # fmt: skip


def entry(name: str, color: str, marker: str, *, hollow: bool = False) -> Line2D:
    """Return a line of the legend: filled and solid, or hollow and dashed."""
    return Line2D(
        [], [], label=name, color=color, marker=marker, markersize=4, linewidth=1.2,
        linestyle=(0, (2.5, 1.2)) if hollow else "-", markerfacecolor="white" if hollow else color,
    )  # fmt: skip


def tidy(axes: Axes, x: str = "", y: str = "", title: str = "") -> None:
    """Remove the box around a panel, and name its axes."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=SMALL, length=2.5, pad=2)
    axes.set_xlabel(x, fontsize=TEXT, labelpad=2)
    axes.set_ylabel(y, fontsize=TEXT, labelpad=2)
    if title:
        axes.set_title(title, fontsize=TEXT, loc="left")
