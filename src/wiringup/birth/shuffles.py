"""Trained weights, shuffled: structure is destroyed, the distribution of values is kept exactly.

Source: Geiger et al. 2022, supplement, controls. Their genome is no compression at all: it holds every
trained weight, and counts every one as a parameter.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from wiringup.birth.distributions import resampled, shuffled
from wiringup.birth.genome_layers import ConvolutionLayer, values


@dataclass(frozen=True, eq=False)
class Shuffled(ConvolutionLayer):
    """The trained weights of a layer, and within what they are shuffled.

    Attributes:
        axis: the axis whose slices are shuffled each on its own; None shuffles the whole layer.
        weight: float32 (kernels, channels, height, width); beside the genome file.
    """

    axis: ClassVar[int | None]
    weight: NDArray[np.float32] = values("kernels", "channels", "height", "width", beside=True)

    def summary(self) -> str:
        """Return the shape and the spread of the trained weights."""
        shape = "x".join(str(n) for n in self.weight.shape)
        return f"{shape} trained weights, {self.weight.mean():.3g} ± {self.weight.std():.3g}"

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Return the trained weights in another order, as weights (out, in, k, k).

        Where the shape has another number of groups, each takes one of the trained ones; where groups are
        larger or smaller than the trained ones, values are drawn from them with replacement.
        """
        trained = _groups(torch.from_numpy(self.weight), self.axis)
        order = list(range(len(shape)))
        if self.axis is not None:
            order[0], order[self.axis] = self.axis, 0
        wanted = [shape[axis] for axis in order]
        weight = torch.empty(wanted)
        rows = weight.view(1, -1) if self.axis is None else weight.flatten(1)
        for row, group in zip(rows, resampled(len(trained), len(rows), generator).tolist(), strict=True):
            row.copy_(trained[group][shuffled(trained.shape[1], len(row), generator)])
        return weight.permute(order).contiguous()

    @classmethod
    def fit(cls, weight: Tensor, generator: Generator, size: int = 0) -> Self:
        """Keep a copy of trained weights (out, in, k, k)."""
        return cls(weight.detach().float().numpy().copy())


@dataclass(frozen=True, eq=False)
class ShuffledLayer(Shuffled):
    """Shuffled within the layer."""

    kind: ClassVar[str] = "shuffled_layer"
    axis: ClassVar[int | None] = None


@dataclass(frozen=True, eq=False)
class ShuffledKernel(Shuffled):
    """Shuffled within each output kernel, over its channels and positions."""

    kind: ClassVar[str] = "shuffled_kernel"
    axis: ClassVar[int | None] = 0


@dataclass(frozen=True, eq=False)
class ShuffledChannel(Shuffled):
    """Shuffled within each input channel, over output kernels and positions.

    The groups are those of `normals.ChannelNormal`. Within the channel of a single kernel there would be
    nothing to shuffle in a 1x1 layer.
    """

    kind: ClassVar[str] = "shuffled_channel"
    axis: ClassVar[int | None] = 1


def _groups(weight: Tensor, axis: int | None) -> Tensor:
    """Return weights (out, in, k, k) as (groups, members)."""
    return weight.reshape(1, -1) if axis is None else weight.transpose(0, axis).flatten(1)
