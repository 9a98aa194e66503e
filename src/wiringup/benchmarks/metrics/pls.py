"""Partial least squares with several targets (PLS2), exact, for all folds at once.

Wold's NIPALS in regression mode takes as each component's weight the dominant singular vector of X'Y,
X and Y deflated by the scores before. X enters only through K = XX' (Lindgren, Geladi & Wold 1993,
J Chemometrics 7:45; Rannar et al. 1994, 8:111), and the singular vector is X'Yc for the dominant
eigenvector c of Y'KY (targets x targets). With unit scores T, loadings V = Y'T and P = I - TT':

    t ~ P K P Y c,    Y'PKPY  <-  Y'PKPY - g v' - v g' + (t'Kt) v v',    v = Y't,    g = Y'P K t

so that one product KY and one product Kt per component, shared by all folds, are all that is ever as
large as the images. Scores of held-out images are carried along as further rows of T.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.benchmarks.metrics.splits import Fold
from wiringup.core.checks import one_of, same_length

COMPONENTS = 25
_RANK = 1e-14
_REFRESH = 1e-6

Direction = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def dominant(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit eigenvector (targets,) of the largest eigenvalue of a symmetric matrix."""
    last = len(covariance) - 1
    vectors: NDArray[np.float64]
    _, vectors = scipy.linalg.eigh(covariance, subset_by_index=(last, last), check_finite=False)
    return vectors[:, 0]


def early_stopped(
    covariance: NDArray[np.float64], tol: float = 1e-6, steps: int = 500
) -> NDArray[np.float64]:
    """Return the direction (targets,) at which scikit-learn's power iteration stops.

    `sklearn.cross_decomposition.PLSRegression` starts at the first target that is not constant and stops
    when the squared change of the unit weights X'Yc is below ``tol``; here the same in target space.
    """
    c = np.zeros(len(covariance))
    c[np.flatnonzero(covariance.diagonal() > 0)[0]] = 1.0
    image = covariance @ c
    c /= np.sqrt(c @ image)
    for _ in range(steps):
        following = covariance @ c
        following /= np.sqrt(following @ covariance @ following)
        change = 2 - 2 * (following @ covariance @ c)
        c = following
        if change < tol:
            break
    return c / np.linalg.norm(c)


SOLVERS: dict[str, Direction] = {"exact": dominant, "sklearn": early_stopped}
"""How a component's direction is found: exactly, or as scikit-learn's defaults stop."""


def predict(
    gram: Tensor,
    targets: Tensor,
    folds: Sequence[Fold],
    components: int = COMPONENTS,
    solver: str = "exact",
) -> list[Tensor]:
    """Fit PLS on each fold's training images and predict its test images.

    Args:
        gram: float64 (images, images), from `gram.gram`.
        targets: (images, units). NaN where a unit has no response to an image: it is then at the unit's
            training mean, which adds nothing to the covariance with the features.
        folds: indices of training and test images.
        components: number of PLS components; fewer are used where the data have no more.
        solver: "exact", or "sklearn" for the iteration that scikit-learn stops early.

    Returns:
        One float64 (test images, units) for each fold.

    Raises:
        InputError: if lengths differ or the solver is unknown.
    """
    same_length(len(targets), len(gram), "targets", "the Gram matrix")
    direction = SOLVERS[one_of(solver, SOLVERS, "PLS solver")]
    targets = targets.to(gram.device, torch.float64)
    missing = bool(targets.isnan().any())
    rotation = None
    if targets.shape[1] > len(gram) and not missing and solver == "exact":
        targets, rotation = _compressed(targets)
    fits = _Fits(gram, targets, folds)
    with _one_thread():
        for _ in range(components):
            fits.add_component(direction)
    predictions = fits.predictions(folds)
    return predictions if rotation is None else [p @ rotation for p in predictions]


@contextmanager
def _one_thread() -> Iterator[None]:
    # Threads on products as small as a component's bring little, and on a busy machine cost a hundredfold.
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(threads)


def _compressed(targets: Tensor) -> tuple[Tensor, Tensor]:
    # PLS2 does not change when the targets are rotated: with more targets than images, those without
    # variance are left out.
    u, s, vt = torch.linalg.svd(targets, full_matrices=False)
    return u * s, vt


