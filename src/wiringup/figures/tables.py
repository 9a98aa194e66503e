"""Tables as rows of strings, for the terminal, for CSV and for the report."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wiringup.results.curves import COLUMNS, Moment, Spread
from wiringup.results.record import MEAN

Table = tuple[list[str], list[list[str]]]


def count(value: float) -> str:
    """Return a large count in a readable form: 1234567 -> '1.23 M'."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"


def plus_minus(spread: Spread, digits: int = 1) -> str:
    """Return 'mean ± sd', or the mean alone where one seed gives no deviation."""
    if not np.isfinite(spread.mean):
        return "–"
    text = f"{spread.mean:.{digits}f}"
    return text if not np.isfinite(spread.sd) else f"{text} ± {spread.sd:.{digits}f}"


def moments_table(moments: Sequence[Moment]) -> Table:
    """Return one row for every scored moment: counts, percentages of the reference, match and accuracy."""
    areas = [MEAN, *(a for a in COLUMNS if a != MEAN and a in moments[0].percent)]
    header = ["condition", "epoch", "updates", "trained", "syn. updates", *(f"{a} %" for a in areas)]
    return [*header, "match", "top-1"], [_row(m, areas) for m in moments]


def last_moments(moments: Sequence[Moment]) -> list[Moment]:
    """Return birth and end of every condition; a birth that several conditions share appears once."""
    kept: dict[object, Moment] = {}
    for moment in moments:
        if moment.epoch == 0:
            born = (moment.epoch, tuple(moment.shown[MEAN]))
            kept.setdefault(born, moment)
        else:
            kept[moment.label] = moment
    return list(kept.values())


def _row(moment: Moment, areas: Sequence[str]) -> list[str]:
    when = "birth" if moment.epoch == 0 else f"{moment.epoch:g}"
    counts = [count(v) for v in (moment.updates, moment.trained, moment.synaptic_updates)]
    percent = [plus_minus(moment.percent[a]) for a in areas]
    absolute = [plus_minus(moment.match[MEAN], 3), plus_minus(moment.top1, 2)]
    return [moment.label, when, *counts, *percent, *absolute]


def units_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row for every unit (neuron, subject) of kept scores, with what names the score.

    Units are counted from 0 in the order of the recording. A unit without a score (it never varies on test
    images) has an empty cell, and a score without units (accuracy, a similarity of geometries) no row.

    Args:
        rows: as ``wiringup score`` keeps them.
    """
    named = ["model", "birth", "seed", "size", "identity", "benchmark", "metric", "layer"]
    body = [
        [*(_cell(row.get(name)) for name in named), str(unit), _cell(raw)]
        for row in rows
        for unit, raw in enumerate(row["units"] or [])
    ]
    return [*named, "unit", "raw"], body


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def to_csv(table: Table) -> str:
    """Return a table as CSV text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([table[0], *table[1]])
    return text.getvalue()
