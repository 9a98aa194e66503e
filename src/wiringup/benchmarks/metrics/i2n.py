"""Behavioural consistency: which images are confused with which objects, by a model and by people.

Rajalingham, Issa, Bashivan, Kar, Schmidt & DiCarlo 2018 (J Neurosci 38:7255), with Brain-Score's
conventions: d' clipped to +-5, two random halves of the trials, no Spearman-Brown correction.
Matrices are (images, classes) and NaN at the true class of each image.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from wiringup.benchmarks.metrics.bootstrap import deviation, nanmean

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]

CAP = 5.0
REPETITIONS = 2
HALVES_SEED = 0


def two_way(probabilities: Matrix, truth: Labels) -> Matrix:
    """Return p(c chosen over the true class) of a model asked to choose between the two: P_c / (P_c + P_t).

    Args:
        probabilities: (images, classes).
        truth: (images,) index of the true class.
    """
    own = np.take_along_axis(probabilities, truth[:, None], 1)
    with np.errstate(invalid="ignore"):
        return without_truth(probabilities / (probabilities + own), truth)


def without_truth(matrix: Matrix, truth: Labels) -> Matrix:
    """Return a copy with NaN at the true class of each image."""
    matrix = np.array(matrix, np.float64)
    matrix[np.arange(len(truth)), truth] = np.nan
    return matrix


def mean_by_object(matrix: Matrix, truth: Labels) -> Matrix:
    """Return (classes, classes): the mean over the images of each object, NaN where there is none."""
    members = (truth[:, None] == np.arange(matrix.shape[1])).astype(np.float64)
    present = ~np.isnan(matrix)
    with np.errstate(invalid="ignore"):
        mean: Matrix = (members.T @ np.where(present, matrix, 0.0)) / (members.T @ present)
    return mean


def _capped(misses: Matrix, false_alarms: Matrix) -> Matrix:
    with np.errstate(invalid="ignore"):
        clipped: Matrix = np.clip(ndtri(1 - misses) - ndtri(false_alarms), -CAP, CAP)
    return clipped


def _mean(matrix: Matrix) -> Matrix:
    """Return (rows, 1): the mean over what is there in each row, NaN where nothing is."""
    return nanmean(matrix, 1)[:, None]


def dprime(chosen: Matrix, truth: Labels) -> Matrix:
    """Return d'(image, c) = z(1 - p(image, c)) - z(FA), clipped to +-5: the signature i2.

    Args:
        chosen: (images, classes), p that class c is chosen for the image; NaN where c was not offered.
        truth: (images,). FA is the mean p, over the images of c, that this image's class is chosen.
    """
    chosen = without_truth(chosen, truth)
    return _capped(chosen, mean_by_object(chosen, truth).T[truth])


def _i2n(chosen: Matrix, truth: Labels) -> Matrix:
    d = dprime(chosen, truth)
    centred: Matrix = d - mean_by_object(d, truth)[truth]
    return centred


def _i1(chosen: Matrix, truth: Labels) -> Matrix:
    chosen = without_truth(chosen, truth)
    return _capped(_mean(chosen), _mean(chosen.T)[truth])


def _o2(chosen: Matrix, truth: Labels) -> Matrix:
    by_object = mean_by_object(without_truth(chosen, truth), truth)
    return _capped(by_object, by_object.T)


def _o1(chosen: Matrix, truth: Labels) -> Matrix:
    chosen = without_truth(chosen, truth)
    misses = [_mean(chosen[truth == t].reshape(1, -1)) for t in range(chosen.shape[1])]
    return _capped(np.concatenate(misses), _mean(chosen.T))


SIGNATURES: dict[str, Callable[[Matrix, Labels], Matrix]] = {
    "i2n": _i2n,
    "i2": dprime,
    "i1": _i1,
    "o2": _o2,
    "o1": _o1,
}
"""What is compared: d' = z(1 - misses) - z(false alarms), Table 1 of Rajalingham et al. 2018.

i2 (images, classes): misses are p(image, c); false alarms the mean p, over images of c, of the true class.
i2n: i2 less its mean over the images of each (true class, c). i1 (images, 1): misses pooled over all c, false
alarms over all images of other objects. o2 (classes, classes) and o1 (classes, 1): misses pooled over the
images of an object too. Rates are pooled first and go through z afterwards, as in the paper; Brain-Score
averages finished d' in i1 and o1 (of its own, it calls only i2n verified). A pooled rate is the mean of
proportions, so that every (image, c) counts alike, however many trials it had.
"""


def signature(chosen: Matrix, truth: Labels, name: str = "i2n") -> Matrix:
    """Return the behavioural signature ``name`` (a key of `SIGNATURES`) of choice probabilities."""
    return SIGNATURES[name](chosen, truth)


def correlate(a: Matrix, b: Matrix) -> float:
    """Return Pearson r over the entries that both have; NaN if one side does not vary."""
    both = ~(np.isnan(a) | np.isnan(b))
    x, y = a[both], b[both]
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


@dataclass(frozen=True, eq=False)
class Trials:
    """Two-alternative trials: on an image of ``sample``, ``choice`` was picked of {sample, distractor}.

    All are int64 (trials,): indices into the images and into the classes.
    """

    image: Labels
    sample: Labels
    distractor: Labels
    choice: Labels

    def outcomes(self, n_classes: int) -> Labels:
        """Return one number for each trial: which image with which distractor, and was that chosen?"""
        offered: Labels = self.image * n_classes + self.distractor
        taken: Labels = (self.choice == self.distractor).astype(np.int64)
        return 2 * offered + taken

    def chosen(self, n_images: int, n_classes: int) -> Matrix:
        """Return p(c chosen | c was the distractor), (images, classes); NaN where c never was."""
        return _share_chosen(self.outcomes(n_classes), n_images, n_classes)


def _share_chosen(outcomes: Labels, n_images: int, n_classes: int) -> Matrix:
    counts = np.bincount(outcomes, minlength=2 * n_images * n_classes).reshape(n_images, n_classes, 2)
    with np.errstate(invalid="ignore"):
        share: Matrix = counts[..., 1] / counts.sum(-1)
    return share


Halves = Sequence[tuple[Matrix, Matrix]]


def trial_halves(trials: Trials, n_images: int, n_classes: int) -> Halves:
    """Return choice probabilities of random halves of the trials, twice, from the peer's RandomState(0)."""
    random = np.random.RandomState(HALVES_SEED)
    outcomes = trials.outcomes(n_classes)
    shuffled = [random.permutation(outcomes) for _ in range(REPETITIONS)]
    middle = len(outcomes) // 2
    return [
        (_share_chosen(o[:middle], n_images, n_classes), _share_chosen(o[middle:], n_images, n_classes))
        for o in shuffled
    ]


