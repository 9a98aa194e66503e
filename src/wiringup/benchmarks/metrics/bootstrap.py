"""Bootstrap draws of finished scores: stimuli and units are resampled, no map is fitted anew.

A resample of the images is a vector of counts, and only weighted sums of five products enter a correlation:
all draws of it are a few matrix products. What is resampled:

- stimuli: the images on which a score was tested (groups of near-copies as a whole). The images that a map
  or decoder was fitted on stay as they are.
- units: neurons, or subjects.
- both: at once. What is peculiar to an image in a unit is in each of the first two once, in this one three
  times, so that the variance of all is 2 (stimuli + units) - both (see Owen 2007, Ann Appl Stat 1:386, on
  crossed resampling; `results.draws` takes the difference).

Counts and indices are made from a generator, so that two models scored on the same data can be given the
same resamples: what the data owe to chance then cancels in their difference and their ratio.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wiringup.benchmarks.metrics.splits import Fold

DRAWS = 1000

Array = NDArray[np.float64]
Index = NDArray[np.intp]

_CONSTANT = 1e-13


def image_counts(
    n: int, generator: np.random.Generator, groups: NDArray[np.str_] | None = None, draws: int = DRAWS
) -> Array:
    """Return (draws, n): how often each image is in each resample.

    Args:
        n: number of images.
        generator: where the randomness comes from.
        groups: (n,) names; images of one group are drawn together.
        draws: number of resamples.
    """
    clusters = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    k = int(clusters.max()) + 1
    counts = generator.multinomial(k, np.full(k, 1 / k), size=draws)
    return counts[:, clusters].astype(np.float64)


def unit_draws(n: int, generator: np.random.Generator, draws: int = DRAWS) -> Index:
    """Return (draws, n) indices of units, drawn with replacement."""
    return generator.integers(0, n, (draws, n))


def weighted_r(counts: Array, x: Array, y: Array) -> Array:
    """Return Pearson r (draws, units) in every resample; NaN where either side does not vary.

    Args:
        counts: (draws, images).
        x: (images, units), NaN where there is no value.
        y: the same shape.
    """
    valid = ~(np.isnan(x) | np.isnan(y))
    n = counts @ (valid if not valid.all() else valid[:, :1]).astype(np.float64)
    x, y = _centred(x, valid), _centred(y, valid)
    with np.errstate(invalid="ignore", divide="ignore"):
        sx, sy, xx, yy, xy = (counts @ v for v in (x, y, x * x, y * y, x * y))
        vx, vy = xx - sx * sx / n, yy - sy * sy / n
        r: Array = (xy - sx * sy / n) / np.sqrt(vx * vy)
        r[~((vx > _CONSTANT * xx) & (vy > _CONSTANT * yy))] = np.nan
    return r


def _centred(x: Array, valid: NDArray[np.bool_]) -> Array:
    """Return x less its mean over the images, 0 where it is not valid or does not vary."""
    x = np.where(valid, x, 0.0).astype(np.float64)
    mean = x.sum(0) / np.maximum(valid.sum(0), 1)
    centred: Array = np.where(valid, x - mean, 0.0)
    centred[:, np.abs(centred).max(0) <= _CONSTANT * np.abs(x).max(0)] = 0.0
    return centred


def held_out_r(
    predictions: Sequence[Array], measured: Array, folds: Sequence[Fold], counts: Array
) -> NDArray[np.float64]:
    """Return Pearson r (folds, draws, units) between prediction and measurement in every resample.

    Args:
        predictions: (test images, units) for each fold.
        measured: (images, units), NaN where there is no response.
        folds: whose ``test`` says which images the predictions are of.
        counts: (draws, images), over all images: an image counts alike in every fold that tests it.
    """
    pairs = zip(predictions, folds, strict=True)
    return np.stack([weighted_r(counts[:, fold.test], p, measured[fold.test]) for p, fold in pairs])


def condensed(r: Array, units: Index | None = None) -> Array:
    """Return (draws,): the median over units of (splits, draws, units), then the mean over splits.

    Args:
        r: (splits, draws, units), or (splits, 1, units) to resample units alone.
        units: (draws, units) indices of resampled units; None leaves the units as they are.
    """
    if units is not None:
        r = np.take_along_axis(np.broadcast_to(r, (len(r), *units.shape)), units[None], 2)
    return nanmean(median(r), 0)


def condensed_draws(resampled: Array, measured: Array, units: Index) -> dict[str, Array]:
    """Return {source: (draws,)} of a score that is a median over units and a mean over splits.

    Args:
        resampled: (splits, draws, units), with resampled stimuli.
        measured: (splits, units), with all stimuli; what is NaN here is left out of the draws too.
        units: (draws, units) indices of resampled units.
    """
    resampled = left_out(resampled, measured)
    return {
        "stimuli": condensed(resampled),
        "units": condensed(measured[:, None], units),
        "both": condensed(resampled, units),
    }


def left_out(resampled: Array, measured: Array) -> Array:
    """Return ``resampled`` (splits, draws, units), NaN where ``measured`` (splits, units) is."""
    missing = np.isnan(measured)[:, None]
    return np.where(missing, np.nan, resampled) if missing.any() else resampled


def mean_draws(resampled: Array, measured: Array, units: Index) -> dict[str, Array]:
    """Return {source: (draws,)} of a score that is a mean over units.

    Args:
        resampled: (draws, units), with resampled stimuli.
        measured: (units,), with all stimuli.
        units: (draws, units) indices of resampled units.
    """
    return {
        "stimuli": nanmean(resampled, 1),
        "units": nanmean(measured[units], 1),
        "both": nanmean(np.take_along_axis(resampled, units, 1), 1),
    }


def median(x: Array) -> Array:
    """Return the median over the last axis without NaN; NaN where nothing is left."""
    x = np.sort(x, axis=-1)
    n = (~np.isnan(x)).sum(-1, keepdims=True)
    last = x.shape[-1] - 1
    low, high = (np.take_along_axis(x, np.clip(i, 0, last), -1) for i in ((n - 1) // 2, n // 2))
    return np.where(n > 0, (low + high) / 2, np.nan)[..., 0]


def nanmean(x: Array, axis: int) -> Array:
    """Return the mean over ``axis`` without NaN; NaN where nothing is left."""
    present = ~np.isnan(x)
    with np.errstate(invalid="ignore"):
        mean: Array = np.where(present, x, 0.0).sum(axis) / present.sum(axis)
    return mean


def deviation(draws: Array) -> float:
    """Return the standard deviation (n - 1) of draws without NaN; NaN if fewer than two are left."""
    known = draws[~np.isnan(draws)]
    return float(known.std(ddof=1)) if len(known) > 1 else float("nan")


def pattern_r(counts: Array, a: Array, b: Array) -> Array:
    """Return (draws,): Pearson r over all entries of two matrices (rows, columns) with resampled rows.

    Entries that are NaN on either side are left out, as in `i2n.correlate`.
    """
    both = ~(np.isnan(a) | np.isnan(b))
    x, y = (np.where(both, m - m[both].mean(), 0.0) for m in (a, b))
    n, sx, sy, xx, yy, xy = (counts @ v.sum(1) for v in (both, x, y, x * x, y * y, x * y))
    with np.errstate(invalid="ignore", divide="ignore"):
        r: Array = (xy - sx * sy / n) / np.sqrt((xx - sx * sx / n) * (yy - sy * sy / n))
    return r


def consistency_draws(own: Array, people: Sequence[tuple[Array, Array]], counts: Array) -> Array:
    """Return (draws,) of the mean over halvings of r(model, first half) / sqrt(r(first, second half)).

    Args:
        own: the model's signature (rows, columns), see `i2n.signature`.
        people: signatures of pairs of halves of the judgements.
        counts: (draws, rows).

    A resample in which the halves do not agree is NaN.
    """
    with np.errstate(invalid="ignore"):
        parts = [pattern_r(counts, own, a) / np.sqrt(pattern_r(counts, a, b)) for a, b in people]
    mean: Array = np.mean(parts, axis=0)
    return mean
