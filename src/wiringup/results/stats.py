"""Intervals and tests for few values: bootstrap, expanded percentiles, permutation of signs."""

import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from wiringup.core.checks import at_least, same_length
from wiringup.core.errors import InputError

LEVEL = 0.95
DRAWS = 10_000
POWER = 0.8

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number with its error.

    Attributes:
        value: the number.
        error: standard error, of all that was resampled together; NaN where nothing could be.
        low, high: 95 % interval.
        errors: "stimuli", "units" or "seeds" -> standard error from that source alone; what cannot be
            resampled (units of behaviour, a single seed) is not there.
    """

    value: float
    error: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    errors: Mapping[str, float] = field(default_factory=dict)

    def in_percent(self) -> "Estimate":
        """Return a fraction in percent."""
        errors = {source: 100 * error for source, error in self.errors.items()}
        return Estimate(100 * self.value, 100 * self.error, 100 * self.low, 100 * self.high, errors)


@dataclass(frozen=True)
class OverSeeds:
    """A number in every seed."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.values))

    @property
    def sd(self) -> float:
        """The standard deviation (n - 1) over seeds; of a single value it is NaN, not 0."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else float("nan")

    def __len__(self) -> int:
        return len(self.values)


def percentiles(draws: Array, level: float = LEVEL, df: float = np.inf) -> tuple[float, float]:
    """Return the percentile interval of bootstrap draws, without NaN; NaN if nothing is left.

    Args:
        draws: (draws,).
        level: probability of covering the truth.
        df: degrees of freedom of the estimated spread: with few, the ends move away from the median, as a
            t interval is wider than a normal one. (Percentiles further out, as in Hesterberg 2015, Am Stat
            69:371, end at the most extreme draws: with two seeds they would cover 80 % instead of 95 %.)
    """
    known = draws[~np.isnan(draws)]
    if not len(known):
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, middle, high = np.quantile(known, [tail, 0.5, 1 - tail])
    wider = t_over_normal(df, level)
    return float(middle - wider * (middle - low)), float(middle + wider * (high - middle))


def t_over_normal(df: float, level: float = LEVEL) -> float:
    """Return by how much a t interval with ``df`` degrees of freedom is wider than a normal one."""
    tail = (1 - level) / 2
    return float(stdtrit(df, tail) / ndtri(tail))


def rescaled_weights(n: int, draws: int, generator: np.random.Generator) -> Array:
    """Return (draws, n) weights that sum to n: bootstrap counts, spread so that no variance is lost.

    Plain counts make the variance of a mean too small by (n - 1) / n, half of it for two seeds; deviations
    from 1 are multiplied by sqrt(n / (n - 1)) (Rao & Wu 1988, J Am Stat Assoc 83:231). Weights may be
    negative. One value has no spread: its weights are 1.
    """
    if n < 2:
        return np.ones((draws, n))
    counts = generator.multinomial(n, np.full(n, 1 / n), size=draws)
    return np.asarray(1 + (counts - 1) * np.sqrt(n / (n - 1)), np.float64)


def normal_weights(n: int, draws: int, generator: np.random.Generator) -> Array:
    """Return (draws, n) weights that sum to n, normally distributed, for very few values.

    A mean with these weights has the variance of a mean of n values, as with `rescaled_weights`, but its
    draws are normal: resamples of two to five values are only a handful of different ones, whose far
    percentiles are too near (a multiplier bootstrap; Mammen 1993, Ann Stat 21:255).
    """
    if n < 2:
        return np.ones((draws, n))
    z = generator.standard_normal((draws, n)) * np.sqrt(n / (n - 1))
    return np.asarray(1 + z - z.mean(1, keepdims=True), np.float64)


def mean_interval(values: Array, generator: np.random.Generator, draws: int = DRAWS) -> Estimate:
    """Return the mean of ``values`` (n,) with its bootstrap standard error and 95 % interval.

    Raises:
        InputError: for fewer than two values.
    """
    n = len(values)
    at_least(n, 2, "the number of values to resample")
    drawn = rescaled_weights(n, draws, generator) @ values / n
    return Estimate(float(values.mean()), float(drawn.std(ddof=1)), *percentiles(drawn, LEVEL, n - 1))


def mean_of_runs(values: Array, common: Mapping[str, float] | None = None) -> Estimate:
    """Return the mean over runs (seeds) with a t interval, widened by errors that all runs have in common.

    Args:
        values: (n,); one run has no spread, none has no mean.
        common: source ("stimuli", "units") -> standard error that no further seed makes smaller: all runs
            were scored on the same stimuli and units.
    """
    n, errors = len(values), dict(common or {})
    if not n:
        return Estimate(float("nan"))
    if n > 1:
        errors["seeds"] = float(values.std(ddof=1) / np.sqrt(n))
    if not errors:
        return Estimate(float(values.mean()))
    variance = sum(error**2 for error in errors.values())
    of_seeds = errors.get("seeds", 0.0) ** 2
    # Satterthwaite: the fewer seeds and the more they matter, the wider
    df = (n - 1) * (variance / of_seeds) ** 2 if of_seeds else np.inf
    half = float(stdtrit(df, (1 + LEVEL) / 2) * np.sqrt(variance))
    mean = float(values.mean())
    return Estimate(mean, float(np.sqrt(variance)), mean - half, mean + half, errors)


def one_more(values: Array) -> tuple[float, float]:
    """Return the 95 % interval in which one more value like ``values`` (n,) lies; NaN for a single one."""
    n = len(values)
    if n < 2:
        return float("nan"), float("nan")
    half = stdtrit(n - 1, (1 + LEVEL) / 2) * values.std(ddof=1) * np.sqrt(1 + 1 / n)
    return float(values.mean() - half), float(values.mean() + half)


def paired_permutation(a: Array, b: Array, generator: np.random.Generator, most: int = DRAWS) -> float:
    """Return how often chance alone, changing signs of differences, parts the means of paired values as far.

    Args:
        a: (n,), one condition; NaN is answered with NaN.
        b: (n,), the other, pair by pair.
        generator: for more pairs than can be enumerated.
        most: of all 2^n sign changes, at most as many are tried; random ones if there are more.

    Raises:
        InputError: if lengths differ or there is no pair.
    """
    same_length(len(b), len(a), "the second condition", "the first")
    at_least(len(a), 1, "the number of pairs")
    d = np.asarray(a, np.float64) - b
    if np.isnan(d).any():
        return float("nan")
    exact = 2 ** len(d) <= most
    means = _signs(len(d), most, exact, generator) @ d / len(d)
    extreme = int((np.abs(means) >= abs(d.mean()) * (1 - 1e-12)).sum())
    # a random sample of sign changes counts the observed one too, so that p is never 0
    return extreme / len(means) if exact else (extreme + 1) / (len(means) + 1)


def permutation(a: Array, b: Array, generator: np.random.Generator, most: int = DRAWS) -> float:
    """Return how often chance alone, exchanging values, parts the means of two unpaired samples as far.

    Args:
        a: (n,), one condition; NaN is answered with NaN.
        b: (m,), the other.
        generator: for more exchanges than can be enumerated.
        most: exchanges that are tried; random ones if there are more.

    Raises:
        InputError: for fewer than two values in a sample.
    """
    from scipy import stats  # takes a second to import

    at_least(min(len(a), len(b)), 2, "the number of values in each sample")
    if np.isnan(a).any() or np.isnan(b).any():
        return float("nan")
    found = stats.permutation_test(
        (a, b),
        lambda x, y, axis: x.mean(axis) - y.mean(axis),
        vectorized=True,
        n_resamples=most,
        random_state=generator,
    )
    return float(found.pvalue)


def least_seeds(difference: float, sd: float, *, paired: bool, power: float = POWER) -> int:
    """Return how many seeds (of each condition) a t test at 5 % needs to find a difference.

    Args:
        difference: that is to be found.
        sd: over seeds; of the paired differences, or of each condition.
        paired: whether seeds are compared one by one.
        power: probability of finding it.

    Raises:
        InputError: if the difference or the deviation is not above 0.
    """
    if not (abs(difference) > 0 and sd > 0):
        raise InputError(
            f"A difference of {difference:g} with a deviation of {sd:g} needs no seeds or endless ones."
        )

    from scipy import stats

    def finds(n: int) -> bool:
        df = n - 1 if paired else 2 * n - 2
        shift = abs(difference) / sd * np.sqrt(n if paired else n / 2)
        edge = stdtrit(df, (1 + LEVEL) / 2)
        other_side = np.nan_to_num(stats.nct.cdf(-edge, df, shift))  # NaN where it is too small to tell
        return bool(stats.nct.sf(edge, df, shift) + other_side >= power)

    enough = 2
    while not finds(enough):
        enough *= 2
    return bisect.bisect_left(range(enough), True, lo=2, key=finds)


def sd_interval(values: Array) -> tuple[float, float]:
    """Return the 95 % interval of the standard deviation of normal values (n,), by chi squared."""
    from scipy import stats

    df = at_least(len(values), 2, "the number of values") - 1
    scaled = values.std(ddof=1) * np.sqrt(df)
    low, high = scaled / np.sqrt(stats.chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], df))
    return float(low), float(high)


def _signs(n: int, most: int, exact: bool, generator: np.random.Generator) -> Array:
    every = (np.arange(2**n)[:, None] >> np.arange(n)) & 1 if exact else generator.integers(0, 2, (most, n))
    return np.where(every, 1.0, -1.0)
