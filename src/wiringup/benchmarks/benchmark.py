"""What a benchmark is, and how a subject sits several of them in one look at the images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

from wiringup.benchmarks.metrics.gram import Features
from wiringup.core.cautions import caution
from wiringup.core.checks import same_length
from wiringup.core.progress import Clock
from wiringup.core.score import ALIKE, DEFAULT_NORMALISATION, Score, check_normalisation
from wiringup.core.spec import content_hash
from wiringup.core.stimuli import Stimuli
from wiringup.data.measurements import DataSet
from wiringup.models.readout import Subject, classes_of, expanded, reservation_of
from wiringup.models.storage import products_on

Responses = Features | Tensor
"""(images, features); as `Features`, what benchmarks share is computed once."""


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

    def score(self, responses: Responses, layer: str, normalisation: str = DEFAULT_NORMALISATION) -> Score:
        """Score ``responses`` (images, features) of ``layer``; ceiled as ``normalisation`` says."""


Data = TypeVar("Data", bound=DataSet)


def evaluate(
    subject: Subject,
    benchmarks: Sequence[Benchmark],
    layers: Sequence[str] | None = None,
    normalisation: str = DEFAULT_NORMALISATION,
    clock: Clock | None = None,
    device: torch.device | None = None,
) -> list[Score]:
    """Score a subject; it looks once at every distinct set of images, whatever is read out.

    Args:
        subject: anything that answers to images.
        benchmarks: each is scored with every layer in question.
        layers: names of layers (``all`` and ``V4@all`` are every area, every time step); by default the
            subject's own layer for the benchmark's area.
        normalisation: a key of `core.score.NORMALISATIONS`.
        clock: is told how long the subject took to respond, and the responses to be scored.
        device: a card on which responses are scored if that fits (see `products_on`), wherever they are held;
            by default they are scored where they are held.

    Returns:
        Scores in the order of ``benchmarks``, then of ``layers``.

    Raises:
        InputError: for an unknown layer or normalisation, or responses that cannot be scored.
    """
    check_normalisation(normalisation)
    asked = expanded(subject, layers or ())
    wanted = [asked or [subject.layer_for(b.area)] for b in benchmarks]
    clock = clock or Clock()
    found: dict[tuple[int, str], Score] = {}
    for group in index_by_stimuli(benchmarks):
        names = list(dict.fromkeys(layer for i in group for layer in wanted[i]))
        stimuli = benchmarks[group[0]].stimuli
        with clock.phase("responses"):
            responses = subject.responses(stimuli, names)
        units = max(getattr(benchmarks[i], "n_units", 0) for i in group)
        place = products_on(device, len(stimuli), units)
        for layer in names:
            # a layer's responses are freed once they are scored
            features = Features(responses.pop(layer), classes_of(subject), device=place)
            if dead := ALIKE if features.alike else "":
                caution(
                    f"{layer} of {subject.name}: {dead}. The network is dead there, and can match nothing."
                )
            for i in (i for i in group if layer in wanted[i]):
                with clock.phase("scoring"):
                    score = benchmarks[i].score(features, layer, normalisation)
                note = "; ".join(filter(None, (score.note, dead, reservation_of(subject))))
                found[i, layer] = replace(score, note=note)
    return [found[i, layer] for i, names in enumerate(wanted) for layer in names]


def by_stimuli(benchmarks: Sequence[Benchmark]) -> Iterator[list[Benchmark]]:
    """Yield benchmarks that show the same images together: they share a forward pass."""
    for group in index_by_stimuli(benchmarks):
        yield [benchmarks[i] for i in group]


def index_by_stimuli(benchmarks: Sequence[Benchmark]) -> Iterator[list[int]]:
    """Yield the numbers of benchmarks that show the same images together."""
    groups: dict[str, list[int]] = {}
    for i, benchmark in enumerate(benchmarks):
        groups.setdefault(benchmark.stimuli.sha256, []).append(i)
    yield from groups.values()


def check_responses(benchmark: Benchmark, responses: Responses) -> None:
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

    def __init_subclass__(cls, **more: object) -> None:
        super().__init_subclass__(**more)
        cls.__repr__ = Measured.__repr__  # type: ignore[method-assign]  # or dataclass would write its own

    def __repr__(self) -> str:
        area = getattr(self, "area", None)
        return f"{type(self).__name__}({self.name!r}, {area}, {self.metric})"

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
