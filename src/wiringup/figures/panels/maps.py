"""Panels of maps: images x epochs, own runs and published ones each in a map of their own."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wiringup.figures.panels.sheet import PAGE, SMALL, TINY, sheet, tidy
from wiringup.figures.tables import count

Cells = Mapping[tuple[int, float], float]
"""(Images, epochs) -> a value."""
_DARK, _DARK_LEVEL = 0.65, 0.55  # share of the scale from where on, or below which, letters are white


def draw(
    maps: Mapping[str, Cells],
    title: str,
    caption: str,
    unit: str,
    *,
    difference: bool = False,
    beneath: Mapping[str, Mapping[tuple[int, float], str]] = MappingProxyType({}),
    bold: Mapping[str, Collection[tuple[int, float]]] = MappingProxyType({}),
) -> Figure:
    """Return a map for each source, with the number in every cell.

    Args:
        maps: title -> its cells.
        title: above.
        caption: below.
        unit: of the values.
        difference: whether colours diverge around 0, instead of ending at 100.
        beneath: title -> what stands below the numbers of cells, in smaller letters.
        bold: title -> cells whose numbers are bold.
    """
    width = PAGE if len(maps) > 1 else 0.62 * PAGE
    figure, panels = sheet(title, caption, [], width, 2.3, len(maps))
    most = max((abs(v) for cells in maps.values() for v in cells.values()), default=1.0)
    limits = (
        {"cmap": "PuOr", "vmin": -most, "vmax": most}
        if difference
        else {"cmap": "cividis", "vmin": 0, "vmax": 100}
    )
    for axes, (name, cells) in zip(panels, maps.items(), strict=True):
        _map(axes, name if len(maps) > 1 else "", cells, limits, difference)
        _words(axes, cells, limits, beneath.get(name, {}), bold.get(name, ()), difference)
    bar = panels[0].figure.colorbar(panels[0].images[0], ax=panels, pad=0.01, aspect=25)
    bar.set_label(unit, fontsize=SMALL)
    bar.ax.tick_params(labelsize=TINY)
    return figure


def _map(axes: Axes, name: str, cells: Cells, limits: Mapping[str, object], difference: bool) -> None:
    images, epochs = _sides(cells)
    values = np.full((len(images), len(epochs)), np.nan)
    for (n, epoch), value in cells.items():
        values[images.index(n), epochs.index(epoch)] = value
    axes.imshow(values, origin="lower", aspect="auto", interpolation="nearest", **limits)  # type: ignore[arg-type]
    tidy(axes, "epochs", "labelled images", name)
    axes.grid(visible=False)
    axes.set_xticks(range(len(epochs)), [f"{e:g}" for e in epochs])
    axes.set_yticks(range(len(images)), [count(n) for n in images])


def _words(
    axes: Axes,
    cells: Cells,
    limits: Mapping[str, object],
    beneath: Mapping[tuple[int, float], str],
    bold: Collection[tuple[int, float]],
    difference: bool,
) -> None:
    """Write the number of every cell into it, and what stands below."""
    images, epochs = _sides(cells)
    for key, value in cells.items():
        x, y = epochs.index(key[1]), images.index(key[0])
        share = abs(value) / float(str(limits["vmax"]))
        color = "white" if (share > _DARK if difference else share < _DARK_LEVEL) else "black"
        told = f"{value:{'+z' if difference else 'z'}.0f}"
        weight = "bold" if key in bold else "normal"
        place: dict[str, Any] = {
            "ha": "center",
            "va": "bottom" if key in beneath else "center",
            "color": color,
        }
        axes.text(x, y, told, fontsize=TINY, fontweight=weight, **place)
        if key in beneath:
            axes.text(x, y, beneath[key], fontsize=TINY - 1, **place | {"va": "top"})


def _sides(cells: Cells) -> tuple[list[int], list[float]]:
    return sorted({n for n, _ in cells}), sorted({epoch for _, epoch in cells})
