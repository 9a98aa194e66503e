"""Arrays kept between runs, one file each, where several processes need what takes long to make.

A file's name is KEY.SHA256.npy. The key is a hash of all that decides its content, never a name; the second
hash is that of the file, checked whenever it is read.
"""

import contextlib
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cache import CacheFolder
from wiringup.core.errors import WiringupError
from wiringup.core.files import write_bytes


@dataclass(frozen=True)
class ArrayCache(CacheFolder):
    """Arrays in a folder, bounded in size."""

    SUFFIXES = (".npy",)

    def load(self, key: str, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return the array that is kept under a key, or made now, whether or not it can be kept.

        Args:
            key: a hash of all that decides it.
            make: returns it.
        """
        found = self._find(key)
        if found is None:
            found = make()
            if self.has_room(found.nbytes):
                self._keep(key, found)
        return found

    def _find(self, key: str) -> NDArray[Any] | None:
        with contextlib.suppress(OSError):  # evicted by another process just now, or nothing for us to read
            if (path := self.whole(key)) is not None:
                return np.asarray(np.load(path, allow_pickle=False))
        return None

    def _keep(self, key: str, array: NDArray[Any]) -> None:
        from wiringup.core.home import writable

        stream = io.BytesIO()
        np.save(stream, array, allow_pickle=False)
        content = stream.getbuffer()
        path = self.folder / f"{key}.{hashlib.sha256(content).hexdigest()}.npy"
        # a folder that may only be read, a full disk, a process that holds the lock and has stopped
        with contextlib.suppress(OSError, WiringupError):
            writable(self.folder, "WIRINGUP_CACHE")
            with self.locked(patience=10):
                write_bytes(path, content)
                self.evict(path)
