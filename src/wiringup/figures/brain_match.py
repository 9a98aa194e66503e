"""Brain match of several models side by side: a bar for each area and the mean, with 95 % intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from wiringup.core.areas import SCORED
from wiringup.core.errors import InputError
from wiringup.figures.style import SIMULATED, clean, look, new_figure
from wiringup.results.record import MEAN


def draw(matches: Sequence[Mapping[str, Any]]) -> Figure:
    """Return the figure of brain matches as `results.brain_match.to_dict` writes them (``match.json``).

    Raises:
        InputError: if they were made on different suites.
    """
    suites = sorted({m["suite"] for m in matches})
    if len(suites) != 1:
        raise InputError(f"Brain matches of one suite can be drawn side by side; got {', '.join(suites)}.")
    names = [a for a in SCORED if any(a in m["areas"] for m in matches)] + [MEAN]
    figure = new_figure(1.6 + 1.1 * len(names), 3.2)
    axes = figure.subplots()
    styles = look([m["label"] for m in matches])
    width = 0.8 / len(matches)
    for i, one in enumerate(matches):
        x = np.arange(len(names)) + (i - (len(matches) - 1) / 2) * width
        values, below, above = _heights(one, names)
        axes.bar(x, values, 0.9 * width, color=styles[one["label"]][0], alpha=0.5, label=one["label"])
        axes.errorbar(x, values, [below, above], fmt="none", ecolor="0.2", elinewidth=1, capsize=2)
    axes.set_xticks(range(len(names)), names)
    axes.axhline(0, color="0.4", linewidth=0.8)
    axes.set_ylabel("ceiled score", fontsize=8)
    axes.set_title(_title(matches, suites[0]), fontsize=9, loc="left")
    clean(axes)
    figure.legend(loc="outside lower center", fontsize=8, frameon=False)
    return figure


def _heights(one: Mapping[str, Any], names: Sequence[str]) -> tuple[list[float], list[float], list[float]]:
    found = [one["areas"].get(name) if name != MEAN else one["mean"] for name in names]
    values = [_number(f, "value") for f in found]
    # an interval of percentiles may, rarely, lie on one side of the value; a bar shows no negative length
    below = [max(0.0, v - _number(f, "low")) for f, v in zip(found, values, strict=True)]
    above = [max(0.0, _number(f, "high") - v) for f, v in zip(found, values, strict=True)]
    return values, below, above


def _number(estimate: Mapping[str, Any] | None, key: str) -> float:
    value = None if estimate is None else estimate[key]
    return float("nan") if value is None else float(value)


def _title(matches: Sequence[Mapping[str, Any]], suite: str) -> str:
    missing = sorted({name for m in matches for name in (*m["missing"], *m["left_out"])})
    lines = [f"Brain match on {suite}, 95 % intervals"]
    if missing:
        lines.append(f"not in the mean: {', '.join(missing)}")
    if any(m["simulated"] for m in matches):
        lines.append(SIMULATED)
    return "\n".join(lines)
