"""Labelled images in one file of plain pixels, which is mapped and never read whole into memory.

The file is a safetensors file, so that any tool can read it: ``labels`` (images,), ``pixels`` (images, side,
side, 3) and ``ids`` (a JSON list as bytes), with the names of the classes and a SHA-256 of everything else as
metadata.
"""

import hashlib
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.errors import InputError
from wiringup.core.files import atomic_path, parsed_json, regular
from wiringup.core.limits import JSON_BYTES
from wiringup.core.sealed import hash_with_zeros
from wiringup.core.stimuli import LabelledImages, Rows, Stimuli

SUFFIX = ".safetensors"
FORMAT = "wiringup images 1"

_LENGTH = struct.Struct("<Q")  # a safetensors file begins with the length of its header
_UNKNOWN = "0" * 64  # stands for the hash while the hash is computed


class PackedStimuli(Stimuli):
    """Images that stay in their file until they are looked at.

    Args:
        stack: uint8 (all images, side, side, 3), mapped from the file.
        rows: which of them these are.
        names: the ids of all, as the JSON that the file holds.
    """

    def __init__(self, stack: NDArray[np.uint8], rows: NDArray[np.intp], names: NDArray[np.uint8]) -> None:
        # the base class is frozen, and its fields are computed here when they are asked for
        self.__dict__.update(_stack=stack, _rows=rows, _names=names)

    _stack: NDArray[np.uint8]
    _rows: NDArray[np.intp]
    _names: NDArray[np.uint8]

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
        names = json.loads(self._names.tobytes())
        return tuple(names[row] for row in self._rows)

    def at(self, rows: Rows) -> NDArray[np.uint8]:
        """Return the pixels of some images, read from the file: uint8 (rows, side, side, 3)."""
        return np.asarray(self._stack[self._rows[rows]])

    def take(self, index: NDArray[np.intp]) -> "PackedStimuli":
        """Return the images at ``index``, in that order; none is read."""
        return PackedStimuli(self._stack, self._rows[index], self._names)


@dataclass(frozen=True)
class Contents:
    """What a packed file will hold, besides its pixels: ids, int64 labels, class names, side in px."""

    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    side: int

    @cached_property
    def names(self) -> bytes:
        """The ids as the file holds them."""
        return json.dumps(self.ids).encode()

    def header(self, digest: str) -> bytes:
        """Return the beginning of the file, padded so that the tensors are aligned."""
        n = len(self.ids)
        shapes = {"labels": [n], "pixels": [n, self.side, self.side, 3], "ids": [len(self.names)]}
        sizes = (8 * n, n * self.side**2 * 3, len(self.names))
        ends = [sum(sizes[: i + 1]) for i in range(3)]
        tensors = {
            name: {"dtype": dtype, "shape": shape, "data_offsets": [end - size, end]}
            for (name, shape), dtype, size, end in zip(
                shapes.items(), ("I64", "U8", "U8"), sizes, ends, strict=True
            )
        }
        metadata = {"format": FORMAT, "classes": json.dumps(self.classes), "sha256": digest}
        text = json.dumps({"__metadata__": metadata, **tensors}).encode()
        text += b" " * (-len(text) % 8)
        return _LENGTH.pack(len(text)) + text


def write_packed(path: Path, contents: Contents, pixels: Iterable[NDArray[np.uint8]]) -> None:
    """Write a packed file, whole or not at all.

    Args:
        path: where.
        contents: everything but the pixels.
        pixels: uint8 (side, side, 3), image after image.

    Raises:
        WiringupError: if the disk is full.
    """
    blank = contents.header(_UNKNOWN)
    digest = hashlib.sha256()
    with atomic_path(path) as temporary, temporary.open("r+b") as stream:
        for part in _parts(blank, contents, pixels):
            digest.update(part)
            stream.write(part)
        stream.seek(0)
        stream.write(contents.header(digest.hexdigest()))


def _parts(blank: bytes, contents: Contents, pixels: Iterable[NDArray[np.uint8]]) -> Iterable[bytes]:
    yield blank
    yield contents.labels.astype("<i8").tobytes()
    for image in pixels:
        yield image.tobytes()
    yield contents.names


def read_packed(path: Path) -> LabelledImages:
    """Open a packed file, after its hash was checked; no pixels stay in memory.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it is none of ours, or damaged.
    """
    regular(path, "file of packed images")
    with path.open("rb") as stream:
        header, start = _read_header(stream.read(_LENGTH.size), stream, path)
    try:
        metadata = header.pop("__metadata__")
        if metadata["format"] != FORMAT:
            raise InputError(f"{path} has the format {metadata['format']!r}; this version reads {FORMAT!r}.")
        if _hashed(path, start, metadata["sha256"]) != metadata["sha256"]:
            raise damaged(path, "its content does not match its hash")
        labels, stack, names = (_mapped(path, start, header[n]) for n in ("labels", "pixels", "ids"))
        stimuli = PackedStimuli(stack, np.arange(len(stack)), names)
        return LabelledImages(
            stimuli,
            np.array(labels, np.int64),
            tuple(parsed_json(metadata["classes"].encode(), "its list of classes")),
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise damaged(path, str(error)) from error


def damaged(path: Path, why: str) -> InputError:
    """Return the error for a file that cannot be trusted."""
    return InputError(f"{path} is no whole file of packed images ({why}); pack the images again.")


def _read_header(beginning: bytes, stream: Any, path: Path) -> tuple[dict[str, Any], int]:
    if len(beginning) < _LENGTH.size:
        raise damaged(path, "it is too short")
    (length,) = _LENGTH.unpack(beginning)
    try:
        header = parsed_json(stream.read(length), "the header") if length <= JSON_BYTES else None
    except InputError as error:
        raise damaged(path, "it has no safetensors header") from error
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__"), dict):
        raise damaged(path, "its header is not that of packed images")
    return header, _LENGTH.size + length


def _hashed(path: Path, start: int, noted: str) -> str:
    """Return the hash of a file in which the noted hash was not filled in yet."""
    with path.open("rb") as stream:
        return hash_with_zeros(stream, stream.read(start).index(noted.encode()))


def _mapped(path: Path, start: int, about: dict[str, Any]) -> Any:
    """Map a tensor copy-on-write: torch wants arrays that may be written, and the file must not change."""
    dtype = {"I64": "<i8", "U8": "u1"}[about["dtype"]]
    return np.memmap(path, dtype, "c", start + about["data_offsets"][0], tuple(about["shape"]))
