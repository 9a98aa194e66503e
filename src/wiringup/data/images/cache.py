"""Images decoded once: packed files of plain pixels, cached and found by their content.

The key of a file is a hash of the source (`ImageSource.fingerprint`), of the size, of the rule by which
images become square, and of which images it holds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cache import CacheFolder, limit_asked, touch
from wiringup.core.cautions import caution
from wiringup.core.errors import InputError, MissingDataError, WiringupError
from wiringup.core.home import cache_home, writable
from wiringup.core.memory import GB, in_gb
from wiringup.core.progress import task
from wiringup.core.spec import content_hash
from wiringup.core.stimuli import LabelledImages
from wiringup.data.images.decoding import Content, Seen, side_by_side, squared, warn_of
from wiringup.data.images.packed import SUFFIX, beside, index_of, noted, read_packed, write_packed
from wiringup.data.images.source import Choose, ImageSource, open_source

RULE = "short side to size, centre crop; 2"
"""How an image becomes square (`decoding`); raise the number when that changes, or cached ones were stale.

2: upright and on grey. Images without EXIF orientation and transparency have the same pixels as by 1.
"""

REPORTED = 20  # corrupt images that are named in one message
STEP = 64  # images between two reports of progress
WHOLE = 4  # a part of the images is packed by itself if it is less than 1 / WHOLE of all


@dataclass(frozen=True)
class ImageCache(CacheFolder):
    """Packed images in a folder, bounded in size."""

    SUFFIXES = (SUFFIX, ".safetensors")  # of earlier versions, which nobody reads: they are evicted in time

    def parts(self, path: Path) -> tuple[Path, ...]:
        """Return the array, index and JSON beside it, and the note of when it was found whole."""
        return path, index_of(path), beside(path), noted(path)

    def load(
        self, path: Path | str, size: int, choose: Choose | None = None, verify: bool = False
    ) -> LabelledImages:
        """Return labelled images whose pixels lie in a file of the store, packing them if they do not yet.

        All images of a source are packed together, so that every choice among them is served by one file. A
        choice of few is packed by itself, unless all are there already.

        Args:
            path: see `source.ALLOWED`.
            size: side in px; images are made square by `decoding.squared`.
            choose: picks images by their labels; by default all.
            verify: hash the file also if it has the size and time stamp with which it was found whole.

        Raises:
            MissingDataError: if there is nothing at ``path``.
            InputError: if it cannot be used, or images are corrupt (they are named).
            WiringupError: if the pixels do not fit the limit or the disk.
        """
        with open_source(path, size) as source:
            rows = np.arange(len(source)) if choose is None else choose(source.labels)
            everything = self.find(_key(source, size), verify)
            if everything is None and len(rows) < len(source) / WHOLE:
                return self._packed(source, size, rows, verify)
            return (everything or self._packed(source, size, None, verify)).take(rows)

    def find(self, key: str, verify: bool = False) -> LabelledImages | None:
        """Return the images cached under ``key``, or None; a damaged file is removed.

        Args:
            key: see `_key`.
            verify: as in `load`.
        """
        path = self._path(key)
        try:
            found = read_packed(path, verify)
        except (MissingDataError, FileNotFoundError):  # not packed, or evicted by another process just now
            return None
        except InputError:
            caution(f"Packed images are damaged and are packed again: {path}")
            self.remove(path)
            return None
        touch(beside(path))  # the time stamp of the array says that it is as it was
        return found

    def _packed(
        self, source: ImageSource, size: int, rows: NDArray[np.intp] | None, verify: bool
    ) -> LabelledImages:
        from filelock import FileLock

        key = _key(source, size, rows)
        writable(self.folder, "WIRINGUP_CACHE")
        # of several processes that begin together one packs, and the others wait for it
        with FileLock(self.folder / f".{key}.lock"):
            found = self.find(key, verify)
            if found is not None:
                return found
            rows = np.arange(len(source)) if rows is None else rows
            self._check_room(len(rows), size)
            ids, seen = tuple(source.ids[row] for row in rows), list[str]()
            pixels = _decoded(source, size, rows, seen.append)
            write_packed(self._path(key), pixels, size, ids, source.labels[rows], source.classes)
            warn_of(seen, len(rows))
            with self.locked():
                self.evict()
            return read_packed(self._path(key))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{SUFFIX}"

    def _check_room(self, images: int, size: int) -> None:
        needed = images * size**2 * 3
        if not self.has_room(needed):
            raise WiringupError(
                f"{images:,} images at {size} px take {in_gb(needed)}; {self.folder} may hold "
                f"{in_gb(self.limit * GB)}. Set WIRINGUP_CACHE_GB to more, WIRINGUP_CACHE to a folder on "
                "a larger disk, or learn from fewer images."
            )


def default_cache() -> ImageCache:
    """Return the images in the cache folder (`core.home.cache_home`); its limit is ``$WIRINGUP_CACHE_GB``."""
    return ImageCache(cache_home() / "images", limit_asked())


def _decoded(
    source: ImageSource, size: int, rows: NDArray[np.intp], seen: Seen
) -> Iterator[NDArray[np.uint8]]:
    """Yield square images in order: read one after the other, decoded side by side.

    Raises:
        InputError: if images are corrupt; it names them (the first `REPORTED`) when all have been read.
    """
    corrupt: list[str] = []

    def shown(content: Content | InputError, where: str) -> NDArray[np.uint8] | InputError:
        try:
            return content if isinstance(content, InputError) else squared(content, where, size, seen)
        except InputError as error:
            return error

    with task("pack", len(rows), "images packed") as finished:
        for done, image in enumerate(side_by_side(shown, _contents(source, rows)), 1):
            if isinstance(image, InputError):
                corrupt.append(str(image))
                # never kept: the rest is read only to name all that is wrong
                image = np.zeros((size, size, 3), np.uint8)
            yield image
            if done % STEP == 0 or done == len(rows):
                finished(done)
    if corrupt:
        raise InputError(_named(corrupt, len(rows)))


def _contents(source: ImageSource, rows: NDArray[np.intp]) -> Iterator[tuple[Content | InputError, str]]:
    for row in rows.tolist():
        try:
            yield source.read(row), source.where(row)
        except InputError as error:
            yield error, source.where(row)


def _named(corrupt: Sequence[str], number: int) -> str:
    if len(corrupt) == 1:
        return corrupt[0]
    more = [f"... and {len(corrupt) - REPORTED:,} more"] if len(corrupt) > REPORTED else []
    return "\n  ".join([f"{len(corrupt):,} of {number:,} images cannot be used:", *corrupt[:REPORTED], *more])


def _key(source: ImageSource, size: int, rows: NDArray[np.intp] | None = None) -> str:
    chosen = None if rows is None else rows.tolist()
    return content_hash({"source": source.fingerprint, "size": size, "rule": RULE, "rows": chosen})[:40]
