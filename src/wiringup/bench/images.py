"""Reading training images: the packed store against the plain loader, on the same files in the same run."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from wiringup.bench.reference_images import plain_loader
from wiringup.bench.timing import Row, Say, medians
from wiringup.core.seeds import numpy_stream
from wiringup.core.stimuli import LabelledImages
from wiringup.data.image_store import ImageStore
from wiringup.data.rendered.backgrounds import background

PILLOW = "Pillow in a torch DataLoader, a process for every core"
TARGET = 10.0
REPEATS = 3
BATCH = 256


@dataclass(frozen=True)
class Case:
    """Image files of one size.

    Attributes:
        images: how many files.
        height, width: of the files in px.
        size: side in px at which a network is trained.
    """

    images: int
    height: int
    width: int
    size: int

    @property
    def name(self) -> str:
        """What is read."""
        return f"reading {self.images:,} JPEGs of {self.width} x {self.height} at {self.size} px"


CASES = (Case(4000, 64, 64, 64), Case(400, 375, 500, 224))


@contextmanager
def written(case: Case) -> Iterator[list[Path]]:
    """Yield JPEG files (images with the spectrum of natural scenes) in two class folders, while they last."""
    with tempfile.TemporaryDirectory(prefix="wiringup-") as folder:
        paths = []
        for i in range(case.images):
            path = Path(folder) / "images" / "ab"[i % 2] / f"{i:06d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = background(max(case.height, case.width), i)[: case.height, : case.width]
            Image.fromarray((255 * pixels).astype(np.uint8)).save(path, quality=90)
            paths.append(path)
        yield paths


def rows(say: Say, cases: tuple[Case, ...] = CASES, workers: int | None = None) -> list[Row]:
    """Return one comparison for each case: seconds to read every image once, in random order.

    Args:
        say: told what is timed.
        cases: which files.
        workers: processes of the plain loader; by default one for every core.
    """
    workers = os.cpu_count() or 1 if workers is None else workers
    return [_row(case, workers, say) for case in cases]


def _row(case: Case, workers: int, say: Say) -> Row:
    say(f"Timing {case.name} ...")
    with written(case) as paths:
        source = paths[0].parents[1]
        images = ImageStore(source.parent / "store").load(source, case.size)
        order = numpy_stream(0, "order").permutation(len(paths))
        in_store = sorted(paths)  # natural order: class folder by class folder
        chosen = [in_store[row] for row in order]
        loader = plain_loader(chosen, case.size, BATCH, workers)
        theirs = torch.cat(list(loader))  # the loader's processes are started here, and not timed
        ours = torch.cat(list(_batches(images, order)))
        times = medians(
            {"ours": lambda: list(_batches(images, order)), "theirs": lambda: list(loader)}, REPEATS
        )
    difference = (ours.int() - theirs.int()).abs().max().item()
    return Row(case.name, times["ours"], times["theirs"], PILLOW, target=TARGET, agreement=float(difference))


def _batches(images: LabelledImages, order: np.ndarray) -> Iterator[Tensor]:
    for start in range(0, len(order), BATCH):
        yield torch.from_numpy(images.stimuli.at(order[start : start + BATCH]))
