"""What a benchmark is, and how a subject sits several of them in one look at the images."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wiringup.core.checks import same_length
from wiringup.core.score import DEFAULT_NORMALISATION, Ceiling, Score, check_normalisation, normalise
from wiringup.core.spec import content_hash
from wiringup.core.stimuli import Stimuli
from wiringup.data.recordings import DataSet
from wiringup.models.readout import Subject


class Benchmark(Protocol):
    """A recording or behaviour that a model's responses can be compared with."""

    @property
    def name(self) -> str:
        """How results call it."""

    @property
    def area(self) -> str:
        """V1, V2, V4, IT or behavior: a subject's layer for it is read out unless another is named."""

    @property
    def metric(self) -> str:
        """The name of the formula."""

    @property
    def simulated(self) -> bool:
        """True if no animal and no person was involved."""

    @property
    def sha256(self) -> str:
        """A hash of everything that decides a score besides the responses: images, data and metric."""

    @property
    def stimuli(self) -> Stimuli:
        """Every image that the subject has to look at, in the order in which responses are expected."""

    def score(self, responses: Tensor, layer: str, normalisation: str = DEFAULT_NORMALISATION) -> Score:
        """Score ``responses`` (images, features) of ``layer``; ceiled as ``normalisation`` says."""


Data = TypeVar("Data", bound=DataSet)
Progress = Callable[[Score], None]


def evaluate(
    subject: Subject,
    benchmarks: Sequence[Benchmark],
    layers: Sequence[str] | None = None,
    normalisation: str = DEFAULT_NORMALISATION,
    progress: Progress | None = None,
) -> list[Score]:
    """Score a subject; it looks once at every distinct set of images, whatever is read out.

    Args:
        subject: anything that answers to images.
        benchmarks: each is scored with every layer in question.
        layers: names of layers; by default the subject's own layer for the benchmark's area.
        normalisation: a key of `core.score.NORMALISATIONS`.
        progress: is given each score as soon as it is there.

    Returns:
        Scores in the order of ``benchmarks``, then of ``layers``.

    Raises:
        InputError: for an unknown layer or normalisation, or responses that cannot be scored.
    """
    check_normalisation(normalisation)
    wanted = [list(layers) if layers else [subject.layer_for(b.area)] for b in benchmarks]
    found: dict[tuple[int, str], Score] = {}
    for group in _index_by_stimuli(benchmarks):
        names = list(dict.fromkeys(layer for i in group for layer in wanted[i]))
        responses = subject.responses(benchmarks[group[0]].stimuli, names)
        for layer in names:
            features = responses.pop(layer)  # a layer's responses are freed once they are scored
            for i in (i for i in group if layer in wanted[i]):
                found[i, layer] = benchmarks[i].score(features, layer, normalisation)
                if progress is not None:
                    progress(found[i, layer])
    return [found[i, layer] for i, names in enumerate(wanted) for layer in names]


def by_stimuli(benchmarks: Sequence[Benchmark]) -> Iterator[list[Benchmark]]:
    """Yield benchmarks that show the same images together: they share a forward pass."""
    for group in _index_by_stimuli(benchmarks):
        yield [benchmarks[i] for i in group]


def _index_by_stimuli(benchmarks: Sequence[Benchmark]) -> Iterator[list[int]]:
    groups: dict[str, list[int]] = {}
    for i, benchmark in enumerate(benchmarks):
        groups.setdefault(benchmark.stimuli.sha256, []).append(i)
    yield from groups.values()


def check_responses(benchmark: Benchmark, responses: Tensor) -> None:
    """Raise `InputError` unless there is one response for every image of the benchmark."""
    same_length(len(responses), len(benchmark.stimuli), "the responses", f"{benchmark.name}'s set of images")


@dataclass(frozen=True)
class Measured(Generic[Data]):
    """What every benchmark has that compares a model with one data set, whatever its formula.

    Attributes:
        data: what was measured.
        name: how results call it; by default as the data.
    """

    data: Data
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.data.name)

    @property
    def metric(self) -> str:
        """The name of the formula."""
        raise NotImplementedError

    @property
    def simulated(self) -> bool:
        """True if no animal and no person was involved."""
        return self.data.simulated

    @cached_property
    def sha256(self) -> str:
        """Hash of data, images and metric."""
        return content_hash([self.metric, self.data.sha256])


LOWEST_CEILING = 0.1


def usable(ceiling: Ceiling) -> bool:
    """Return whether a score may be divided by this ceiling.

    Below `LOWEST_CEILING`, or within two standard errors of 0, the quotient would be noise blown up (by
    100 and more once it is squared).
    """
    return ceiling.value >= max(LOWEST_CEILING, 2 * ceiling.error)


NO_RESPONSE = "the layer answers some or all images with a constant: nothing to correlate, scored as 0"


def ceiled_score(
    benchmark: Benchmark,
    layer: str,
    normalisation: str,
    *,
    raw: float,
    error: float,
    ceiling: Ceiling | None,
    units: NDArray[np.float64],
    note: str,
) -> Score:
    """Return the `Score` of ``raw`` after ceiling normalisation; an undefined ``raw`` counts as 0.

    A layer that answers every image alike predicts nothing. It gets 0, with a note, so that a network
    that was never born can be plotted beside the others.
    """
    if np.isnan(raw):
        raw, error, note = 0.0, 0.0, f"{note}; {NO_RESPONSE}"
    if ceiling is not None and not usable(ceiling):
        told = f"{ceiling.value:.3f} +- {ceiling.error:.3f}"
        ceiling, note = (
            None,
            f"{note}; noise ceiling {told} is too low or too uncertain to divide by: raw score",
        )
    top = None if ceiling is None else ceiling.value
    score, applied = normalise(raw, top, normalisation)
    return Score(
        benchmark=benchmark.name,
        area=benchmark.area,
        metric=benchmark.metric,
        layer=layer,
        raw=raw,
        ceiling=top,
        score=score,
        normalisation=applied,
        error=error,
        n_stimuli=len(benchmark.stimuli),
        n_units=len(units),
        simulated=benchmark.simulated,
        note=note,
        units=units,
    )