class _Fits:
    """PLS fits of all folds; the first axis of every tensor is the fold.

    Attributes:
        train: (folds, images), 1 for training images.
        cross: K Y, (folds, images, units), centred over the training images.
        covariance: Y'PKPY, (folds, units, units).
        scores, images: T and K T, (folds, images, components).
        loadings: V, (folds, units, components).
    """

    def __init__(self, gram: Tensor, targets: Tensor, folds: Sequence[Fold]) -> None:
        self.gram = gram
        self._set_targets(targets, folds)
        self._set_cross()
        s, n, q = self.cross.shape
        self.scores, self.images = (gram.new_zeros(s, n, 0) for _ in range(2))
        self.loadings = gram.new_zeros(s, q, 0)
        self.power = self.train @ gram.diagonal()
        self.residual = gram.new_zeros(s)
        self.covariance = gram.new_zeros(s, q, q)
        self.reference = gram.new_zeros(s)
        for fold in range(s):
            self._refresh(fold)

    def _set_targets(self, targets: Tensor, folds: Sequence[Fold]) -> None:
        valid = ~targets.isnan()
        offset = targets.nanmean(0)
        self.values = (targets - offset).nan_to_num(0.0)
        self.train = self.gram.new_zeros(len(folds), len(targets))
        for row, fold in zip(self.train, folds, strict=True):
            row[torch.from_numpy(fold.train)] = 1.0
        self.valid = valid.double() if not valid.all() else torch.ones_like(self.values[:, :1])
        self.means = (self.train @ self.values) / (self.train @ self.valid).clamp(min=1)
        self.offset = offset.nan_to_num(0.0)

    def _set_cross(self) -> None:
        # K_train Y_train = K Y - K_test Y_test: the large product is made once for all folds.
        values, valid = self.gram @ self.values, self.gram @ self.valid
        self.cross = self.gram.new_empty(len(self.train), *self.values.shape)
        for fold, train in enumerate(self.train):
            out = torch.nonzero(train == 0)[:, 0]
            columns = self.gram[:, out]
            self.cross[fold] = values - columns @ self.values[out]
            self.cross[fold] -= (valid - columns @ self.valid[out]) * self.means[fold]
        self.cross = self._centred(self.cross)

    def _centred(self, x: Tensor) -> Tensor:
        """Subtract the mean over training images from (folds, images, columns)."""
        means = (self.train[:, None] @ x) / self.train.sum(1)[:, None, None]
        return x - means

    def _against_targets(self, x: Tensor) -> Tensor:
        """Return Y'x (folds, units) of x (folds, images), over the training images."""
        x = x * self.train
        return x @ self.values - (x @ self.valid) * self.means

    def _refresh(self, fold: int) -> None:
        """Compute the deflated covariance anew: updates lose digits as it shrinks."""
        train, loadings = self.train[fold, :, None], self.loadings[fold].T
        targets = train * (self.values - self.valid * self.means[fold] - self.scores[fold] @ loadings)
        deflated = self.cross[fold] - self.images[fold] @ loadings
        covariance = targets.T @ deflated
        self.covariance[fold] = (covariance + covariance.T) / 2
        self.residual[fold] = targets.square().sum()
        self.reference[fold] = 0

    def add_component(self, direction: Direction) -> None:
        """Extend every fold by one component; a fold whose covariance is exhausted stays as it is."""
        c = self._directions(direction)
        t = self.cross @ c - self.images @ (self.loadings.mT @ c)
        for _ in range(2):
            t = t - self.scores @ (self.scores.mT @ (self.train[..., None] * t))
        t = self._unit(t)
        image = self._centred(((self.train * t) @ self.gram)[..., None])
        v = self._against_targets(t)
        g = self._against_targets(image[..., 0])
        inner = self.scores.mT @ (self.train[..., None] * image)
        g = g - (self.loadings @ inner)[..., 0]
        self._deflate(v, g, (self.train * t * image[..., 0]).sum(1))
        self.scores = torch.cat([self.scores, t[..., None]], 2)
        self.images = torch.cat([self.images, image], 2)
        self.loadings = torch.cat([self.loadings, v[..., None]], 2)

    def _unit(self, t: Tensor) -> Tensor:
        norm = (self.train[..., None] * t.square()).sum(1).sqrt()
        return t[..., 0] * torch.where(norm > 0, 1 / norm, 0.0)

    def _deflate(self, v: Tensor, g: Tensor, power: Tensor) -> None:
        outer = g[:, :, None] * v[:, None, :]
        self.covariance -= outer + outer.mT
        self.covariance += power[:, None, None] * v[:, :, None] * v[:, None, :]
        self.residual -= v.square().sum(1)

    def _directions(self, direction: Direction) -> Tensor:
        """Return c (folds, units, 1) for the next component; 0 where there is none."""
        c = [self._direction(fold, direction) for fold in range(len(self.train))]
        return torch.stack(c)[..., None]

    def _direction(self, fold: int, direction: Direction) -> Tensor:
        c, size = self._eigen(fold, direction)
        if size < _REFRESH * self.reference[fold]:
            self._refresh(fold)
            c, size = self._eigen(fold, direction)
        self.reference[fold] = torch.maximum(self.reference[fold], size)
        alive = size > _RANK * self.power[fold] * self.residual[fold].clamp(min=0)
        return c if bool(alive) else torch.zeros_like(c)

    def _eigen(self, fold: int, direction: Direction) -> tuple[Tensor, Tensor]:
        covariance = self.covariance[fold]
        if not bool((covariance.diagonal() > 0).any()):
            return covariance.new_zeros(len(covariance)), covariance.new_zeros(())
        c = torch.from_numpy(direction(covariance.cpu().numpy())).to(covariance)
        return c, c @ covariance @ c

    def predictions(self, folds: Sequence[Fold]) -> list[Tensor]:
        """Return the predicted responses (test images, units) of each fold."""
        fitted = self.scores @ self.loadings.mT + (self.means + self.offset)[:, None]
        return [fitted[i, torch.from_numpy(fold.test)] for i, fold in enumerate(folds)]
