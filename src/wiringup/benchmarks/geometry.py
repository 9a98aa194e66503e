"""Geometry: RSA, CKA and Procrustes of a model's features and mean responses; RSA of dissimilarities."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.benchmarks.area import (
    NO_CEILING,
    AreaBenchmark,
    Comparison,
    RecordingBenchmark,
    Resampled,
    beside_ceilings,
    mean_over_repeats,
)
from wiringup.benchmarks.metrics import bootstrap, geometry, rdm, reliability
from wiringup.benchmarks.metrics.bootstrap import Index
from wiringup.benchmarks.metrics.correlation import Aggregate, aggregate
from wiringup.benchmarks.metrics.gram import Features
from wiringup.core.checks import one_of
from wiringup.core.score import Ceiling
from wiringup.core.seeds import numpy_stream
from wiringup.core.spec import content_hash
from wiringup.data.measurements import Dissimilarities

ALL, FOLDS = "all", "folds"
ERROR_DRAWS = reliability.SAMPLING_DRAWS
HALVES = "ceiling: one half of the repeats against the other, not extrapolated to all; a model can pass it"


def whole(responses: Tensor) -> Features:
    """Return mean responses (images, units) with missing ones at their unit's mean, 0 if it has none."""
    return Features(responses.where(~responses.isnan(), responses.nanmean(0).nan_to_num(0.0)))


@dataclass(frozen=True)
class Geometry(RecordingBenchmark):
    """Similarity of a model's geometry and a recording's, over all images at once.

    Nothing is fitted, so that near-copies do no harm. Missing responses are at their unit's mean; images
    without any response are left out, and so are, for RSA, images to which all units respond alike. Error:
    standard deviation over resamples of the images (groups as a whole). The note tells what the model's
    responses reach in random order: chance, which for Procrustes is far from 0.

    On ``folds``, the similarity is that of the test images of each of predictivity's folds alone. Raw: mean
    over folds; error: standard deviation over folds / sqrt(folds).

    Ceiling: the same similarity between the mean responses of two halves of the repeats, averaged over
    ten random halvings, if that is more than chance. It is not extrapolated to all repeats: Spearman-Brown
    holds for sums of scores, not for similarities of geometries. A model is compared with the mean of all
    repeats, so that it can pass it.

    Attributes:
        measure: which similarity.
        images: "all", or "folds".
    """

    measure: geometry.Measure = field(default_factory=geometry.Rsa)
    images: str = ALL

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.images, (ALL, FOLDS), "choice of images")

    @property
    def metric(self) -> str:
        """The label of the measure, such as ``rsa-spearman``; with ``-folds`` if it is over folds."""
        return self.measure.label + ("" if self.images == ALL else f"-{FOLDS}")

    @cached_property
    def sha256(self) -> str:
        """Hash of data, images, metric and all its parameters."""
        return content_hash([self.metric, self.measure, self.images, self.data.sha256])

    @cached_property
    def undefined(self) -> str:
        """Why no model has a score: the recording's geometry does not even correlate with itself."""
        if not np.isnan(self._mean(self.measured, self.measured, self._compared(self.measured)).value):
            return ""
        return f"no score: fewer than {geometry.FEWEST_IMAGES} images to which the recorded responses differ"

    @cached_property
    def measured(self) -> Tensor:
        """The matrix (images, images) of the mean responses."""
        return self.measure.matrix(whole(self.targets))

    @property
    def ceiling(self) -> Ceiling | None:
        """One half of the repeats against the other; None for a single repeat, or if they agree by chance."""
        return self._noted_ceiling[0]

    @cached_property
    def _noted_ceiling(self) -> tuple[Ceiling | None, str]:
        """The ceiling, and what is to be said of it.

        By chance is what the halves, with the images of one in random order, reach within two standard
        deviations: chance is not 0 for every measure, and with two repeats all halvings are the same.
        """
        if self.data.trials.shape[2] < 2:
            return None, NO_CEILING
        halves = [(a, b, self._compared(a, b)) for a, b in self._halves()]
        between = [self._mean(*half).value for half in halves]
        chance = [self._mean(*half, _shuffling(i)).value for i, half in enumerate(halves)]
        value = float(np.mean(between))
        if not value > np.mean(chance) + 2 * np.std(chance, ddof=1):  # NaN is no ceiling either
            return None, f"no noise ceiling: halves of the repeats reach {value:.3f}, which is within chance"
        return Ceiling(value, float(np.std(between) / len(between) ** 0.5)), HALVES

    def _halves(self) -> Iterator[tuple[Tensor, Tensor]]:
        trials = torch.from_numpy(self.data.trials)
        for split in reliability.half_splits(trials.shape[2]).astype(bool):
            first, second = (mean_over_repeats(trials[:, :, torch.from_numpy(half)]) for half in split)
            yield self.measure.matrix(whole(first)), self.measure.matrix(whole(second))

    def _compared(self, *recorded: Tensor) -> list[Index]:
        """Return the sets of images whose geometry is compared: those that have a place in ``recorded``."""
        kept = ~self.targets.isnan().all(1).numpy() & np.all([_placed(m) for m in recorded], axis=0)
        if self.images == ALL:
            return [np.flatnonzero(kept)]
        return [fold.test[kept[fold.test]] for fold in self.folds.folds]

    def compare(self, responses: Features) -> Comparison:
        """Compare the geometry of ``responses`` (images, features) with the recording's."""
        model, sets = self.measure.matrix(responses), self._compared(self.measured)
        measured = self.measured.to(model.device)
        found = self._mean(model, measured, sets)
        chance = self._mean(model, measured, sets, _shuffling(0))
        error = self._over_images(model, measured, sets[0]) if self.images == ALL else found.error
        ceiling, bound = self._noted_ceiling
        note = f"{self._note(sets)}; images in random order: {chance.value:.3f}; {bound}"
        return Comparison(found.value, error, ceiling, np.empty(0), note)

    def _note(self, sets: Sequence[Index]) -> str:
        tested = (
            np.arange(len(self.stimuli)) if self.images == ALL else _union(f.test for f in self.folds.folds)
        )
        left_out = len(tested) - len(_union(sets))
        told = f" ({left_out} left out: no response, or the same of all units)" if left_out else ""
        return ("all images at once" if self.images == ALL else self.folds.kind) + told

    def _mean(
        self, x: Tensor, y: Tensor, sets: Sequence[Index], shuffling: np.random.Generator | None = None
    ) -> Aggregate:
        values = []
        for index in sets:
            other = index if shuffling is None else shuffling.permutation(index)
            enough = len(index) >= geometry.FEWEST_IMAGES
            values.append(
                self.measure.similarity(_part(x, other), _part(y, index)) if enough else float("nan")
            )
        return aggregate(torch.tensor(values, dtype=torch.float64)[:, None])

    def _over_images(self, model: Tensor, measured: Tensor, index: Index) -> float:
        """Return the standard deviation of the similarity over resamples of the images."""
        counts = self.drawn_images(ERROR_DRAWS)[:, index]
        draws = self.measure.resampled(_part(model, index), _part(measured, index), counts)
        return bootstrap.deviation(draws)


