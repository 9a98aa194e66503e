"""Samplers of weights: pure functions of a shape, parameters and a generator."""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from wiringup.core.checks import at_least


def normal(shape: Sequence[int], mean: float, std: float, generator: Generator) -> Tensor:
    """Draw float32 values from a normal distribution.

    Raises:
        InputError: if ``std`` is negative.
    """
    at_least(std, 0, "the standard deviation")
    return torch.randn(tuple(shape), generator=generator).mul_(std).add_(mean)


def kaiming_normal(shape: Sequence[int], generator: Generator) -> Tensor:
    """Draw convolution weights (out, in, k, k) with std sqrt(2 / (k k out)).

    Source: He et al. 2015, "Delving deep into rectifiers", eq. 14 (fan-out), the birth of CORnet-S.
    """
    fan_out = shape[0] * math.prod(shape[2:])
    return normal(shape, 0.0, math.sqrt(2 / fan_out), generator)


def uniform_fan_in(shape: Sequence[int], inputs: int, generator: Generator) -> Tensor:
    """Draw values uniform within +-1/sqrt(inputs): weight and bias of a PyTorch linear layer."""
    bound = 1 / math.sqrt(inputs)
    return torch.rand(tuple(shape), generator=generator).mul_(2 * bound).sub_(bound)
