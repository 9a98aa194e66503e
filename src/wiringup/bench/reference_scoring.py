"""Scoring as one writes it down straight from its definition, with scikit-learn and SciPy: the references."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.benchmarks.metrics.reliability import half_splits
from wiringup.benchmarks.metrics.splits import Fold


def predictivity(
    features: NDArray[np.float32], targets: NDArray[np.float64], folds: Sequence[Fold]
) -> NDArray[np.float64]:
    """Return Pearson r (folds, units): scikit-learn's PLS in a loop over folds, 25 components, unscaled.

    Args:
        features: (images, features).
        targets: (images, units).
        folds: training and test images.
    """
    from sklearn.cross_decomposition import PLSRegression
    from sklearn.exceptions import ConvergenceWarning

    r = np.empty((len(folds), targets.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its iteration is known to stop early
        for i, fold in enumerate(folds):
            model = PLSRegression(n_components=25, scale=False).fit(features[fold.train], targets[fold.train])
            r[i] = _by_unit(model.predict(features[fold.test]), targets[fold.test])
    return r


def internal_consistency(trials: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return Spearman-Brown corrected split-half r (splits, units): a loop over splits, halves and units.

    Args:
        trials: (units, images, repeats), none missing.
    """
    reliability = []
    for halves in half_splits(trials.shape[2]).astype(bool):
        first, second = (trials[:, :, half].mean(2, dtype=np.float64).T for half in halves)
        r = _by_unit(first, second)
        reliability.append(2 * r / (1 + r))
    return np.array(reliability)


def _by_unit(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    from scipy.stats import pearsonr

    return np.array([pearsonr(a, b).statistic for a, b in zip(x.T, y.T, strict=True)])
