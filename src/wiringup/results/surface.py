"""A Gaussian process over images and epochs, and what can be chosen within the points that it rests on."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError
from scipy.special import ndtri

from wiringup.results.stats import LEVEL

Array = NDArray[np.float64]

STEPS = 25  # of a grid of images and of epochs


def grid(x: Array) -> Array:
    """Return (choices, 2): a grid within the convex hull of points, or along their line."""
    low, high = x.min(0), x.max(0)
    axes = [np.linspace(a, b, STEPS if b > a else 1) for a, b in zip(low, high, strict=True)]
    found: Array = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    if min(len(axis) for axis in axes) == 1:
        return found
    try:
        inside = Delaunay(x).find_simplex(found) >= 0
    except QhullError:  # on a slanted line: nothing lies between but the points
        found, inside = x, np.ones(len(x), bool)
    chosen: Array = found[inside]
    return chosen


def fitted(x: Array, y: Array) -> Any:
    """Return a Gaussian process (scikit-learn's) fitted to values y (points,) at x (points, 2)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    # in units of the spread of y (normalised) and of decades of images and epochs
    kernel = ConstantKernel(1.0, (0.1, 10.0)) * RBF([1.0, 1.0], (0.3, 5.0)) + WhiteKernel(0.05, (1e-3, 1.0))
    process = GaussianProcessRegressor(kernel, normalize_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a bound that is reached is meant
        return process.fit(x, y)


def left_out(process: Any, x: Array, y: Array) -> tuple[float, float]:
    """Return the error of points predicted from the others, and the share that their intervals cover.

    All points of one choice of images and epochs are left out together, so that other seeds do not tell.
    """
    from sklearn.gaussian_process import GaussianProcessRegressor

    misses, hits = np.zeros(len(y)), np.zeros(len(y))
    _, groups = np.unique(x, axis=0, return_inverse=True)
    for group in np.unique(groups):
        out = groups == group
        if out.all():
            return float("nan"), float("nan")
        rest = GaussianProcessRegressor(process.kernel_, optimizer=None, normalize_y=True).fit(
            x[~out], y[~out]
        )
        mean, sd = rest.predict(x[out], return_std=True)
        misses[out] = y[out] - mean
        hits[out] = np.abs(misses[out]) <= ndtri((1 + LEVEL) / 2) * sd
    return float(np.sqrt((misses**2).mean())), float(hits.mean())
