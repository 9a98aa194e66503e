"""The frozen part of a network: run without gradients, or once for each image and then remembered."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wiringup.core.errors import InputError, WiringupError
from wiringup.models.storage import ALIVE, Storage

Activations = tuple[Tensor, ...]
Remembered = Callable[[NDArray[np.int64]], Activations]
"""Gives the activations of some images, by their rows."""


@dataclass(frozen=True)
class Frozen:
    """What stands still before the first plastic synapse.

    It is always run on ``chunk`` images, the last of them repeated where a batch has fewer. The rounding
    of a convolution depends on how many images it is given, but not on which or in what order: so what
    the network answers to an image is the same in every batch, to the bit.

    Attributes:
        part: maps images to a tuple of activations.
        chunk: images in one pass.
        layout: memory format of the activations.
        precision: returns the context in which the part is run; activations have the type of the images.
        alike: whether the part answers to an image alike in every batch. It does not where a BatchNorm takes
            the statistics of the batch: then only layers below the first such norm are frozen, whose answers
            are large, and cheap to compute again.
        pause: called now and then while the answers to all images are computed.
    """

    part: nn.Module
    chunk: int
    layout: torch.memory_format
    precision: Callable[[], AbstractContextManager[object]] = nullcontext
    alike: bool = True
    pause: Callable[[], None] = lambda: None

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Activations:
        """Map (n, 3, size, size) to a tuple of activations (n, ...)."""
        passes = [self._run(chunk) for chunk in torch.split(images, self.chunk)]
        return tuple(
            torch.cat(answers) if len(passes) > 1 else answers[0] for answers in zip(*passes, strict=True)
        )

    def _run(self, images: Tensor) -> Activations:
        n = len(images)
        if n < self.chunk:
            images = torch.cat([images, images[-1:].expand(self.chunk - n, *images.shape[1:])])
        with self.precision():
            answers = self.part(images.contiguous(memory_format=self.layout))
        return tuple(answer[:n].to(images.dtype) for answer in answers)


def remember(
    frozen: Frozen, images: Callable[[slice], Tensor], n: int, storage: Storage
) -> Remembered | None:
    """Store what the frozen part answers to all ``n`` images.

    Args:
        frozen: the frozen part.
        images: returns (rows, 3, size, size) for some rows.
        n: number of images.
        storage: decides how much memory there is, and where files are made if that does not suffice.

    Returns:
        what gives the activations of some images, as ``frozen`` would; None if there is no room to keep them.
    """
    stores: list[Tensor] = []
    for start in range(0, n, frozen.chunk):
        rows = slice(start, min(start + frozen.chunk, n))
        answers = frozen(images(rows))
        stores = stores or _room(answers, n, storage)
        if not stores:
            return None
        for store, answer in zip(stores, answers, strict=True):
            store[rows].copy_(answer.flatten(1))
        frozen.pause()
    shapes = [answer.shape[1:] for answer in answers]

    def activations(rows: NDArray[np.int64]) -> Activations:
        found = (store.index_select(0, torch.from_numpy(rows)) for store in stores)
        shaped = (values.view(len(rows), *shape) for values, shape in zip(found, shapes, strict=True))
        return tuple(a.contiguous(memory_format=frozen.layout) if a.ndim == 4 else a for a in shaped)

    return activations


def _room(answers: Activations, n: int, storage: Storage) -> list[Tensor]:
    """Return room for what is answered to ``n`` images; nothing where there is none."""
    if any(answer.dtype != torch.float32 for answer in answers):
        return []
    features = {i: answer[0].numel() for i, answer in enumerate(answers)}
    try:
        stores = storage.stores(n, features, ALIVE * sum(answer.nbytes for answer in answers))
    except InputError:
        raise
    except WiringupError:  # neither memory nor disk suffices
        return []
    return [stores[i] for i in features]
