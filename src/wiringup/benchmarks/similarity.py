"""Representational similarity: does a model find the same images alike as a brain area does?"""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from wiringup.benchmarks.area import AreaBenchmark, Comparison, Resampled
from wiringup.benchmarks.metrics import bootstrap, rdm
from wiringup.benchmarks.metrics.gram import Features
from wiringup.core.score import Ceiling
from wiringup.data.measurements import Dissimilarities


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

    def _resample(self, model: NDArray[np.float64], measured: NDArray[np.float64]) -> Resampled:
        drawn = rdm.resampled_subjects(model, self.data.rdms, self.image_counts)
        raw = bootstrap.mean_draws(drawn, measured, self.unit_draws(len(measured)))
        return {source: (draws, self._ceiling_draws.get(source)) for source, draws in raw.items()}

    @cached_property
    def _ceiling_draws(self) -> dict[str, NDArray[np.float64]]:
        """Draws of the lower bound from the images and subjects that are resampled for the score."""
        if self.ceiling is None:
            return {}
        measured = rdm.lower_bounds(self.data.rdms)
        drawn = rdm.resampled_lower_bounds(self.data.rdms, self.image_counts)
        return bootstrap.mean_draws(drawn, measured, self.unit_draws(len(measured)))
