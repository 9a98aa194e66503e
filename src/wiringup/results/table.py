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

from wiringup.core.score import Score
from wiringup.core.spec import content_hash
from wiringup.results.labels import condition, training
from wiringup.results.record import MEAN, Point, Record, plain, score_to_dict

Row = Mapping[str, Any]
"""Column -> a number, a text, True or False, or None."""

_OF_SPEC = {
    "architecture": "model", "width": "model", "size": "model", "batchnorm": "birth", "genome": "birth",
    "plasticity": "training", "lr": "training", "batch": "training", "schedule": "training",
    "augmentation": "training", "optimiser": "training", "weight_decay": "training", "suite": "exam",
}  # fmt: skip
"""Column -> the part of a run's specification that says it."""

USUAL: Mapping[str, Mapping[str, Any]] = {
    "training": {
        "momentum": None, "precision": "float32", "nesterov": False, "betas": [0.9, 0.999], "eps": None,
        "lr_decay": 0.0, "accumulator": 0.0, "norm_shares": 1,
    },
    "model": {"areas": None, "preprocessing": None},
    "genome": {"keep_gain": False},
    "images": {"side": None, "keep": "squares"},
}  # fmt: skip
"""What else decides numbers: part of a specification -> name -> its value where none is said."""

_OF_MOMENT = ("epoch", "updates", "synaptic_updates", "images", "flops", "top1", "top1_protocol")

OWN, SCORE = "own", "score"
"""Sources of rows: runs made here, and what ``wiringup score`` kept; `results.published` has the others."""

COLUMNS = {
    "source": "VARCHAR", "run": "VARCHAR", "label": "VARCHAR", "condition": "VARCHAR",
    "training": "VARCHAR", "settings": "VARCHAR", "seed": "BIGINT",
    "architecture": "VARCHAR", "width": "DOUBLE",
    "size": "BIGINT", "birth": "VARCHAR", "genome": "VARCHAR", "batchnorm": "VARCHAR",
    "before": "VARCHAR", "bits": "BIGINT", "plasticity": "VARCHAR", "norms": "VARCHAR",
    "trained": "BIGINT", "synapses": "BIGINT", "n_images": "BIGINT", "epochs": "DOUBLE", "lr": "DOUBLE",
    "optimiser": "VARCHAR", "weight_decay": "DOUBLE", "batch": "BIGINT", "schedule": "VARCHAR",
    "augmentation": "VARCHAR", "train_seed": "BIGINT", "suite": "VARCHAR", "date": "VARCHAR",
    "seconds": "DOUBLE", "epoch": "DOUBLE", "final": "BOOLEAN", "updates": "DOUBLE",
    "synaptic_updates": "DOUBLE", "label_free_updates": "DOUBLE",
    "label_free_synaptic_updates": "DOUBLE", "images": "BIGINT", "flops": "DOUBLE", "top1": "DOUBLE",
    "top1_protocol": "VARCHAR", "brain_match": "DOUBLE", "match_error_stimuli": "DOUBLE",
    "match_error_units": "DOUBLE", "benchmark": "VARCHAR", "area": "VARCHAR", "metric": "VARCHAR",
    "layer": "VARCHAR", "raw": "DOUBLE", "ceiling": "DOUBLE", "score": "DOUBLE",
    "normalisation": "VARCHAR", "error": "DOUBLE", "n_stimuli": "BIGINT", "n_units": "BIGINT",
    "simulated": "BOOLEAN", "note": "VARCHAR", "weights": "VARCHAR", "identity": "VARCHAR",
    "score_error_stimuli": "DOUBLE", "score_error_units": "DOUBLE",
}  # fmt: skip
"""Every column of the kept table (`results.kept`) and its SQL type; counts may be larger than 64 bits."""

UNIT_COLUMNS = (
    "model", "birth", "seed", "size", "identity", "benchmark", "metric", "layer", "unit", "raw",
)  # fmt: skip


def rows(records: Iterable[Record], *, evidence: bool = False) -> list[dict[str, Any]]:
    """Return the table of runs.

    A row says whose it is ("source", `OWN`), names the run ("run" is its uid, "label" what its study calls
    it, "seed" that of its birth, "condition" a hash of all of its specification but seeds, "training" one
    of all but its length), what decided it ("birth", "bits" of it, "before": a phase without labels,
    "plasticity", ..., "settings": what else has no column, as "momentum 0.9; precision bf16"; "n_images" that
    were seen and "epochs" as trained in all), what was spent by supervised learning until the
    moment ("epoch", "updates", "synaptic_updates", "images" that were seen, "flops"; "trained" of all
    "synapses"; "final" at the last), what was spent before the first label ("label_free_updates", images as
    seen, those that calibrate BatchNorm among them; "label_free_synaptic_updates"), and what came out: "top1"
    (by "top1_protocol"), "brain_match" (the mean of all areas of the suite), and one `Score`, with its
    ceiling, error and normalisation. A moment at which nothing was scored but accuracy has one row without a
    score. "score_error_stimuli", "match_error_units", ... are the standard errors of one run's score and
    brain match from the choice of stimuli and units.

    Args:
        records: finished runs.
        evidence: whether each score brings its bootstrap draws along (`Score.evidence`, a function), from
            which intervals over stimuli and units are made.
    """
    return [
        {**of_run, **_of_moment(point), "final": point is record.last, **score}
        for record in records
        for of_run in [_of_run(record)]
        for point in record.points
        for score in [_of_score(s, evidence) for s in point.scores] or [{}]
    ]


