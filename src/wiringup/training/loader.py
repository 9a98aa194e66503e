"""Where batches come from: the loaders of a training.

The augmentation of a batch is derived from (seed, epoch, batch), as the order of an epoch is from (seed,
epoch): any step of a training can be loaded without those before it.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wiringup.core.ahead import ahead, cores
from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream
from wiringup.core.spec import to_dict
from wiringup.core.stimuli import LabelledImages
from wiringup.models.architecture import Architecture
from wiringup.models.device import BF16, settled_precision
from wiringup.models.preprocessing import IMAGENET, Preprocessing, network_input, preprocess
from wiringup.models.storage import Storage
from wiringup.training.augment import crop_and_flip, cut, draw_crops
from wiringup.training.batches import Plan, Step
from wiringup.training.compiled import CompiledFunction, worth_compiling
from wiringup.training.distributed import ALONE, ProcessGroup, place
from wiringup.training.frozen import Activations, Frozen, Remembered, remember
from wiringup.training.numerics import memory_format
from wiringup.training.pixels import Pixels, sent
from wiringup.training.spec import TrainSpec

log = logging.getLogger(__name__)

ALL = slice(None)
WORKERS = min(16, cores())
"""Threads that load ahead of a card, unless a spec says how many."""


@dataclass(frozen=True)
class Batch:
    """What (a process's share of) one step is given.

    Attributes:
        inputs: float (n, 3, size, size), alone; or the activations (n, ...) that a frozen part makes of it.
        labels: int64 (n,).
    """

    step: Step
    inputs: Activations
    labels: Tensor


@dataclass(frozen=True)
class InputFormat:
    """In which form a network takes images: how they are preprocessed, their type and their memory format."""

    preprocessing: Preprocessing = IMAGENET
    dtype: torch.dtype = torch.float32
    layout: torch.memory_format = torch.channels_last

    @classmethod
    def of(cls, model: nn.Module, architecture: Architecture) -> "InputFormat":
        """Return that of a model: the type is that of its parameters."""
        return cls(architecture.preprocessing, next(model.parameters()).dtype, memory_format(model))


class Loader:
    """A source of batches, on the device of a training and in the form in which its network takes them.

    Attributes:
        plan: the steps.
        size: side of the network's input in px.
        spec: how they are learned from, on which device, and how many threads load ahead.
        group: the processes that share every batch.
        chunk: images of a full batch that a process is given, at most.
    """

    def __init__(
        self, plan: Plan, size: int, spec: TrainSpec, group: ProcessGroup, form: InputFormat
    ) -> None:
        self.plan, self.size, self.group, self.form = plan, size, group, form
        device = place(spec.device)
        self.spec = replace(spec, device=device, precision=settled_precision(spec.precision, device))
        self.device = torch.device(device)
        self.on_card = self.device.type == "cuda"
        self.chunk = -(-min(plan.batch, plan.images) // group.size)
        self.workers = (WORKERS if self.on_card else 0) if spec.workers is None else spec.workers

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the batches and how they are learned from, as plain values."""
        return {"spec": to_dict(self.spec, include_neutral=False)}

    def load(self, step: Step, share: slice | None = None) -> Batch:
        """Return the batch of one step: ``share`` of it, by default that of this process."""
        raise NotImplementedError

    def batches(self, start: int = 0, frozen: Frozen | None = None) -> Iterator[Batch]:
        """Yield the batches from step ``start`` on, or what a frozen part makes of them."""
        for batch in self.loaded(self.plan.steps(start)):
            yield replace(batch, inputs=frozen(*batch.inputs)) if frozen else batch

    def loaded(self, steps: Iterable[Step]) -> Iterator[Batch]:
        """Yield the batches of steps; threads load ahead."""
        yield from ahead(self.load, steps, self.workers)

    def preprocessed(self, pixels: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return images (n, h, w, 3) as the network takes them: (n, 3, size, size)."""
        return self.placed(preprocess(pixels, self.size, self.form.preprocessing))

    def placed(self, images: Tensor) -> Tensor:
        """Return preprocessed images on the device, in the type and the memory format of the network."""
        return images.to(self.device).to(self.form.dtype, memory_format=self.form.layout)


DEFAULT = InputFormat()


class ImageLoader(Loader):
    """Labelled images, augmented as a spec says.

    Raises:
        InputError: for too few images, a run that ends on a batch of one, or images that are not square
            where the spec leaves the size to them.
    """

    def __init__(
        self, data: LabelledImages, spec: TrainSpec, group: ProcessGroup = ALONE, form: InputFormat = DEFAULT
    ) -> None:
        super().__init__(Plan.of(len(data), spec), spec.size or _side(data), spec, group, form)
        self.data = data
        self.pixels = Pixels(data.stimuli, self.device)
        # the network will round what it is given by more than half precision does
        self.half = self.on_card and self.spec.precision == BF16
        compiled = self.on_card and worth_compiling(self.spec, self.plan.steps_left(), group)
        self.augment = CompiledFunction(crop_and_flip, self.chunk) if compiled else crop_and_flip
        if self.pixels.resident and spec.workers:
            log.info("Nothing is left for %d threads to load ahead (--workers).", spec.workers)

    @property
    def identity(self) -> dict[str, Any]:
        """The images are among it."""
        return super().identity | {"images": self.data.sha256}

    def load(self, step: Step, share: slice | None = None) -> Batch:
        """Return a batch, augmented and normalised: each share of it as it is in the whole batch."""
        return self._finish(self._draw(step, share))

    def loaded(self, steps: Iterable[Step]) -> Iterator[Batch]:
        """Yield the batches of steps; threads read and draw ahead, and a card does the rest by itself."""
        if self.on_card:
            # threads that only draw would cost more than they save: they take turns with this one
            workers = 0 if self.pixels.resident else self.workers
            yield from map(self._finish, ahead(self._draw, steps, workers))
        else:
            yield from super().loaded(steps)

    def _draw(self, step: Step, share: slice | None = None) -> "Drawn":
        """Read the images of a step, and draw what of them is seen."""
        share = self.group.share(len(step.rows)) if share is None else share
        rows, stimuli = step.rows[share], self.data.stimuli
        if self.spec.augmentation == "none":
            pixels = self.pixels.read(rows) if stimuli.uniform else self._photographs(rows)
            return Drawn(step, rows, pixels, None)
        stream = torch_stream(self.spec.seed, "augment", step.epoch, step.index)
        if stimuli.uniform:
            crops = draw_crops(len(step.rows), *stimuli.sides, stream, share)
            return Drawn(step, rows, self.pixels.read(rows), crops)
        sides = torch.from_numpy(stimuli.sides_of(step.rows))
        boxes, flips = draw_crops(len(step.rows), sides[:, 0], sides[:, 1], stream, share)
        return Drawn(step, rows, self.pixels.pinned(cut(stimuli, rows, boxes, self.size)), (None, flips))

    def _finish(self, drawn: "Drawn") -> Batch:
        """Cut, scale, mirror and normalise images, on the device."""
        labels, pixels = self.labels(drawn.rows), self.pixels.on_device(drawn.pixels)
        if drawn.crops is None:
            images = self.preprocessed(pixels) if self.data.stimuli.uniform else self.placed(pixels)
        else:
            boxes, flips = drawn.crops
            boxes = None if boxes is None else sent(boxes, self.device)
            flips = sent(flips, self.device)
            images = self.augment(pixels, boxes, flips, self.size, self.form.preprocessing, self.half)
        return Batch(drawn.step, (self.placed(images),), labels)

    def batches(self, start: int = 0, frozen: Frozen | None = None) -> Iterator[Batch]:
        """Yield the batches from step ``start`` on, or what a frozen part makes of them.

        Without augmentation that is the same for an image in every epoch: it is then computed once and
        remembered, if more than an epoch is left to go and there is room. That changes no bit of what is
        learned, see `Frozen`.
        """
        remembered = self._remembered(frozen, start) if frozen else None
        if remembered is None:
            yield from super().batches(start, frozen)
            return
        for step in self.plan.steps(start):
            inputs = tuple(sent(answer, self.device) for answer in remembered(step.rows))
            yield Batch(step, inputs, self.labels(step.rows))

    def _remembered(self, frozen: Frozen, start: int) -> Remembered | None:
        again = self.plan.total - self.plan.seen(start) > len(self.data)
        if not (again and frozen.alike and self.spec.augmentation == "none" and self.group.size == 1):
            return None
        return remember(frozen, self.images, len(self.data), Storage())

    def images(self, rows: slice | NDArray[np.int64]) -> Tensor:
        """Return images without augmentation: (n, 3, size, size)."""
        if not self.data.stimuli.uniform:
            return self.placed(self._photographs(rows))
        return self.preprocessed(torch.from_numpy(self.data.stimuli.at(rows)).to(self.device))

    def _photographs(self, rows: slice | NDArray[np.int64]) -> Tensor:
        """Return whole photographs, decoded one by one, as the network takes them: (n, 3, size, size)."""
        found = network_input(self.data.stimuli, rows, self.size, self.form.preprocessing)
        return self.pixels.pinned(found)

    def labels(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the labels of some images: int64 (n,)."""
        return sent(torch.from_numpy(self.data.labels[rows]), self.device)


def _side(data: LabelledImages) -> int:
    height, width = data.stimuli.sides
    if height != width:
        raise InputError(f"The images are {height} x {width} px; give the size of the network's input.")
    return height


@dataclass(frozen=True)
class Drawn:
    """What a step shows, before it is on the device.

    Attributes:
        rows: int64 (n,) into the images.
        pixels: uint8 (n, h, w, 3), or where they lie on the card (see `pixels.Pixels`); of photographs what
            is cut out of them or, without augmentation, what the network takes.
        crops: boxes (n, 4), None where they are cut out already, and flips (n,); None without augmentation.
    """

    step: Step
    rows: NDArray[np.int64]
    pixels: Tensor
    crops: tuple[Tensor | None, Tensor] | None
