"""Where scoring computes: in numpy on the CPU, in torch on a card.

Numpy is several times faster than torch on small products. The formulas are written once, with what arrays of
both kinds understand.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = Any
"""A float64 numpy array on the CPU, a float64 tensor on a card."""

NUMPY_ON = ("cpu",)
"""Types of devices on which numpy computes; a test that empties it runs what a card would, on the CPU."""


def in_numpy(device: torch.device) -> bool:
    """Return whether numpy computes what lies on a device."""
    return device.type in NUMPY_ON


def native(tensor: Tensor) -> Array:
    """Return a tensor as numpy's array where numpy computes, and as it is elsewhere."""
    return tensor.numpy() if in_numpy(tensor.device) else tensor


def foreign(array: Array) -> Tensor:
    """Return a native array as a tensor."""
    return array if isinstance(array, Tensor) else torch.from_numpy(array)


def on_host(array: Array) -> Any:
    """Return a native array as numpy's."""
    return array.cpu().numpy() if isinstance(array, Tensor) else array


def library(array: Array) -> Any:
    """Return numpy or torch: whose functions of the same name take a native array."""
    return torch if isinstance(array, Tensor) else np


def beside(array: Array, values: NDArray[np.float64]) -> Array:
    """Return numpy's values as a native array that lies where another one does."""
    return torch.from_numpy(values).to(array.device) if isinstance(array, Tensor) else values


def larger(a: Array, b: Array) -> Array:
    """Return the larger of two arrays, entry by entry."""
    return torch.maximum(a, b) if isinstance(a, Tensor) else np.maximum(a, b)
