"""Scoring as one writes it down straight from its definition, with scikit-learn and SciPy: the yardsticks.

`i2n` goes a trial and an image at a time; it has the halves, conventions and numbers of
`wiringup.benchmarks.metrics.i2n` and shares no formula with it.
"""

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, pearsonr

from wiringup.benchmarks.metrics.i2n import Trials
from wiringup.benchmarks.metrics.reliability import half_splits
from wiringup.benchmarks.metrics.splits import Fold

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


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
    return np.array([pearsonr(a, b).statistic for a, b in zip(x.T, y.T, strict=True)])


def i2n(trials: Trials, truth: Labels, probabilities: Matrix) -> tuple[float, float, float]:
    """Return (raw score, ceiling, ceiled score) of the i2n consistency of a model with people.

    Args:
        trials: of the people.
        truth: (images,) class of each image.
        probabilities: (images, classes) of the model.
    """
    model = _signature(_model_choices(probabilities, truth), truth)
    each = (trials.image, trials.sample, trials.distractor, trials.choice)
    rows = list(zip(*(values.tolist() for values in each), strict=True))
    random = np.random.RandomState(0)
    scores, ceilings = [], []
    for _ in range(2):
        order = random.permutation(len(rows))
        parts = order[: len(rows) // 2], order[len(rows) // 2 :]
        first, second = (
            _signature(_human_choices((rows[i] for i in part), truth, probabilities.shape[1]), truth)
            for part in parts
        )
        scores.append(_correlation(model, first))
        ceilings.append(_correlation(first, second))
    ceiled = [r / np.sqrt(c) for r, c in zip(scores, ceilings, strict=True)]
    return float(np.mean(scores)), float(np.mean(ceilings)), float(np.mean(ceiled))


def _model_choices(probabilities: Matrix, truth: Labels) -> Matrix:
    p = np.full(probabilities.shape, np.nan)
    for i, t in enumerate(truth):
        for c in range(probabilities.shape[1]):
            if c != t:
                p[i, c] = probabilities[i, c] / (probabilities[i, c] + probabilities[i, t])
    return p


def _human_choices(trials: Iterable[tuple[int, int, int, int]], truth: Labels, n_classes: int) -> Matrix:
    offered: Counter[tuple[int, int]] = Counter()
    chosen: Counter[tuple[int, int]] = Counter()
    for image, sample, distractor, choice in trials:
        offered[image, sample] += 1
        offered[image, distractor] += 1
        chosen[image, choice] += 1
    p = np.full((len(truth), n_classes), np.nan)
    for i, t in enumerate(truth):
        for c in range(n_classes):
            if c != t and offered[i, c] > 0:
                p[i, c] = chosen[i, c] / offered[i, c]
    return p


def _signature(p: Matrix, truth: Labels) -> Matrix:
    d = np.full(p.shape, np.nan)
    for i, t in enumerate(truth):
        for c in range(p.shape[1]):
            if c != t and not np.isnan(p[i, c]):
                false_alarm = np.nanmean(p[truth == c, t])
                d[i, c] = np.clip(norm.ppf(1 - p[i, c]) - norm.ppf(false_alarm), -5, 5)
    for t in range(p.shape[1]):
        for c in range(p.shape[1]):
            if c != t:
                d[truth == t, c] -= np.nanmean(d[truth == t, c])
    return d


def _correlation(a: Matrix, b: Matrix) -> float:
    both = ~np.isnan(a) & ~np.isnan(b)
    return float(pearsonr(a[both], b[both])[0])
