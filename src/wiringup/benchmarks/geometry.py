"""Geometry of a population: RSA, CKA and Procrustes between a model's features and mean responses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.benchmarks.area import Comparison
from wiringup.benchmarks.metrics import geometry, rdm, reliability
from wiringup.benchmarks.metrics.correlation import Aggregate, aggregate
from wiringup.benchmarks.metrics.gram import Features
from wiringup.benchmarks.metrics.splits import Fold, Folds
from wiringup.benchmarks.recorded import NO_CEILING, RecordingBenchmark, mean_over_repeats
from wiringup.core.checks import one_of
from wiringup.core.score import Ceiling
from wiringup.core.seeds import numpy_stream
from wiringup.core.spec import content_hash

IMAGES = ("test", "all")
HALVES = "ceiling: one half of the repeats against the other, not extrapolated to all; a model can pass it"


class Measure(Protocol):
    """A similarity of two populations; a frozen dataclass, so that its parameters enter hashes."""

    @property
    def label(self) -> str:
        """How results call it."""

    def matrix(self, features: Features) -> Tensor:
        """Return (images, images): all that is needed of a population, for any subset of its images."""

    def similarity(self, x: Tensor, y: Tensor) -> float:
        """Compare two such matrices of the same images: 1 for the same geometry."""


@dataclass(frozen=True)
class Rsa:
    """Spearman's rho of RDMs, each 1 - Pearson r over features or units; see `metrics.geometry.rsa`."""

    label: str = "rsa-spearman"

    def matrix(self, features: Features) -> Tensor:
        """Return the RDM."""
        return rdm.correlation_distance(features)

    def similarity(self, x: Tensor, y: Tensor) -> float:
        """Return Spearman's rho."""
        return geometry.rsa(x, y)


@dataclass(frozen=True)
class Cka:
    """Linear centred kernel alignment; see `metrics.geometry.linear_cka`."""

    debiased: bool = True

    @property
    def label(self) -> str:
        """``cka-debiased`` or ``cka-biased``."""
        return "cka-debiased" if self.debiased else "cka-biased"

    def matrix(self, features: Features) -> Tensor:
        """Return the Gram matrix."""
        return features.gram

    def similarity(self, x: Tensor, y: Tensor) -> float:
        """Return CKA."""
        return geometry.linear_cka(x, y, self.debiased)


@dataclass(frozen=True)
class Procrustes:
    """Angular Procrustes similarity, 1 - 2 theta / pi; see `metrics.geometry.procrustes`."""

    label: str = "procrustes-angular"

    def matrix(self, features: Features) -> Tensor:
        """Return the Gram matrix."""
        return features.gram

    def similarity(self, x: Tensor, y: Tensor) -> float:
        """Return the similarity."""
        return geometry.procrustes(x, y)


MEASURES: Mapping[str, Measure] = {"rsa": Rsa(), "cka": Cka(), "procrustes": Procrustes()}
"""The last part of a benchmark's name -> the similarity."""


def whole(responses: Tensor) -> Features:
    """Return mean responses (images, units) with missing ones at their unit's mean, 0 if it has none."""
    return Features(responses.where(~responses.isnan(), responses.nanmean(0).nan_to_num(0.0)))


@dataclass(frozen=True)
class Geometry(RecordingBenchmark):
    """Similarity of a model's geometry and a recording's, on the test images of predictivity's folds.

    Nothing is fitted, so that near-copies in other folds do no harm. Raw: mean over folds; error: standard
    deviation over folds / sqrt(folds) (none for a single one). Missing responses are at their unit's mean.
    The note tells what the model's responses reach in random order: chance, which for Procrustes is far
    from 0.

    Ceiling: the same similarity between the mean responses of two halves of the repeats, averaged over
    ten random halvings, if that is more than chance. It is not extrapolated to all repeats: Spearman-Brown
    holds for sums of scores, not for similarities of geometries. A model is compared with the mean of all
    repeats, so that it can pass it.

    Attributes:
        measure: which similarity.
        images: "test", or "all" for all images at once.
    """

    measure: Measure = field(default_factory=Rsa)
    images: str = "test"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.images, IMAGES, "choice of images")

    @property
    def metric(self) -> str:
        """The label of the measure, such as ``rsa-spearman``; with ``-all`` if it is over all images."""
        return self.measure.label + ("" if self.images == "test" else "-all")

    @cached_property
    def sha256(self) -> str:
        """Hash of data, images, metric and all its parameters."""
        return content_hash([self.metric, self.measure, self.data.sha256])

    @cached_property
    def compared(self) -> Folds:
        """The sets of images whose geometry is compared, as the test images of folds."""
        if self.images == "test":
            return self.folds
        nothing, everything = np.arange(0), np.arange(len(self.stimuli))
        return Folds("all images at once", (Fold(nothing, everything),))

    @cached_property
    def measured(self) -> Tensor:
        """The matrix (images, images) of the mean responses."""
        return self.measure.matrix(whole(self.targets))

    @property
    def ceiling(self) -> Ceiling | None:
        """One half of the repeats against the other; None for a single repeat, or if they agree by chance."""
        return self._ceiling_told[0]

    @cached_property
    def _ceiling_told(self) -> tuple[Ceiling | None, str]:
        """The ceiling, and what is to be said of it.

        By chance is what the halves, with the images of one in random order, reach within two standard
        deviations: chance is not 0 for every measure, and with two repeats all halvings are the same.
        """
        if self.data.trials.shape[2] < 2:
            return None, NO_CEILING
        halves = list(self._halves())
        between = [self._mean(a, b).value for a, b in halves]
        chance = [self._mean(a, b, _shuffling(i)).value for i, (a, b) in enumerate(halves)]
        value = float(np.mean(between))
        if not value > np.mean(chance) + 2 * np.std(chance, ddof=1):  # NaN is no ceiling either
            return None, f"no noise ceiling: halves of the repeats reach {value:.3f}, which is within chance"
        return Ceiling(value, float(np.std(between) / len(between) ** 0.5)), HALVES

    def _halves(self) -> Iterator[tuple[Tensor, Tensor]]:
        trials = torch.from_numpy(self.data.trials)
        for split in reliability.half_splits(trials.shape[2]).astype(bool):
            first, second = (mean_over_repeats(trials[:, :, torch.from_numpy(half)]) for half in split)
            yield self.measure.matrix(whole(first)), self.measure.matrix(whole(second))

    def compare(self, responses: Features) -> Comparison:
        """Compare the geometry of ``responses`` (images, features) with the recording's."""
        model = self.measure.matrix(responses).cpu()
        found, chance = self._mean(model, self.measured), self._mean(model, self.measured, _shuffling(0))
        ceiling, told = self._ceiling_told
        note = f"{self.compared.kind}; images in random order: {chance.value:.3f}; {told}"
        return Comparison(found.value, found.error, ceiling, np.empty(0), note)

    def _mean(self, x: Tensor, y: Tensor, shuffling: np.random.Generator | None = None) -> Aggregate:
        values = []
        for fold in self.compared.folds:
            other = fold.test if shuffling is None else shuffling.permutation(fold.test)
            values.append(self.measure.similarity(_part(x, other), _part(y, fold.test)))
        found = aggregate(torch.tensor(values, dtype=torch.float64)[:, None])
        return found if len(values) > 1 else Aggregate(found.value, float("nan"), found.units)


def _shuffling(seed: int) -> np.random.Generator:
    return numpy_stream(seed, "geometry", "shuffled")


def _part(matrix: Tensor, index: NDArray[np.intp]) -> Tensor:
    chosen = torch.from_numpy(index)
    return matrix[chosen][:, chosen]
