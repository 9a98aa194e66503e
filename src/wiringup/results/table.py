"""The table of results: a row for every run, scored moment, benchmark and layer.

Figures, reports, the command line, CSV and Parquet are made from these rows and from nothing else, so that a
table read back says as much as the records did.
"""

import csv
import io
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wiringup.results.record import MEAN, Point, Record, plain, score_to_dict

Row = Mapping[str, Any]
"""Column -> a number, a text, True or False, or None."""

_OF_SPEC = {
    "architecture": "model", "width": "model", "size": "model", "batchnorm": "birth", "genome": "birth",
    "plasticity": "training", "lr": "training", "batch": "training", "schedule": "training",
    "augmentation": "training", "suite": "exam",
}  # fmt: skip
"""Column -> the part of a run's specification that says it."""

_OF_MOMENT = ("epoch", "updates", "synaptic_updates", "images", "flops", "top1", "top1_protocol")

COLUMNS = (
    "source", "run", "label", "seed", "norms", "trained", "n_images", "epochs", "birth", "train_seed",
    *_OF_SPEC, *_OF_MOMENT, "brain_match",
)  # fmt: skip
"""What every row has, before the columns of its score."""

OWN = "own"
"""The source of what this package computed; published scores have another, see `results.published`."""

UNIT_COLUMNS = (
    "model", "birth", "seed", "size", "identity", "benchmark", "metric", "layer", "unit", "raw",
)  # fmt: skip


def rows(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return the table of runs.

    A row says whose it is ("source", `OWN`), names the run ("run" is its uid, "label" its condition, "seed"
    that of its birth), what decided it ("birth", "plasticity", ..., "n_images" and "epochs" as trained in
    all), what was spent until the moment ("epoch", "updates", "synaptic_updates", "images" that were seen,
    "flops"; "trained" synapses), and what came out: "top1" (by "top1_protocol"), "brain_match" (the mean of
    the suite), and one `Score`, with its ceiling, error and normalisation. A moment at which nothing was
    scored but accuracy has one row without a score.
    """
    return [
        {**_of_run(record), **_of_moment(point), **score}
        for record in records
        for point in record.points
        for score in [score_to_dict(s, units=False) for s in point.scores] or [{}]
    ]


def _of_run(record: Record) -> dict[str, Any]:
    return {
        "source": OWN,
        "run": record.uid,
        "label": record.label,
        "seed": record.seed,
        "norms": record.norms,
        "trained": record.synapses["trained"],
        "n_images": record.last.images,
        "epochs": record.last.epoch,
        "birth": _said(record, "birth", "recipe"),
        "train_seed": _said(record, "training", "seed"),
        **{column: _said(record, part, column) for column, part in _OF_SPEC.items()},
    }


def _said(record: Record, part: str, name: str) -> Any:
    """Return what a specification says; None if it is of a version that did not."""
    of = record.spec.get(part)
    return of.get(name) if isinstance(of, Mapping) else None


def _of_moment(point: Point) -> dict[str, Any]:
    return {name: getattr(point, name) for name in _OF_MOMENT} | {"brain_match": plain(point.match[MEAN])}


def unit_rows(scores: Iterable[Row]) -> list[dict[str, Any]]:
    """Return one row for every unit (neuron, subject) of kept scores, with what names the score.

    Units are called as in the file that was imported: by their ids, or by their rows, counted from 0; also
    where others were left out. A unit without a score (it never varies on test images) has None, and a score
    without units (accuracy, a similarity of geometries) no row.

    Args:
        scores: as ``wiringup score`` keeps them.
    """
    return [
        {**{name: row.get(name) for name in UNIT_COLUMNS[:-2]}, "unit": unit, "raw": raw}
        for row in scores
        for unit, raw in zip(row.get("unit_ids") or itertools.count(), row["units"] or [], strict=False)
    ]


def to_csv(table: Sequence[Row], columns: Sequence[str] | None = None) -> str:
    """Return rows as CSV, every number with all its digits; what is None or not finite is an empty cell.

    Args:
        table: the rows.
        columns: by default all that any row has, in the order in which they are met.
    """
    names = list(dict.fromkeys(name for row in table for name in row)) if columns is None else columns
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([names, *([_cell(row.get(name)) for name in names] for row in table)])
    return text.getvalue()


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return "" if value is None else str(value)
    if not math.isfinite(value):
        return ""
    return str(int(value)) if value == int(value) else repr(float(value))
