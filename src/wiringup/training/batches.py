"""Which images are seen when: seeded epochs that can be entered at any step, and nested subsets."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from wiringup.core.checks import at_least
from wiringup.core.errors import InputError
from wiringup.core.seeds import derive, numpy_stream, torch_stream
from wiringup.training.schedule import steps_per_epoch
from wiringup.training.spec import TrainSpec


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

    def seen(self, start: int) -> int:
        """Return how many images are shown before the ``start``-th step."""
        # only the last epoch can be cut short, so every epoch before it has as many steps as the first
        epoch, steps = divmod(start, steps_per_epoch(self.images, self.batch))
        return min(epoch * self.images + steps * self.batch, self.total)

    def steps_left(self, start: int = 0) -> int:
        """Return how many steps the run has from the ``start``-th on."""
        epochs, rest = divmod(self.total, self.images)
        last = steps_per_epoch(rest, self.batch) if rest else 0
        return epochs * steps_per_epoch(self.images, self.batch) + last - start

    def steps(self, start: int = 0) -> Iterator[Step]:
        """Yield the steps of the run from the ``start``-th on."""
        epoch, skip = divmod(start, steps_per_epoch(self.images, self.batch))
        while epoch * self.images < self.total:
            order = self.order(epoch)
            for index, (first, stop) in enumerate(self.bounds(epoch)[skip:], skip):
                yield Step(epoch, index, order[first:stop], stop == self.images)
            epoch, skip = epoch + 1, 0


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
    sizes = np.bincount(labels)
    rank = np.concatenate([np.arange(size) for size in sizes]) if len(sizes) else by_class
    # the first image of every class comes before the second of any; classes in random order
    order = np.lexsort((stream.random(len(labels)), rank))
    return by_class[order], rank[order]
