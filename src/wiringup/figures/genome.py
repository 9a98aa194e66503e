"""A genome drawn (the paper's Figure 2A): first filters, clusters beside what is born of them, BatchNorm."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from wiringup.birth.panels import Array, Drawing, Filters, Kernels, Norms
from wiringup.figures.style import COLORS, clean, new_figure

BLOCK = {1: (24, 48)}  # kernels of a 1x1 layer that are shown: rows of output kernels, columns of channels
KERNELS = (8, 16)  # of larger ones
COLUMNS = 2
BORN, TRAINED = "born", "trained"


def draw(drawing: Drawing) -> Figure:
    """Return the figure: first filters at the top, then the other layers, then BatchNorm."""
    rows = -(-len(drawing.layers) // COLUMNS)
    heights = [3.4 if drawing.first else 0.0, 1.55 * rows, 2.6 if drawing.norms else 0.0]
    shown = [h for h in heights if h]
    figure = new_figure(12, sum(shown) + 0.4)
    figure.suptitle(drawing.title, fontsize=10)
    parts = iter(figure.subfigures(len(shown), 1, height_ratios=shown, squeeze=False).flat)
    if drawing.first:
        _first(next(parts), drawing.first)
    if rows:
        cells = next(parts).subfigures(rows, COLUMNS, squeeze=False)
        for cell, layer in zip(cells.flat, drawing.layers, strict=False):
            _layer(cell, layer)
    if drawing.norms:
        _norms(next(parts).subplots(), drawing.norms)
    return figure


def mosaic(kernels: Array) -> Array:
    """Return kernels (rows, columns, k, k) as one picture; a line of NaN between kernels above 1 px."""
    rows, columns, height, width = kernels.shape
    gap = 1 if height > 1 else 0
    picture = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for row in range(rows):
        for column in range(columns):
            top, left = row * (height + gap), column * (width + gap)
            picture[top : top + height, left : left + width] = kernels[row, column]
    return picture


def colours(filters: Array) -> Array:
    """Return filters (n, 3, k, k) as RGB (n, k, k, 3): grey is 0, every filter stretched to its maximum."""
    most = np.abs(filters).max((1, 2, 3), keepdims=True)
    scaled = filters / np.where(most > 0, most, 1)
    return np.moveaxis(0.5 + scaled / 2, 1, -1)


def _first(part: SubFigure, first: Filters) -> None:
    part.suptitle(f"{first.name}: {first.summary}", fontsize=9, x=0.01, ha="left")
    blocks = [(BORN, first.born), (TRAINED, first.trained)]
    shown = [(name, filters) for name, filters in blocks if filters is not None]
    widths = (4.0, 1.6 * len(shown)) if first.fitted else (1.0,)
    *left, right = part.subfigures(1, len(widths), width_ratios=widths, squeeze=False).flat
    for beside in left:
        _figures(beside, first)
    for axes, (name, filters) in zip(right.subplots(1, len(shown), squeeze=False).flat, shown, strict=True):
        _filters(axes, name, filters)


def _figures(part: SubFigure, first: Filters) -> None:
    panels = part.subplots(2, -(-len(first.fitted) // 2)).flat
    for axes, (name, values) in zip(panels, first.fitted.items(), strict=False):
        _histogram(axes, name, values, first.drawn.get(name))
    part.axes[0].legend(fontsize=7, frameon=False)


def _histogram(axes: Axes, name: str, values: Array, drawn: Array | None) -> None:
    together = values if drawn is None else np.concatenate([values, drawn])
    bins = np.linspace(together.min(), together.max() + 1e-9, 21).tolist()
    axes.hist(values, bins, density=True, color=COLORS[7], alpha=0.5, label="fitted")
    if drawn is not None:
        axes.hist(drawn, bins, density=True, histtype="step", color=COLORS[1], linewidth=1.3, label=BORN)
    axes.set_title(name, fontsize=8)
    axes.set_yticks([])
    clean(axes)
    axes.tick_params(labelsize=6)


def tiles(filters: Array) -> Array:
    """Return filters (n, 3, k, k) as one square RGB picture, white between and behind them."""
    side = int(np.ceil(np.sqrt(len(filters))))
    rgb = colours(filters)
    blank = np.zeros((side * side - len(rgb), *rgb.shape[1:]))
    grid = np.concatenate([rgb, blank + np.nan]).reshape(side, side, *rgb.shape[1:])
    channels = [mosaic(grid[..., c]) for c in range(grid.shape[-1])]
    return np.nan_to_num(np.stack(channels, -1), nan=1.0)


def _filters(axes: Axes, name: str, filters: Array) -> None:
    axes.imshow(tiles(filters), interpolation="nearest")
    _picture(axes, name)


def _layer(part: SubFigure, layer: Kernels) -> None:
    part.suptitle(f"{layer.name}: {layer.summary}", fontsize=8, x=0.01, ha="left")
    shown = [(n, block(k)) for n, k in ((BORN, layer.born), (TRAINED, layer.trained)) if k is not None]
    most = float(np.nanquantile(np.abs(np.concatenate([k.ravel() for _, k in shown])), 0.995)) or 1.0
    centred = layer.centers is not None
    panels = list(part.subplots(1, len(shown) + centred, squeeze=False).flat)
    if layer.centers is not None and layer.shares is not None:
        _centers(panels.pop(0), layer.centers, layer.shares, most)
    for axes, (name, kernels) in zip(panels, shown, strict=True):
        _signed(axes, mosaic(kernels), most)
        _picture(axes, name)


def block(kernels: Array) -> Array:
    """Return the corner of kernels (out, in, k, k) that is shown."""
    rows, columns = BLOCK.get(kernels.shape[-1], KERNELS)
    return kernels[:rows, :columns]


def _centers(axes: Axes, centers: Array, shares: Array, most: float) -> None:
    _signed(axes, mosaic(centers[None]), most)
    _picture(axes, "centres, shares")
    size = centers.shape[-1]
    for i, share in enumerate(shares):
        place = i * (size + (size > 1)) + (size - 1) / 2
        value = "" if size > 1 else f"{centers[i, 0, 0]:+.2g}: "
        axes.text(place, size - 0.3, f"{value}{share:.0%}", fontsize=6, ha="center", va="top")


def _signed(axes: Axes, picture: Array, most: float) -> None:
    axes.imshow(picture, cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest")


def _picture(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=7, pad=3)
    axes.set_axis_off()


def _norms(axes: Axes, norms: Norms) -> None:
    x = np.arange(len(norms.names))
    for name, moments, color, shift in (("weight", norms.weight, 1, -0.15), ("bias", norms.bias, 2, 0.15)):
        axes.errorbar(
            x + shift, moments[:, 0], moments[:, 1], label=name, fmt="o", markersize=3, linewidth=1,
            color=COLORS[color],
        )  # fmt: skip
    axes.axhline(0, color="0.4", linewidth=0.8)
    axes.set_title("BatchNorm: mean ± standard deviation over channels", fontsize=9, loc="left")
    axes.legend(fontsize=7, frameon=False)
    clean(axes)
    axes.set_xticks(x, norms.names, rotation=90, fontsize=6)
