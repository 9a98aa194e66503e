"""Normal distributions of weights: one for a layer, or one for each output kernel or input channel.

Source: Geiger et al. 2022, supplement, comparison of initialisations.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from wiringup.birth.distributions import normal, resampled
from wiringup.birth.genome_layers import Array, ConvolutionLayer, negative, rounded, values


@dataclass(frozen=True, eq=False)
class LayerNormal(ConvolutionLayer):
    """One mean and standard deviation for all weights of a layer."""

    kind: ClassVar[str] = "layer_normal"
    mean: float = values()
    std: float = values()

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        return negative(self, "std")

    def summary(self) -> str:
        """Return mean and standard deviation."""
        return f"{self.mean:.3g} ± {self.std:.3g}"

    @classmethod
    def fit(cls, weight: Tensor, generator: Generator, size: int = 0) -> Self:
        """Return mean and standard deviation of trained weights of any shape."""
        values = weight.detach().double()
        return cls(*rounded(np.array([values.mean(), values.std(correction=0)])).tolist())

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Draw weights of any shape."""
        return normal(shape, self.mean, self.std, generator)


@dataclass(frozen=True, eq=False)
class GroupNormal(ConvolutionLayer):
    """A mean and standard deviation for each slice of a layer's weights along one axis.

    Attributes:
        axis: the axis whose slices are the groups; 0 output kernels, 1 input channels.
        mean: (groups,).
        std: (groups,).
    """

    axis: ClassVar[int]
    mean: Array = values("groups")
    std: Array = values("groups")

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        return negative(self, "std")

    def summary(self) -> str:
        """Return how the groups differ: means and standard deviations, each with its spread."""
        return (
            f"{len(self.mean)} means {self.mean.mean():.3g} ± {self.mean.std():.2g}, "
            f"stds {self.std.mean():.3g} ± {self.std.std():.2g}"
        )

    @classmethod
    def fit(cls, weight: Tensor, generator: Generator, size: int = 0) -> Self:
        """Return mean and standard deviation of every group of weights (out, in, k, k)."""
        return cls(*_moments(weight, cls.axis))

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Draw weights (out, in, k, k), any number of channels and any kernel size.

        Every group has its own mean and standard deviation; where the shape has another number of groups than
        was fitted, each draws one of the fitted ones.
        """
        chosen = resampled(len(self.mean), shape[self.axis], generator)
        view = [-1 if axis == self.axis else 1 for axis in range(len(shape))]
        mean, std = (torch.from_numpy(v).float()[chosen].view(view) for v in (self.mean, self.std))
        return torch.randn(shape, generator=generator).mul_(std).add_(mean)


@dataclass(frozen=True, eq=False)
class KernelNormal(GroupNormal):
    """A mean and standard deviation for each output kernel, over its channels and positions."""

    kind: ClassVar[str] = "kernel_normal"
    axis: ClassVar[int] = 0


@dataclass(frozen=True, eq=False)
class ChannelNormal(GroupNormal):
    """A mean and standard deviation for each input channel, over output kernels and positions.

    One for each channel of each kernel would have two parameters for every weight of a 1x1 layer.
    """

    kind: ClassVar[str] = "channel_normal"
    axis: ClassVar[int] = 1


def _moments(weight: Tensor, axis: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values = weight.detach().double().transpose(0, axis).flatten(1)
    return rounded(values.mean(1).numpy()), rounded(values.std(1, correction=0).numpy())
