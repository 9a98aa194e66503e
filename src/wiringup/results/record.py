"""The record of one run: what was asked, what was counted, what was scored, and on which machine."""

import dataclasses
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Any, TypedDict

import numpy as np

from wiringup.core.errors import InputError
from wiringup.core.score import Score
from wiringup.core.spec import check_shape
from wiringup.results.draws import from_text, to_text

SCHEMA = 1
MEAN = "mean"
NORMS_BEFORE = "running"
"""What trainings did with BatchNorm whose specification does not say."""


class _Units(TypedDict, total=False):
    """The arrays of a score in JSON, which `Score` itself does not say."""

    units: Sequence[float] | None
    unit_ids: Sequence[str] | None
    draws: Mapping[str, str]
    errors: Mapping[str, float]


@dataclass(frozen=True)
class Point:
    """One scored moment of a run.

    Attributes:
        epoch: epochs trained so far (0 is birth).
        updates: supervised updates so far: labelled images as actually seen.
        synaptic_updates: supervised updates x trained synapses so far.
        top1: fraction of held-out images that the model's own decoder classifies correctly.
        match: area -> ceiling-normalised score, and "mean" over the areas.
        missing: benchmarks that the suite names but that could not be scored.
        images: distinct labelled images seen so far; None in records made before they were counted.
        flops: floating-point operations so far, forward and backward; None as above.
        errors: "stimuli", "units" -> standard error of the mean of ``match`` from it, where it is known.
        top1_protocol: which images these are and how they were shown; "" in records made before it was said.
    """

    epoch: float
    updates: int
    synaptic_updates: int
    top1: float | None
    match: Mapping[str, float]
    missing: tuple[str, ...]
    scores: tuple[Score, ...]
    images: int | None = None
    flops: int | None = None
    top1_protocol: str = ""
    errors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """Everything that is kept of one run.

    Attributes:
        label: the condition in the study ("WC + critical").
        spec: the full specification, as stored (see `core.spec`).
        synapses: counts of the trained and of all synapses.
        losses: mean training loss of every epoch.
        provenance: versions, machine, date and seconds.
        ledger: what was spent in all, see `Ledger.summary` of the training.
        genome: hash of the genome that was distilled from what was learned (`birth.genome.Genome.sha256`); ""
            if none was.
        bits: description length of the birth state (`birth.description`); None in records made before it was
            counted.
    """

    uid: str
    label: str
    seed: int
    spec: Mapping[str, Any]
    synapses: Mapping[str, int]
    points: tuple[Point, ...]
    losses: tuple[float, ...]
    provenance: Mapping[str, Any]
    schema: int = field(default=SCHEMA)
    ledger: Mapping[str, Any] = field(default_factory=dict)
    genome: str = ""
    bits: int | None = None

    @property
    def simulated(self) -> bool:
        """True if any score of the run was made on simulated data."""
        return any(score.simulated for point in self.points for score in point.scores)

    @property
    def norms(self) -> str:
        """How BatchNorm behaved that did not learn, one of `training.norms.NORMS`."""
        training = self.spec.get("training")
        return str(training.get("norms", NORMS_BEFORE)) if isinstance(training, Mapping) else NORMS_BEFORE

    @property
    def made(self) -> tuple[Mapping[str, Any], ...]:
        """Provenance of the training, and of the scores if they were made later, for another exam."""
        trained = self.provenance.get("trained")
        return (trained, self.provenance) if isinstance(trained, Mapping) else (self.provenance,)

    @property
    def last(self) -> Point:
        """The last scored moment."""
        return self.points[-1]


@dataclass(frozen=True)
class Diverged:
    """A run that has no record: its training diverged, and why."""

    label: str
    seed: int
    why: str


def provenance(seconds: float, library: str = "") -> dict[str, Any]:
    """Return the versions, the machine and the date that belong beside every number.

    Args:
        seconds: that it took, in all sessions of its training.
        library: that made the network, with its version, as in "timm 1.0.31"; "" for none.
    """
    packages = ("wiringup", "torch", "numpy", "scipy", "scikit-learn")
    versions = {"python": platform.python_version()} | {name: version(name) for name in packages}
    return {
        "versions": versions | dict([library.split()] if library else []),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
    }


