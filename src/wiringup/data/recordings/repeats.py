"""Repeats that are none: missing ones, for which an array that was filled up holds 0, and copies of one."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb

from wiringup.core.cautions import caution

_CHANCE = 1e-6  # that silence falls on last repeats as often, if it could fall on any
_MOSTLY = 0.9  # of the images in which it does
_OFTEN = 0.5  # sparse responses may end in silence, where they adapt
_SEVERAL = 5  # units, whose silence at once says something where zeros are rare
_RARE = 0.05
_SOME = 0.01  # of all presentations
_NEARLY_ALL = 0.95
_FEWEST = 10  # pairs of a unit and an image


def zeros_assumed(trials: NDArray[np.float32]) -> bool:
    """Return whether responses of 0 were taken that seem to stand for missing repeats, and warn.

    In these presentations all units are silent, though not in all of their image: either the last repeats of
    their images, or some where zeros are rare otherwise.

    Args:
        trials: (units, images, repeats), NaN where missing.
    """
    absent = np.asarray(np.isnan(trials).all(0))
    quiet = ~np.asarray(np.nan_to_num(trials).any(0))
    seen = ~np.asarray(quiet.all(1))  # an image that nobody responds to says nothing about its repeats
    silent = quiet & ~absent & seen[:, None]
    zeros = int((trials[:, ~quiet] == 0).sum())
    often = zeros / max(1, trials[:, ~quiet].size)
    last = often <= _OFTEN and _are_last(silent)
    scattered = often <= _RARE and len(trials) >= _SEVERAL and silent.sum() >= _SOME * silent.size
    if not silent.any() or not (last or scattered):
        return False
    zeros += int((trials[:, quiet & ~silent] == 0).sum())
    remedy = f"store NaN there (--missing 0 would take {zeros} others too)" if zeros else "say --missing 0"
    caution(
        f"In {silent.sum()} presentations the responses of all units are exactly 0"
        f"{', mostly the last of their images' if last else ''}. If they stand for missing repeats, as where "
        f"arrays are filled up, {remedy}: as responses they pull averages and ceiling down."
    )
    return True


def copies_assumed(trials: NDArray[np.float32]) -> bool:
    """Return whether repeats were taken that seem to be copies of one response, as of an average, and warn.

    A unit's median response is left aside: the silence of sparse units repeats by itself.

    Args:
        trials: (units, images, repeats), NaN where missing.
    """
    several = (~np.isnan(trials)).sum(2) > 1
    low, high = np.fmin.reduce(trials, 2), np.fmax.reduce(trials, 2)
    usual = np.nanmedian(trials, (1, 2), keepdims=True)[:, :, 0]
    told = several & ((low != usual) | (high != usual))
    alike = int((low == high)[told].sum())
    if told.sum() < _FEWEST or alike < _NEARLY_ALL * told.sum():
        return False
    caution(
        f"All repeats are equal in {alike} of {told.sum()} pairs of a unit and an image: these look like "
        "copies of an average, and no noise ceiling can come of them (it would be 1). Give the trials "
        "themselves, or the average once."
    )
    return True


def _are_last(silent: NDArray[np.bool_]) -> bool:
    """Return whether silent presentations (images, repeats) are the last of their images, beyond chance."""
    some = silent[silent.any(1)]
    late = (some[:, :-1] <= some[:, 1:]).all(1)
    if not len(some) or late.mean() < _MOSTLY:
        return False
    ways = np.log(comb(silent.shape[1], some[late].sum(1))).sum()
    return bool((~late).sum() * np.log(len(some)) - ways < np.log(_CHANCE))
