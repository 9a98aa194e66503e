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

from wiringup.benchmarks.metrics.arrays import in_numpy
from wiringup.benchmarks.metrics.threads import side_by_side
from wiringup.core.errors import InputError, NotFiniteError
from wiringup.models.storage import BLOCK, CARD_BLOCK

CONSTANT = 1e-13
_TILE = 128  # of a matrix that is mirrored: stays in the cache


@dataclass(frozen=True, eq=False)
class Features:
    """Responses of one layer to all images, with the products that several benchmarks share.

    Attributes:
        values: (images, features), on any device; may be backed by a file.
        classes: names of the model's classes in the order of its decoder's outputs; None if not known.
        decoded: what a decoder made of them, by the hash of the images it was fitted on and asked about.
        device: where products are made, a block of features at a time; by default where the values are.
    """

    values: Tensor
    classes: tuple[str, ...] | None = None
    decoded: dict[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict, repr=False)
    device: torch.device | None = None

    @classmethod
    def of(cls, responses: "Features | Tensor") -> "Features":
        """Return ``responses`` as `Features`."""
        return responses if isinstance(responses, Features) else cls(responses)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def place(self) -> torch.device:
        """The device on which products are made."""
        return self.device or self.values.device

    @cached_property
    def alike(self) -> bool:
        """Whether several images have the same response, to the bit."""
        return len(self) > 1 and all(torch.equal(one, self.values[0]) for one in self.values[1:])

    @cached_property
    def gram(self) -> Tensor:
        """`gram` of the values, computed once."""
        return gram(self.values, device=self.place)

    @cached_property
    def pattern_covariance(self) -> Tensor:
        """`pattern_covariance` of the values, computed once."""
        return pattern_covariance(self.values, device=self.place)


def gram(features: Tensor, block: int | None = None, device: torch.device | None = None) -> Tensor:
    """Return the float64 Gram matrix (images, images) of features centred over the images.

    Args:
        features: (images, features), on any device.
        block: columns taken to float64 at a time; by default what suits the device.
        device: where the product is made, and the answer is; by default where the features are.

    Features that vary by less than float32 rounding (1e-13 of their power) count as constant: their Gram
    matrix is exactly 0, so that rounding is never read as signal.

    Raises:
        InputError: if a response is NaN or infinite.
    """
    check_finite(features)
    n = len(features)

    def centred(columns: Tensor) -> tuple[Tensor, Tensor]:
        mean = columns.mean(0)
        return columns.sub_(mean), n * (mean @ mean)

    result, offset = _summed(features, block, device, centred)
    variation = result.diagonal().sum()
    return result if variation > CONSTANT * (variation + offset) else torch.zeros_like(result)


def pattern_covariance(
    features: Tensor, block: int | None = None, device: torch.device | None = None
) -> Tensor:
    """Return float64 (images, images): the covariance over features of the patterns of two images.

    Each image's responses are centred over the features, and the sum is not divided by their number.
    Arguments as `gram`.

    Raises:
        InputError: if a response is NaN or infinite.
    """
    check_finite(features)
    mean = features.mean(1, keepdim=True, dtype=torch.float64).to(device or features.device)
    return _summed(features, block, device, lambda columns: (columns.sub_(mean), _NOTHING))[0]


_NOTHING = torch.zeros((), dtype=torch.float64)


def _summed(
    features: Tensor,
    block: int | None,
    device: torch.device | None,
    centred: Callable[[Tensor], tuple[Tensor, Tensor]],
) -> tuple[Tensor, Tensor]:
    """Return X X' of the ``centred`` features, and the sum of what it adds for each block.

    Blocks are taken in two runs side by side, each within one thread: threads of PyTorch and of the BLAS
    that wait for each other by spinning cost up to fifty times the product of a small set.
    """
    place = device or features.device
    width = block or (BLOCK if in_numpy(place) else CARD_BLOCK)
    starts = range(0, features.shape[1], width)
    middle = (len(starts) + 1) // 2

    def run(some: range) -> tuple[_Accumulator, Tensor]:
        product, extra = _Accumulator(len(features), place), _NOTHING
        for start in some:
            block = features[:, start : start + width].to(place).to(torch.float64, copy=True)
            columns, more = centred(block)
            product.add(columns)
            extra = extra + more
        return product, extra

    runs = [starts[:middle], starts[middle:]]
    (first, one), (second, other) = (
        side_by_side(run, runs) if in_numpy(place) else [run(some) for some in runs]
    )
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
    """Sums X X' over blocks; in numpy as a symmetric rank-k update, which is half of the work."""

    def __init__(self, n: int, device: torch.device) -> None:
        self.in_numpy = in_numpy(device)
        self.upper = np.zeros((n, n) if self.in_numpy else (0, 0), order="F")
        self.full = torch.zeros((0, 0) if self.in_numpy else (n, n), dtype=torch.float64, device=device)

    def add(self, columns: Tensor) -> None:
        if self.in_numpy:
            rows = columns.contiguous().numpy().T
            self.upper = dsyrk(1.0, rows, beta=1.0, c=self.upper, overwrite_c=1, trans=1)
        else:
            self.full.addmm_(columns, columns.T)

    def merge(self, other: "_Accumulator") -> None:
        self.upper += other.upper
        self.full += other.full

    def result(self) -> Tensor:
        if not self.in_numpy:
            return self.full
        for start in range(0, len(self.upper), _TILE):
            stop = start + _TILE
            square = self.upper[start:stop, start:stop]
            square += np.tril(square.T, -1)
            self.upper[stop:, start:stop] = self.upper[start:stop, stop:].T
        return torch.from_numpy(self.upper.T)  # row-major: half the time of every product with it