def score_to_dict(score: Score, *, units: bool = True) -> dict[str, Any]:
    """Return a score as plain JSON types; a score that does not exist (NaN) becomes None.

    Args:
        score: the score.
        units: whether the scores of single units come along.
    """
    apart = ("units", "unit_ids", "evidence", "errors")
    kept = (f.name for f in dataclasses.fields(score) if f.name not in apart)
    values = {name: plain(getattr(score, name)) for name in kept}
    if units:
        values["units"] = None if score.units is None else [plain(round(float(u), 6)) for u in score.units]
        values["unit_ids"] = None if score.unit_ids is None else list(score.unit_ids)
    return values


def plain(value: Any) -> Any:
    """Return dataclasses, mappings and sequences as plain JSON types; a number that is not finite is None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | int):  # before the rarer kinds: a table has millions
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


def score_from_dict(values: Mapping[str, Any]) -> Score:
    """Return the score that `score_to_dict` wrote; raise `InputError` if it did not."""
    check_shape(values, _Units, "a score")
    units, fields = values.get("units"), _known(Score, values)
    fields |= {k: np.nan for k in ("raw", "score", "error") if fields[k] is None}
    fields["units"] = None if units is None else np.array(units, np.float64)  # None is NaN
    if texts := values.get("draws"):
        fields["evidence"] = partial(from_text, fields["score"], texts)
    fields["unit_ids"] = None if fields.get("unit_ids") is None else tuple(fields["unit_ids"])
    return Score(**fields)


def to_dict(record: Record) -> dict[str, Any]:
    """Return a record as plain JSON types."""
    values = {f.name: getattr(record, f.name) for f in dataclasses.fields(record)}
    return values | {"points": [point_to_dict(p) for p in record.points]}


def point_to_dict(point: Point) -> dict[str, Any]:
    """Return a scored moment as plain JSON types."""
    values = {f.name: getattr(point, f.name) for f in dataclasses.fields(point)}
    drawn = [score_to_dict(s) | _drawn(s) for s in point.scores]
    return values | {"match": plain(point.match), "errors": plain(point.errors), "scores": drawn}


def _drawn(score: Score) -> dict[str, Any]:
    return {"draws": to_text(score), "errors": dict(score.errors)} if score.errors else {}


def from_dict(values: Mapping[str, Any]) -> Record:
    """Return the record that `to_dict` wrote.

    Raises:
        InputError: if it was written by another version of the format, or is not what `to_dict` writes.
    """
    if isinstance(values, Mapping) and values.get("schema", SCHEMA) != SCHEMA:
        raise InputError(f"This record has schema {values.get('schema')!r}; this version reads {SCHEMA}.")
    check_shape(values, Record, "the record")
    if not values["points"] or "trained" not in values["synapses"]:
        raise InputError("the record has no scored moment, or does not count its trained synapses.")
    points = tuple(_point(p) for p in values["points"])
    return Record(**{**_known(Record, values), "points": points, "losses": tuple(values["losses"])})


def point_from_dict(values: Mapping[str, Any]) -> Point:
    """Return the moment that `point_to_dict` wrote; raise `InputError` if it did not."""
    check_shape(values, Point, "a scored moment")
    return _point(values)


def _point(values: Mapping[str, Any]) -> Point:
    """Return a moment whose form has been checked."""
    match = {area: np.nan if value is None else value for area, value in values["match"].items()}
    if MEAN not in match:
        raise InputError(f"A scored moment has no {MEAN!r} in its match.")
    scores = tuple(map(score_from_dict, values["scores"]))
    made = {"match": match, "missing": tuple(values["missing"]), "scores": scores}
    return Point(**{**_known(Point, values), **made})


def _known(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the fields that a dataclass has; a later version may have written more."""
    return {f.name: values[f.name] for f in dataclasses.fields(kind) if f.name in values}
