"""Partial least squares with several targets (PLS2), exact, for all folds at once.

Wold's NIPALS in regression mode takes as each component's weight the dominant singular vector of X'Y,
X and Y deflated by the scores before. That vector is X'Yc for the dominant eigenvector c of Y'KY (targets
x targets), K = XX' (Lindgren, Geladi & Wold 1993, J Chemometrics 7:45; Rannar et al. 1994, 8:111). With
unit scores T, loadings V = Y'T and P = I - TT', the next component follows from the ones before by

    t ~ P K P Y c,    Y'PKPY  <-  Y'PKPY - g v' - v g' + (t'Kt) v v',    v = Y't,    g = Y'P K t

so that X enters through two products with single vectors, which all folds share. With more features than
images they are products with K (images x images), otherwise with X itself. Scores of held-out images are
carried along as further rows of T.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.benchmarks.metrics.arrays import Array, foreign, in_numpy, larger, native, on_host
from wiringup.benchmarks.metrics.eigen import dominant, dominant_of_all
from wiringup.benchmarks.metrics.gram import CONSTANT, Features, check_finite
from wiringup.benchmarks.metrics.splits import Fold
from wiringup.benchmarks.metrics.threads import in_groups
from wiringup.core.checks import one_of, same_length


@dataclass(frozen=True)
class GramKernel:
    """K (images, images), for more features than images.

    Attributes:
        matrix: a row vector over the images of the set, times this matrix, is its image.
        by_scores: whether products with an image are taken over the images of the set, or the features.
    """

    matrix: Array
    by_scores: ClassVar[bool] = True

    def power(self, train: Array) -> Array:
        """Return (folds,) the summed squared features of the images where ``train`` (folds, images) is 1."""
        return train @ self.matrix.diagonal()

    def to_scores(self, directions: Array) -> Array:
        """Return (folds, images) of directions (folds, size); they are scores already."""
        return directions

    def covariance(self, cross: Array, targets: Array) -> Array:
        """Return Y'KY of cross = Y'K (units, size) and targets Y (images, units)."""
        return cross @ targets


@dataclass(frozen=True)
class FeatureKernel:
    """X (images, features), for fewer features than images; attributes as in `GramKernel`."""

    matrix: Array
    by_scores: ClassVar[bool] = False

    def power(self, train: Array) -> Array:
        """Return (folds,) the summed squared features of the images where ``train`` (folds, images) is 1."""
        return train @ (self.matrix**2).sum(1)

    def to_scores(self, directions: Array) -> Array:
        """Return (folds, images) of directions (folds, size)."""
        return directions @ self.matrix.T

    def covariance(self, cross: Array, targets: Array) -> Array:
        """Return Y'KY of cross = Y'X (units, size)."""
        return cross @ cross.T


Kernel = GramKernel | FeatureKernel


def kernel_of(features: Features) -> Kernel:
    """Return the smaller of both; raise `InputError` if a response is NaN or infinite."""
    if features.values.shape[1] >= len(features):
        return GramKernel(native(features.gram))
    check_finite(features.values)
    values = features.values.to(features.place).double()
    mean = values.mean(0)
    centred = values - mean
    offset = len(values) * mean.square().sum()
    variation = centred.square().sum()
    # rounding of float32 is never read as signal: as in `gram.gram`
    if variation <= CONSTANT * (variation + offset):
        centred = torch.zeros_like(centred)
    return FeatureKernel(native(centred))


COMPONENTS = 25
_RANK = 1e-14
_REFRESH = 1e-6

Direction = Callable[[NDArray[np.float64]], NDArray[np.float64]]


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


def directions(covariances: Array, solver: str) -> tuple[Array, Array]:
    """Return c (folds, units) of each covariance C (folds, units, units), and c'Cc (folds,); 0 where C is."""
    if isinstance(covariances, Tensor) and solver == "exact":
        c = dominant_of_all(covariances)
        return c, (c * _times(covariances, c)).sum(1)
    found = [_direction(covariance, solver) for covariance in on_host(covariances)]
    vectors, sizes = np.stack([c for c, _ in found]), np.array([size for _, size in found])
    if not isinstance(covariances, Tensor):
        return vectors, sizes
    return torch.from_numpy(vectors).to(covariances.device), torch.from_numpy(sizes).to(covariances.device)


