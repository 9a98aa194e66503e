"""Packing: images are decoded side by side, and none of them twice.

What is being packed lies in KEY.unfinished, and KEY.journal says which images are in it. Killed at any
moment, the next packing of the same images goes on from there; so it does after an error that names corrupt
files. Images of other packs of the same folder are taken over where they were made of the same bytes in the
same way. Whatever is taken over is compared with its hash first.
"""

import hashlib
import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from wiringup.core.ahead import THREADS, ahead
from wiringup.core.errors import InputError, UnreadableError, WiringupError
from wiringup.core.files import full_disk_explained, write_bytes
from wiringup.core.progress import task
from wiringup.data.images.decoding import FRAMES, TRANSPARENT, TURNED, Content, warn_of
from wiringup.data.images.keeping import Keeping, Stored
from wiringup.data.images.pack_file import (
    RECORD,
    describe,
    described,
    header_of,
    mapped,
    note_whole,
    wrong_rows,
)
from wiringup.data.images.source import ImageSource

REPORTED = 20  # corrupt images that are named in one message
STEP = 64  # images between two reports of progress, and two entries into the journal
SEEN = (TURNED, TRANSPARENT, FRAMES)  # bits of `RECORD`

JOURNAL = np.dtype([("row", "<i8"), ("record", RECORD), ("check", "u1", (8,))])

