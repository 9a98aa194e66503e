"""Images decoded once: packed files, cached and found by their content.

The key of a file is a hash of the source (`ImageSource.fingerprint`) and of which images it holds, after one
of the size and of what is kept of an image: files that begin alike may lend each other images.
"""

import contextlib
import logging
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cache import CacheFolder, limit_asked, touch
from wiringup.core.cautions import caution
from wiringup.core.checks import listed
from wiringup.core.errors import (
    InputError,
    MissingDataError,
    NotPackedError,
    UnreadableError,
    WiringupError,
)
from wiringup.core.home import cache_home, writable
from wiringup.core.memory import GB, free_disk, in_gb
from wiringup.core.spec import content_hash
from wiringup.core.stimuli import LabelledImages
from wiringup.data.images.estimate import disk_of
from wiringup.data.images.keeping import SQUARES, Keeping
from wiringup.data.images.pack_file import (
    SQUARES_SUFFIX,
    WHOLE_SUFFIX,
    OtherFormatError,
    beside,
    index_of,
    noted,
)
from wiringup.data.images.packed import Packed, read_packed
from wiringup.data.images.packing import Asked, pack, readable_now, reopen, unfinished
from wiringup.data.images.source import open_source

RULE = "short side to size, centre crop; 2"
"""How an image is decoded and becomes square (`decoding`); raise the number when that changes, or cached ones
were stale.

2: upright and on grey. Images without EXIF orientation and transparency have the same pixels as by 1.
"""

WHOLE = 4  # a part of the images is packed by itself if it is less than 1 / WHOLE of all
_WEEK = 7 * 24 * 3600  # seconds after which nobody is expected to go on with a pack
_PREFIX = 12  # characters of a key that say size and what is kept

log = logging.getLogger(__name__)

Choose = Callable[[NDArray[np.int64], NDArray[np.bool_]], NDArray[np.intp]]
"""Receives the label of every image of a source, and whether it can be had (not if it was left out as
corrupt); returns the index of those that are wanted, in order."""


