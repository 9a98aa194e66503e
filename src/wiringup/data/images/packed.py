"""Labelled images as an array of pixels in a file, which is mapped and never read whole into memory.

KEY.npy holds the pixels, uint8 (images, side, side, 3); KEY.index the SHA-256 of each image (32 bytes each).
KEY.json beside them holds ids, labels, names of the classes and the SHA-256 of both files; it carries a seal
of its own (`core.sealed`) and is written last, so that an array without it was never finished.

The array is hashed once: KEY.verified.json notes which size and time stamp it had then, and as long as it has
them it is opened without being read. Whoever wants to know hashes it again (``verify``).
"""

import contextlib
import hashlib
import io
import json
import logging
import os
import time
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from wiringup.core.errors import InputError, WiringupError
from wiringup.core.files import atomic_path, read_json, regular, sha256_of, write_bytes
from wiringup.core.memory import GB, in_gb
from wiringup.core.sealed import BLANK, KEY, sealed_path, write_sealed
from wiringup.core.sealed import verify as seal_matches
from wiringup.core.stimuli import LabelledImages, Rows, Stimuli

SUFFIX = ".npy"
FORMAT = "wiringup images 3"

_ADVICE = "Pack the images again."
_SETTLED = (
    2.0  # seconds; within so many, two changes may leave one time stamp, on the coarsest of file systems
)
_BACK = 10.0  # seconds by which a new array is stamped back, so that every later change has another stamp

log = logging.getLogger(__name__)