_WAITING = 4 * THREADS  # images that are decoded, or being decoded, and not written yet
_BACK = 10.0  # seconds by which a new file is stamped back, so that every later change has another stamp

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What is to be packed.

    Attributes:
        source: holds the images.
        rows: which of them, in order.
        keeping: what is kept of each.
        side: in px, see `keeping`.
    """

    source: ImageSource
    rows: NDArray[np.intp]
    keeping: Keeping
    side: int


def unfinished(path: Path) -> tuple[Path, Path]:
    """Return where the images and the journal of a pack lie that is to be at ``path``."""
    return path.with_suffix(".unfinished"), path.with_suffix(".journal")


def pack(path: Path, asked: Asked, others: Iterable[Path], skip_corrupt: bool = False) -> None:
    """Pack images; an interrupted packing of the same is continued.

    Args:
        path: where they are to lie.
        asked: the images.
        others: packs from which images may be taken over: packed with the same side, in the same way.
        skip_corrupt: leave out what cannot be decoded, and write down what that was.

    Raises:
        InputError: if images are corrupt; it names them (the first `REPORTED`) when all have been read.
        UnreadableError: likewise, if files cannot be read: they are never left out.
        WiringupError: if the disk is full. What was packed by then is kept, and not packed again.
    """
    with _opened(path, asked) as (records, put):
        resumed = records["bytes"].any()
        errors = _fill(records, put, asked, _Donors(others))
        _refuse(list(errors.values()), len(records), skip_corrupt)
    changes = [what for bit, what in enumerate(SEEN) for _ in range(int((records["seen"] >> bit & 1).sum()))]
    warn_of(changes, len(records))
    _finish(path, records, asked, errors)
    if not resumed:
        note_whole(path, records)


def readable_now(asked: Asked, left_out: NDArray[np.intp]) -> bool:
    """Return whether one of the images that were left out can be packed now.

    Args:
        asked: what was packed.
        left_out: which of its rows were left out.

    Raises:
        UnreadableError: if a file cannot be read.
    """
    for row in asked.rows[left_out].tolist():
        try:
            _made(asked, row, _Donors(()))
        except UnreadableError:
            raise
        except InputError:
            continue
        return True
    return False


def reopen(path: Path) -> None:
    """Make of a damaged pack one that is not finished: what is still whole in it is not packed again."""
    images, journal = unfinished(path)
    with suppress(OSError, WiringupError):  # its description is damaged too
        records = described(path)[0].records
        rows = np.flatnonzero(records["bytes"])
        write_bytes(journal, _entries(rows.tolist(), records[rows]).tobytes())
        path.replace(images)


def _fill(records: NDArray[Any], put: "_Put", asked: Asked, donors: "_Donors") -> dict[int, InputError]:
    """Pack what is not packed yet; return which images cannot be, and why."""
    todo = np.flatnonzero(records["bytes"] == 0).tolist()
    if len(todo) < len(records):
        log.info("%s of %s images were packed before.", f"{len(records) - len(todo):,}", f"{len(records):,}")
    errors: dict[int, InputError] = {}
    taken, began = 0, (time.monotonic(), time.process_time())

    def made(row: int) -> tuple[Stored, bytes, int, bool] | InputError:
        try:
            return _made(asked, int(asked.rows[row]), donors)
        except InputError as error:
            return error

    with task("pack", len(todo), "images packed") as finished:
        for done, image in enumerate(ahead(made, todo, limit=_WAITING), 1):
            if isinstance(image, InputError):
                errors[todo[done - 1]] = image
            else:
                put(todo[done - 1], *image[:3])
                taken += image[3]
            if done % STEP == 0 or done == len(todo):
                finished(done)
    _say(len(todo) - len(errors), taken, *began)
    return errors


def _made(asked: Asked, row: int, donors: "_Donors") -> tuple[Stored, bytes, int, bool]:
    """Return what is kept of an image, the hash of its file, what was seen, and whether it was taken over."""
    content = asked.source.read(row)
    source = _source(content)
    if found := donors.find(source):
        return *found, True
    said: list[str] = []
    stored = asked.keeping.stored(content, asked.source.where(row), asked.side, said.append)
    return stored, source, sum(1 << bit for bit, what in enumerate(SEEN) if what in said), False


def _source(content: Content) -> bytes:
    shape = content.shape if isinstance(content, np.ndarray) else ()
    plain = content if isinstance(content, bytes) else np.ascontiguousarray(content).tobytes()
    return hashlib.blake2b(str(shape).encode() + plain, digest_size=16).digest()


def _say(images: int, taken: int, began: float, at_work: float) -> None:
    if taken:
        log.info("%s images were taken over from other packs.", f"{taken:,}")
    if images > taken:
        seconds, spent = time.monotonic() - began, time.process_time() - at_work
        log.info(
            "Packed %s images in %.1f s: %.0f images/s, %.0f for each second of a core.",
            f"{images:,}", seconds, images / max(seconds, 1e-9), images / max(spent, 1e-9),
        )  # fmt: skip


def _refuse(errors: Sequence[InputError], number: int, skip_corrupt: bool) -> None:
    """Raise if one of ``number`` images cannot be used, unless it may be left out."""
    unread = [error for error in errors if isinstance(error, UnreadableError)]
    if unread:
        raise UnreadableError(
            _named(unread if skip_corrupt else errors, number)
            + f"\nThe files of {len(unread):,} cannot be read, which says nothing about the images: they are "
            "not left out. Run the same command again; remove or replace what stays unreadable."
        )
    if errors and (not skip_corrupt or len(errors) == number):
        advice = "" if len(errors) == number else (
            " Replace or remove these, or leave them out: wiringup pack --skip-corrupt."
        )  # fmt: skip
        raise InputError(_named(errors, number) + advice)


def _named(errors: Sequence[InputError], number: int) -> str:
    if number == 1:
        return str(errors[0])
    more = [f"... and {len(errors) - REPORTED:,} more"] if len(errors) > REPORTED else []
    told = [f"{len(errors):,} of {number:,} images cannot be used:", *map(str, errors[:REPORTED]), *more]
    others = "" if len(errors) == number else "\nThe others are packed and will not be packed again."
    return "\n  ".join(told) + others


def _finish(path: Path, records: NDArray[Any], asked: Asked, left_out: dict[int, InputError]) -> None:
    images, journal = unfinished(path)
    about = {
        "classes": asked.source.classes,
        "labels": asked.source.labels[asked.rows].tolist(),
        "ids": [asked.source.ids[row] for row in asked.rows],
        "left_out": {str(row): str(why) for row, why in left_out.items()},
    }
    describe(path, records, asked.keeping, asked.side, about)
    os.utime(images, (stamp := time.time() - _BACK, stamp))
    images.replace(path)
    journal.unlink(missing_ok=True)


class _Put:
    """Writes images and, after them, what the journal says of them."""

    def __init__(
        self, records: NDArray[Any], images: BinaryIO, journal: BinaryIO, header: int, slot: int
    ) -> None:
        self._records, self._images, self._journal = records, images, journal
        self._header, self._slot, self._new = header, slot, list[int]()
        self.end = int((records["start"] + records["bytes"]).max(initial=header))

    def __call__(self, row: int, stored: Stored, source: bytes, seen: int) -> None:
        """Write an image; ``seen`` is a bit for each of `SEEN`."""
        start = self._header + row * self._slot if self._slot else self.end
        self._images.seek(start)
        self._images.write(stored.content)
        size = len(stored.content)
        self.end = max(self.end, start + size)
        sha256, made_of = (np.frombuffer(one, np.uint8) for one in (stored.sha256, source))
        self._records[row] = (start, size, stored.height, stored.width, sha256, made_of, seen)
        self._new.append(row)
        if len(self._new) == STEP:
            self.flush()

    def flush(self) -> None:
        """Let the journal say what is written by now."""
        self._images.flush()
        self._journal.write(_entries(self._new, self._records[self._new]).tobytes())
        self._journal.flush()
        self._new.clear()


@contextmanager
def _opened(path: Path, asked: Asked) -> Iterator[tuple[NDArray[Any], _Put]]:
    """Yield the records of a pack, empty where an image is not packed yet, and what to pack them with."""
    images, journal = unfinished(path)
    header = header_of(len(asked.rows), asked.side, asked.keeping)
    slot = 0 if asked.keeping.whole else asked.side**2 * 3
    records = _resumed(path, len(asked.rows), header)
    rows = np.flatnonzero(records["bytes"])
    with full_disk_explained(path):
        write_bytes(journal, _entries(rows.tolist(), records[rows]).tobytes())
        images.touch()
        with images.open("r+b") as stream, journal.open("ab") as entries:
            stream.write(header)
            put = _Put(records, stream, entries, len(header), slot)
            try:
                yield records, put
                stream.truncate(len(header) + len(records) * slot if slot else put.end)
            finally:
                put.flush()


def _entries(rows: Sequence[int], records: NDArray[Any]) -> NDArray[Any]:
    entries = np.zeros(len(rows), JOURNAL)
    entries["row"], entries["record"] = rows, records
    entries["check"] = _checks(entries)
    return entries


def _checks(entries: NDArray[Any]) -> NDArray[np.uint8]:
    said = JOURNAL.itemsize - JOURNAL["check"].itemsize
    hashes = [hashlib.blake2b(entry.tobytes()[:said], digest_size=8).digest() for entry in entries]
    return np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 8)


def _resumed(path: Path, number: int, header: bytes) -> NDArray[Any]:
    """Return the records of a pack that is not finished: of the images that are whole, the others empty."""
    records = np.zeros(number, RECORD)
    images, _ = unfinished(path)
    entries = _journalled(path)
    content = mapped(images) if images.exists() else np.empty(0, np.uint8)
    if content[: len(header)].tobytes() == header:
        entries = entries[(entries["row"] >= 0) & (entries["row"] < number)]
        entries = np.delete(entries, wrong_rows(content, entries["record"]))
        records[entries["row"]] = entries["record"]
    return records


def _journalled(path: Path) -> NDArray[Any]:
    """Return the entries of a journal that are whole."""
    _, journal = unfinished(path)
    content = journal.read_bytes() if journal.is_file() else b""
    entries = np.frombuffer(content[: len(content) // JOURNAL.itemsize * JOURNAL.itemsize], JOURNAL)
    whole: NDArray[Any] = entries[(_checks(entries) == entries["check"]).all(1)]
    return whole


class _Donors:
    """Images of other packs, found by the hash of the file that they were made of."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._packs = []
        for path in paths:
            with suppress(OSError, WiringupError):  # not whole, or evicted just now: nothing is taken from it
                content, records = _of(path)
                keys = _short(records["source"])
                order = np.argsort(keys)
                self._packs.append((content, records, keys[order], order))

    def find(self, source: bytes) -> tuple[Stored, bytes, int] | None:
        """Return what is kept of the image whose file has this hash, compared with its own; or None."""
        wanted = np.frombuffer(source, np.uint8)
        for content, records, keys, order in self._packs:
            at = int(np.searchsorted(keys, _short(wanted[None])[0]))
            if at == len(keys):
                continue
            record = records[order[at]]
            image = content[record["start"] : record["start"] + record["bytes"]].tobytes()
            stored = Stored(image, int(record["height"]), int(record["width"]))
            if image and (record["source"] == wanted).all() and stored.sha256 == record["sha256"].tobytes():
                return stored, source, int(record["seen"])
        return None


def _of(path: Path) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    if path.exists():
        file, _ = described(path)
        return file.content, file.records
    return mapped(unfinished(path)[0]), np.ascontiguousarray(_journalled(path)["record"])


def _short(hashes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the first eight bytes of hashes (n, 16), as one number each: by it they are looked up."""
    return np.ascontiguousarray(hashes[:, :8]).view("<u8")[:, 0]
