"""How packed images lie on disk: a file that is mapped and never read whole into memory, and three beside it.

KEY.npy holds squares, uint8 (images, side, side, 3); KEY.images holds whole images (`keeping`), one after the
other. KEY.index is an array of `RECORD`: where each image lies, its height and width, and its SHA-256.
KEY.json holds ids, labels, names of the classes, what was left out, and the SHA-256 of the index; it carries
a seal of its own (`core.sealed`). The images take their name last, so that what has it is finished.

Every image is compared with its hash once, unless all were packed in one go: KEY.verified.json notes which
size and time stamp the file had then, and as long as it has them it is opened without being read. Whoever
wants to know compares again (``verify``).
"""

import contextlib
import hashlib
import io
import json
import logging
import os
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from wiringup.core.ahead import ahead
from wiringup.core.errors import InputError, WiringupError
from wiringup.core.files import regular, write_bytes
from wiringup.core.limits import DESCRIPTION_BYTES
from wiringup.core.memory import GB, in_gb
from wiringup.core.progress import task
from wiringup.core.sealed import BLANK, KEY, read_sealed, sealed_path, write_sealed
from wiringup.data.images.keeping import Keeping

SQUARES_SUFFIX, WHOLE_SUFFIX = ".npy", ".images"
FORMAT = "wiringup images 3"

RECORD = np.dtype(
    [
        ("start", "<i8"),
        ("bytes", "<i8"),
        ("height", "<i4"),
        ("width", "<i4"),
        ("sha256", "u1", (32,)),
        ("source", "u1", (16,)),
        ("seen", "u1"),
    ]
)
"""Of one image: where its bytes begin in the file and how many there are (0: it was left out), height and
width in px, the hash of these bytes, the hash of the image file that they were made of, and what decoding did
to it (both: `packing`)."""

_ADVICE = "Pack the images again."
_SETTLED = (
    2.0  # seconds; within so many, two changes may leave one time stamp, on the coarsest of file systems
)
_RUN = 256  # images that one thread compares with their hashes at a time

log = logging.getLogger(__name__)


class OtherFormatError(InputError):
    """Packed images that another version wrote."""


