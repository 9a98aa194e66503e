"""Labelled images that stay in their file (`pack_file`) until they are looked at."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.core.errors import InputError
from wiringup.core.stimuli import LabelledImages, Rows, Stimuli
from wiringup.data.images.decoding import decode
from wiringup.data.images.keeping import JPEG
from wiringup.data.images.pack_file import PackFile, open_pack


@dataclass(frozen=True)
class Packed:
    """Packed images.

    Attributes:
        images: the images.
        there: bool, of each image that was asked for whether it is among them.
        size: bytes that they take.
        left_out: which images of the source are not among them (id -> why).
    """

    images: LabelledImages
    there: NDArray[np.bool_]
    size: int
    left_out: Mapping[str, str]


def read_packed(path: Path, verify: bool = False) -> Packed:
    """Open packed images; no pixels stay in memory.

    Args:
        path: of the images.
        verify: see `pack_file.open_pack`.

    Raises:
        MissingDataError, InputError: as `pack_file.open_pack`.
    """
    file, about = open_pack(path, verify)
    there = file.records["bytes"] > 0
    rows = np.flatnonzero(there)
    names = json.dumps(about["ids"]).encode()
    kind = Photographs if file.keeping.whole else PackedSquares
    images = LabelledImages(
        kind(file, rows, names), np.array(about["labels"], np.int64)[rows], tuple(about["classes"])
    )
    left_out = {about["ids"][int(row)]: why for row, why in about["left_out"].items()}
    return Packed(images, there, int(file.records["bytes"].sum()), left_out)


class PackedStimuli(Stimuli):
    """Images that stay in their file until they are looked at.

    Args:
        file: holds these images, and perhaps others.
        rows: which of them these are.
        names: the ids of all as JSON, which takes a fraction of the memory of as many strings.
    """

    def __init__(self, file: PackFile, rows: NDArray[np.intp], names: bytes) -> None:
        # the base class is frozen, and its fields are computed here when they are asked for
        self.__dict__.update(_file=file, _rows=rows, _names=names)

    _file: PackFile
    _rows: NDArray[np.intp]
    _names: bytes

    def __len__(self) -> int:
        return len(self._rows)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """One name for each image."""
        names = json.loads(self._names)
        return tuple(names[row] for row in self._rows)

    @property
    def image_sha256(self) -> NDArray[np.uint8]:
        """The SHA-256 of what is kept of each image: uint8 (images, 32)."""
        hashes: NDArray[np.uint8] = self._file.records["sha256"][self._rows]
        return hashes

    def take(self, index: NDArray[np.intp]) -> "PackedStimuli":
        """Return the images at ``index``, in that order; none is read."""
        return type(self)(self._file, self._rows[index], self._names)


class PackedSquares(PackedStimuli):
    """Images of one size, as plain pixels."""

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width in px."""
        return self._file.side, self._file.side

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """All pixels; in memory, unless they follow one another in the file."""
        first = int(self._rows[0]) if len(self) else 0
        if not len(self) or not np.array_equal(self._rows, np.arange(first, first + len(self))):
            return self.at(slice(None))
        start, shape = int(self._file.records["start"][first]), (len(self), *self.sides, 3)
        # copy-on-write: torch wants arrays that may be written, and the file must not change
        return np.memmap(self._file.path, np.uint8, "c", start, shape)

    def at(self, rows: Rows) -> NDArray[np.uint8]:
        """Return the pixels of some images, read from the file: uint8 (rows, side, side, 3)."""
        starts = self._file.records["start"][self._rows[rows]].tolist()
        pixels = np.empty((len(starts), *self.sides, 3), np.uint8)
        for image, start in zip(pixels, starts, strict=True):
            self._file.reader.into(image, start)
        return pixels


class Photographs(PackedStimuli):
    """Whole images, each with its own height and width; they are decoded when they are looked at."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} images, {self._file.keeping.described(self._file.side)})"

    @property
    def uniform(self) -> bool:
        """False: they cannot be stacked."""
        return False

    @property
    def sides(self) -> tuple[int, int]:
        """There is no one size.

        Raises:
            InputError: always.
        """
        raise InputError("Whole images have sides of their own; give the size of the network's input.")

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """There is no one array; raises as `sides`."""
        raise InputError("Whole images cannot be stacked; they are looked at one by one (Stimuli.each).")

    def at(self, rows: Rows) -> NDArray[np.uint8]:
        """Raise as `pixels`."""
        return self.pixels[rows]

    def sides_of(self, rows: Rows) -> NDArray[np.int64]:
        """Return height and width in px of some images: int64 (rows, 2)."""
        some = self._file.records[self._rows[rows]]
        return np.stack([some["height"], some["width"]], 1).astype(np.int64)

    def each(self, rows: Rows) -> Iterator[NDArray[np.uint8]]:
        """Yield the pixels of some images, one after the other: uint8 (height, width, 3)."""
        for row in self._rows[rows].tolist():
            record = self._file.records[row]
            content = np.empty(record["bytes"], np.uint8)
            self._file.reader.into(content, int(record["start"]))
            if self._file.keeping.kind == JPEG:
                pixels = decode(content.tobytes(), f"image {row} of {self._file.path}", None)
            else:
                pixels = content.reshape(record["height"], record["width"], 3)
            yield pixels.copy()  # torch wants arrays that may be written

    @property
    def form(self) -> tuple[int | str, ...]:
        """What is kept, and a hash of all heights and widths."""
        sides = self.sides_of(slice(None)).astype("<i8")
        return str(self._file.keeping), hashlib.sha256(sides.tobytes()).hexdigest()

    @cached_property
    def sha256(self) -> str:
        """The hash of what is kept of each image, and of their order."""
        digest = hashlib.sha256(str((len(self), *self.form)).encode())
        digest.update(self.image_sha256.tobytes())
        return digest.hexdigest()
