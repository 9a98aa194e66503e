"""Noise ceilings of recordings: how well one half of the repeats predicts the other.

Brain-Score's internal consistency: the repetition labels are split in half at random, each half is
averaged, the halves are correlated over images for every unit, and Spearman-Brown extrapolates from half
to all repeats, 2 r / (1 + r).
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.benchmarks.metrics.bootstrap import condensed, left_out, weighted_r
from wiringup.benchmarks.metrics.correlation import aggregate, pearson
from wiringup.benchmarks.metrics.threads import side_by_side
from wiringup.core.score import Ceiling

Found = TypeVar("Found")

N_SPLITS = 10
SEED = 1
FEWEST_HALVES = 6  # on 3, resamples of images let one in eight ceilings of pure noise pass; on 6, one in 30
SAMPLING_DRAWS = 50  # tell a standard error to within a tenth
_TRIALS_AT_ONCE = 250_000  # with their doubles they stay in the cache


def spearman_brown(r: Tensor) -> Tensor:
    """Return the reliability of the whole from the correlation ``r`` of its halves."""
    return 2 * r / (1 + r)


def half_splits(n_repeats: int) -> NDArray[np.float32]:
    """Return (splits, 2, repeats), 1 where a repeat belongs to the half: the peer's ten halvings.

    ``ShuffleSplit(10, train_size=.5, random_state=1)``: 20 repeats are split 10/10, 47 repeats 23/24.
    """
    from sklearn.model_selection import ShuffleSplit

    halves = np.zeros((N_SPLITS, 2, n_repeats), np.float32)
    splitter = ShuffleSplit(n_splits=N_SPLITS, train_size=0.5, random_state=SEED)
    for split, both in enumerate(splitter.split(np.zeros(n_repeats))):
        for half, members in enumerate(both):
            halves[split, half, members] = 1.0
    return halves


def split_half_reliability(trials: NDArray[np.float32]) -> Tensor:
    """Return Spearman-Brown corrected split-half reliability, float64 (splits, units).

    Args:
        trials: (units, images, repeats), NaN where a trial is missing. A half is the mean of the trials it
            has; an image that lacks all trials of a half is left out for that unit and split. A unit that
            has fewer than `FEWEST_HALVES` left is NaN there.
    """
    return torch.cat(_by_units(_reliability, trials), 1)


def resampled_reliability(trials: NDArray[np.float32], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `split_half_reliability` (splits, draws, units) for resampled images.

    Args:
        trials: (units, images, repeats), NaN where a trial is missing.
        counts: (draws, images), how often an image is in each resample.
    """

    def correlations(*halves: Tensor) -> NDArray[np.float64]:
        r = weighted_r(counts, *(half.flatten(1).numpy() for half in halves))  # wide products are fast ones
        return r.reshape(len(counts), *halves[0].shape[1:]).swapaxes(0, 1)

    r = np.concatenate(_by_units(correlations, trials), 2)
    with np.errstate(divide="ignore"):  # of two images that a unit has left, r is -1 in many a resample
        whole: NDArray[np.float64] = 2 * r / (1 + r)
    return whole


def _by_units(compare: Callable[[Tensor, Tensor], Found], trials: NDArray[np.float32]) -> list[Found]:
    """Return what ``compare`` makes of the two half means, for some units at a time, side by side."""
    halves = torch.from_numpy(half_splits(trials.shape[2])).flatten(0, 1).T.double()
    step = max(1, _TRIALS_AT_ONCE // max(1, trials[0].size))
    some = [torch.from_numpy(trials[start : start + step]) for start in range(0, len(trials), step)]
    return side_by_side(lambda units: compare(*half_means(units, halves)), some)


def half_means(trials: Tensor, halves: Tensor) -> tuple[Tensor, Tensor]:
    """Return the means of both halves, float64 (images, splits, units) each.

    NaN where an image lacks all trials of a half.

    Args:
        trials: (units, images, repeats), NaN where a trial is missing.
        halves: float64 (repeats, splits x 2), 1 where a repeat belongs to the half.
    """
    values = trials.double().transpose(1, 2)  # units, repeats, images: sums come out with images side by side
    counts = halves.sum(0)[:, None]
    sums = halves.T @ values
    if bool(sums.isnan().any()):  # a missing trial leaves no half of its image finite
        counts = halves.T @ values.isnan().logical_not().double()
        sums = halves.T @ values.nan_to_num(0.0)
    means = sums.div_(counts).permute(2, 1, 0)  # images, splits x halves, units
    return means[:, ::2], means[:, 1::2]


def _reliability(first: Tensor, second: Tensor) -> Tensor:
    valid = ~(first.isnan() | second.isnan())
    if bool(valid.all()) and len(first) >= FEWEST_HALVES:
        return spearman_brown(pearson(first, second))
    whole = spearman_brown(pearson(first, second, valid))
    return whole.masked_fill(valid.sum(0) < FEWEST_HALVES, torch.nan)


def ceiling(trials: NDArray[np.float32], counts: NDArray[np.float64] | None = None) -> Ceiling | None:
    """Return the noise ceiling of ``trials`` (units, images, repeats), or None where there is none.

    Median over units, mean over splits. One repeat (or published averages) says nothing about noise: no
    ceiling is ever assumed.

    Args:
        trials: NaN where a trial is missing.
        counts: (draws, images), resamples by which the error from the sampling of images is estimated. The
            units stay: a score is divided by the reliability of those that it was made on.
    """
    if trials.shape[2] < 2:
        return None
    by_split = split_half_reliability(trials)
    found = aggregate(by_split)
    if not np.isfinite(found.value):
        return None
    sampling = 0.0 if counts is None else _sampling_error(trials, by_split.numpy(), counts)
    return Ceiling(found.value, found.error, None, sampling, int(by_split.isnan().any(0).sum()))


def _sampling_error(
    trials: NDArray[np.float32], measured: NDArray[np.float64], counts: NDArray[np.float64]
) -> float:
    draws = condensed(left_out(resampled_reliability(trials, counts), measured))
    known = draws[~np.isnan(draws)]
    # halves of a few images can be opposites in a resample, which Spearman-Brown takes to -infinity
    return float(known.std(ddof=1)) if len(known) > 1 and np.isfinite(known).all() else float("inf")