class Reader:
    """Reads pieces of a file that is held open; in any thread, and after a fork.

    Images are wanted in random order. Through a mapped file the system would read far more from disk than
    each takes (what it reads ahead: 128 KB usually, on some systems 8 MB), and a file that is cut meanwhile
    would end the process.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._file)

    def into(self, target: NDArray[np.uint8], start: int) -> None:
        """Fill an array that lies in one piece with the bytes from ``start`` on.

        Raises:
            InputError: if there are fewer.
        """
        rest = target.reshape(-1)
        while len(rest):  # a system call may read less than there is
            read = self._some(rest, start)
            if not read:
                raise damaged(self.path, "it is shorter than it was when it was opened")
            rest, start = rest[read:], start + read

    def _some(self, target: NDArray[np.uint8], start: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._file, [target.data], start)
        with self.path.open("rb", buffering=0) as stream:  # Windows
            stream.seek(start)
            return stream.readinto(target.data) or 0


@dataclass(frozen=True, eq=False)
class PackFile:
    """Packed images.

    Attributes:
        path: of the images.
        content: the bytes of the file, uint8, mapped: for who reads them in order.
        reader: for who reads some.
        records: of `RECORD`, one for each image.
        keeping: what is kept of an image.
        side: in px, at which they were packed.
    """

    path: Path
    content: NDArray[np.uint8]
    reader: Reader
    records: NDArray[Any]
    keeping: Keeping
    side: int


def beside(path: Path) -> Path:
    """Return where the JSON lies that belongs to the images at ``path``."""
    return path.with_suffix(".json")


def index_of(path: Path) -> Path:
    """Return where the records of the images at ``path`` lie."""
    return path.with_suffix(".index")


def noted(path: Path) -> Path:
    """Return where it is noted of the images at ``path`` when they were found whole."""
    return path.with_suffix(".verified.json")


def header_of(images: int, side: int, keeping: Keeping) -> bytes:
    """Return how a file of so many images begins: that of squares so that numpy reads it."""
    if keeping.whole:
        return b""
    header = io.BytesIO()
    shape = (images, side, side, 3)
    npy.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


def describe(
    path: Path, records: NDArray[Any], keeping: Keeping, side: int, about: Mapping[str, Any]
) -> None:
    """Write index and JSON of the images that are about to lie at ``path``; see `PackFile`.

    Raises:
        WiringupError: if the disk is full.
    """
    write_bytes(index_of(path), records.tobytes())
    known = {"format": FORMAT, "keep": str(keeping), "side": side, "index_sha256": _sha256(records)}
    with sealed_path(beside(path)) as described:
        described.write_text(json.dumps({KEY: BLANK, **known, **about}), encoding="utf-8")


def open_pack(path: Path, verify: bool = False) -> tuple[PackFile, dict[str, Any]]:
    """Open packed images that are, or were when they had their size and time stamp, found whole.

    Args:
        path: of the images.
        verify: compare every image with its hash whatever was noted of them. Without it, a change that left
            size and time stamp as they were goes unnoticed.

    Returns:
        The file; and its description: ids, labels and classes, and left_out (row -> why).

    Raises:
        MissingDataError: if the file, or one beside it, is not there.
        InputError: if they are none of ours, or damaged.
    """
    file, about = described(path)
    _check(file, about["index_sha256"], verify)
    return file, about


def described(path: Path) -> tuple[PackFile, dict[str, Any]]:
    """Return what `open_pack` does, without a look at the images; raise as it does."""
    about = _read_beside(regular(path, "file of packed images"))
    if (
        regular(index_of(path), "index of packed images").stat().st_size
        != len(about["ids"]) * RECORD.itemsize
    ):
        raise damaged(index_of(path), "it has another length than its images need")
    records = mapped(index_of(path)).view(RECORD)
    if _sha256(records) != about["index_sha256"]:
        raise damaged(index_of(path), "its content does not match its hash")
    keeping = Keeping.parse(about["keep"])
    return PackFile(path, mapped(path), Reader(path), records, keeping, about["side"]), about


def mapped(path: Path) -> NDArray[np.uint8]:
    """Return the bytes of a file without reading them; they cannot be written."""
    if not path.stat().st_size:
        return np.empty(0, np.uint8)
    return np.memmap(path, np.uint8, "r")


def wrong_rows(content: NDArray[np.uint8], records: NDArray[Any]) -> list[int]:
    """Return which images are not what their hash says, in ascending order.

    Args:
        content: the bytes of the file.
        records: of `RECORD`.
    """

    def wrong(first: int) -> list[int]:
        rows = range(first, min(first + _RUN, len(records)))
        return [row for row in rows if not _matches(content, records[row])]

    found: list[int] = []
    with task("check", len(records), "images checked") as finished:
        for done, some in enumerate(ahead(wrong, range(0, len(records), _RUN)), 1):
            found += some
            finished(min(done * _RUN, len(records)))
    return found


def _matches(content: NDArray[np.uint8], record: Any) -> bool:
    image = content[record["start"] : record["start"] + record["bytes"]]
    if len(image) != record["bytes"]:
        return False
    return not len(image) or hashlib.sha256(image.data).digest() == record["sha256"].tobytes()


def _check(file: PackFile, sha256: str, verify: bool) -> None:
    """Compare images with their hashes, unless size and time are those with which they were found whole."""
    # looked at before it is read: what changes meanwhile has another stamp than the one that is noted
    now, about = time.time(), file.path.stat()
    header = header_of(len(file.records), file.side, file.keeping)
    ends = len(header) + len(file.records) * file.side**2 * 3
    if file.keeping.whole:
        ends = int((file.records["start"] + file.records["bytes"]).max(initial=0))
    if file.content[: len(header)].tobytes() != header or about.st_size != ends:
        raise damaged(file.path, "it has another form than its description says")
    if not verify and _is_noted(file.path, _whole(sha256, about)):
        return
    if about.st_size >= GB:
        log.info("Checking %s of packed images by their hashes ...", in_gb(about.st_size))
    if rows := wrong_rows(file.content, file.records):
        raise damaged(
            file.path,
            f"{len(rows):,} of {len(file.records):,} images do not match their hashes",
        )
    if now - about.st_mtime > _SETTLED:
        _note(file.path, _whole(sha256, about))


def note_whole(path: Path, records: NDArray[Any]) -> None:
    """Note that the images at ``path`` are whole as they are now; for who has just made all their hashes."""
    _note(path, _whole(_sha256(records), path.stat()))


def _whole(sha256: str, about: os.stat_result) -> dict[str, Any]:
    return {"sha256": sha256, "bytes": about.st_size, "modified_ns": about.st_mtime_ns}


def _note(path: Path, whole: dict[str, Any]) -> None:
    with contextlib.suppress(OSError, WiringupError):  # a folder that may only be read, a full disk
        write_sealed(noted(path), whole)


def _is_noted(path: Path, whole: dict[str, Any]) -> bool:
    """Return whether there is a note of a file that is itself whole, and says ``whole``."""
    try:
        return bool(whole.items() <= read_sealed(noted(path), "", needed=True).items())
    except WiringupError:
        return False


def _read_beside(path: Path) -> dict[str, Any]:
    about: dict[str, Any] = read_sealed(beside(path), _ADVICE, needed=True, most=DESCRIPTION_BYTES)
    if about.get("format") != FORMAT:
        found = about.get("format")
        raise OtherFormatError(f"{path} has the format {found!r}; this version reads {FORMAT!r}.")
    return about


def _sha256(records: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(records).view(np.uint8).data).hexdigest()


def damaged(path: Path, why: str) -> InputError:
    """Return the error for a file that cannot be trusted."""
    return InputError(f"{path} is no whole file of packed images ({why}). {_ADVICE}")
