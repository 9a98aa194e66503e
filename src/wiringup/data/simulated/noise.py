"""Trial noise whose variance is proportional to the mean, and what can be known through it."""

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import at_least
from wiringup.core.errors import InputError

Floats64 = NDArray[np.float64]


def check_missing(missing: float) -> float:
    """Return ``missing`` if it is a fraction below 1; raise `InputError` otherwise."""
    if not 0 <= missing < 1:
        raise InputError(f"The fraction of missing trials is {missing}; it has to lie in 0 <= missing < 1.")
    return missing


def draw_trials(
    mean: Floats64, repeats: int, fano: float, rng: np.random.Generator, missing: float = 0.0
) -> NDArray[np.float32]:
    """Draw spike counts around ``mean`` with variance ``fano * mean``.

    Poisson for a Fano factor of 1, otherwise negative binomial: a Poisson process whose rate varies
    from trial to trial (Goris, Movshon & Simoncelli 2014, with gain variance 1/mean).

    Args:
        mean: (units, images) expected spikes in a trial, not negative.
        repeats: number of trials.
        fano: variance over mean, at least 1.
        rng: the stream of randomness.
        missing: fraction of trials that were lost, at random; every image keeps at least two.

    Returns:
        float32 (units, images, repeats), NaN where a trial is missing.

    Raises:
        InputError: for a Fano factor below 1, no repeats, or ``missing`` outside 0 <= missing < 1.
    """
    at_least(fano, 1.0, "The Fano factor")
    at_least(repeats, 1, "The number of repeats")
    check_missing(missing)
    rate = np.broadcast_to(mean[..., None], (*mean.shape, repeats))
    if fano > 1:
        rate = rng.gamma(rate / (fano - 1), fano - 1)
    trials = rng.poisson(rate).astype(np.float32)
    if missing:
        trials[_lost(trials.shape, missing, rng)] = np.nan
    return trials


def _lost(shape: tuple[int, ...], missing: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which trials are lost: each with probability ``missing``, except two of every image."""
    draw = rng.uniform(size=shape)
    kept = np.argsort(draw, axis=-1)[..., -2:]
    lost = draw < missing
    np.put_along_axis(lost, kept, False, axis=-1)
    return np.asarray(lost)


def true_reliability(mean: Floats64, variance: Floats64, repeats: int | NDArray[np.int64]) -> Floats64:
    """Return the reliability of the average over repeats: E[r(average, another such average)] per unit.

    This is what split halves with the Spearman-Brown correction estimate:
    V / (V + mean over images of variance / repeats), where V is the variance (ddof 1) of the true means
    over images. (A ratio of expectations: exact but for terms of order 1/images.) The correlation of the
    average with the true mean itself, the highest any model can reach, is its square root.

    Args:
        mean: (units, images) true responses.
        variance: (units, images) noise variance of a single trial.
        repeats: trials in the average: a number, or (units, images) where some are missing.

    Returns:
        float64 (units,), between 0 and 1.
    """
    signal = mean.var(axis=1, ddof=1)
    return np.asarray(signal / (signal + (variance / repeats).mean(axis=1)))
