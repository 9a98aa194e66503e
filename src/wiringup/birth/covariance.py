"""Gaussian kernels with structure: the weights of a k x k kernel are drawn together, with a covariance.

Source: Trockman, Willmott & Kolter 2023, "Understanding the covariance structure of convolutional filters"
(ICLR). There it is a birth for depthwise convolutions with large kernels, in which all structure is spatial.
Here the kernels of all pairs of channels of a dense convolution are drawn independently from the same k x k
Gaussian: what they share across channels is not kept, and a 1x1 convolution is plainly normal.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Generator, Tensor

from wiringup.birth.distributions import kaiming_std, kernel_side, resized
from wiringup.birth.genome_layers import Array, ConvolutionLayer, rounded, values

START, SPEED, ACCELERATION = 0.15, 0.5, 0.25
"""Of the closed form: how the variance of its Gaussians grows with depth d in [0, 1], as
``START + SPEED d + ACCELERATION d^2 / 2``, in units of half a kernel's side squared (so that other kernel
sizes have the same kernels, resized). The growth is the paper's; its constants are searched for each network
there, these are ours."""


@dataclass(frozen=True, eq=False)
class CovarianceLayer(ConvolutionLayer):
    """The covariance of the k x k kernels of all pairs of channels, about 0.

    Attributes:
        kernel_size: side k of the kernels that were fitted.
        factor: (k k, k k) lower triangular; factor times its transpose is the mean of v v^T over the kernels
            v. About 0, not about the mean kernel, so that a newborn has the power of the trained weights.
    """

    kind: ClassVar[str] = "covariance"
    kernel_size: int
    factor: Array = values("positions", "positions")

    @property
    def n_parameters(self) -> int:
        """Number of parameters: a covariance is symmetric."""
        positions = len(self.factor)
        return positions * (positions + 1) // 2

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        if len(self.factor) != self.kernel_size**2:
            return f"factor: {len(self.factor)} positions for kernels of {self.kernel_size} px"
        return "factor: not lower triangular" if np.triu(self.factor, 1).any() else ""

    def summary(self) -> str:
        """Return the spread of the weights, and how much of it one pattern would hold."""
        spectrum = np.linalg.svd(self.factor, compute_uv=False) ** 2
        return (
            f"{self.kernel_size}x{self.kernel_size}, std {math.sqrt(spectrum.sum() / len(self.factor)):.3g}, "
            f"first component {spectrum[0] / max(spectrum.sum(), np.finfo(float).tiny):.0%}"
        )

    @classmethod
    def fit(cls, weight: Tensor, generator: Generator, size: int = 0) -> Self:
        """Return the covariance of the k x k kernels of trained weights (out, in, k, k).

        Raises:
            InputError: if the kernels are not square.
        """
        side = kernel_side(weight.shape, "A covariance describes")
        vectors = weight.detach().double().flatten(2).flatten(0, 1)
        triangle = torch.linalg.qr(vectors / math.sqrt(len(vectors)), mode="r").R  # R^T R is the covariance
        factor = torch.zeros(vectors.shape[1], vectors.shape[1], dtype=torch.float64)
        upright = torch.where(triangle.diagonal() < 0, -1.0, 1.0)[:, None]
        factor[:, : len(triangle)] = (triangle * upright).T
        return cls(side, rounded(factor.numpy()))

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Draw weights (out, in, k, k), any number of channels.

        Another kernel size resizes what is drawn (bilinear), which resizes the covariance along both axes.
        """
        return resized(_drawn(torch.from_numpy(self.factor), shape, generator), shape[2])


def structured_normal(shape: Sequence[int], generator: Generator, depth: float) -> Tensor:
    """Draw convolution weights (out, in, k, k) from the closed form, with the variance of `kaiming_normal`.

    Args:
        shape: of the weights; kernels are square.
        generator: the random stream.
        depth: 0 for the first convolution of a network to 1 for its last.
    """
    factor = _closed_form_factor(shape[2], START + SPEED * depth + ACCELERATION * depth**2 / 2)
    return _drawn(factor, shape, generator).mul_(kaiming_std(shape))


def closed_form(size: int, variance: float) -> Tensor:
    """Return a covariance for kernels of a given side, float64 (size size, size size), mean variance 1.

    With G the round Gaussian of a distance, positions p and q covary by ``G(p) (G(p - q) - G(q) / 2)``, p
    and q counted from the middle of the kernel: neighbours are alike, the variance is largest in the middle,
    and a middle opposes its surround. Made symmetric, with negative eigenvalues set to 0.

    Args:
        size: side of the kernels in px.
        variance: of the Gaussians, in units of half the side squared.

    Source: after Trockman et al. 2023, closed form. Ours: the mean variance of 1, and shifts that do not wrap
    around at the borders, which would make opposite sides of a 3x3 kernel neighbours.
    """
    axis = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    positions = torch.cartesian_prod(axis, axis)
    spread = 2 * variance * (size / 2) ** 2
    static = torch.exp(-positions.square().sum(1) / spread)
    shifted = torch.exp(-torch.cdist(positions, positions).square() / spread)
    product = static[:, None] * (shifted - static[None] / 2)
    values, vectors = torch.linalg.eigh((product + product.T) / 2)
    covariance: Tensor = (vectors * values.clamp(min=0)) @ vectors.T
    return covariance / covariance.diagonal().mean()


@lru_cache(maxsize=256)
def _closed_form_factor(size: int, variance: float) -> Tensor:
    """Return a square root of the closed form (its Cholesky factor need not exist)."""
    values, vectors = torch.linalg.eigh(closed_form(size, variance))
    root: Tensor = vectors * values.clamp(min=0).sqrt()
    return root


def _drawn(factor: Tensor, shape: Sequence[int], generator: Generator) -> Tensor:
    """Draw shape[0] x shape[1] kernels whose covariance is ``factor`` times its transpose."""
    side = math.isqrt(len(factor))
    noise = torch.randn(shape[0] * shape[1], len(factor), generator=generator)
    return (noise @ factor.float().T).view(shape[0], shape[1], side, side)
