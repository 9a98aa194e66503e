"""Rendered pixels kept between runs: every process of a study needs the same ones.

A file's name is KEY.SHA256.npy. The key is a hash of what is rendered, of the code that renders and of the
libraries that compute; the second hash is that of the file, checked whenever it is read.
"""

import contextlib
import hashlib
import io
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from wiringup.core import seeds
from wiringup.core.cache import CacheFolder, limit_asked
from wiringup.core.errors import WiringupError
from wiringup.core.files import write_bytes
from wiringup.core.home import cache_home, writable
from wiringup.core.spec import content_hash
from wiringup.data.rendered.scenes import RenderSpec

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class RenderedCache(CacheFolder):
    """Pixels of rendered sets in a folder, bounded in size."""

    SUFFIXES = (".npy",)

    def load(self, spec: RenderSpec, draw: Callable[[], Pixels]) -> Pixels:
        """Return the pixels of a rendered set, kept or drawn now, whether or not they can be kept.

        Args:
            spec: of the set.
            draw: returns its pixels, uint8 (images, size, size, 3).
        """
        key = content_hash({"spec": asdict(spec), "code": _code()})
        found = self._find(key)
        if found is None:
            found = draw()
            self._keep(key, found)
        return found

    def _find(self, key: str) -> Pixels | None:
        with contextlib.suppress(FileNotFoundError):  # evicted by another process just now
            if (path := self.whole(key)) is not None:
                return np.asarray(np.load(path, allow_pickle=False))
        return None

    def _keep(self, key: str, pixels: Pixels) -> None:
        stream = io.BytesIO()
        np.save(stream, pixels, allow_pickle=False)
        content = stream.getvalue()
        path = self.folder / f"{key}.{hashlib.sha256(content).hexdigest()}.npy"
        with contextlib.suppress(OSError, WiringupError):  # a cache that may only be read, a full disk
            writable(self.folder, "WIRINGUP_CACHE")
            if self.has_room(len(content)):
                with self.locked():
                    write_bytes(path, content)
                    self.evict(path)


def default_cache() -> RenderedCache:
    """Return the cache in the cache folder (`core.home.cache_home`); its limit is ``$WIRINGUP_CACHE_GB``.

    Raises:
        InputError: if the limit is no number of GB.
    """
    return RenderedCache(cache_home() / "rendered", limit_asked())


@cache
def _code() -> str:
    """A hash of everything that decides pixels beside a spec."""
    digest = hashlib.sha256()
    files = [*sorted(Path(__file__).parent.glob("*.py")), Path(seeds.__file__)]
    for file in files:
        digest.update(file.read_bytes())
    for of in (np.__version__, scipy.__version__, platform.machine()):
        digest.update(of.encode())
    return digest.hexdigest()
