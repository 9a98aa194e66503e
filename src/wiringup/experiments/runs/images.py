"""Images to learn from, and others to be tested on: rendered, or from the files of a user."""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.benchmarks.simulated import LEVEL
from wiringup.core.checks import composed, index_of_classes, listed
from wiringup.core.errors import InputError
from wiringup.core.seeds import derive
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.images.cache import default_cache
from wiringup.data.images.keeping import SQUARES
from wiringup.data.images.source import open_source
from wiringup.data.rendered.render import render
from wiringup.data.rendered.scenes import RenderSpec
from wiringup.training.batches import balanced_order, nested_subset

HELD_OUT_IMAGES = 400
FEWEST_IMAGES = 10
RENDERED_IMAGES = 2000

log = logging.getLogger(__name__)

Labels = NDArray[np.int64]


def rendered(images: int | None, side: int, hold_out: bool = True) -> tuple[LabelledImages, LabelledImages]:
    """Return rendered objects to learn from, and others held out, none if ``hold_out`` is False."""
    number = RENDERED_IMAGES if images is None else images
    aside = f" and {HELD_OUT_IMAGES} to be held out" if hold_out else ""
    log.info("Rendered objects: %s images to learn from%s ...", f"{number:,}", aside)
    train = render(RenderSpec(number, side, LEVEL, split="train")).images
    if not hold_out:
        return train, train.take(np.arange(0))
    return train, render(RenderSpec(HELD_OUT_IMAGES, side, LEVEL, split="test")).images


def from_files(
    path: Path,
    side: int,
    images: int | None,
    seed: int,
    hold_out: bool = True,
    keep: str = SQUARES,
    most: int | None = None,
) -> tuple[LabelledImages, LabelledImages]:
    """Return labelled images to learn from, and others held out, from the cache of packed images.

    Args:
        path: see `data.images.source.ALLOWED`.
        side: in px, at which they are kept.
        images: how many to learn from, class-balanced; None for all. With one seed, fewer images are among
            more, and what is held out is the same for all.
        seed: of that choice.
        hold_out: False if there is a validation set: no image is held out then.
        keep: what is kept of an image, see `data.images.keeping.ALLOWED`.
        most: see `validation`.

    Raises:
        MissingDataError: if there is nothing at ``path``.
        NotPackedError: as `validation`.
        InputError: if there are too few images to learn from and to hold out, or some are corrupt.
    """
    log.info("Reading %s ...", path)
    counts: list[int] = []
    alone: list[int] = []  # classes of one image

    def choose(labels: Labels, there: NDArray[np.bool_]) -> NDArray[np.intp]:
        learned, held_out = np.arange(len(labels)), np.arange(0)
        if hold_out:
            learned, held_out = split(labels)
            alone[:] = np.flatnonzero(np.bincount(labels) == 1)
        if images is not None:
            learned = learned[balanced_order(labels[learned], seed)[0]]
        learned, held_out = learned[there[learned]], held_out[there[held_out]]
        if hold_out and not len(held_out):
            raise InputError(f"All images of {path} that are held out are corrupt; give a validation set.")
        if images is not None and len(learned) < images:
            aside = f" beside {len(held_out)} held-out ones" if hold_out else ""
            raise InputError(
                f"{path} leaves {len(learned)} images to learn from{aside}; "
                f"{images} were asked for. Give more images, or ask for fewer."
            )
        if images is not None:
            learned = np.sort(learned[:images])
        counts[:] = [len(learned)]
        return np.concatenate([learned, held_out])

    found = default_cache().load(path, side, choose, keep=keep, most=most)
    if alone:
        names = listed([found.classes[label] for label in alone])
        log.warning("Never held out, as there is one image of each: %s.", names)
    rows = np.arange(len(found))
    return found.take(rows[: counts[0]]), found.take(rows[counts[0] :])


def counted(path: Path, side: int, hold_out: bool) -> tuple[int, int]:
    """Return how many images may be learned from, as `from_files`, and of how many classes: none is decoded.

    Raises:
        MissingDataError: if there is nothing at ``path``.
        InputError: if there are too few to hold some out.
    """
    with open_source(path, side) as source:
        learned = split(source.labels)[0] if hold_out else source.labels
        return len(learned), len(source.classes)


def validation(path: Path, side: int, keep: str = SQUARES, most: int | None = None) -> LabelledImages:
    """Return a validation set, all of it, from the cache of packed images.

    Args:
        path: see `data.images.source.ALLOWED`.
        side: in px, at which they are kept.
        keep: what is kept of an image, see `data.images.keeping.ALLOWED`.
        most: images that are packed now, at most; None for any number.

    Raises:
        MissingDataError: if there is nothing at ``path``.
        NotPackedError: if more than ``most`` are not packed yet.
        InputError: if some images are corrupt.
    """
    log.info("Reading the validation set %s ...", path)
    return default_cache().load(path, side, keep=keep, most=most)


def relabelled(found: LabelledImages, classes: tuple[str, ...]) -> LabelledImages:
    """Return a validation set labelled by ``classes``, those of the images that are learned from.

    Raises:
        InputError: if its own classes are not the same, by name and in any order.
    """
    theirs, number = index_of_classes(found.classes), index_of_classes(classes)
    lacks = listed([name for name in classes if composed(name) not in theirs])
    unknown = listed([name for name in found.classes if composed(name) not in number])
    if lacks or unknown:
        told = [
            f"{what} {names}" for what, names in (("it lacks", lacks), ("nobody learns", unknown)) if names
        ]
        raise InputError(
            f"The validation set has {len(found.classes)} classes, the images to learn from "
            f"{len(classes)}: {'; '.join(told)}. Both need the same classes, by name, in any order."
        )
    renumbered = np.array([number.get(name, number[composed(name)]) for name in found.classes])
    return LabelledImages(found.stimuli, renumbered[found.labels], classes)


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
    return np.delete(np.arange(len(labels)), held_out), held_out


def calibration_images(images: LabelledImages, n: int) -> Stimuli:
    """Return ``n`` of the images, balanced, without their labels: for BatchNorm statistics at birth."""
    return images.stimuli.take(nested_subset(images.labels, min(n, len(images)), 0))
