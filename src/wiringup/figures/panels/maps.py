"""Panels of maps: images x epochs, own runs and published ones each in a map of their own."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wiringup.figures.panels.sheet import PAGE, SMALL, TINY, sheet, tidy
from wiringup.figures.tables import count

Cells = Mapping[tuple[int, float], float]
"""(Images, epochs) -> a value."""


def draw(
    maps: Mapping[str, Cells], title: str, caption: str, unit: str, *, difference: bool = False
) -> Figure:
    """Return a map for each source, with the number in every cell.

    Args:
        maps: title -> its cells.
        title: above.
        caption: below.
        unit: of the values.
        difference: whether colours diverge around 0, instead of ending at 100.
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
    bar = panels[0].figure.colorbar(panels[0].images[0], ax=panels, pad=0.01, aspect=25)
    bar.set_label(unit, fontsize=SMALL)
    bar.ax.tick_params(labelsize=TINY)
    return figure


def _map(axes: Axes, name: str, cells: Cells, limits: Mapping[str, object], difference: bool) -> None:
    images, epochs = (sorted({key[i] for key in cells}) for i in (0, 1))
    values = np.full((len(images), len(epochs)), np.nan)
    for (n, epoch), value in cells.items():
        row, column = images.index(n), epochs.index(epoch)
        values[row, column] = value
        share = abs(value) / float(str(limits["vmax"]))
        dark = share > 0.65 if difference else share < 0.55
        sign = "+" if difference else ""
        axes.text(column, row, f"{value:{sign}.0f}", ha="center", va="center", fontsize=TINY,
                  color="white" if dark else "black")  # fmt: skip
    axes.imshow(values, origin="lower", aspect="auto", interpolation="nearest", **limits)  # type: ignore[arg-type]
    tidy(axes, "epochs", "labelled images", name)
    axes.grid(visible=False)
    axes.set_xticks(range(len(epochs)), [f"{e:g}" for e in epochs])
    axes.set_yticks(range(len(images)), [count(n) for n in images])
