"""What a study is made in: images to learn from, and brains to be compared with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.benchmarks.benchmark import Benchmark
from wiringup.benchmarks.catalog import load_present
from wiringup.benchmarks.simulated import LEVEL
from wiringup.benchmarks.suites import Suite, find_suite
from wiringup.core.checks import listed, one_of
from wiringup.core.errors import InputError
from wiringup.core.seeds import derive
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.images.cache import default_cache
from wiringup.data.rendered.render import render
from wiringup.data.rendered.scenes import RenderSpec
from wiringup.experiments.pipeline import Exam
from wiringup.training.batches import balanced_order, nested_subset

BRAINS = ("simulated", "real")
Say = Callable[[str], None]
Progress = Callable[[int, int], None]
Labels = NDArray[np.int64]

HELD_OUT_IMAGES = 400
FEWEST_IMAGES = 10


@dataclass(frozen=True)
class World:
    """Images to learn from (`pool`), unlabelled images for BatchNorm, and the exam."""

    pool: LabelledImages
    calibration: Stimuli
    exam: Exam

    def budget(self, n: int) -> LabelledImages:
        """Return ``n`` of the pool, balanced by class: a smaller budget's images are among a larger's."""
        return self.pool if n == len(self.pool) else self.pool.take(nested_subset(self.pool.labels, n, 0))


def make_world(
    images: Path | None,
    brain: str,
    pool: int,
    calibration: int,
    size: int,
    home: Path,
    say: Say,
    packing: Progress | None = None,
) -> World:
    """Return the world of a study.

    Args:
        images: what to learn from, see `data.images.source.ALLOWED`; None renders objects.
        brain: ``"simulated"`` or ``"real"`` (the benchmarks of `suites.REAL` that are in ``home``).
        pool: number of images to learn from.
        calibration: number of them that are used, unlabelled, for BatchNorm statistics at birth.
        size: side of the images in px.
        home: the data folder.
        say: told what is being prepared.
        packing: told how many images are packed, where they are not yet.

    Raises:
        InputError: for an unknown brain, or too few images.
        MissingDataError: if ``brain`` is real and no benchmark is present.
    """
    one_of(brain, BRAINS, "brain")
    if images is None:
        learned, held_out = rendered(pool, size, say)
    else:
        learned, held_out = from_files(images, size, pool, 0, say, packing)
    benchmarks, suite = brain_benchmarks(brain, size, home, say)
    return World(
        pool=learned,
        calibration=calibration_images(learned, calibration),
        exam=Exam(suite, tuple(benchmarks), held_out),
    )


def rendered(images: int, size: int, say: Say) -> tuple[LabelledImages, LabelledImages]:
    """Return rendered objects to learn from, and others held out."""
    say(f"Rendering {images:,} images to learn from and {HELD_OUT_IMAGES} to be held out ...")
    train = render(RenderSpec(images, size, LEVEL, split="train"))
    return train.images, render(RenderSpec(HELD_OUT_IMAGES, size, LEVEL, split="test")).images


def from_files(
    path: Path, size: int, images: int | None, seed: int, say: Say, packing: Progress | None = None
) -> tuple[LabelledImages, LabelledImages]:
    """Return labelled images to learn from, and others held out, from the store of packed images.

    Args:
        path: see `data.images.source.ALLOWED`.
        size: side in px at which they are kept.
        images: how many to learn from, class-balanced; None for all. With one seed, fewer images are among
            more, and what is held out is the same for all.
        seed: of that choice.
        say: told what is being prepared, and which classes have one image, which is never held out.
        packing: told how many images are packed, where they are not yet.

    Raises:
        MissingDataError: if there is nothing at ``path``.
        InputError: if there are too few images to learn from and to hold out, or some are corrupt.
    """
    say(f"Reading {path} ...")
    counts: list[int] = []
    alone: list[int] = []  # classes of one image

    def choose(labels: Labels) -> NDArray[np.intp]:
        learned, held_out = split(labels)
        alone.extend(np.flatnonzero(np.bincount(labels) == 1))
        if images is not None and len(learned) < images:
            raise InputError(
                f"{path} leaves {len(learned)} images to learn from beside {len(held_out)} held-out ones; "
                f"{images} were asked for. Give more images, or ask for fewer."
            )
        if images is not None:
            learned = learned[nested_subset(labels[learned], images, seed)]
        counts.append(len(learned))
        return np.concatenate([learned, held_out])

    found = default_cache().load(path, size, choose)
    if alone:
        names = listed([found.classes[label] for label in alone])
        say(f"Never held out, as there is one image of each: {names}.")
    rows = np.arange(len(found))
    return found.take(rows[: counts[0]]), found.take(rows[counts[0] :])


def split(labels: Labels) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows to learn from and rows to hold out: a balanced fifth, at most `HELD_OUT_IMAGES`.

    No class gives more than a fifth of its images (rounded up), nor its only one: a rare class is held out
    less often than others, and is learned from all the same.

    Args:
        labels: int64 (images,).

    Raises:
        InputError: if there are fewer than `FEWEST_IMAGES`, or no class has two.
    """
    if len(labels) < FEWEST_IMAGES:
        raise InputError(
            f"There are {len(labels)} images; at least {FEWEST_IMAGES} are needed: a fifth is held out."
        )
    rows, before = balanced_order(labels, derive(0, "held out"))
    sizes = np.bincount(labels)[labels[rows]]
    most = np.minimum(-(-sizes // 5), sizes - 1)
    held_out = np.sort(rows[before < most][: min(HELD_OUT_IMAGES, len(labels) // 5)])
    if not len(held_out):
        raise InputError("No class has two images: none can be held out that is not the only one to learn.")
    return np.setdiff1d(np.arange(len(labels)), held_out), held_out


def calibration_images(images: LabelledImages, n: int) -> Stimuli:
    """Return ``n`` of the images, balanced, without their labels: for BatchNorm statistics at birth."""
    return images.stimuli.take(nested_subset(images.labels, min(n, len(images)), 0))


def brain_benchmarks(brain: str, size: int, home: Path, say: Say) -> tuple[list[Benchmark], Suite]:
    """Return the benchmarks of a brain that are there, and the suite of all there could be.

    Raises:
        MissingDataError: if none is there.
    """
    suite = find_suite(f"{brain}@1", home)
    benchmarks, missing = load_present(suite.benchmarks, home, size)
    for name, why in missing.items():
        say(f"Without {name}: {why}")
    return benchmarks, suite
