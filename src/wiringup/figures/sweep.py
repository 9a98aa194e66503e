"""Figures of sweeps: images x epochs as a map (the paper's Figure 1), plasticities beside each other."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wiringup.core.errors import InputError
from wiringup.figures.style import clean, head, look, new_figure
from wiringup.figures.tables import count
from wiringup.results.curves import Moment, told_norms
from wiringup.results.record import MEAN, Diverged

Cells = Mapping[str, Mapping[str, Any]]
"""Label -> its birth, plasticity, images and epochs, as a sweep's document holds them."""

_AXES = ("images", "epochs")
_IN_A_ROW = 4  # maps
_TITLE = 40  # characters above a map


def draw(
    moments: Sequence[Moment],
    cells: Cells,
    simulated: bool,
    left_out: str = "",
    diverged: Sequence[Diverged] = (),
) -> Figure:
    """Return the figure that suits what was varied: maps if both images and epochs were, otherwise dots.

    Args:
        moments: of all labels; the last of each is drawn (and births beside the dots).
        cells: what each label stands for.
        simulated: whether the recordings are.
        left_out: the sentence about areas that are no part of the mean, see `curves.told_at_chance`.
        diverged: runs without a score; their cells are marked.

    Raises:
        InputError: if there is nothing to draw.
    """
    if not moments:
        raise InputError("The sweep has no runs to draw.")
    lost = {label: sum(d.label == label for d in diverged) for label in cells}
    grids: dict[str, list[str]] = {}
    for label, cell in cells.items():
        grids.setdefault(f"{cell['birth']}, {cell['plasticity']}", []).append(label)
    maps = {k: v for k, v in grids.items() if all(len({cells[x][f] for x in v}) > 1 for f in _AXES)}
    figure = _maps(moments, cells, maps, lost) if maps else _dots(moments, cells, lost)
    head(figure, "", simulated, told_norms(moments), left_out)
    return figure


def _maps(
    moments: Sequence[Moment], cells: Cells, maps: Mapping[str, list[str]], lost: Mapping[str, int]
) -> Figure:
    columns = min(_IN_A_ROW, len(maps))
    rows = -(-len(maps) // columns)
    figure = new_figure(max(6.0, 1.2 + 3.2 * columns), 3.4 * rows)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    last, known = {m.label: m for m in moments}, moments[0].has_percent(MEAN)
    for axes, (title, labels) in zip(panels, maps.items(), strict=False):
        _map(axes, {label: cells[label] for label in labels}, last, lost, 100 if known else 1)
        axes.set_title(fill(title, _TITLE), fontsize=9, loc="left")
    for axes in panels[len(maps) :]:
        axes.set_visible(False)
    unit = "brain match, % of reference" if known else "brain match (reference at chance)"
    figure.colorbar(panels[0].images[0], ax=panels).set_label(unit, fontsize=8)
    return figure


def _map(axes: Axes, cells: Cells, last: Mapping[str, Moment], lost: Mapping[str, int], most: float) -> None:
    """Draw images x epochs; ``most`` is the brightest value: 100 of percentages, 1 of scores."""
    images, epochs = (sorted({cell[f] for cell in cells.values()}) for f in _AXES)
    values = np.full((len(images), len(epochs)), np.nan)
    for label, cell in cells.items():
        row, column = images.index(cell["images"]), epochs.index(cell["epochs"])
        told = [] if label not in last else [f"{np.mean(last[label].shown[MEAN]):.{0 if most > 1 else 2}f}"]
        if label in last:
            values[row, column] = np.mean(last[label].shown[MEAN])
        if lost[label]:
            told.append("diverged" if label not in last else f"({lost[label]} diverged)")
        color = "white" if values[row, column] < 0.6 * most else "black"
        axes.text(column, row, "\n".join(told), ha="center", va="center", fontsize=8, color=color)
    axes.imshow(values, origin="lower", cmap="cividis", vmin=0, vmax=most, aspect="auto")
    axes.set_xticks(range(len(epochs)), [f"{e:g}" for e in epochs], fontsize=8)
    axes.set_yticks(range(len(images)), [f"{n:,}" for n in images], fontsize=8)
    axes.set_xlabel("epochs", fontsize=8)
    axes.set_ylabel("labelled images", fontsize=8)


def _dots(moments: Sequence[Moment], cells: Cells, lost: Mapping[str, int]) -> Figure:
    """One line for each label: seeds as dots, their mean as a tick, birth hollow; diverged runs in words."""
    scored = {m.label for m in moments}
    labels = [label for label in cells if label in scored or lost[label]]
    names = [_name(x, cells, moments, lost[x]) for x in reversed(labels)]
    figure = new_figure(max(6.0, 4.2 + 0.07 * max(map(len, names))), 1.4 + 0.32 * len(labels))
    axes: Axes = figure.subplots()
    colors = look(list(dict.fromkeys(cells[label]["birth"] for label in labels)))
    for row, label in enumerate(reversed(labels)):
        if label in scored:
            _line(axes, row, [m for m in moments if m.label == label], colors[cells[label]["birth"]][0])
    axes.set_yticks(range(len(labels)), names, fontsize=7)
    axes.set_ylim(-0.6, len(labels) - 0.4)
    known = moments[0].has_percent(MEAN)
    axes.axvline(100 if known else 0, color="0.6", linestyle=":", linewidth=1)
    unit = "% of the reference" if known else "reference at chance"
    axes.set_xlabel(f"brain match, {unit}\n(in brackets: supervised synaptic updates)", fontsize=8)
    axes.set_title("dots: seeds, tick: mean, circle: at birth", fontsize=8, loc="left")
    clean(axes)
    axes.tick_params(axis="y", labelsize=7)
    return figure


def _line(axes: Axes, row: int, own: Sequence[Moment], color: str) -> None:
    first, end = own[0].shown[MEAN], own[-1].shown[MEAN]
    axes.plot([np.mean(first)], [row], "o", mfc="none", color=color, markersize=5)
    axes.plot(end, [row] * len(end), ".", color=color, alpha=0.6)
    axes.plot([np.mean(end)], [row], "|", color=color, markersize=13, markeredgewidth=2)


def _name(label: str, cells: Cells, moments: Sequence[Moment], lost: int) -> str:
    """Return how a line is called: what tells its cell from others, what it spent, what was lost."""
    own = [m for m in moments if m.label == label]
    name = _named(cells[label], cells)
    if not own:
        return f"{name}  (diverged)"
    spent = f"{name}  ({count(own[-1].synaptic_updates)})"
    return f"{spent}, {lost} diverged" if lost else spent


def _named(cell: Mapping[str, Any], cells: Cells) -> str:
    """Return what tells this cell from the others."""
    varied = [f for f in cell if len({c[f] for c in cells.values()}) > 1] or ["plasticity"]
    told = {"images": f"{cell['images']:,} images", "epochs": f"{cell['epochs']:g} epochs"}
    return ", ".join(str(told.get(f, cell[f])) for f in varied)
