"""How much disk and memory packed images will take, before they are packed."""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.core.errors import InputError
from wiringup.data.images.keeping import KINDS, Keeping
from wiringup.data.images.pack_file import RECORD
from wiringup.data.images.source import ImageSource, open_source

SAMPLED = 48  # images that are packed to see how large they get


@dataclass(frozen=True)
class Estimate:
    """What a way to keep images takes.

    Attributes:
        keep: the way, see `keeping`.
        images: how many there are.
        disk_bytes: of all files of the pack.
        memory_bytes: held by a process that opened it: where every image lies, its hash, name and label.
        pixels: what is kept of an image, in words.
    """

    keep: str
    images: int
    disk_bytes: int
    memory_bytes: int
    pixels: str


def estimates(path: Path | str, side: int) -> list[Estimate]:
    """Return what each way to keep the images at ``path`` takes.

    Raises:
        MissingDataError: if there is nothing at ``path``.
        InputError: if it cannot be used.
    """
    with open_source(path, side) as source:
        rows = np.arange(len(source))
        names = len(json.dumps(source.ids)) + source.labels.nbytes
        ways = [Keeping.parse(kind) for kind in KINDS]
        return [
            Estimate(
                str(keeping),
                len(rows),
                disk_of(source, rows, side, keeping) + names,
                names + len(rows) * (RECORD.itemsize + rows.itemsize),
                keeping.described(side),
            )
            for keeping in ways
        ]


def disk_of(source: ImageSource, rows: NDArray[np.intp], side: int, keeping: Keeping) -> int:
    """Return the bytes of disk that packed images take; of whole ones as `SAMPLED` of them say.

    Args:
        source: holds the images.
        rows: which of them are to be packed.
        side: in px, see `keeping`.
        keeping: what is kept of an image.
    """
    if not keeping.whole:
        return len(rows) * (side**2 * 3 + RECORD.itemsize)
    sizes = []
    for row in rows[:: -(-len(rows) // SAMPLED) or 1].tolist():
        with contextlib.suppress(InputError):  # corrupt ones are named when all are packed
            stored = keeping.stored(source.read(row), source.where(row), side, lambda _what: None)
            sizes.append(len(stored.content))
    return round(len(rows) * (float(np.mean(sizes)) if sizes else 0.0)) + len(rows) * RECORD.itemsize
