"""Gaussian mixtures over whole output kernels, or over their channels (single k x k kernels).

Source: Geiger et al. 2022, supplement, comparison of initialisations. The BIC chooses the number of
components.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from wiringup.birth.distributions import resampled, resized
from wiringup.birth.genome_layers import Array, ConvolutionLayer, negative, rounded, values
from wiringup.birth.mixture import Mixture, fit_mixture, sample_mixture
from wiringup.core.errors import InputError

MOST_KERNELS, MOST_CHANNELS = 3, 4
"""Components that the BIC may choose among."""

MOST_VECTORS = 5_000  # channels of a layer that are fitted, a random subsample


@dataclass(frozen=True, eq=False)
class KernelMixture(ConvolutionLayer):
    """A Gaussian mixture over whole output kernels; within a component, weights are independent.

    A full covariance of the 18,432 weights of an IT kernel would have three times as many parameters as the
    network has weights.

    Attributes:
        kernel_size: side of the kernels in px.
        shares: (components,) their weights in the mixture.
        means: (components, channels, kernel_size, kernel_size).
        stds: the same shape.
    """

    kind: ClassVar[str] = "kernel_mixture"
    kernel_size: int
    shares: Array = values("components")
    means: Array = values("components", "channels", "kernel_size", "kernel_size")
    stds: Array = values("components", "channels", "kernel_size", "kernel_size")

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        return _no_shares(self) or negative(self, "stds")

    def summary(self) -> str:
        """Return the components' shares."""
        return _shares(self.shares, f"{self.means[0].size} weights")

    @classmethod
    def fit(cls, weight: Tensor, generator: Generator, size: int = 0) -> Self:
        """Fit a mixture to the output kernels of trained weights (out, in, k, k).

        Raises:
            InputError: if the kernels are not square, or there are fewer than two.
        """
        side = _side(weight, len(weight))
        found = fit_mixture(weight.detach().double().flatten(1).numpy(), MOST_KERNELS, diagonal=True)
        means, stds = (v.view(-1, *weight.shape[1:]).numpy() for v in (found.means, found.factors))
        return cls(side, rounded(found.weights.numpy()), rounded(means), rounded(stds))

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Draw weights (out, in, k, k).

        Any number of kernels; another number of channels draws, for all kernels alike, which of the fitted
        channels each of them takes; another kernel size resizes means and standard deviations.
        """
        chosen = resampled(self.means.shape[1], shape[1], generator)
        means, stds = (
            resized(torch.from_numpy(v).float(), shape[2])[:, chosen].flatten(1)
            for v in (self.means, self.stds)
        )
        component = torch.multinomial(
            torch.from_numpy(self.shares), shape[0], replacement=True, generator=generator
        )
        noise = torch.randn(shape, generator=generator).flatten(1)
        return noise.mul_(stds[component]).add_(means[component]).view(shape)


@dataclass(frozen=True, eq=False)
class ChannelMixture(ConvolutionLayer):
    """A Gaussian mixture with full covariances over the k x k kernels of all channels of all kernels.

    Attributes:
        kernel_size: side of the kernels in px.
        shares: (components,) their weights in the mixture.
        means: (components, k, k) with k = kernel_size.
        factors: (components, k k, k k) lower triangular; factor times its transpose is the covariance.
    """

    kind: ClassVar[str] = "channel_mixture"
    kernel_size: int
    shares: Array = values("components")
    means: Array = values("components", "kernel_size", "kernel_size")
    factors: Array = values("components", "positions", "positions")

    @property
    def n_parameters(self) -> int:
        """Number of parameters: for each component its share, mean and half of its covariance."""
        d = self.kernel_size**2
        return len(self.shares) * (1 + d + d * (d + 1) // 2)

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        if self.factors.shape[1] != self.kernel_size**2:
            return f"factors: {self.factors.shape[1]} positions for kernels of {self.kernel_size} px"
        return _no_shares(self) or ("factors: not lower triangular" if np.triu(self.factors, 1).any() else "")

    def summary(self) -> str:
        """Return the components' shares."""
        return _shares(self.shares, f"{self.kernel_size}x{self.kernel_size}")

    @classmethod
    def fit(cls, weight: Tensor, generator: Generator, size: int = 0) -> Self:
        """Fit a mixture to `MOST_VECTORS` or fewer k x k kernels of trained weights (out, in, k, k).

        Raises:
            InputError: if the kernels are not square, or there are fewer than two.
        """
        side = _side(weight, weight.shape[0] * weight.shape[1])
        vectors = weight.detach().double().reshape(-1, side * side)
        if len(vectors) > MOST_VECTORS:
            vectors = vectors[torch.randperm(len(vectors), generator=generator)[:MOST_VECTORS]]
        found = fit_mixture(vectors.numpy(), MOST_CHANNELS)
        means = rounded(found.means.view(-1, side, side).numpy())
        return cls(side, rounded(found.weights.numpy()), means, rounded(found.factors.numpy()))

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Draw weights (out, in, k, k), any number of channels; another kernel size resizes what is drawn."""
        shares, means, factors = (torch.from_numpy(v) for v in (self.shares, self.means, self.factors))
        mixture = Mixture(shares, means.flatten(1), factors)
        side = self.kernel_size
        drawn = sample_mixture(mixture, shape[0] * shape[1], generator).float()
        return resized(drawn.view(shape[0], shape[1], side, side), shape[2])


def _no_shares(layer: KernelMixture | ChannelMixture) -> str:
    return negative(layer, "shares") or ("" if layer.shares.sum() > 0 else "shares: all are 0")


def _shares(shares: NDArray[np.float64], of: str) -> str:
    parts = " ".join(f"{share:.0%}" for share in shares)
    return f"{len(shares)} component{'s' if len(shares) > 1 else ''} of {of}: {parts}"


def _side(weight: Tensor, vectors: int) -> int:
    if weight.ndim != 4 or weight.shape[2] != weight.shape[3] or vectors < 2:
        raise InputError(
            "Mixtures are fitted to two or more square kernels in weights (out, in, k, k); "
            f"got {tuple(weight.shape)}."
        )
    return int(weight.shape[2])
