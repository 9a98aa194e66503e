"""Random signs: every weight is +c or -c.

It is what the published clusters of every 1x1 layer of CORnet-S amount to: two centres close to +c and -c,
half of the channels each, no spread. Whether the signs are random or what a network learned, a birth does
not tell; with one parameter (or none) it says how far magnitudes matter at all.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Generator, Tensor

from wiringup.birth.distributions import kaiming_normal, kaiming_std, signs
from wiringup.birth.genome_layers import ConvolutionLayer, negative, rounded, values


@dataclass(frozen=True, eq=False)
class SignLayer(ConvolutionLayer):
    """The share of positive weights, and the magnitude that all weights have.

    Attributes:
        positive: share of the weights that are positive, from 0 to 1.
        magnitude: root mean square of the trained weights, so that their power is kept.
    """

    kind: ClassVar[str] = "signs"
    positive: float = values()
    magnitude: float = values()

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        return negative(self, "positive", "magnitude") or ("positive: above 1" if self.positive > 1 else "")

    def summary(self) -> str:
        """Return both parameters."""
        return f"±{self.magnitude:.3g}, {self.positive:.1%} positive"

    @classmethod
    def fit(cls, weight: Tensor, generator: Generator, size: int = 0) -> Self:
        """Return the share of positive weights and their root mean square, of weights of any shape."""
        values = weight.detach().double()
        parameters = np.array([(values > 0).double().mean(), values.square().mean().sqrt()])
        return cls(*rounded(parameters).tolist())

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Draw weights of any shape."""
        return signs(shape, self.positive, self.magnitude, generator)


def random_signs(shape: Sequence[int], generator: Generator) -> Tensor:
    """Draw convolution weights (out, in, k, k) of either sign, with the variance of `kaiming_normal`."""
    return signs(shape, 0.5, kaiming_std(shape), generator)


def random_pointwise_signs(shape: Sequence[int], generator: Generator) -> Tensor:
    """Draw 1x1 convolutions as `random_signs`, all others as `kaiming_normal`."""
    return (random_signs if math.prod(shape[2:]) == 1 else kaiming_normal)(shape, generator)
