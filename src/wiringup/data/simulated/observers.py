"""Simulated subjects who name the object in an image from a noisy read-out of IT."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats64 = NDArray[np.float64]

_RIDGE = 1.0
_LAPSES = 0.02


@dataclass(frozen=True, eq=False)
class Observers:
    """Subjects who share a read-out of IT and differ in how noisy their decisions are.

    Attributes:
        responses: (units, images) true responses of IT to the images the subjects have learned from.
        labels: (images,) category of each.
        sensitivity: (subjects,) inverse temperature of each subject's decision.
    """

    responses: Floats64
    labels: NDArray[np.int64]
    sensitivity: Floats64

    @cached_property
    def _scale(self) -> tuple[Floats64, Floats64]:
        return self.responses.mean(axis=1, keepdims=True), self.responses.std(axis=1, keepdims=True)

    def _features(self, responses: Floats64) -> Floats64:
        mean, deviation = self._scale
        z = (responses - mean) / deviation
        return np.asarray(np.concatenate([z, np.ones((1, z.shape[1]))]).T)

    @cached_property
    def _weights(self) -> Floats64:
        """(units + 1, classes): ridge regression of class membership on standardised responses."""
        x, y = self._features(self.responses), np.eye(self.labels.max() + 1)[self.labels]
        penalty = _RIDGE * np.eye(x.shape[1])
        penalty[-1, -1] = 0
        return np.asarray(np.linalg.solve(x.T @ x + penalty, x.T @ y))

    def probabilities(self, responses: Floats64) -> Floats64:
        """Return (subjects, images, classes): how likely each subject is to choose each class.

        Luce's choice rule on the read-out of IT, and now and then a guess. Images are hard where the
        population is weak: far from the fovea, small, or seen from an unusual side.
        """
        evidence = self._features(responses) @ self._weights
        logits = self.sensitivity[:, None, None] * evidence
        weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
        chosen = weights / weights.sum(axis=-1, keepdims=True)
        return np.asarray((1 - _LAPSES) * chosen + _LAPSES / evidence.shape[1])

    def choose(self, responses: Floats64, trials: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return counts (images, classes) over all subjects, ``trials`` of each for every image."""
        counts = rng.multinomial(trials, self.probabilities(responses))
        return np.asarray(counts.sum(axis=0), dtype=np.int64)


def draw_sensitivity(subjects: int, rng: np.random.Generator) -> Floats64:
    """Return the inverse temperatures of ``subjects``, log-normal around 5."""
    return np.asarray(5.0 * np.exp(0.2 * rng.standard_normal(subjects)))
