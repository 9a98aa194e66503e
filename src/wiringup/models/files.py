"""Files that hold responses as they are computed: mapped into memory, with their place on the disk."""

import os
import tempfile
from collections.abc import Hashable
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
import torch
from torch import Tensor

from wiringup.core.files import full_disk_explained

Key = TypeVar("Key", bound=Hashable)
FLOAT32 = 4  # bytes


def mapped(images: int, features: int, folder: Path) -> Tensor:
    """Return a float32 (images, features) tensor backed by a file in ``folder`` that vanishes with it.

    Raises:
        WiringupError: if the disk is full.
    """
    with full_disk_explained(folder), tempfile.TemporaryFile(dir=folder, prefix="wiringup-") as stream:
        reserve(stream, FLOAT32 * images * features)
        return torch.from_numpy(np.memmap(stream, np.float32, "r+", shape=(images, features)))


def reserve(stream: IO[bytes], size: int) -> None:
    """Give a file its size and, where the system can, its place on the disk.

    Without a place of its own, a mapped file on a full disk kills the process when it is written.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(stream.fileno(), 0, size)
    else:
        stream.truncate(size)