@dataclass(frozen=True)
class ImageCache(CacheFolder):
    """Packed images in a folder, bounded in size."""

    # .safetensors are of earlier versions, which nobody reads: they are evicted in time
    SUFFIXES = (SQUARES_SUFFIX, WHOLE_SUFFIX, ".safetensors")

    def parts(self, path: Path) -> tuple[Path, ...]:
        """Return the images, index and JSON beside them, and the note of when they were found whole."""
        return path, index_of(path), beside(path), noted(path)

    def load(
        self,
        path: Path | str,
        size: int,
        choose: Choose | None = None,
        verify: bool = False,
        keep: str = SQUARES,
        most: int | None = None,
    ) -> LabelledImages:
        """Return labelled images that lie in a file of the store, packing them if they do not yet.

        All images of a source are packed together, so that every choice among them is served by one file. A
        choice of few is packed by itself, unless all are there already.

        Args:
            path: see `source.ALLOWED`.
            size: side in px, see `keeping`.
            choose: picks images; by default all.
            verify: compare the images with their hashes also if the file has the size and time stamp with
                which it was found whole.
            keep: what is kept of an image, see `keeping.ALLOWED`.
            most: images that are packed here and now, at most; None for any number.

        Raises:
            MissingDataError: if there is nothing at ``path``.
            NotPackedError: if more than ``most`` are not packed yet; what that takes is said.
            InputError: if it cannot be used, or images are corrupt (they are named).
            WiringupError: if the images do not fit the limit or the disk.
        """
        keeping = Keeping.parse(keep)

        def packed(asked: Asked) -> Packed:
            self._refuse_many(asked, path, most)
            return self._packed(asked, verify)

        with open_source(path, size) as source:
            everything = Asked(source, np.arange(len(source)), keeping, size)
            try:
                found = self.find(_path(self.folder, everything), verify)
            except InputError:  # repaired by who holds the lock
                found = packed(everything)
            if found is None and choose is not None:
                rows = choose(source.labels, np.ones(len(source), bool))
                if len(rows) < len(source) / WHOLE:
                    return packed(replace(everything, rows=rows)).images
            found = found or packed(everything)
        _warn_of_left_out(found)
        if choose is None:
            return found.images
        # by the labels of all: what is chosen does not depend on what is packed
        rows = choose(source.labels, found.there)
        return found.images.take((np.cumsum(found.there) - 1)[rows])

    def pack(
        self,
        path: Path | str,
        size: int,
        verify: bool = False,
        keep: str = SQUARES,
        skip_corrupt: bool = False,
    ) -> Packed:
        """Return all images of a source, packing them if they are not yet.

        Args:
            path: as in `load`.
            size: as in `load`.
            verify: as in `load`.
            keep: as in `load`.
            skip_corrupt: leave out images that cannot be decoded, and write down which they are.

        Raises:
            MissingDataError: as `load`.
            InputError: as `load`.
            WiringupError: as `load`.
        """
        keeping = Keeping.parse(keep)
        with open_source(path, size) as source:
            asked = Asked(source, np.arange(len(source)), keeping, size)
            found = self._packed(asked, verify, skip_corrupt)
        _warn_of_left_out(found)
        return found

    def find(self, path: Path, verify: bool = False) -> Packed | None:
        """Return the images cached at ``path``, or None; nothing is changed.

        Args:
            path: of the images.
            verify: as in `load`.

        Raises:
            InputError: if they are damaged.
            OtherFormatError: if another version packed them.
        """
        try:
            found = read_packed(path, verify)
        except (MissingDataError, FileNotFoundError):  # not packed, or evicted by another process just now
            return None
        touch(beside(path))  # the time stamp of the images says that they are as they were
        return found

    @property
    def unfinished_bytes(self) -> int:
        """Bytes of packs that were begun, and that the same command goes on with."""
        sizes = []
        for images in self.folder.glob("*.unfinished"):
            with contextlib.suppress(FileNotFoundError):
                sizes.append(images.stat().st_size)
        return sum(sizes)

    def evict(self, spared: Path | None = None) -> None:
        """Remove what is over the limit, and what was begun long ago and never finished."""
        super().evict(spared)
        self._remove_unfinished(_WEEK)

    def clear(self) -> int:
        """Remove everything that is kept, packed by halves too; return how many bytes that were."""
        return super().clear() + self._remove_unfinished(0)

    def _remove_unfinished(self, age: float) -> int:
        from filelock import FileLock, Timeout

        removed = 0
        for images in self.folder.glob("*.unfinished"):
            with contextlib.suppress(FileNotFoundError, Timeout):  # whoever holds the lock is packing it
                about = images.stat()
                if about.st_mtime <= time.time() - age:
                    with FileLock(_lock(images), timeout=0):
                        for part in unfinished(images):
                            part.unlink(missing_ok=True)
                    removed += about.st_size
        return removed

    def _packed(self, asked: Asked, verify: bool, skip_corrupt: bool = False) -> Packed:
        from filelock import FileLock

        path = _path(self.folder, asked)
        writable(self.folder, "WIRINGUP_CACHE")
        # of several processes that begin together one packs, and the others wait for it
        with FileLock(_lock(path)):
            found = self._repaired(path, verify)
            if found is not None and not (verify and readable_now(asked, np.flatnonzero(~found.there))):
                return found
            if found is not None:
                self._reopen(path)
                skip_corrupt = True  # as it was packed
            self._check_room(asked, path)
            pack(path, asked, self._others(path), skip_corrupt)
            packed = read_packed(path)
            with self.locked():
                self.evict(path)
        self._warn_of_size(path)
        return packed

    def _repaired(self, path: Path, verify: bool) -> Packed | None:
        """Return what `find` does; what cannot be used is made ready to be packed again. Under the lock."""
        try:
            return self.find(path, verify)
        except OtherFormatError as error:
            caution(f"Packed images of another version are packed again: {error}")
        except UnreadableError:  # which does not say that they are damaged
            raise
        except InputError as error:
            caution(f"Packed images are damaged and are packed again: {path} ({error})")
        self._reopen(path)
        return None

    def _reopen(self, path: Path) -> None:
        reopen(path)
        self.remove(path)

    def _warn_of_size(self, path: Path) -> None:
        size = sum(part.stat().st_size for part in self.parts(path) if part.exists())
        if size > self.limit * GB:
            caution(
                f"{path} takes {in_gb(size)}, more than expected, and more than {self.folder} may hold "
                f"({in_gb(self.limit * GB)}). It is kept until other images are packed; set "
                "WIRINGUP_CACHE_GB to more."
            )

    def _others(self, path: Path) -> Iterator[Path]:
        """Return packs of the same size that keep the same of an image, finished or not."""
        for suffix in (".index", ".journal"):
            for other in self.folder.glob(f"{path.stem[:_PREFIX]}*{suffix}"):
                if other.stem != path.stem:
                    yield other.with_suffix(path.suffix)

    def _check_room(self, asked: Asked, path: Path) -> None:
        told, fits = self._room(asked, path)
        if not fits:
            raise WiringupError(told)

    def _room(self, asked: Asked, path: Path) -> tuple[str, bool]:
        """Return what images take, in words, and whether there is room for them."""
        needed = disk_of(asked.source, asked.rows, asked.side, asked.keeping)
        begun, _ = unfinished(path)
        there = begun.stat().st_size if begun.exists() else 0
        told = (
            f"{len(asked.rows):,} images at {asked.side} px take {in_gb(needed)} ({asked.keeping}); "
            f"{self.folder} may hold {in_gb(self.limit * GB)}."
        )
        if needed <= self.limit * GB and needed - there <= free_disk(self.folder):
            return told, True
        return (
            f"{told} Set WIRINGUP_CACHE_GB to more, WIRINGUP_CACHE to a folder on a larger disk, or learn "
            "from fewer images."
        ), False

    def _refuse_many(self, asked: Asked, source: Path | str, most: int | None) -> None:
        """Raise `NotPackedError` if more than ``most`` images are to be packed, or packed again."""
        path = _path(self.folder, asked)
        if most is None or len(asked.rows) <= most or self._usable(path):
            return
        told, _ = self._room(asked, path)
        command = f"wiringup pack {shlex.quote(str(source))} --size {asked.side} --keep {asked.keeping}"
        raise NotPackedError(
            f"The images of {source} are not packed yet, which the first run does, or {command}. {told}"
        )

    def _usable(self, path: Path) -> bool:
        try:
            return self.find(path) is not None
        except UnreadableError:
            raise
        except InputError:
            return False


def default_cache() -> ImageCache:
    """Return the images in the cache folder (`core.home.cache_home`); its limit is ``$WIRINGUP_CACHE_GB``."""
    return ImageCache(cache_home() / "images", limit_asked())


def _warn_of_left_out(found: Packed) -> None:
    if names := list(found.left_out):
        total = len(found.images) + len(names)
        caution(
            f"{len(names):,} of {total:,} images are corrupt and left out, as pack --skip-corrupt asked: "
            f"{listed(names)}."
        )


def _lock(path: Path) -> Path:
    return path.with_name(f".{path.stem}.lock")


def _path(folder: Path, asked: Asked) -> Path:
    everything = np.array_equal(asked.rows, np.arange(len(asked.source)))
    how = content_hash({"size": asked.side, "keep": str(asked.keeping), "rule": RULE})[:_PREFIX]
    rows = None if everything else asked.rows.tolist()
    what = content_hash({"source": asked.source.fingerprint, "rows": rows})[: 40 - _PREFIX]
    return folder / f"{how}{what}{WHOLE_SUFFIX if asked.keeping.whole else SQUARES_SUFFIX}"
