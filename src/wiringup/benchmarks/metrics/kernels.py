"""How PLS touches the features: through K = XX', or through X where it has fewer columns than rows.

Both give the same scores; what differs is the space in which cross-covariances and the images of scores
are held: that of the images of the set, or that of the features. Vectors of several folds stand in rows.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from wiringup.benchmarks.metrics.gram import CONSTANT, Features, check_finite

Array = Any
"""A float64 numpy array on the CPU (several times faster than torch on small products), or a CUDA tensor."""


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
    values = features.values.double()
    mean = values.mean(0)
    centred = values - mean
    offset = len(values) * mean.square().sum()
    variation = centred.square().sum()
    # rounding of float32 is never read as signal: as in `gram.gram`
    if variation <= CONSTANT * (variation + offset):
        centred = torch.zeros_like(centred)
    return FeatureKernel(native(centred))


def native(tensor: Tensor) -> Array:
    """Return a CPU tensor as a numpy array, and others as they are."""
    return tensor.numpy() if tensor.device.type == "cpu" else tensor


def foreign(array: Array) -> Tensor:
    """Return a native array as a tensor."""
    return array if isinstance(array, Tensor) else torch.from_numpy(array)
