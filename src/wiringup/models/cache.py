"""Responses kept between runs: one file for each layer, addressed by everything that decides its content.

A file's name is KEY.SHA256.npy. The key is a hash of weights, code, preprocessing, images, layer, time step
and device, never of a name; the second hash is that of the file itself, checked whenever it is read. So an
entry appears in one step (a rename), two processes that compute the same never disturb each other, and an
entry that is evicted while another process reads it stays readable there (POSIX keeps an open file; on
Windows, where a file in use can be neither renamed nor removed, new entries are not kept, with a note).
"""

import contextlib
import logging
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wiringup.core.cache import CacheFolder, limit_asked
from wiringup.core.files import PART, full_disk_explained, sha256_of
from wiringup.models.files import Key, reserve

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ResponseCache(CacheFolder):
    """Responses in a folder, bounded in size."""

    SUFFIXES = (".npy",)

    def find(self, key: str) -> Tensor | None:
        """Return the response (images, features) kept under ``key``, mapped from its file, or None.

        A damaged file is removed. Changes of the tensor never reach the file.
        """
        with contextlib.suppress(FileNotFoundError):  # evicted by another process just now
            if (path := self.whole(key)) is not None:
                return _opened(path)
        return None

    @contextlib.contextmanager
    def filling(
        self, images: int, features: Mapping[Key, int], keys: Mapping[Key, str]
    ) -> Iterator[dict[Key, Tensor]]:
        """Yield a float32 (images, features) store for each entry of ``features``, kept once the block ends.

        The stores are the files themselves: nothing is copied. If the block raises, nothing is kept.
        Afterwards the yielded dictionary holds tensors whose changes no longer reach the files.
        """
        from wiringup.core.home import writable

        folder = writable(self.folder, "WIRINGUP_CACHE")
        parts = {key: folder / f"{keys[key]}.{uuid.uuid4().hex}{PART}" for key in features}
        try:
            files = {key: _new(part, images, features[key]) for key, part in parts.items()}
            stores = {key: torch.from_numpy(file) for key, file in files.items()}
            yield stores
            for file in files.values():
                file.flush()
            kept = self._keep({keys[key]: part for key, part in parts.items()})
            stores.update({key: kept[keys[key]] for key in parts if keys[key] in kept})
        finally:
            for part in parts.values():
                part.unlink(missing_ok=True)

    def _keep(self, parts: Mapping[str, Path]) -> dict[str, Tensor]:
        """Give parts their names; return those that are still there, opened while nobody can remove them."""
        named = {key: self.folder / f"{key}.{sha256_of(part)}.npy" for key, part in parts.items()}
        try:
            with self.locked():
                for key, part in parts.items():
                    os.utime(part)  # as the last used, so that it is not what has to go
                    part.replace(named[key])
                self.evict()
                return {key: _opened(path) for key, path in named.items() if path.exists()}
        except OSError as error:
            log.warning("Responses cannot be kept in %s (%s).", self.folder, error.strerror or error)
            return {}


def default_cache() -> ResponseCache:
    """Return the cache in the cache folder (`core.home.cache_home`); its limit is ``$WIRINGUP_CACHE_GB``.

    Raises:
        InputError: if the limit is no number of GB.
    """
    from wiringup.core.home import cache_home

    return ResponseCache(cache_home() / "responses", limit_asked())


def _opened(path: Path) -> Tensor:
    return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))


def _new(path: Path, images: int, features: int) -> "np.memmap[Any, np.dtype[np.float32]]":
    with full_disk_explained(path):
        store = np.lib.format.open_memmap(path, "w+", np.dtype(np.float32), (images, features))
        with path.open("r+b") as stream:
            reserve(stream, path.stat().st_size)
    return store
