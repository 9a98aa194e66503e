"""Reading training images: the packed store against the plain loader, on the same files in the same run."""

import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wiringup.bench.pictures import draw
from wiringup.bench.reference_images import plain_loader
from wiringup.bench.timing import Row, medians
from wiringup.core.seeds import numpy_stream
from wiringup.core.stimuli import LabelledImages
from wiringup.data.images.cache import ImageCache

log = logging.getLogger(__name__)

PILLOW = "Pillow in a torch DataLoader, a process for every core"
TARGET = 10.0
REPEATS = 3
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
