"""Pictures to train on, and reading them: the packed store against the plain loader, on the same files."""

import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from wiringup.bench.timing import Row, compare
from wiringup.core.seeds import numpy_stream
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.data.images.cache import ImageCache

log = logging.getLogger(__name__)

CLASSES = 40
GRAIN = 8  # px between independent values: as smooth as a photograph, so that files have a usual size
QUALITY = 90
FORMAT = "JPEG"


@dataclass(frozen=True)
class Pictures:
    """The same pictures twice.

    Attributes:
        paths: of the files.
        data: decoded, in memory.
    """

    paths: tuple[Path, ...]
    data: LabelledImages


def draw(folder: Path, n: int, side: int) -> Pictures:
    """Write ``n`` JPEG files of ``side`` px into ``folder``, and return them with what they decode to."""
    stream = numpy_stream(0, "pictures", side)
    labels = np.arange(n, dtype=np.int64) % CLASSES
    paths, pixels = [], np.empty((n, side, side, 3), np.uint8)
    for i in range(n):
        coarse = stream.integers(0, 256, (side // GRAIN, side // GRAIN, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        paths.append(folder / f"class{labels[i]:02d}" / f"{i:05d}.jpg")
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        image.save(paths[-1], FORMAT, quality=QUALITY)
        with Image.open(paths[-1], formats=[FORMAT]) as decoded:
            pixels[i] = np.asarray(decoded)
    names = tuple(f"class{i:02d}" for i in range(CLASSES))
    return Pictures(tuple(paths), LabelledImages(from_pixels(pixels), labels, names))


class Decoded(Dataset[Tensor]):
    """Image files, opened and made square one by one: uint8 (size, size, 3)."""

    def __init__(self, paths: Sequence[Path], size: int) -> None:
        self.paths, self.size = list(paths), size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Tensor:
        with Image.open(self.paths[i], formats=[FORMAT]) as opened:
            image = opened.convert("RGB")
        least, size = min(image.size), self.size
        width, height = (size * side // least for side in image.size)
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        left, top = round((width - size) / 2), round((height - size) / 2)
        return torch.from_numpy(np.array(image.crop((left, top, left + size, top + size))))


def plain_loader(paths: Sequence[Path], size: int, batch: int, workers: int) -> DataLoader[Tensor]:
    """Return the loader: batches of uint8 (batch, size, size, 3), decoded by so many processes."""
    return DataLoader(
        Decoded(paths, size), batch_size=batch, num_workers=workers, persistent_workers=workers > 0
    )


PILLOW = "Pillow in a torch DataLoader, a process for every core"
TARGET = 10.0
BATCH = 256


@dataclass(frozen=True)
class Case:
    """Image files of one size.

    Attributes:
        images: how many files.
        side: of the files in px.
        size: side in px at which a network is trained.
    """

    images: int
    side: int
    size: int

    @property
    def name(self) -> str:
        """What is read."""
        return f"Pixels of {self.images:,} JPEGs of {self.side} px at {self.size} px"


CASES = (Case(4000, 64, 64), Case(400, 448, 224))


def rows(cases: Sequence[Case] = CASES, workers: int | None = None) -> list[Row]:
    """Return one comparison for each case: seconds to read every image once, in random order.

    Args:
        cases: which files.
        workers: processes of the plain loader; by default one for every core.
    """
    workers = os.cpu_count() or 1 if workers is None else workers
    return [_row(case, workers) for case in cases]


def _row(case: Case, workers: int) -> Row:
    log.info(f"Timing {case.name} ...")
    with tempfile.TemporaryDirectory(prefix="wiringup-bench-") as folder:
        paths = draw(Path(folder) / "files", case.images, case.side).paths
        images = ImageCache(Path(folder) / "store").load(Path(folder) / "files", case.size)
        order = numpy_stream(0, "order").permutation(len(paths))
        in_store = sorted(paths)  # natural order: class folder by class folder
        chosen = [in_store[row] for row in order]
        loader = plain_loader(chosen, case.size, BATCH, workers)
        next(iter(loader))  # its processes are started here, and not timed
        return compare(
            case.name,
            PILLOW,
            lambda: list(_batches(images, order)),
            lambda: list(loader),
            lambda ours, theirs: (torch.cat(ours).int() - torch.cat(theirs).int()).abs().max().item(),
            target=TARGET,
        )


def _batches(images: LabelledImages, order: np.ndarray) -> Iterator[Tensor]:
    for start in range(0, len(order), BATCH):
        yield torch.from_numpy(images.stimuli.at(order[start : start + BATCH]))
