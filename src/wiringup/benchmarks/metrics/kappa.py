"""Error consistency: are the same decisions wrong, beyond what two accuracies alone lead to?

Geirhos, Meding & Wichmann 2020 (NeurIPS): kappa = (c_obs - c_exp) / (1 - c_exp), where c_obs is the fraction
of decisions that are both right or both wrong, and c_exp = p1 p2 + (1 - p1)(1 - p2) what independent
observers with these accuracies would reach. This is Cohen's kappa of correct/incorrect.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiringup.benchmarks.metrics.bootstrap import deviation
from wiringup.core.score import Ceiling

Matrix = NDArray[np.float64]

FEWEST_SHARED = 10
"""Two observers are compared if they judged at least so many of the same images."""

MOST_RESAMPLED = 40
"""The ceiling's error is estimated on so many subjects at most, drawn at random: pairs grow quadratically."""


@dataclass(frozen=True, eq=False)
class Agreement:
    """Error consistency of a model with people.

    Attributes:
        value: mean kappa over the subjects for whom it is defined; NaN if there are none.
        error: standard error of ``value``, bootstrap over images.
        ceiling: mean kappa over pairs of subjects, its error by bootstrap over images; None if no pair
            judged the same images.
        subjects: (subjects,) kappa of the model with each; NaN where it is not defined.
    """

    value: float
    error: float
    ceiling: Ceiling | None
    subjects: Matrix


def kappas(first: Matrix, second: Matrix, weights: Matrix | None = None) -> Matrix:
    """Return kappa of every row of ``first`` with every row of ``second``.

    Args:
        first: (a, images), 1 where a decision is right, 0 where it is wrong, NaN where there is none.
        second: (b, images), the same.
        weights: how often an image counts, to broadcast against ``first``; by default once.

    Returns:
        (a, b); NaN where fewer than `FEWEST_SHARED` images are shared, or where both are always right (or
        always wrong), so that nothing is left to agree on beyond chance.
    """
    w = np.ones(first.shape[1]) if weights is None else weights
    judged, right = w * ~np.isnan(first), w * np.nan_to_num(first)
    also, also_right = (~np.isnan(second)).astype(np.float64), np.nan_to_num(second)
    n, both = judged @ also.T, right @ also_right.T
    p, q = right @ also.T, judged @ also_right.T
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = (n - p - q + 2 * both) / n
        p, q = p / n, q / n
        expected = p * q + (1 - p) * (1 - q)
        kappa: Matrix = (observed - expected) / (1 - expected)
    kappa[(n < FEWEST_SHARED) | (expected == 1)] = np.nan
    return kappa


def error_consistency(model: Matrix, people: Matrix, draws: int = 200, seed: int = 0) -> Agreement:
    """Compare which of a model's decisions are right with which of people's are.

    Args:
        model: (images,), 1 where the model is right, 0 where it is wrong.
        people: (subjects, images), the same for each subject; NaN where an image was not judged.
        draws: resamples of the images for the errors.
        seed: of the resamples.
    """
    random = np.random.default_rng(seed)
    n = len(model)
    weights = random.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
    subjects = kappas(model[None], people)[0]
    resampled = kappas(np.broadcast_to(model, (draws, n)), people, weights)
    return Agreement(
        value=_mean(subjects),
        error=deviation(np.array([_mean(row) for row in resampled[:, ~np.isnan(subjects)]])),
        ceiling=_ceiling(people, weights, random),
        subjects=subjects,
    )


def _ceiling(people: Matrix, weights: Matrix, random: np.random.Generator) -> Ceiling | None:
    value = _mean(_pairs(people))
    if np.isnan(value):
        return None
    some = people
    if len(people) > MOST_RESAMPLED:
        some = people[random.permutation(len(people))[:MOST_RESAMPLED]]
    return Ceiling(value, deviation(np.array([_mean(_pairs(some, w)) for w in weights])))


def _pairs(people: Matrix, weights: Matrix | None = None) -> Matrix:
    above = np.triu_indices(len(people), 1)
    found: Matrix = kappas(people, people, weights)[above]
    return found


def _mean(values: Matrix) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
