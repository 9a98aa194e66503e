"""A score never travels without its ceiling, its error and the name of its normalisation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import one_of

NORMALISATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "(r/c)^2": lambda r, c: (r / c) ** 2,
    "r/c": lambda r, c: r / c,
    "r^2/c": lambda r, c: r**2 / c,
}
"""The three ceiling normalisations Brain-Score has used; the paper's numbers are ``(r/c)^2``."""

DEFAULT_NORMALISATION = "(r/c)^2"
UNCEILED = "none"

ALIKE = "every image has the same response"
"""Part of the note of a score: the network is dead there, and can match nothing."""

Draws = Mapping[str, NDArray[np.float64]]
"""What was resampled ("stimuli", "units", "both" at once) -> bootstrap draws of a score, each (draws,)."""


class Evidence(Protocol):
    """Returns bootstrap draws: all that there are, or the first ``most`` of the same."""

    def __call__(self, most: int | None = None, /) -> Draws:
        """Return them."""
        ...


@dataclass(frozen=True)
class Ceiling:
    """The noise ceiling of a benchmark: what a perfect model could reach, and its error.

    Attributes:
        value: the ceiling.
        error: its standard error as the metric reports it; of a split-half reliability the peer's, which is
            over halvings alone, and 0 for two repeats, which can be halved in one way only.
        upper: an upper bound, where there is one.
        sampling: standard error from the sampling of images and their trials, where it is estimated.
        left_out: number of units without a reliability in some or all halvings.
    """

    value: float
    error: float
    upper: float | None = None
    sampling: float = 0.0
    left_out: int = 0

    @property
    def uncertainty(self) -> float:
        """The larger of the errors: what decides whether the ceiling is told from 0."""
        return max(self.error, self.sampling)


@dataclass(frozen=True)
class Score:
    """One model read-out on one benchmark.

    Attributes:
        raw: the uncorrected score (for predictivity, Pearson r).
        ceiling: the noise ceiling, or None where the data support none.
        score: ``raw`` normalised by the ceiling, or ``raw`` itself where there is no ceiling.
        normalisation: how: a key of `NORMALISATIONS`, or ``"none"``.
        error: standard error of ``raw`` (the metric says over what).
        units: raw score of each unit (neuron, subject), where there are units.
        unit_ids: how the data's own file calls each unit; None if by its place, from 0.
        evidence: makes bootstrap draws of ``score``, ceiled like it; the same resamples for every model on
            the same data. None where the formula offers none.
        errors: "stimuli" or "units" -> standard error of ``score`` from it, where draws were condensed.
    """

    benchmark: str
    area: str
    metric: str
    layer: str
    raw: float
    ceiling: float | None
    score: float
    normalisation: str
    error: float
    n_stimuli: int
    n_units: int
    simulated: bool = False
    note: str = ""
    units: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)
    unit_ids: tuple[str, ...] | None = field(default=None, compare=False, repr=False)
    evidence: Evidence | None = field(default=None, compare=False, repr=False)
    errors: Mapping[str, float] | None = field(default=None, compare=False, repr=False)


def check_normalisation(name: str) -> str:
    """Return ``name`` if it is a known ceiling normalisation; raise `InputError` otherwise."""
    return one_of(name, NORMALISATIONS, "normalisation")


def normalise(raw: float, ceiling: float | None, normalisation: str) -> tuple[float, str]:
    """Return the ceiling-normalised score and the name of the normalisation that was applied.

    A negative ``raw`` is at or below chance; squaring would turn it into a good score, so the sign is
    kept. Without a usable ceiling the raw score is returned, named ``"none"``.
    """
    check_normalisation(normalisation)
    if ceiling is None or not ceiling > 0:
        return raw, UNCEILED
    value = NORMALISATIONS[normalisation](abs(raw), ceiling)
    return (value if raw >= 0 else -value), normalisation


def normalise_draws(
    raw: NDArray[np.float64], ceiling: NDArray[np.float64] | None, normalisation: str
) -> NDArray[np.float64]:
    """Return `normalise` of every draw of a raw score and its ceiling; NaN where a ceiling is not above 0.

    Args:
        raw: (draws,).
        ceiling: (draws,); None, or ``normalisation`` "none", returns ``raw``.
        normalisation: what was applied to the score itself.
    """
    if ceiling is None or normalisation == UNCEILED:
        return raw
    above = np.where(ceiling > 0, ceiling, np.nan)
    values: NDArray[np.float64] = NORMALISATIONS[check_normalisation(normalisation)](np.abs(raw), above)
    return np.sign(raw) * values
