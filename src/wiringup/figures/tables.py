"""Tables as rows of strings, for the terminal, for CSV and for the report."""

import csv
import io
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wiringup.results.curves import COLUMNS, Moment, Spread
from wiringup.results.record import MEAN, Diverged

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


def moments_table(moments: Sequence[Moment], diverged: Sequence[Diverged] = ()) -> Table:
    """Return one row for every scored moment, for people: counts, percentages, match and accuracy.

    Conditions of which a run diverged are marked; those of which nothing is left have a row that says so.

    Args:
        moments: of all conditions.
        diverged: runs without a score.
    """
    areas = _shown(moments)
    header = ["condition", "norms", "epoch", "updates", "trained", "syn. updates", "of ref. %"]
    header += [*(f"{a} %" for a in areas), "match", "top-1"]
    lost = _lost(diverged)
    body = [_row(m, areas, lost.get(m.label, ())) for m in moments]
    return header, body + _without_score(moments, lost, dict.fromkeys(header, "–") | {"epoch": "diverged"})


def numbers_table(moments: Sequence[Moment], diverged: Sequence[Diverged] = ()) -> Table:
    """Return the same for programs: plain numbers, mean and standard deviation apart, units in the header.

    What does not exist (the deviation of one seed, percentages of a reference at chance) is an empty cell.
    """
    areas = [a for a in COLUMNS if a in moments[0].match]
    header = [
        "condition", "norms", "epoch (0 is birth)", "updates (labelled images)", "trained (synapses)",
        "synaptic updates (updates x synapses)", "synaptic updates (% of reference)", "seeds",
        "diverged seeds",
    ]  # fmt: skip
    for area in areas:
        header += [f"{area} (% of reference)", f"{area} sd (% of reference)"]
        header += [f"{area} (ceiled score)", f"{area} sd (ceiled score)"]
    lost = _lost(diverged)
    body = [_numbers(m, areas, lost.get(m.label, ())) for m in moments]
    header += ["top-1 (fraction)", "top-1 sd (fraction)"]
    return header, body + _without_score(moments, lost, dict.fromkeys(header, "") | {"seeds": "0"})


def _shown(moments: Sequence[Moment]) -> list[str]:
    return [MEAN, *(a for a in COLUMNS if a != MEAN and a in moments[0].percent)]


def _lost(diverged: Sequence[Diverged]) -> dict[str, list[Diverged]]:
    """Return label -> its runs that diverged."""
    return {
        label: [d for d in diverged if d.label == label] for label in dict.fromkeys(d.label for d in diverged)
    }


def _without_score(
    moments: Sequence[Moment], lost: Mapping[str, Sequence[Diverged]], row: Mapping[str, str]
) -> list[list[str]]:
    """Return ``row`` (column -> cell) with label and seeds for each condition of which every run diverged."""
    gone = {label: runs for label, runs in lost.items() if label not in {m.label for m in moments}}
    known = [{"condition": label, "diverged seeds": _seeds(runs)} for label, runs in gone.items()]
    return [[cells.get(name, cell) for name, cell in row.items()] for cells in known]


def _seeds(runs: Sequence[Diverged]) -> str:
    return " ".join(str(d.seed) for d in runs)


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


def _row(moment: Moment, areas: Sequence[str], lost: Sequence[Diverged]) -> list[str]:
    label = f"{moment.label} (diverged: seed {_seeds(lost)})" if lost else moment.label
    when = "birth" if moment.epoch == 0 else f"{moment.epoch:g}"
    counts = [count(v) for v in (moment.updates, moment.trained, moment.synaptic_updates)]
    percent = [f"{moment.spent:.3g}", *(plus_minus(moment.percent[a]) for a in areas)]
    absolute = [plus_minus(moment.match[MEAN], 3), plus_minus(moment.top1, 2)]
    return [label, moment.norms, when, *counts, *percent, *absolute]


def _numbers(moment: Moment, areas: Sequence[str], lost: Sequence[Diverged]) -> list[str]:
    nothing = Spread(float("nan"), float("nan"), 0)
    spreads = [s for a in areas for s in (moment.percent.get(a, nothing), moment.match[a])]
    counts = [moment.epoch, moment.updates, moment.trained, moment.synaptic_updates, moment.spent]
    values = [v for s in (*spreads, moment.top1) for v in (s.mean, s.sd)]
    counted = map(_number, [*counts, moment.top1.n])
    return [moment.label, moment.norms, *counted, _seeds(lost), *map(_number, values)]


def _number(value: float) -> str:
    """Return every digit of a number; nothing for one that does not exist."""
    if not np.isfinite(value):
        return ""
    return str(int(value)) if value == int(value) else repr(float(value))


def units_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row for every unit (neuron, subject) of kept scores, with what names the score.

    Units are called as in the file that was imported: by their ids, or by their rows, counted from 0; also
    where others were left out. A unit without a score (it never varies on test
    images) has an empty cell, and a score without units (accuracy, a similarity of geometries) no row.

    Args:
        rows: as ``wiringup score`` keeps them.
    """
    named = ["model", "birth", "seed", "size", "identity", "benchmark", "metric", "layer"]
    body = [
        [*(_cell(row.get(name)) for name in named), str(unit), _cell(raw)]
        for row in rows
        for unit, raw in zip(row.get("unit_ids") or itertools.count(), row["units"] or [], strict=False)
    ]
    return [*named, "unit", "raw"], body


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def to_csv(table: Table) -> str:
    """Return a table as CSV text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([table[0], *table[1]])
    return text.getvalue()