def _shuffling(seed: int) -> np.random.Generator:
    return numpy_stream(seed, "geometry", "shuffled")


def _placed(matrix: Tensor) -> NDArray[np.bool_]:
    """Return (images,): False where an image has no dissimilarity to any other."""
    there = ~matrix.isnan().numpy()
    np.fill_diagonal(there, False)
    return np.asarray(there.any(1))


def _union(sets: Iterable[Index]) -> Index:
    return np.unique(np.concatenate(list(sets)))


def _part(matrix: Tensor, index: Index) -> Tensor:
    chosen = torch.from_numpy(index).to(matrix.device)
    return matrix[chosen][:, chosen]


@dataclass(frozen=True)
class Similarity(AreaBenchmark[Dissimilarities]):
    """Spearman correlation between a model's RDM and each subject's, averaged over subjects.

    The model's RDM is 1 - Pearson r over features. Error: standard error over subjects. The ceiling is the
    noise ceiling's lower bound (each subject against the mean of the others): what another brain reaches.
    A model can pass it, up to the upper bound, which the note gives.
    """

    metric: str = "rsa-spearman"

    @property
    def n_units(self) -> int:
        """The number of subjects."""
        return len(self.data.rdms)

    @cached_property
    def ceiling(self) -> Ceiling | None:
        """The noise ceiling: lower bound as ``value``, upper bound as ``upper``; None for one subject."""
        return rdm.noise_ceiling(self.data.rdms)

    @cached_property
    def undefined(self) -> str:
        """Why no model has a score: a subject finds all images alike."""
        vectors = rdm.upper_triangle(self.data.rdms)
        alike = np.flatnonzero(vectors.min(1) == vectors.max(1))
        return f"no score: all dissimilarities of subject {alike[0]} are equal" if len(alike) else ""

    def compare(self, responses: Features) -> Comparison:
        """Compare the RDM of ``responses`` (images, features) with every subject's; units are subjects."""
        model = rdm.correlation_distance(responses).cpu().numpy()
        found = rdm.compare(model, self.data.rdms)
        bounds, note = self.ceiling, "no noise ceiling: one subject"
        if bounds is not None:
            note = f"noise ceiling {bounds.value:.3f} (lower bound, used) to {bounds.upper:.3f} (upper)"
        resample = partial(self._resample, model, found.subjects)
        return Comparison(found.value, found.error, bounds, found.subjects, note, resample)

    def _resample(
        self, model: NDArray[np.float64], measured: NDArray[np.float64], most: int | None
    ) -> Resampled:
        drawn = rdm.resampled_subjects(model, self.data.rdms, self.image_counts[:most])
        raw = bootstrap.mean_draws(drawn, measured, self.unit_draws(len(measured))[:most])
        return beside_ceilings(raw, self._ceiling_draws)

    @cached_property
    def _ceiling_draws(self) -> dict[str, NDArray[np.float64]]:
        """Draws of the lower bound from the images and subjects that are resampled for the score."""
        if self.ceiling is None:
            return {}
        measured = rdm.lower_bounds(self.data.rdms)
        drawn = rdm.resampled_lower_bounds(self.data.rdms, self.image_counts)
        return bootstrap.mean_draws(drawn, measured, self.unit_draws(len(measured)))
