"""Benchmarks of one brain area, and of a recording in it: what they share, and how a raw score is ceiled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.benchmarks.benchmark import Benchmark, Measured, Responses, check_responses
from wiringup.benchmarks.metrics.bootstrap import DRAWS, image_counts, unit_draws
from wiringup.benchmarks.metrics.gram import Features, check_finite
from wiringup.benchmarks.metrics.splits import Folds, make_folds
from wiringup.core.score import DEFAULT_NORMALISATION, Ceiling, Draws, Score, normalise, normalise_draws
from wiringup.core.seeds import numpy_stream
from wiringup.core.stimuli import Stimuli
from wiringup.data.measurements import Dissimilarities, Recording
from wiringup.data.recordings.near_copies import near_copies

AreaData = TypeVar("AreaData", Recording, Dissimilarities)

Resampled = Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64] | None]]
"""What was resampled -> draws of the raw score and of its ceiling, from the same resamples."""

BOOTSTRAP_SEED = 0  # one set of resamples for every model: their differences owe nothing to it
LOWEST_CEILING = 0.1
NO_RESPONSE = "the layer answers some or all images with a constant: nothing to correlate, scored as 0"


@dataclass(frozen=True)
class Comparison:
    """What a formula makes of a model's responses, before it is ceiled.

    Attributes:
        raw: the score; NaN if it is not defined.
        error: its standard error.
        ceiling: the noise ceiling, or None.
        units: score of each unit (neuron, subject); (0,) for a formula that takes them together.
        note: what a reader has to know.
        resample: makes bootstrap draws (see `metrics.bootstrap`), at most as many as it is told, or None.
    """

    raw: float
    error: float
    ceiling: Ceiling | None
    units: NDArray[np.float64]
    note: str
    resample: Callable[[int | None], Resampled] | None = None


@dataclass(frozen=True)
class AreaBenchmark(Measured[AreaData]):
    """A benchmark whose data were recorded in one area; a subclass gives the formula (`compare`)."""

    @property
    def area(self) -> str:
        """The area that was recorded."""
        return self.data.area

    @property
    def stimuli(self) -> Stimuli:
        """The images that were shown."""
        return self.data.stimuli

    @property
    def n_units(self) -> int:
        """The number of neurons or subjects that were recorded."""
        raise NotImplementedError

    @property
    def unit_ids(self) -> tuple[str, ...] | None:
        """How the data's own file calls each unit; None if by its place, from 0."""
        return None

    @property
    def assumed_note(self) -> str:
        """What the import of the data had to assume; empty if nothing."""
        told = ", and ".join(self.data.assumed)
        return f"assumed when it was imported: {told}" if told else ""

    @cached_property
    def image_counts(self) -> NDArray[np.float64]:
        """How often each image is in each resample (draws, images): alike for all data on these images."""
        return self.drawn_images(DRAWS)

    def drawn_images(self, draws: int) -> NDArray[np.float64]:
        """Return (draws, images): how often each image is in each resample."""
        groups = self.data.groups if isinstance(self.data, Recording) else None
        generator = numpy_stream(BOOTSTRAP_SEED, "images", self.stimuli.sha256)
        return image_counts(len(self.stimuli), generator, groups, draws)

    def unit_draws(self, n: int) -> NDArray[np.intp]:
        """Return (draws, n) indices of resampled units: alike for all metrics on these data."""
        return unit_draws(n, numpy_stream(BOOTSTRAP_SEED, "units", self.data.sha256))

    @property
    def undefined(self) -> str:
        """Why no model has a score on these data (nothing in them varies), or an empty string."""
        raise NotImplementedError

    def compare(self, responses: Features) -> Comparison:
        """Compare ``responses`` (images, features) with the data."""
        raise NotImplementedError

    def score(self, responses: Responses, layer: str, normalisation: str = DEFAULT_NORMALISATION) -> Score:
        """Score ``responses`` (images, features) of ``layer``; NaN, with the reason, where nothing varies.

        Raises:
            InputError: if there is not one response per image, or a response is NaN.
        """
        check_responses(self, responses)
        found = self._found(Features.of(responses))
        found = replace(found, note="; ".join(filter(None, (found.note, self.assumed_note))))
        ceiled = scored(self, layer, found, normalisation, len(self.stimuli), self.n_units)
        return replace(ceiled, unit_ids=self.unit_ids if len(found.units) else None)

    def _found(self, responses: Features) -> Comparison:
        if self.undefined:
            check_finite(responses.values)
            return Comparison(float("nan"), float("nan"), None, np.empty(0), self.undefined)
        return usable_ceiling_only(defined(self.compare(responses)))