def _of_run(record: Record) -> dict[str, Any]:
    return {
        "source": OWN,
        "run": record.uid,
        "label": record.label,
        "condition": condition(record),
        "training": training(record),
        "seed": record.seed,
        "bits": record.bits,
        "norms": record.norms,
        "trained": record.synapses["trained"],
        "synapses": record.synapses.get("all"),
        "date": record.provenance.get("date"),
        "seconds": record.provenance.get("seconds"),
        "n_images": record.last.images,
        "epochs": record.last.epoch,
        "birth": _said(record, "birth", "recipe"),
        "before": _phase(record),
        **_label_free(record),
        "settings": _settings(record),
        "train_seed": _said(record, "training", "seed"),
        **{column: _said(record, part, column) for column, part in _OF_SPEC.items()},
    }


def _phase(record: Record) -> str | None:
    """Return the phase without labels that came before, as ``--before`` names it; None if there was none."""
    stimuli, how = _said(record, "before", "stimuli"), _said(record, "before", "training") or {}
    return stimuli and f"{stimuli}:{how['duration']['value'] * how['batch']:.0f}"


def _label_free(record: Record) -> dict[str, int | None]:
    """Return what phases without labels have spent in all; None of records that have no ledger."""
    spent = record.ledger.get("label-free")

    def of(name: str) -> int | None:
        return None if spent is None else sum(phase[name] for phase in spent.values())

    return {"label_free_updates": of("updates"), "label_free_synaptic_updates": of("synaptic updates")}


def _settings(record: Record) -> str:
    """Return what else of a specification decides numbers, where it is not as it is where nothing is said."""
    said = [
        (name, value)
        for part, names in USUAL.items()
        for name, usual in names.items()
        if (value := _said(record, part, name)) not in (None, usual)
    ]
    phase = _said(record, "before", "training") or {}
    said += [(f"before {name}", phase[name]) for name in ("plasticity", "lr", "batch") if name in phase]
    return "; ".join(f"{name} {_text(value)}" for name, value in said)


def _text(value: Any) -> str:
    """Return a setting in words; of one of several parts (areas, preprocessing) the beginning of its hash."""
    if isinstance(value, Mapping):
        return content_hash(value)[:8]
    return f"{value:g}" if isinstance(value, float) else str(value)


def other_settings(row: Row, usual: Row) -> list[str]:
    """Return the settings of a row that another does not have, or what of that one's it lacks."""
    mine, others = (str(one.get("settings") or "").split("; ") for one in (row, usual))
    if None in (row.get("settings"), usual.get("settings")):
        return []  # nobody knows, as of published runs
    lacks = [f"no {one}" for one in others if one and one not in mine]
    return [one for one in mine if one and one not in others] or lacks


def _said(record: Record, part: str, name: str) -> Any:
    """Return what a specification says; None if it is of a version that did not."""
    of = record.spec.get(part)
    return of.get(name) if isinstance(of, Mapping) else None


def _of_moment(point: Point) -> dict[str, Any]:
    said = {name: getattr(point, name) for name in _OF_MOMENT}
    return said | {"brain_match": plain(point.match[MEAN])} | _errors("match", point.errors)


def _of_score(score: Score, evidence: bool) -> dict[str, Any]:
    said = score_to_dict(score, units=False) | _errors("score", score.errors or {})
    return said | {"evidence": score.evidence} if evidence else said


def _errors(of: str, errors: Mapping[str, float]) -> dict[str, Any]:
    return {f"{of}_error_{source}": errors.get(source) for source in ("stimuli", "units")}


def score_rows(uid: str, scores: Iterable[Row]) -> list[dict[str, Any]]:
    """Return the table of what one ``wiringup score`` call kept; a newborn is at epoch 0.

    Args:
        uid: of the call.
        scores: as it keeps them.
    """
    return [
        {name: row[name] for name in COLUMNS if name in row}
        | {"source": SCORE, "run": uid, "label": _called(row), "architecture": row["model"]}
        | ({"epoch": 0.0, "updates": 0, "synaptic_updates": 0} if row["birth"] else {})
        for row in scores
    ]


def _called(row: Row) -> str:
    how = row.get("weights") or row["birth"]
    return f"{row['model']} ({how})" if how else str(row["model"])


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
