"""Raw scores of models on benchmarks, layer by layer, below the ceilings of the data."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wiringup.core.errors import InputError
from wiringup.figures.style import SIMULATED, clean, legend, look, new_figure
from wiringup.results.table import Row


def draw(scores: Sequence[Row]) -> Figure:
    """Return a figure with a panel for each benchmark: layers from left to right, a line for each model.

    Lines are means over seeds, small marks seeds with their standard errors, the dotted line the ceiling.

    Args:
        scores: rows as ``wiringup score`` keeps them.

    Raises:
        InputError: if there are none.
    """
    if not scores:
        raise InputError("There are no scores to draw.")
    benchmarks = list(dict.fromkeys(row["benchmark"] for row in scores))
    figure = new_figure(1.2 + 2.8 * len(benchmarks), 3.4)
    styles = look(list(dict.fromkeys(map(_name, scores))))
    panels = figure.subplots(1, len(benchmarks), squeeze=False).flat
    for axes, benchmark in zip(panels, benchmarks, strict=True):
        _panel(axes, [row for row in scores if row["benchmark"] == benchmark], styles)
    legend(figure)
    if any(row["simulated"] for row in scores):
        figure.suptitle(SIMULATED, fontsize=8)
    return figure


def _panel(axes: Axes, scores: Sequence[Row], styles: dict[str, tuple[str, str]]) -> None:
    layers = list(dict.fromkeys(row["layer"] for row in scores))
    for name, (color, marker) in styles.items():
        own = [row for row in scores if _name(row) == name]
        x = [layers.index(row["layer"]) for row in own]
        raw, error = (np.array([row[of] for row in own], float) for of in ("raw", "error"))
        axes.errorbar(x, raw, error, fmt=".", color=color, markersize=3, alpha=0.5, elinewidth=1)
        where = sorted(set(x))
        means = [float(np.mean(raw[np.equal(x, place)])) for place in where]
        axes.plot(where, means, color=color, marker=marker, markersize=4, linewidth=1.3, label=name)
    if (ceiling := scores[0]["ceiling"]) is not None:
        axes.axhline(ceiling, color="0.6", linestyle=":", linewidth=1)
    axes.set_xticks(range(len(layers)), layers)
    axes.set_title(scores[0]["benchmark"], fontsize=8, loc="left")
    axes.set_ylabel(f"raw score ({scores[0]['metric']})", fontsize=8)
    clean(axes)


def _name(row: Row) -> str:
    """Return what is the same of all seeds of a model."""
    born = row.get("weights") or row.get("birth")
    return f"{row['model']} ({born})" if born else str(row["model"])
