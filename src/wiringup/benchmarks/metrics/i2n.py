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

from wiringup.core.errors import InputError

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


def dprime(chosen: Matrix, truth: Labels) -> Matrix:
    """Return d'(image, c) = z(1 - p(image, c)) - z(FA), clipped to +-5.

    Args:
        chosen: (images, classes), p that class c is chosen for the image; NaN where c was not offered.
        truth: (images,). FA is the mean p, over the images of c, that this image's class is chosen.
    """
    chosen = without_truth(chosen, truth)
    false_alarms = mean_by_object(chosen, truth).T[truth]
    with np.errstate(invalid="ignore"):
        clipped: Matrix = np.clip(ndtri(1 - chosen) - ndtri(false_alarms), -CAP, CAP)
    return clipped


def _mean(matrix: Matrix) -> Matrix:
    present = ~np.isnan(matrix)
    with np.errstate(invalid="ignore"):
        mean: Matrix = np.where(present, matrix, 0.0).sum(1) / present.sum(1)
    return mean[:, None]


SIGNATURES: dict[str, Callable[[Matrix, Labels], Matrix]] = {
    "i2n": lambda d, truth: d - mean_by_object(d, truth)[truth],
    "i2": lambda d, truth: d,
    "i1": lambda d, truth: _mean(d),
    "o2": mean_by_object,
    "o1": lambda d, truth: _mean(mean_by_object(d, truth)),
}
"""What is compared: d' by image and choice (i2), less its mean by object and choice (i2n), or means."""


def signature(chosen: Matrix, truth: Labels, name: str = "i2n") -> Matrix:
    """Return the behavioural signature ``name`` (a key of `SIGNATURES`) of choice probabilities."""
    return SIGNATURES[name](dprime(chosen, truth), truth)


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

    def chosen(self, n_images: int, n_classes: int, rows: NDArray[np.intp] | None = None) -> Matrix:
        """Return p(c chosen | c was sample or distractor), of all trials or those in ``rows``."""
        take = slice(None) if rows is None else rows
        shape = (n_images, n_classes)
        image = self.image[take]
        shown = _tally(image, self.sample[take], shape) + _tally(image, self.distractor[take], shape)
        with np.errstate(invalid="ignore"):
            return _tally(image, self.choice[take], shape) / shown


def _tally(image: Labels, column: Labels, shape: tuple[int, int]) -> Matrix:
    cells = np.ravel_multi_index((image, column), shape)
    return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)


Halves = Sequence[tuple[Matrix, Matrix]]


def trial_halves(trials: Trials, n_images: int, n_classes: int) -> Halves:
    """Return choice probabilities of random halves of the trials, twice, from the peer's RandomState(0)."""
    random = np.random.RandomState(HALVES_SEED)
    orders = [random.permutation(len(trials.image)) for _ in range(REPETITIONS)]
    middle = len(trials.image) // 2
    return [
        (trials.chosen(n_images, n_classes, o[:middle]), trials.chosen(n_images, n_classes, o[middle:]))
        for o in orders
    ]


def count_halves(counts: NDArray[np.int64], seed: int = HALVES_SEED) -> Halves:
    """Return choice probabilities of random halves of each image's judgements, twice.

    Args:
        counts: (images, classes), how often each class was chosen.
        seed: of the draws without replacement (multivariate hypergeometric, class by class).
    """
    random = np.random.default_rng(seed)
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
    """Agreement of a model with people.

    Attributes:
        raw: mean over halvings of r(model, first half).
        ceiling: mean of r(first half, second half).
        ceiled: mean of r(model, first half) / sqrt(r(first half, second half)).
        scores, ceilings: the same for each halving.
        error: standard error of ``raw``, bootstrap over images (of the finished signatures).
        halves_error: standard deviation of ``raw`` over the halvings (ddof 0), the peer's error.
    """

    raw: float
    ceiling: float
    ceiled: float
    scores: tuple[float, ...]
    ceilings: tuple[float, ...]
    error: float
    halves_error: float


def consistency(model: Matrix, halves: Halves, truth: Labels, name: str = "i2n") -> Consistency:
    """Compare a model with people.

    Args:
        model: (images, classes), p that the model chooses each class (see `two_way`).
        halves: choice probabilities of pairs of halves of the human trials.
        truth: (images,).
        name: the signature to compare, a key of `SIGNATURES`.

    Raises:
        InputError: if the human halves do not agree above chance: then there is nothing to explain.
    """
    own = signature(model, truth, name)
    people = [(signature(a, truth, name), signature(b, truth, name)) for a, b in halves]
    scores = np.array([correlate(own, a) for a, _ in people])
    ceilings = np.array([correlate(a, b) for a, b in people])
    if not (ceilings > 0).all():
        raise InputError(
            f"The two halves of the human trials do not agree (r = {ceilings}); no {name} score."
        )
    return Consistency(
        raw=float(scores.mean()),
        ceiling=float(ceilings.mean()),
        ceiled=float((scores / np.sqrt(ceilings)).mean()),
        scores=tuple(scores.tolist()),
        ceilings=tuple(ceilings.tolist()),
        error=bootstrap_error(own, [first for first, _ in people]),
        halves_error=float(scores.std()),
    )


def bootstrap_error(model: Matrix, people: Sequence[Matrix], draws: int = 200, seed: int = 0) -> float:
    """Return the standard deviation of the mean r(model, half) over resampled rows (images).

    Only sums per image enter a correlation, so that ``draws`` resamples cost one small product.
    """
    n = len(model)
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    r = np.mean([_weighted_r(weights @ _moments(model, half)) for half in people], axis=0)
    return float(r.std(ddof=1))


def _moments(a: Matrix, b: Matrix) -> Matrix:
    both = ~(np.isnan(a) | np.isnan(b))
    x, y = np.where(both, a, 0.0), np.where(both, b, 0.0)
    return np.stack([v.sum(1) for v in (both, x, y, x * x, y * y, x * y)], 1).astype(np.float64)


def _weighted_r(sums: Matrix) -> Matrix:
    n, x, y, xx, yy, xy = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        r: Matrix = (xy - x * y / n) / np.sqrt((xx - x * x / n) * (yy - y * y / n))
    return r
