"""Which images are seen when: seeded epochs, batches that can be resumed, and nested subsets.

The order of an epoch is derived from (seed, epoch) and the augmentation of a batch from (seed, epoch,
batch), so any step of a run can be made without those before it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.core.checks import at_least
from wiringup.core.errors import InputError
from wiringup.core.seeds import derive, numpy_stream, torch_stream
from wiringup.core.stimuli import LabelledImages
from wiringup.models.readout import preprocess
from wiringup.training.augment import crop_and_flip
from wiringup.training.schedule import steps_per_epoch
from wiringup.training.spec import TrainSpec

T = TypeVar("T")
U = TypeVar("U")

ALL = slice(None)


@dataclass(frozen=True)
class Step:
    """One step of the plan: the rows of the images it shows.

    Attributes:
        epoch: counted from 0.
        index: of the step within its epoch.
        rows: int64 (batch,) into the images.
        ends_epoch: whether every image of the epoch has been shown after it.
    """

    epoch: int
    index: int
    rows: NDArray[np.int64]
    ends_epoch: bool


@dataclass(frozen=True)
class Plan:
    """The steps of a whole run.

    An epoch is cut into `schedule.steps_per_epoch` batches. The last epoch is cut short so that exactly
    ``total`` images are seen.

    Attributes:
        images: number of images in an epoch.
        batch: images in a step.
        total: labelled images to be seen in the whole run.
        seed: of the order of the images.
    """

    images: int
    batch: int
    total: int
    seed: int

    @classmethod
    def of(cls, dataset: int, spec: TrainSpec) -> "Plan":
        """Return the plan of ``spec`` for so many images.

        Raises:
            InputError: if there are fewer than two images, or the run would end on a batch of one.
        """
        at_least(dataset, 2, "the number of training images")
        total = spec.duration.in_images(dataset, spec.batch)
        if total % dataset == 1:
            raise InputError(
                f"{spec.duration} of {dataset} images end on a batch of one image; "
                "allow one image more or less."
            )
        return cls(dataset, spec.batch, total, derive(spec.seed, "order"))

    def bounds(self, epoch: int) -> list[tuple[int, int]]:
        """Return the (start, stop) of every batch of an epoch, in its own order of the images."""
        images = min(self.images, self.total - epoch * self.images)
        starts = [index * self.batch for index in range(steps_per_epoch(images, self.batch))]
        return list(zip(starts, [*starts[1:], images], strict=True))

    @property
    def smallest(self) -> int:
        """The number of images in the smallest batch of the run."""
        epochs = {0, (self.total - 1) // self.images} if self.total else set()  # only the last is cut short
        return min((stop - start for epoch in epochs for start, stop in self.bounds(epoch)), default=0)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the order in which an epoch shows the images: int64 (images,)."""
        order: NDArray[np.int64] = torch.randperm(
            self.images, generator=torch_stream(self.seed, epoch)
        ).numpy()
        return order

    def steps(self, start: int = 0) -> Iterator[Step]:
        """Yield the steps of the run from the ``start``-th on."""
        # only the last epoch can be cut short, so every epoch before it has as many steps as the first
        epoch, skip = divmod(start, steps_per_epoch(self.images, self.batch))
        while epoch * self.images < self.total:
            order = self.order(epoch)
            for index, (first, stop) in enumerate(self.bounds(epoch)[skip:], skip):
                yield Step(epoch, index, order[first:stop], stop == self.images)
            epoch, skip = epoch + 1, 0


@dataclass(frozen=True)
class Batch:
    """What (a share of) one step shows: float32 (n, 3, size, size) channels-last, and int64 (n,) labels."""

    step: Step
    inputs: Tensor
    labels: Tensor


def input_size(data: LabelledImages, spec: TrainSpec) -> int:
    """Return the side of the network's input in px.

    Raises:
        InputError: if the spec leaves it to the images and these are not square.
    """
    height, width = data.stimuli.sides
    if spec.size is None and height != width:
        raise InputError(f"The images are {height} x {width} px; give the size of the network's input.")
    return spec.size or height


def prepare(data: LabelledImages, spec: TrainSpec, step: Step, share: slice = ALL) -> Batch:
    """Return the batch of one step, augmented and normalised, on the spec's device.

    With a ``share``, only those of its images: augmented as they are in the whole batch.
    """
    size = input_size(data, spec)
    labels = torch.from_numpy(data.labels[step.rows[share]]).to(spec.device)
    pixels = data.stimuli.at(step.rows[share])
    if spec.augmentation == "none":
        return Batch(step, preprocess(pixels, size).to(spec.device), labels)
    generator = torch_stream(spec.seed, "augment", step.epoch, step.index)
    images = torch.from_numpy(pixels).to(spec.device)
    return Batch(step, crop_and_flip(images, size, generator, len(step.rows), share), labels)


def batches(
    data: LabelledImages,
    spec: TrainSpec,
    plan: Plan,
    start: int = 0,
    share: Callable[[int], slice] = slice,
) -> Iterator[Batch]:
    """Yield the batches of a run from step ``start`` on, prepared ahead by ``spec.workers`` threads.

    Args:
        data: the images.
        spec: how they are shown.
        plan: when they are shown.
        start: the first step.
        share: returns which of the ``n`` images of a batch are wanted; by default all.
    """
    yield from _ahead(
        lambda step: prepare(data, spec, step, share(len(step.rows))), plan.steps(start), spec.workers
    )


def _ahead(work: Callable[[T], U], jobs: Iterable[T], workers: int) -> Iterator[U]:
    """Map ``work`` over ``jobs`` in order, up to ``workers`` jobs ahead of who consumes them."""
    if workers == 0:
        yield from map(work, jobs)
        return
    pending: deque[Future[U]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for job in jobs:
                pending.append(pool.submit(work, job))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def nested_subset(labels: NDArray[np.int64], n: int, seed: int) -> NDArray[np.intp]:
    """Return the rows of a random, class-balanced subset of ``n`` images, in ascending order.

    With one seed the subsets are nested: every smaller one lies within every larger one. Classes differ
    by at most one image, as long as none runs out of images.

    Args:
        labels: int64 (images,).
        n: number of images wanted.
        seed: of the draw.

    Raises:
        InputError: if ``n`` is not between 0 and the number of images.
    """
    if not 0 <= n <= len(labels):
        raise InputError(f"A subset of {n} images was asked for, but there are {len(labels)}.")
    return np.sort(balanced_order(labels, seed)[0][:n])


def balanced_order(labels: NDArray[np.int64], seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return all rows in the random order in which `nested_subset` takes them.

    Args:
        labels: int64 (images,).
        seed: of the draw.

    Returns:
        rows, and of each how many of its class come before it: (images,) both.
    """
    stream = numpy_stream(seed, "nested subset")
    shuffled = stream.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    sizes = np.unique(labels, return_counts=True)[1]
    rank = np.concatenate([np.arange(size) for size in sizes]) if len(sizes) else by_class
    # the first image of every class comes before the second of any; classes in random order
    order = np.lexsort((stream.random(len(labels)), rank))
    return by_class[order], rank[order]
