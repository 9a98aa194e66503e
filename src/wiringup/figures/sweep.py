"""Figures of sweeps: images x epochs as a map (the paper's Figure 1), plasticities beside each other."""

from collections import Counter
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wiringup.core.checks import several
from wiringup.core.errors import InputError
from wiringup.figures.methods import bars
from wiringup.figures.style import clean, head, look, new_figure
from wiringup.figures.tables import count
from wiringup.results.comparison import Comparison, ConditionScores
from wiringup.results.record import MEAN

Cells = Mapping[str, Mapping[str, Any]]
"""Label -> its birth, plasticity, images and epochs, as a sweep's document holds them."""

_AXES = ("images", "epochs")
_IN_A_ROW = 4  # maps
_TITLE = 40  # characters above a map


def draw(comparison: Comparison, cells: Cells) -> Figure:
    """Return the figure that suits what was varied: maps if both images and epochs were, otherwise dots.

    There are maps only if every condition, the reference aside, has its place in one. The last moment of each
    condition is drawn (and births beside the dots); what diverged is marked.

    Args:
        comparison: of all conditions.
        cells: what each label stands for.

    Raises:
        InputError: if there is nothing to draw.
    """
    if not comparison.moments:
        raise InputError("The sweep has no runs to draw.")
    grids: dict[str, list[str]] = {}
    for label, cell in cells.items():
        grids.setdefault(f"{cell['birth']}, {cell['plasticity']}", []).append(label)
    maps = {k: v for k, v in grids.items() if _is_map([cells[label] for label in v])}
    outside = {*cells} - {label for labels in maps.values() for label in labels} - {comparison.reference}
    mapped = maps and not outside
    figure = _maps(comparison, cells, maps) if mapped else _dots(comparison, cells)
    told = "" if mapped else bars(comparison)
    head(figure, "", comparison.simulated, told, comparison.norms, comparison.left_out)
    return figure


def _is_map(cells: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether both images and epochs are varied, and every combination of them is there once."""
    values = [{cell[axis] for cell in cells} for axis in _AXES]
    return min(map(len, values)) > 1 and len(values[0]) * len(values[1]) == len(cells)


def _maps(comparison: Comparison, cells: Cells, maps: Mapping[str, list[str]]) -> Figure:
    columns = min(_IN_A_ROW, len(maps))
    rows = -(-len(maps) // columns)
    figure = new_figure(max(6.0, 1.2 + 3.2 * columns), 3.4 * rows)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, (title, labels) in zip(panels, maps.items(), strict=False):
        _map(axes, {label: cells[label] for label in labels}, comparison)
        axes.set_title(fill(title, _TITLE), fontsize=9, loc="left")
    for axes in panels[len(maps) :]:
        axes.set_visible(False)
    known = comparison.has_percent
    unit = "brain match, % of reference" if known else f"brain match (reference {comparison.why_no_percent})"
    figure.colorbar(panels[0].images[0], ax=panels).set_label(unit, fontsize=8)
    return figure


def _map(axes: Axes, cells: Cells, comparison: Comparison) -> None:
    """Draw images x epochs; the brightest value is 100 of percentages, 1 of scores."""
    last = {m.label: comparison.shown(m, MEAN) for m in comparison.moments}
    lost = Counter(d.label for d in comparison.diverged)
    most, digits = (100, 0) if comparison.has_percent else (1, 2)
    images, epochs = (sorted({cell[f] for cell in cells.values()}) for f in _AXES)
    values = np.full((len(images), len(epochs)), np.nan)
    for label, cell in cells.items():
        row, column = images.index(cell["images"]), epochs.index(cell["epochs"])
        texts = []
        if label in last:
            values[row, column] = np.mean(last[label])
            texts.append(f"{values[row, column]:.{digits}f}")
        if lost[label]:
            texts.append(f"({lost[label]} diverged)" if label in last else "diverged")
        color = "white" if values[row, column] < 0.6 * most else "black"
        axes.text(column, row, "\n".join(texts), ha="center", va="center", fontsize=8, color=color)
    axes.imshow(values, origin="lower", cmap="cividis", vmin=0, vmax=most, aspect="auto")
    axes.set_xticks(range(len(epochs)), [f"{e:g}" for e in epochs], fontsize=8)
    axes.set_yticks(range(len(images)), [f"{n:,}" for n in images], fontsize=8)
    axes.set_xlabel("epochs", fontsize=8)
    axes.set_ylabel("labelled images", fontsize=8)


def _dots(comparison: Comparison, cells: Cells) -> Figure:
    """One line for each label: seeds as dots, their mean as a tick, birth hollow; diverged runs in words."""
    own = {x: [m for m in comparison.moments if m.label == x] for x in cells}
    lost = Counter(d.label for d in comparison.diverged)
    labels = [x for x in reversed(list(cells)) if own[x] or lost[x]]
    names = [_name(cells[x], cells, own[x], lost[x]) for x in labels]
    figure = new_figure(max(6.0, 4.2 + 0.07 * max(map(len, names))), 1.4 + 0.32 * len(labels))
    axes: Axes = figure.subplots()
    colors = look(list(dict.fromkeys(cells[x]["birth"] for x in reversed(labels))))
    for row, label in enumerate(labels):
        if shown := [comparison.shown(m, MEAN) for m in own[label]]:
            color = colors[cells[label]["birth"]][0]
            _line(axes, row, shown[0], shown[-1], color)
            if comparison.has_percent and (end := own[label][-1].interval.get(MEAN)):
                axes.hlines(row, end.low, end.high, color=color, linewidth=4, alpha=0.2)
    axes.set_yticks(range(len(labels)), names, fontsize=7)
    axes.set_ylim(-0.6, len(labels) - 0.4)
    known = comparison.has_percent
    axes.axvline(100 if known else 0, color="0.6", linestyle=":", linewidth=1)
    unit = "% of the reference" if known else f"the reference {comparison.why_no_percent}"
    axes.set_xlabel(f"brain match, {unit}\n(in brackets: supervised synaptic updates)", fontsize=8)
    axes.set_title("dots: seeds, tick: mean, circle: at birth", fontsize=8, loc="left")
    clean(axes)
    axes.tick_params(axis="y", labelsize=7)
    return figure


def _line(axes: Axes, row: int, first: Sequence[float], end: Sequence[float], color: str) -> None:
    axes.plot([np.mean(first)], [row], "o", mfc="none", color=color, markersize=5)
    axes.plot(end, [row] * len(end), ".", color=color, alpha=0.6)
    axes.plot([np.mean(end)], [row], "|", color=color, markersize=13, markeredgewidth=2)


def _name(cell: Mapping[str, Any], cells: Cells, own: Sequence[ConditionScores], lost: int) -> str:
    """Return how a line is called, by name or what tells its cell from others; what it spent, and lost."""
    varied = [f for f in cell if len({c.get(f) for c in cells.values()}) > 1] or ["plasticity"]
    texts = {"images": f"{cell['images']:,} images", "epochs": several(cell["epochs"], "epochs")}
    name = cell.get("name") or ", ".join(str(texts.get(f, cell[f])) for f in varied)
    if not own:
        return f"{name}  (diverged)"
    spent = f"{name}  ({count(own[-1].synaptic_updates)})"
    return f"{spent}, {lost} diverged" if lost else spent
