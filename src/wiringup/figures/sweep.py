"""Figures of sweeps: images x epochs as a map (the paper's Figure 1), plasticities beside each other."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wiringup.core.errors import InputError
from wiringup.figures.style import SIMULATED, clean, look, new_figure
from wiringup.figures.tables import count
from wiringup.results.curves import Moment
from wiringup.results.record import MEAN

Cells = Mapping[str, Mapping[str, Any]]
"""Label -> its birth, plasticity, images and epochs, as a sweep's document holds them."""


def draw(moments: Sequence[Moment], cells: Cells, simulated: bool) -> Figure:
    """Return the figure that suits what was varied: maps if both images and epochs were, otherwise dots.

    Args:
        moments: of all labels; the last of each is drawn (and births beside the dots).
        cells: what each label stands for.
        simulated: whether the recordings are.

    Raises:
        InputError: if there is nothing to draw.
    """
    if not moments:
        raise InputError("The sweep has no runs to draw.")
    last = {m.label: m for m in moments}
    grids: dict[tuple[str, str], list[str]] = {}
    for label, cell in cells.items():
        grids.setdefault((cell["birth"], cell["plasticity"]), []).append(label)
    maps = {k: v for k, v in grids.items() if all(len({cells[x][f] for x in v}) > 1 for f in _AXES)}
    figure = _maps(last, cells, maps) if maps else _dots(moments, cells)
    if simulated:
        figure.suptitle(SIMULATED, fontsize=9)
    return figure


_AXES = ("images", "epochs")


def _maps(last: Mapping[str, Moment], cells: Cells, maps: Mapping[tuple[str, str], list[str]]) -> Figure:
    figure = new_figure(1.2 + 3.2 * len(maps), 3.2)
    panels = figure.subplots(1, len(maps), squeeze=False)[0]
    drawn = None
    for axes, ((birth, plasticity), labels) in zip(panels, maps.items(), strict=True):
        images, epochs = (sorted({cells[x][f] for x in labels}) for f in _AXES)
        values = np.full((len(images), len(epochs)), np.nan)
        for label in labels:
            where = images.index(cells[label]["images"]), epochs.index(cells[label]["epochs"])
            values[where] = last[label].percent[MEAN].mean
        drawn = axes.imshow(values, origin="lower", cmap="cividis", vmin=0, vmax=100, aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                dark = value < 60
                axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=8,
                          color="white" if dark else "black")  # fmt: skip
        axes.set_xticks(range(len(epochs)), [f"{e:g}" for e in epochs], fontsize=8)
        axes.set_yticks(range(len(images)), [f"{n:,}" for n in images], fontsize=8)
        axes.set_xlabel("epochs", fontsize=8)
        axes.set_ylabel("labelled images", fontsize=8)
        axes.set_title(f"{birth}, {plasticity}", fontsize=9, loc="left")
    if drawn is not None:
        figure.colorbar(drawn, ax=list(panels), label="brain match, % of reference")
    return figure


def _dots(moments: Sequence[Moment], cells: Cells) -> Figure:
    """One line for each label: seeds as dots, their mean as a tick, birth hollow."""
    labels = [label for label in cells if any(m.label == label for m in moments)]
    figure = new_figure(7.2, 1.2 + 0.32 * len(labels))
    axes: Axes = figure.subplots()
    births = list(dict.fromkeys(cells[label]["birth"] for label in labels))
    colors = look(births)
    for row, label in enumerate(reversed(labels)):
        own = [m for m in moments if m.label == label]
        color = colors[cells[label]["birth"]][0]
        first, end = own[0], own[-1]
        axes.plot([np.mean(first.shown[MEAN])], [row], "o", mfc="none", color=color, markersize=5)
        axes.plot(end.shown[MEAN], [row] * len(end.shown[MEAN]), ".", color=color, alpha=0.6)
        axes.plot([np.mean(end.shown[MEAN])], [row], "|", color=color, markersize=13, markeredgewidth=2)
    names = [f"{_named(cells[x], cells)}  ({count(_spent(moments, x))})" for x in reversed(labels)]
    axes.set_yticks(range(len(labels)), names, fontsize=7)
    axes.axvline(100, color="0.6", linestyle=":", linewidth=1)
    axes.set_xlabel("brain match, % of the reference (in brackets: supervised synaptic updates)", fontsize=8)
    axes.set_title("dots: seeds, tick: mean, circle: at birth", fontsize=8, loc="left")
    clean(axes)
    axes.tick_params(axis="y", labelsize=7)
    return figure


def _spent(moments: Sequence[Moment], label: str) -> float:
    return [m for m in moments if m.label == label][-1].synaptic_updates


def _named(cell: Mapping[str, Any], cells: Cells) -> str:
    """Return what tells this cell from the others."""
    varied = [f for f in cell if len({c[f] for c in cells.values()}) > 1] or ["plasticity"]
    told = {"images": f"{cell['images']:,} images", "epochs": f"{cell['epochs']:g} epochs"}
    return ", ".join(str(told.get(f, cell[f])) for f in varied)
