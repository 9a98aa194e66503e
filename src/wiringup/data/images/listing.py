"""Which image files lie below a folder, in natural order, and what tells that one of them has changed.

Of large folders (`LARGE`) two things are kept in the cache folder, as both take long for a million files:

- the names, in order. They are taken as long as every folder has the stamp with which it was listed
  (`core.folders.Stamp`), which changes when a file comes, goes or is renamed.
- the hash of the samples. It is taken as long as every file has the size, the time of its last change, the
  inode and the time of the inode's last change that it had.

Sizes and times of all files are asked for whenever a folder is opened.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from wiringup.core.ahead import ahead
from wiringup.core.cache import CacheFolder, limit_asked, touch
from wiringup.core.cautions import caution
from wiringup.core.errors import WiringupError
from wiringup.core.files import regular, sample_of, write_bytes
from wiringup.core.folders import SETTLED, Stamp, below, stamp_of
from wiringup.core.home import cache_home
from wiringup.core.progress import task
from wiringup.core.sealed import read_sealed, write_sealed
from wiringup.data.images.decoding import SUFFIXES
from wiringup.data.images.names import in_natural_order, is_hidden, passed_over

LARGE = 5_000
"""Images from which on their list is kept."""

MOST_SAMPLED = 20_000

_FORMAT = "wiringup list of images 1"
UNREADABLE = "unreadable"
REPORTED = 10_000  # files between two reports of progress
_CHUNK = 500  # files that one thread looks at before it takes others

Found = TypeVar("Found")


def is_image(name: str) -> bool:
    """Return whether a file is called like an image, and is not hidden."""
    return name.lower().endswith(SUFFIXES) and not is_hidden(name)


@dataclass(frozen=True)
class Listings(CacheFolder):
    """Lists of large folders and of shards, found by where these lie."""

    SUFFIXES = (".names", ".samples")

    def parts(self, path: Path) -> tuple[Path, ...]:
        """Return the list at ``path``, and what is known of its samples."""
        return path, path.with_suffix(".json")

    def of(self, folder: Path) -> Path:
        """Return where the list of ``folder`` is kept."""
        key = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:40]
        return self.folder / f"{key}{self.SUFFIXES[0]}"


def default_listings() -> Listings:
    """Return the lists in the cache folder (`core.home.cache_home`)."""
    return Listings(cache_home() / "lists", limit_asked())


def images_below(folder: Path) -> list[str]:
    """Return the names of the image files below ``folder``, with forward slashes, in natural order.

    Raises:
        InputError: as `core.folders.below`.
    """
    path = default_listings().of(folder)
    if (kept := read_list(path, folder)) is not None:
        touch(path)
        return kept
    found = below(folder)
    names = in_natural_order(filter(is_image, found.files))
    if told := passed_over(found.files, names, folder):
        caution(told)  # whenever it is opened: no list is kept
    elif len(names) >= LARGE and None not in found.stamps.values():
        with contextlib.suppress(OSError, WiringupError):  # a cache that may only be read, a full disk
            write_list(path, names, found.stamps)
            default_listings().evict()
    return names


def write_list(path: Path, names: Sequence[str], stamps: dict[str, Stamp | None]) -> None:
    """Write a list of names.

    Args:
        path: where.
        names: of the images, in order.
        stamps: see `core.folders.Below`.
    """
    write_kept(path, {"stamps": stamps}, os.fsencode("\0".join(names)))


def read_list(path: Path, folder: Path) -> list[str] | None:
    """Return the names that are kept at ``path``; None if it is not whole, or a folder changed."""
    if (kept := read_kept(path)) is None:
        return None
    about, names = kept
    if any(list(stamp_of(folder / name) or ()) != stamp for name, stamp in about["stamps"].items()):
        return None
    return os.fsdecode(names).split("\0")


def write_kept(path: Path, about: Mapping[str, Any], body: bytes) -> None:
    """Write the hash of all that follows, a line of JSON, and bytes."""
    content = json.dumps({"format": _FORMAT, **about}).encode() + b"\n" + body
    write_bytes(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def read_kept(path: Path) -> tuple[dict[str, Any], bytes] | None:
    """Return the JSON and the bytes that `write_kept` wrote; None if they are not whole, or of other form."""
    try:
        digest, _, content = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest().encode() != digest:
        return None
    line, _, body = content.partition(b"\n")
    about: dict[str, Any] = json.loads(line)  # whole, as it was written here
    return (about, body) if about.get("format") == _FORMAT else None


def marks_of(folder: Path, names: Sequence[str]) -> list[Any]:
    """Return what changes when one of the image files of a folder does: sizes, times and samples.

    Size and time alone are no mark: what was unpacked from a reproducible archive has equal times, and
    bitmaps have equal sizes. Of more than `MOST_SAMPLED` files, that many are sampled.

    Args:
        folder: where they lie.
        names: of them, as `images_below` returns them.
    """
    now, about = time.time(), _looked_at(folder, names)
    path = default_listings().of(folder).with_suffix(".json")
    digest = hashlib.sha256(os.fsencode("\0".join(names)))
    digest.update(about.data)
    seen = digest.hexdigest()
    samples = known_samples(path, seen)
    if samples is None:
        found = _samples(folder, names[:: -(-len(names) // MOST_SAMPLED) or 1])
        samples = hashlib.sha256("\n".join(found).encode()).hexdigest()
        settled = now - about[:, 1::2].max() / 1e9 > SETTLED
        if len(names) >= LARGE and settled and UNREADABLE not in found:
            with contextlib.suppress(OSError, WiringupError):
                write_sealed(path, {"seen": seen, "samples": samples})
    return [about[:, :2].tobytes(), samples]


def _looked_at(folder: Path, names: Sequence[str]) -> NDArray[np.int64]:
    """Return size, time, inode and its time of each file: int64 (names, 4); -1 where there is none."""
    about = np.empty((len(names), 4), np.int64)
    for start, rows in _by_chunks(_stat, folder, names, "look", "files looked at"):
        about[start : start + len(rows)] = rows
    return about


def _stat(path: str) -> tuple[int, int, int, int]:
    try:
        about = os.stat(path)  # noqa: PTH116  # twice as fast as Path.stat
    except OSError:
        return -1, -1, -1, -1  # who reads the image is told
    # an inode may take all 64 bits
    return about.st_size, about.st_mtime_ns, about.st_ino & (2**63 - 1), about.st_ctime_ns


def known_samples(path: Path, seen: str) -> str | None:
    """Return the hash of the samples that is kept at ``path``; None if it is of other files, or not whole."""
    try:
        found: dict[str, str] = read_sealed(path, "", needed=True)
    except WiringupError:
        return None
    return found.get("samples") if found.get("seen") == seen else None


def _samples(folder: Path, names: Sequence[str]) -> list[str]:
    return [
        sample for _, few in _by_chunks(_sample, folder, names, "sample", "files sampled") for sample in few
    ]


def _sample(path: str) -> str:
    try:
        with regular(Path(path)).open("rb", buffering=0) as stream:
            return sample_of(stream, 0, os.fstat(stream.fileno()).st_size)
    except (OSError, WiringupError):
        return UNREADABLE  # who reads the image is told


def _by_chunks(
    work: Callable[[str], Found], folder: Path, names: Sequence[str], kind: str, what: str
) -> Iterator[tuple[int, list[Found]]]:
    """Yield ``work`` of the path of every file, some at a time, done in threads; and the row of the first."""
    starts = range(0, len(names), _CHUNK)

    def found(start: int) -> list[Found]:
        return [work(f"{folder}/{name}") for name in names[start : start + _CHUNK]]

    with task(kind, len(names), what) as finished:
        for start, rows in zip(starts, ahead(found, starts), strict=True):
            yield start, rows
            if (start + _CHUNK) % REPORTED == 0:
                finished(start + len(rows))
