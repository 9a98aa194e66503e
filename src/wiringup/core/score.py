"""A score never travels without its ceiling, its error and the name of its normalisation."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import one_of

NORMALISATIONS: dict[str, Callable[[float, float], float]] = {
    "(r/c)^2": lambda r, c: (r / c) ** 2,
    "r/c": lambda r, c: r / c,
    "r^2/c": lambda r, c: r**2 / c,
}
"""The three ceiling normalisations Brain-Score has used; the paper's numbers are ``(r/c)^2``."""

DEFAULT_NORMALISATION = "(r/c)^2"
UNCEILED = "none"


@dataclass(frozen=True)
class Ceiling:
    """The noise ceiling of a benchmark: what a perfect model could reach, and its error."""

    value: float
    error: float
    upper: float | None = None


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
