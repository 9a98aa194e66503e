"""One integer seed, as many independent named streams of randomness as needed.

Nothing in wiringup reads or sets global random state: every sampler receives a generator. A stream's
seed is the SHA-256 of the user's seed and the stream's names, so adding a stream never shifts another.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive(seed: int, *names: str | int) -> int:
    """Return the 63-bit seed of the stream ``names`` under ``seed``."""
    text = "/".join([str(int(seed)), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def torch_stream(seed: int, *names: str | int) -> "torch.Generator":
    """Return a fresh CPU torch generator for the stream ``names`` under ``seed``."""
    import torch

    return torch.Generator().manual_seed(derive(seed, *names))


def numpy_stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return a fresh numpy generator for the stream ``names`` under ``seed``."""
    return np.random.default_rng(derive(seed, *names))