def count_halves(counts: NDArray[np.int64]) -> Halves:
    """Return choice probabilities of random halves of each image's judgements, twice.

    Args:
        counts: (images, classes), how often each class was chosen; drawn from without replacement
            (multivariate hypergeometric, class by class).
    """
    random = np.random.default_rng(HALVES_SEED)
    firsts = [_draw_half(counts, random) for _ in range(REPETITIONS)]
    return [(_proportions(first), _proportions(counts - first)) for first in firsts]


def _draw_half(counts: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    left = counts.sum(1)
    wanted = left // 2
    half = np.zeros_like(counts)
    for c in range(counts.shape[1]):
        left = left - counts[:, c]
        half[:, c] = random.hypergeometric(counts[:, c], left, wanted)
        wanted = wanted - half[:, c]
    return half


def _proportions(counts: NDArray[np.int64]) -> Matrix:
    with np.errstate(invalid="ignore"):
        proportions: Matrix = counts / counts.sum(1, keepdims=True)
    return proportions


@dataclass(frozen=True)
class Consistency:
    """Agreement of a model with people; what is not defined is NaN.

    Attributes:
        raw: mean over halvings of r(model, first half); NaN if the model's signature does not vary.
        ceiling: mean of r(first half, second half).
        ceiled: mean of r(model, first half) / sqrt(r(first half, second half)); NaN unless both halvings of
            the people agree above chance.
        scores, ceilings: the same for each halving.
        error, ceiling_error: standard errors of ``raw`` and ``ceiling``, bootstrap over the rows of the
            finished signatures (images; objects in o1 and o2).
        halves_error: standard deviation of ``raw`` over the halvings (ddof 0), the peer's error.
        left_out: fraction of the entries (image and choice) for which a first half has no trial.
    """

    raw: float
    ceiling: float
    ceiled: float
    scores: tuple[float, ...]
    ceilings: tuple[float, ...]
    error: float
    ceiling_error: float
    halves_error: float
    left_out: float


def consistency(model: Matrix, halves: Halves, truth: Labels, name: str = "i2n") -> Consistency:
    """Compare a model with people.

    Args:
        model: (images, classes), p that the model chooses each class (see `two_way`).
        halves: choice probabilities of pairs of halves of the human trials; NaN where there was no trial.
        truth: (images,).
        name: the signature to compare, a key of `SIGNATURES`.
    """
    own = signature(model, truth, name)
    people = [(signature(a, truth, name), signature(b, truth, name)) for a, b in halves]
    scores = np.array([correlate(own, a) for a, _ in people])
    ceilings = np.array([correlate(a, b) for a, b in people])
    agree = bool((ceilings > 0).all())
    return Consistency(
        raw=float(scores.mean()),
        ceiling=float(ceilings.mean()),
        ceiled=float((scores / np.sqrt(ceilings)).mean()) if agree else float("nan"),
        scores=tuple(scores.tolist()),
        ceilings=tuple(ceilings.tolist()),
        error=bootstrap_error([(own, a) for a, _ in people]),
        ceiling_error=bootstrap_error(people),
        halves_error=float(scores.std()),
        left_out=_left_out([a for a, _ in halves], truth),
    )


def _left_out(firsts: Sequence[Matrix], truth: Labels) -> float:
    images, classes = firsts[0].shape
    absent = sum(np.isnan(without_truth(half, truth)).sum() - images for half in firsts)
    return float(absent / (len(firsts) * images * (classes - 1)))


def bootstrap_error(pairs: Sequence[tuple[Matrix, Matrix]], draws: int = 200) -> float:
    """Return the standard deviation of the mean over ``pairs`` of r(a, b) over resampled rows (images).

    Only sums per image enter a correlation, so that ``draws`` resamples cost one small product. Resamples in
    which r is not defined are passed over; NaN if none is.
    """
    n = len(pairs[0][0])
    weights = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=draws)
    r = np.mean([_weighted_r(weights @ _moments(a, b)) for a, b in pairs], axis=0)
    return deviation(r[np.isfinite(r)])


def _moments(a: Matrix, b: Matrix) -> Matrix:
    both = ~(np.isnan(a) | np.isnan(b))
    x, y = np.where(both, a, 0.0), np.where(both, b, 0.0)
    return np.stack([v.sum(1) for v in (both, x, y, x * x, y * y, x * y)], 1).astype(np.float64)


def _weighted_r(sums: Matrix) -> Matrix:
    n, x, y, xx, yy, xy = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        r: Matrix = (xy - x * y / n) / np.sqrt((xx - x * x / n) * (yy - y * y / n))
    return r
