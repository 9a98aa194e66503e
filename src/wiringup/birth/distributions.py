"""Samplers of weights: pure functions of a shape, parameters and a generator."""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from wiringup.core.checks import at_least
from wiringup.core.errors import InputError


def uniform(shape: Sequence[int], low: float, high: float, generator: Generator) -> Tensor:
    """Draw float32 values uniform in [low, high).

    Raises:
        InputError: if ``high`` is below ``low``.
    """
    at_least(high, low, "the upper end of a uniform distribution")
    return torch.rand(tuple(shape), generator=generator).mul_(high - low).add_(low)


def normal(shape: Sequence[int], mean: float, std: float, generator: Generator) -> Tensor:
    """Draw float32 values from a normal distribution.

    Raises:
        InputError: if ``std`` is negative.
    """
    at_least(std, 0, "the standard deviation")
    return torch.randn(tuple(shape), generator=generator).mul_(std).add_(mean)


def signs(shape: Sequence[int], positive: float, magnitude: float, generator: Generator) -> Tensor:
    """Draw float32 values that are +``magnitude`` with probability ``positive``, otherwise -``magnitude``."""
    drawn = torch.rand(tuple(shape), generator=generator) < positive
    return drawn.float().mul_(2 * magnitude).sub_(magnitude)


def kaiming_normal(shape: Sequence[int], generator: Generator) -> Tensor:
    """Draw convolution weights (out, in, k, k) with std sqrt(2 / (k k out)).

    Source: He et al. 2015, "Delving deep into rectifiers", eq. 14 (fan-out), the birth of CORnet-S.
    """
    return normal(shape, 0.0, kaiming_std(shape), generator)


def kaiming_normal_fan_in(shape: Sequence[int], generator: Generator) -> Tensor:
    """Draw convolution weights (out, in, k, k) with std sqrt(2 / (k k in)).

    Source: He et al. 2015, eq. 10 (fan-in): responses, not gradients, keep their variance.
    """
    return normal(shape, 0.0, math.sqrt(2 / math.prod(shape[1:])), generator)


def kaiming_uniform(shape: Sequence[int], generator: Generator) -> Tensor:
    """Draw convolution weights (out, in, k, k) uniform about 0, with the variance of `kaiming_normal`."""
    bound = math.sqrt(6 / _fan_out(shape))
    return uniform(shape, -bound, bound, generator)


def kaiming_uniform_fan_in(shape: Sequence[int], generator: Generator) -> Tensor:
    """Draw convolution weights (out, in, k, k) uniform about 0, with the variance of the fan-in rule."""
    bound = math.sqrt(6 / math.prod(shape[1:]))
    return uniform(shape, -bound, bound, generator)


def constant_mean(shape: Sequence[int], generator: Generator) -> Tensor:
    """Return convolution weights (out, in, k, k) that are all 1 / (k k in): every kernel averages its input.

    Any larger constant would make responses grow from layer to layer. The generator is not used.
    """
    return torch.full(tuple(shape), 1 / math.prod(shape[1:]), dtype=torch.float32)


def uniform_fan_in(shape: Sequence[int], inputs: int, generator: Generator) -> Tensor:
    """Draw values uniform within +-1/sqrt(inputs): weight and bias of a PyTorch linear layer."""
    bound = 1 / math.sqrt(inputs)
    return uniform(shape, -bound, bound, generator)


def resampled(fitted: int, wanted: int, generator: Generator) -> Tensor:
    """Return which of ``fitted`` distributions each of ``wanted`` slices takes, int64 (wanted,).

    Each its own where the numbers agree; otherwise drawn with replacement.
    """
    if fitted == wanted:
        return torch.arange(fitted)
    return torch.randint(fitted, (wanted,), generator=generator)


def shuffled(fitted: int, wanted: int, generator: Generator) -> Tensor:
    """Return in which order ``wanted`` of ``fitted`` values are taken, int64 (wanted,).

    Every value once where the numbers agree; otherwise drawn with replacement.
    """
    if fitted == wanted:
        return torch.randperm(fitted, generator=generator)
    return torch.randint(fitted, (wanted,), generator=generator)


def resized(kernels: Tensor, size: int) -> Tensor:
    """Return kernels (..., k, k) as (..., size, size): bilinear, antialiased; values keep their scale."""
    if size == kernels.shape[-1]:
        return kernels
    flat = kernels.reshape(-1, 1, *kernels.shape[-2:])
    found = nn.functional.interpolate(
        flat, (size, size), mode="bilinear", antialias=True, align_corners=False
    )
    return found.view(*kernels.shape[:-2], size, size)


def kernel_side(shape: Sequence[int], what: str) -> int:
    """Return k of weights (out, in, k, k).

    Raises:
        InputError: if they are of another shape; it begins with ``what``, as in "Clusters describe".
    """
    if len(shape) != 4 or shape[2] != shape[3]:
        raise InputError(f"{what} weights (out, in, k, k) with square kernels; got {tuple(shape)}.")
    return shape[2]


def kaiming_std(shape: Sequence[int]) -> float:
    """Return sqrt(2 / (k k out)), the standard deviation of `kaiming_normal`."""
    return math.sqrt(2 / _fan_out(shape))


def _fan_out(shape: Sequence[int]) -> int:
    """Outgoing connections of one input."""
    return shape[0] * math.prod(shape[2:])