def scored(
    benchmark: Benchmark, layer: str, found: Comparison, normalisation: str, n_stimuli: int, n_units: int
) -> Score:
    """Return what a formula made of a layer's responses as a score, divided by its ceiling."""
    top = None if found.ceiling is None else found.ceiling.value
    value, applied = normalise(found.raw, top, normalisation)
    return Score(
        benchmark=benchmark.name,
        area=benchmark.area,
        metric=benchmark.metric,
        layer=layer,
        raw=found.raw,
        ceiling=top,
        score=value,
        normalisation=applied,
        error=found.error,
        n_stimuli=n_stimuli,
        n_units=n_units,
        simulated=benchmark.simulated,
        note=found.note,
        units=found.units if len(found.units) else None,
        evidence=None if found.resample is None else partial(_ceiled_draws, found.resample, top, applied),
    )


def _ceiled_draws(
    resample: Callable[[int | None], Resampled],
    ceiling: float | None,
    normalisation: str,
    most: int | None = None,
    /,
) -> Draws:
    return {
        source: normalise_draws(raw, None if ceiling is None else top, normalisation)
        for source, (raw, top) in resample(most).items()
    }


def beside_ceilings(raw: Draws, ceilings: Draws) -> Resampled:
    """Return draws of a raw score with as many of its ceiling, which are of the same resamples."""
    return {
        source: (draws, ceilings[source][: len(draws)] if source in ceilings else None)
        for source, draws in raw.items()
    }


def defined(found: Comparison) -> Comparison:
    """Let an undefined raw score count as 0, with a note.

    A layer that answers every image alike predicts nothing; with 0 a network that was never born can be
    plotted beside the others.
    """
    if not np.isnan(found.raw):
        return found
    return replace(found, raw=0.0, error=0.0, note=f"{found.note}; {NO_RESPONSE}", resample=None)


def usable(ceiling: Ceiling) -> bool:
    """Return whether a score may be divided by this ceiling.

    Below `LOWEST_CEILING`, or within two standard errors of 0, the quotient would be noise blown up (by
    100 and more once it is squared).
    """
    return ceiling.value >= max(LOWEST_CEILING, 2 * ceiling.uncertainty)


def usable_ceiling_only(found: Comparison) -> Comparison:
    """Remove a ceiling that is not `usable`, with a note that gives its estimate."""
    if found.ceiling is None or usable(found.ceiling):
        return found
    told = f"{found.ceiling.value:.3f} +- {found.ceiling.uncertainty:.3f}"
    note = f"{found.note}; noise ceiling {told} is too low or too uncertain to divide by: raw score"
    return replace(found, ceiling=None, note=note)


NO_CEILING = "no noise ceiling: a single repeat or published averages"


def mean_over_repeats(trials: Tensor) -> Tensor:
    """Return float64 (images, units) of trials (units, images, repeats); NaN where no trial is there."""
    present = ~trials.isnan()
    return (trials.nan_to_num(0.0).sum(2, dtype=torch.float64) / present.sum(2)).T.contiguous()


@dataclass(frozen=True)
class RecordingBenchmark(AreaBenchmark[Recording]):
    """A benchmark on a recording; units are neurons.

    Folds keep the recording's groups together; without groups they are Brain-Score's ten random splits,
    stratified by label where there are labels.
    """

    @property
    def n_units(self) -> int:
        """The number of neurons."""
        return len(self.data.trials)

    @property
    def unit_ids(self) -> tuple[str, ...] | None:
        """How the recording's own file calls each neuron; None if by its place, from 0."""
        return self.data.unit_ids

    @cached_property
    def targets(self) -> Tensor:
        """Responses averaged over repeats, float64 (images, units)."""
        return mean_over_repeats(torch.from_numpy(self.data.trials))

    @cached_property
    def folds(self) -> Folds:
        """Training and test images."""
        return make_folds(len(self.stimuli), self.data.labels, self.data.groups)

    @cached_property
    def leaking(self) -> int:
        """How many images are tested in a fold that trains on a near-copy of them."""
        first, second = near_copies(self.stimuli)
        leaks = np.zeros(len(self.stimuli), bool)
        for fold in self.folds.folds:
            trained = np.zeros(len(self.stimuli), bool)
            trained[fold.train] = True
            leaks[first[~trained[first] & trained[second]]] = True
            leaks[second[~trained[second] & trained[first]]] = True
        return int(leaks.sum())

    @cached_property
    def leak_note(self) -> str:
        """A warning if near-copies straddle folds; empty if none do."""
        if not self.leaking:
            return ""
        return (
            f"; {self.leaking} images have near-copies on the other side of a fold: r is inflated; import "
            "with --group to keep them together"
        )
