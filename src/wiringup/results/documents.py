"""The form of the documents that a store keeps beside records: what every reader of them relies on."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from wiringup.results.record import Diverged


class StudyDocument(TypedDict):
    """``study.json``: a study or a sweep, and its runs."""

    uid: str
    spec: "StudySpec"
    runs: Sequence[str]
    so_far: NotRequired[str]


class ListedRun(TypedDict):
    """A run of a study that was launched."""

    run: str
    label: str
    seed: int
    title: str
    needs: NotRequired[str]


class ListingDocument(TypedDict):
    """``runs.json``: a study that was launched; its runs may be made or not."""

    uid: str
    spec: "StudySpec"
    runs: Sequence[ListedRun]


class StudySpec(TypedDict):
    """Of a study's specification, what readers rely on."""

    reference: str
    labels: NotRequired[Sequence[str]]
    diverged: NotRequired[Sequence[Diverged]]


class ScoreRow(TypedDict):
    """One row of ``scores.json``."""

    model: str
    birth: str | None
    weights: NotRequired[str | None]
    seed: int | None
    batchnorm: NotRequired[str | None]
    benchmark: str
    layer: str
    layers: NotRequired[str | None]
    raw: float
    error: float
    ceiling: float
    score: float
    normalisation: str
    simulated: bool
    note: str


class ScoresDocument(TypedDict):
    """``scores.json``: what one call of ``wiringup score`` found."""

    rows: Sequence[ScoreRow]


class EstimateDocument(TypedDict):
    """An estimate in ``match.json``; null is not defined."""

    value: float
    error: float
    low: float
    high: float


class DescribedDocument(TypedDict):
    """What a brain match is of."""

    kind: str
    name: str
    network: str
    batchnorm: str | None
    figures: NotRequired[int | None]  # as earlier versions called the parameters
    parameters: NotRequired[int | None]
    bits: int | None


class MatchDocument(TypedDict):
    """``match.json``: a brain match."""

    label: str
    suite: str
    seeds: int
    simulated: bool
    areas: Mapping[str, EstimateDocument]
    mean: EstimateDocument
    benchmarks: Mapping[str, Any]
    described: NotRequired[DescribedDocument | None]
    reference: NotRequired[str]
    fraction: NotRequired[Mapping[str, EstimateDocument]]


class DivergedDocument(TypedDict):
    """``diverged.json``: a training that ended without a result."""

    why: str
