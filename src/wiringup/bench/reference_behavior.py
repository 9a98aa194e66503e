"""i2n written down from its definition, a trial and an image at a time: the yardstick for its speed.

Same halves, conventions and numbers as `wiringup.benchmarks.metrics.i2n`; nothing is shared with it.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, pearsonr

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


def reference_i2n(
    image: Labels, sample: Labels, distractor: Labels, choice: Labels, truth: Labels, probabilities: Matrix
) -> tuple[float, float, float]:
    """Return (raw score, ceiling, ceiled score) of the i2n consistency of a model with people.

    Args:
        image: (trials,) index of the image that was shown.
        sample: (trials,) its class.
        distractor: (trials,) the other class on offer.
        choice: (trials,) what was chosen of the two.
        truth: (images,) class of each image.
        probabilities: (images, classes) of the model.
    """
    model = _signature(_model_choices(probabilities, truth), truth)
    trials = list(zip(image.tolist(), sample.tolist(), distractor.tolist(), choice.tolist(), strict=True))
    random = np.random.RandomState(0)
    scores, ceilings = [], []
    for _ in range(2):
        order = random.permutation(len(trials))
        parts = order[: len(trials) // 2], order[len(trials) // 2 :]
        first, second = (
            _signature(_human_choices((trials[i] for i in part), truth, probabilities.shape[1]), truth)
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