def _direction(covariance: NDArray[np.float64], solver: str) -> tuple[NDArray[np.float64], float]:
    if not covariance.diagonal().max() > 0:
        return np.zeros(len(covariance)), 0.0
    c = SOLVERS[solver](covariance)
    return c, float(c @ covariance @ c)


def predict(
    features: Features,
    targets: Tensor,
    folds: Sequence[Fold],
    components: int = COMPONENTS,
    solver: str = "exact",
) -> list[Tensor]:
    """Fit PLS on each fold's training images and predict its test images.

    Args:
        features: (images, features).
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
    same_length(len(targets), len(features), "targets", "the set of responses")
    one_of(solver, SOLVERS, "PLS solver")
    kernel = kernel_of(features)
    targets = targets.to(features.place, torch.float64)
    rotation = None
    if targets.shape[1] > len(features) and solver == "exact" and not bool(targets.isnan().any()):
        targets, rotation = _compressed(targets)
    means = targets.nanmean(0).nan_to_num(0.0)
    population = _population(kernel, targets - means)

    def fit(group: Sequence[Fold]) -> list[Tensor]:
        fits = _Fits(kernel, population, group, components)
        for _ in range(components):
            fits.add_component(solver)
        return [p + means for p in fits.predictions(group)]

    predictions = in_groups(fit, folds) if in_numpy(targets.device) else fit(folds)
    return predictions if rotation is None else [p @ rotation for p in predictions]


def _compressed(targets: Tensor) -> tuple[Tensor, Tensor]:
    # PLS2 does not change when the targets are rotated: with more targets than images, those without
    # variance are left out.
    u, s, vt = torch.linalg.svd(targets, full_matrices=False)
    return u * s, vt


@dataclass(frozen=True)
class _Population:
    """Targets, and their products with the features of all images, from which those of a fold are told.

    Attributes:
        values: (images, units), around the mean of each unit; 0 where there is no response.
        valid: (images, units), 0 where there is no response; (images, 1) if all are there.
        values_image, valid_image: the same against the features, (units, size).
    """

    values: Array
    valid: Array
    values_image: Array
    valid_image: Array


def _population(kernel: Kernel, targets: Tensor) -> _Population:
    present = ~targets.isnan()
    values = native(targets.nan_to_num(0.0))
    valid = native(present.double() if not present.all() else torch.ones_like(targets[:, :1]))
    return _Population(values, valid, values.T @ kernel.matrix, valid.T @ kernel.matrix)


class _Fits:
    """PLS fits of several folds; the first axis of every array is the fold.

    Attributes:
        train: (folds, images), 1 for training images.
        cross: Y'K or Y'X, (folds, units, size).
        covariance: Y'PKPY, (folds, units, units).
        scores: T', (folds, components, images).
        images: T'K or T'X, (folds, components, size).
        loadings: V', (folds, components, units).
    """

    def __init__(
        self,
        kernel: Kernel,
        population: _Population,
        folds: Sequence[Fold],
        components: int,
    ) -> None:
        self.kernel, self.population, self.used = kernel, population, 0
        values = population.values
        self._zeros = values.new_zeros if isinstance(values, Tensor) else np.zeros
        s, (n, q), size = len(folds), values.shape, kernel.matrix.shape[1]
        self.train = self._zeros((s, n))
        for row, fold in zip(self.train, folds, strict=True):
            row[fold.train] = 1.0
        self.count = self.train.sum(1)[:, None]
        counts = self.train @ population.valid
        self.means = (self.train @ values) / (counts + (counts == 0))
        self.cross = self._zeros((s, q, size))
        self.scores, self.images, self.loadings = (self._zeros((s, components, k)) for k in (n, size, q))
        self.power, self.residual = kernel.power(self.train), self._zeros(s)
        self.covariance, self.reference = self._zeros((s, q, q)), self._zeros(s)
        for i in range(s):
            self._set_cross(i)
            self._refresh(i)

    def _set_cross(self, fold: int) -> None:
        # Y'K of training images is that of all less that of the others: the large product is made once.
        y, out = self.population, np.flatnonzero(on_host(self.train[fold]) == 0)
        rows, means = self.kernel.matrix[out], self.means[fold][:, None]
        self.cross[fold] = y.values_image - y.values[out].T @ rows
        self.cross[fold] -= means * (y.valid_image - y.valid[out].T @ rows)

    def _refresh(self, fold: int) -> None:
        """Compute the deflated covariance anew: updates lose digits as it shrinks."""
        loadings = self.loadings[fold].T
        targets = self.population.values - self.population.valid * self.means[fold]
        targets = (targets - self.scores[fold].T @ loadings.T) * self.train[fold][:, None]
        cross = self.cross[fold] - loadings @ self.images[fold]
        covariance = self.kernel.covariance(cross, targets)
        self.covariance[fold] = (covariance + covariance.T) / 2
        self.residual[fold] = (targets**2).sum()
        self.reference[fold] = 0

    def add_component(self, solver: str) -> None:
        """Extend every fold by one component; a fold whose covariance is exhausted stays as it is."""
        a = self.used
        scores, images, loadings = (x[:, :a] for x in (self.scores, self.images, self.loadings))
        c = self._directions(solver)
        t = self.kernel.to_scores(_along(c, self.cross) - _along(_times(loadings, c), images))
        t -= (self.train * t).sum(1)[:, None] / self.count
        for _ in range(2):
            t -= _along(_times(scores, self.train * t), scores)
        norm = (self.train * t * t).sum(1)[:, None] ** 0.5
        t *= (norm > 0) / (norm + (norm == 0))
        trained = self.train * t
        image = trained @ self.kernel.matrix
        v, (g, inner, power) = self._against_targets(trained), self._against(trained, image, a)
        self._deflate(v, g - _along(inner, loadings), power)
        self.scores[:, a], self.images[:, a], self.loadings[:, a] = t, image, v
        self.used += 1

    def _against_targets(self, rows: Array) -> Array:
        """Return (folds, units): Y'x of rows (folds, images) that are 0 at test images."""
        return rows @ self.population.values - (rows @ self.population.valid) * self.means

    def _against(self, trained: Array, image: Array, a: int) -> tuple[Array, Array, Array]:
        """Return the inner products of K t with Y (folds, units), T (folds, a) and t (folds,)."""
        if not self.kernel.by_scores:
            return _times(self.cross, image), _times(self.images[:, :a], image), (image * image).sum(1)
        rows = self.train * image
        return self._against_targets(rows), _times(self.scores[:, :a], rows), (trained * image).sum(1)

    def _deflate(self, v: Array, g: Array, power: Array) -> None:
        h = g - v * power[:, None] / 2
        pairs = self._zeros((2, *v.shape, 2))
        pairs[0, ..., 0], pairs[0, ..., 1] = h, v
        pairs[1, ..., 0], pairs[1, ..., 1] = v, h
        self.covariance -= pairs[0] @ pairs[1].swapaxes(1, 2)
        self.residual -= (v * v).sum(1)

    def _directions(self, solver: str) -> Array:
        """Return c (folds, units) for the next component; 0 where there is none."""
        found, size = directions(self.covariance, solver)
        worn = np.flatnonzero(on_host(size < _REFRESH * self.reference))
        for fold in worn:
            self._refresh(int(fold))
        if len(worn):
            found[worn], size[worn] = directions(self.covariance[worn], solver)
        self.reference = larger(self.reference, size)
        there = size > _RANK * self.power * self.residual.clip(0)
        return found * there[:, None]

    def predictions(self, folds: Sequence[Fold]) -> list[Tensor]:
        """Return the predicted responses (test images, units) of each fold."""
        return [
            foreign(self.scores[i][:, fold.test].T @ self.loadings[i] + self.means[i])
            for i, fold in enumerate(folds)
        ]


def _times(rows: Array, vectors: Array) -> Array:
    """Return (folds, k): the products of each of rows (folds, k, size) with the fold's vector."""
    return (rows @ vectors[..., None])[..., 0]


def _along(weights: Array, rows: Array) -> Array:
    """Return (folds, size): rows (folds, k, size) summed with weights (folds, k)."""
    return (weights[:, None, :] @ rows)[:, 0]
