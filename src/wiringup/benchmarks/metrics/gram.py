"""Inner products of the responses to all pairs of images: the one large product behind PLS and RDMs.

Features are only ever touched here, once, a block of columns at a time: memory is the features as they
are (float32) plus one float64 matrix of images x images, however many features there are.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk
from torch import Tensor

from wiringup.benchmarks.metrics.threads import side_by_side
from wiringup.core.errors import InputError, NotFiniteError

BLOCK = 2048
CONSTANT = 1e-13
_TILE = 128  # of a matrix that is mirrored: stays in the cache


@dataclass(frozen=True, eq=False)
class Features:
    """Responses of one layer to all images, with the products that several benchmarks share.

    Attributes:
        values: (images, features), on any device; may be backed by a file.
        classes: names of the model's classes in the order of its decoder's outputs; None if not known.
        decoded: what a decoder made of them, by the hash of the images it was fitted on and asked about.
    """

    values: Tensor
    classes: tuple[str, ...] | None = None
    decoded: dict[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, responses: "Features | Tensor") -> "Features":
        """Return ``responses`` as `Features`."""
        return responses if isinstance(responses, Features) else cls(responses)

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def gram(self) -> Tensor:
        """`gram` of the values, computed once."""
        return gram(self.values)

    @cached_property
    def pattern_covariance(self) -> Tensor:
        """`pattern_covariance` of the values, computed once."""
        return pattern_covariance(self.values)


def gram(features: Tensor, block: int = BLOCK) -> Tensor:
    """Return the float64 Gram matrix (images, images) of features centred over the images.

    Args:
        features: (images, features), on any device; the answer is on the same device.
        block: columns taken to float64 at a time.

    Features that vary by less than float32 rounding (1e-13 of their power) count as constant: their Gram
    matrix is exactly 0, so that rounding is never read as signal.

    Raises:
        InputError: if a response is NaN or infinite.
    """
    check_finite(features)
    n = len(features)

    def centred(columns: Tensor) -> tuple[Tensor, float]:
        mean = columns.mean(0)
        return columns.sub_(mean), n * float(mean @ mean)

    result, offset = _summed(features, block, centred)
    variation = float(result.diagonal().sum())
    return result if variation > CONSTANT * (variation + offset) else torch.zeros_like(result)


def pattern_covariance(features: Tensor, block: int = BLOCK) -> Tensor:
    """Return float64 (images, images): the covariance over features of the patterns of two images.

    Each image's responses are centred over the features, and the sum is not divided by their number.

    Raises:
        InputError: if a response is NaN or infinite.
    """
    check_finite(features)
    mean = features.mean(1, keepdim=True, dtype=torch.float64)
    return _summed(features, block, lambda columns: (columns.sub_(mean), 0.0))[0]


def _summed(
    features: Tensor, block: int, centred: Callable[[Tensor], tuple[Tensor, float]]
) -> tuple[Tensor, float]:
    """Return X X' of the ``centred`` features, and the sum of what it adds for each block.

    Blocks are taken in two runs side by side, each within one thread: threads of PyTorch and of the BLAS
    that wait for each other by spinning cost up to fifty times the product of a small set.
    """
    starts = range(0, features.shape[1], block)
    middle = (len(starts) + 1) // 2

    def run(some: range) -> tuple[_Accumulator, float]:
        product, extra = _Accumulator(len(features), features.device), 0.0
        for start in some:
            columns, more = centred(features[:, start : start + block].to(torch.float64, copy=True))
            product.add(columns)
            extra += more
        return product, extra

    runs = [starts[:middle], starts[middle:]]
    on_cpu = features.device.type == "cpu"
    (first, one), (second, other) = side_by_side(run, runs) if on_cpu else [run(some) for some in runs]
    first.merge(second)
    return first.result(), one + other


def check_finite(features: Tensor) -> None:
    """Raise `NotFiniteError` if any response is NaN or infinite, `InputError` for a wrong shape or size."""
    if features.ndim != 2:
        raise InputError(f"Responses have to be (images, features); got {tuple(features.shape)}.")
    if not bool(torch.isfinite(features.sum(dtype=torch.float64))):
        raise NotFiniteError(
            "The responses hold NaN or infinite values, so they cannot be scored. "
            "The weights may have diverged in training, or were read incompletely."
        )
    if features.dtype == torch.float64 and features.numel():
        largest = max(abs(float(end)) for end in features.aminmax())
        if largest > torch.finfo(torch.float32).max:
            raise InputError(f"The responses reach {largest:.3g}: their products overflow. Rescale them.")


class _Accumulator:
    """Sums X X' over blocks; on the CPU as a symmetric rank-k update, which is half of the work."""

    def __init__(self, n: int, device: torch.device) -> None:
        self.on_cpu = device.type == "cpu"
        self.upper = np.zeros((n, n) if self.on_cpu else (0, 0), order="F")
        self.full = torch.zeros((0, 0) if self.on_cpu else (n, n), dtype=torch.float64, device=device)

    def add(self, columns: Tensor) -> None:
        if self.on_cpu:
            rows = columns.contiguous().numpy().T
            self.upper = dsyrk(1.0, rows, beta=1.0, c=self.upper, overwrite_c=1, trans=1)
        else:
            self.full.addmm_(columns, columns.T)

    def merge(self, other: "_Accumulator") -> None:
        self.upper += other.upper
        self.full += other.full

    def result(self) -> Tensor:
        if not self.on_cpu:
            return self.full
        for start in range(0, len(self.upper), _TILE):
            stop = start + _TILE
            square = self.upper[start:stop, start:stop]
            square += np.tril(square.T, -1)
            self.upper[stop:, start:stop] = self.upper[start:stop, stop:].T
        return torch.from_numpy(self.upper.T)  # row-major: half the time of every product with it