class PackedStimuli(Stimuli):
    """Images that stay in their file until they are looked at.

    Args:
        stack: uint8 (all images, side, side, 3), mapped from the file.
        rows: which of them these are.
        names: the ids of all as JSON, which takes a fraction of the memory of as many strings.
        hashes: uint8 (all images, 32), of each.
    """

    def __init__(
        self, stack: NDArray[np.uint8], rows: NDArray[np.intp], names: bytes, hashes: NDArray[np.uint8]
    ) -> None:
        # the base class is frozen, and its fields are computed here when they are asked for
        self.__dict__.update(_stack=stack, _rows=rows, _names=names, _hashes=hashes)

    _stack: NDArray[np.uint8]
    _hashes: NDArray[np.uint8]
    _rows: NDArray[np.intp]
    _names: bytes

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width in px."""
        height, width = self._stack.shape[1:3]
        return height, width

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """All pixels; in memory, unless they follow one another in the file."""
        first = int(self._rows[0]) if len(self) else 0
        if np.array_equal(self._rows, np.arange(first, first + len(self))):
            return self._stack[first : first + len(self)]
        return self.at(slice(None))

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """One name for each image."""
        names = json.loads(self._names)
        return tuple(names[row] for row in self._rows)

    def at(self, rows: Rows) -> NDArray[np.uint8]:
        """Return the pixels of some images, read from the file: uint8 (rows, side, side, 3)."""
        return np.asarray(self._stack[self._rows[rows]])

    def take(self, index: NDArray[np.intp]) -> "PackedStimuli":
        """Return the images at ``index``, in that order; none is read."""
        return PackedStimuli(self._stack, self._rows[index], self._names, self._hashes)

    @property
    def image_sha256(self) -> NDArray[np.uint8]:
        """The SHA-256 of the pixels of each image, as they were packed: uint8 (images, 32)."""
        return self._hashes[self._rows]


def beside(path: Path) -> Path:
    """Return where the JSON lies that belongs to the array at ``path``."""
    return path.with_suffix(".json")


def index_of(path: Path) -> Path:
    """Return where the hashes of the images lie that belong to the array at ``path``."""
    return path.with_suffix(".index")


def noted(path: Path) -> Path:
    """Return where it is noted of the array at ``path`` when it was found whole."""
    return path.with_suffix(".verified.json")


def write_packed(
    path: Path,
    pixels: Iterable[NDArray[np.uint8]],
    side: int,
    ids: Sequence[str],
    labels: NDArray[np.int64],
    classes: Sequence[str],
) -> None:
    """Write packed images, whole or not at all.

    Args:
        path: of the array.
        pixels: uint8 (side, side, 3), image after image.
        side: in px.
        ids: one name for each image.
        labels: int64 (images,), an index into ``classes``.
        classes: names of the classes.

    Raises:
        WiringupError: if the disk is full.
    """
    header = io.BytesIO()
    shape = (len(ids), side, side, 3)
    npy.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    digest, hashes = hashlib.sha256(header.getvalue()), np.empty((len(ids), 32), np.uint8)
    with atomic_path(path) as temporary:
        with temporary.open("wb") as stream:
            stream.write(header.getvalue())
            for row, image in enumerate(pixels):
                content = image.tobytes()
                digest.update(content)
                hashes[row] = np.frombuffer(hashlib.sha256(content).digest(), np.uint8)
                stream.write(content)
        os.utime(temporary, (stamp := time.time() - _BACK, stamp))
    write_bytes(index_of(path), hashes.tobytes())
    about = {"format": FORMAT, "sha256": digest.hexdigest(), "classes": classes}
    about["index_sha256"] = hashlib.sha256(hashes.data).hexdigest()
    about |= {"labels": labels.tolist(), "ids": ids}
    with sealed_path(beside(path)) as described:
        described.write_text(json.dumps({KEY: BLANK, **about}), encoding="utf-8")


def read_packed(path: Path, verify: bool = False) -> LabelledImages:
    """Open packed images that are, or were when they had their size and time stamp, found whole.

    No pixels stay in memory.

    Args:
        path: of the array.
        verify: hash the array whatever was noted of it. Without it, a change that left size and time stamp as
            they were goes unnoticed.

    Raises:
        MissingDataError: if the array, or the JSON beside it, is not there.
        InputError: if they are none of ours, or damaged.
    """
    about = _read_beside(regular(path, "file of packed images"))
    _check(path, about["sha256"], verify)
    try:
        # copy-on-write: torch wants arrays that may be written, and the file must not change
        stack = np.load(path, mmap_mode="c", allow_pickle=False)
    except Exception as error:  # of a damaged header numpy raises many kinds
        raise damaged(path, str(error)) from error
    if stack.dtype != np.uint8 or stack.ndim != 4 or len(stack) != len(about["ids"]):
        raise damaged(path, f"it holds {stack.dtype} {stack.shape}")
    names = json.dumps(about["ids"]).encode()
    stimuli = PackedStimuli(stack, np.arange(len(stack)), names, _read_index(path, about["index_sha256"]))
    return LabelledImages(stimuli, np.array(about["labels"], np.int64), tuple(about["classes"]))


def _read_index(path: Path, sha256: str) -> NDArray[np.uint8]:
    content = regular(index_of(path), "index of packed images").read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise damaged(index_of(path), "its content does not match its hash")
    return np.frombuffer(content, np.uint8).reshape(-1, 32)


def _check(path: Path, sha256: str, verify: bool) -> None:
    """Hash an array, unless it has the size and the time stamp with which it was found whole."""
    # looked at before it is hashed: what changes meanwhile has another stamp than the one that is noted
    now, about = time.time(), path.stat()
    whole = {"sha256": sha256, "bytes": about.st_size, "modified_ns": about.st_mtime_ns}
    if not verify and _is_noted(path, whole):
        return
    if about.st_size >= GB:
        log.info("Checking %s of packed images by their hash ...", in_gb(about.st_size))
    if sha256_of(path) != sha256:
        raise damaged(path, "its content does not match its hash")
    if now - about.st_mtime > _SETTLED:
        with contextlib.suppress(OSError, WiringupError):  # a folder that may only be read, a full disk
            write_sealed(noted(path), whole)


def _is_noted(path: Path, whole: dict[str, Any]) -> bool:
    """Return whether there is a note of an array that is itself whole, and says ``whole``."""
    try:
        if not seal_matches(regular(noted(path)), ""):
            return False
        found = read_json(noted(path))
    except (OSError, WiringupError):
        return False
    return isinstance(found, dict) and whole.items() <= found.items()


def _read_beside(path: Path) -> dict[str, Any]:
    described = regular(beside(path), "description of packed images")
    if not seal_matches(described, _ADVICE):
        raise damaged(described, "it carries no hash of itself")
    about: dict[str, Any] = json.loads(described.read_bytes())  # whole, as it was written here
    if about.get("format") != FORMAT:
        raise InputError(f"{path} has the format {about.get('format')!r}; this version reads {FORMAT!r}.")
    return about


def damaged(path: Path, why: str) -> InputError:
    """Return the error for a file that cannot be trusted."""
    return InputError(f"{path} is no whole file of packed images ({why}). {_ADVICE}")
