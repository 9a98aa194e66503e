"""Where batches come from: the loaders of a training.

The augmentation of a batch is derived from (seed, epoch, batch), as the order of an epoch is from (seed,
epoch): any step of a training can be loaded without those before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wiringup.core.ahead import ahead
from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream
from wiringup.core.spec import to_dict
from wiringup.core.stimuli import LabelledImages
from wiringup.models.architecture import Architecture
from wiringup.models.preprocessing import IMAGENET, Preprocessing, preprocess
from wiringup.models.storage import Storage
from wiringup.training.augment import crop_and_flip
from wiringup.training.batches import Plan, Step
from wiringup.training.distributed import ProcessGroup, place
from wiringup.training.frozen import Activations, Frozen, Remembered, remember
from wiringup.training.numerics import memory_format
from wiringup.training.spec import TrainSpec

ALL = slice(None)
ALONE = ProcessGroup()


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
    """

    def __init__(
        self, plan: Plan, size: int, spec: TrainSpec, group: ProcessGroup, form: InputFormat
    ) -> None:
        self.plan, self.size, self.group, self.form = plan, size, group, form
        self.spec = replace(spec, device=place(spec.device))

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the batches and how they are learned from, as plain values."""
        return {"spec": to_dict(self.spec, include_neutral=False)}

    def load(self, step: Step, share: slice | None = None) -> Batch:
        """Return the batch of one step: ``share`` of it, by default that of this process."""
        raise NotImplementedError

    def batches(self, start: int = 0, frozen: Frozen | None = None) -> Iterator[Batch]:
        """Yield the batches from step ``start`` on, or what a frozen part makes of them."""
        for batch in ahead(self.load, self.plan.steps(start), self.spec.workers):
            yield replace(batch, inputs=frozen(*batch.inputs)) if frozen else batch

    def preprocessed(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Return images (n, h, w, 3) as the network takes them: (n, 3, size, size)."""
        return self.placed(preprocess(pixels, self.size, self.form.preprocessing))

    def placed(self, images: Tensor) -> Tensor:
        """Return preprocessed images on the device, in the type and the memory format of the network."""
        return images.to(self.spec.device).to(self.form.dtype, memory_format=self.form.layout)


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
        height, width = data.stimuli.sides
        if spec.size is None and height != width:
            raise InputError(f"The images are {height} x {width} px; give the size of the network's input.")
        super().__init__(Plan.of(len(data), spec), spec.size or height, spec, group, form)
        self.data = data

    @property
    def identity(self) -> dict[str, Any]:
        """The images are among it."""
        return super().identity | {"images": self.data.sha256}

    def load(self, step: Step, share: slice | None = None) -> Batch:
        """Return a batch, augmented and normalised: each share of it as it is in the whole batch."""
        share = self.group.share(len(step.rows)) if share is None else share
        rows = step.rows[share]
        if self.spec.augmentation == "none":
            return Batch(step, (self.images(rows),), self.labels(rows))
        stream = torch_stream(self.spec.seed, "augment", step.epoch, step.index)
        pixels = torch.from_numpy(self.data.stimuli.at(rows)).to(self.spec.device)
        how = self.form.preprocessing
        images = crop_and_flip(pixels, self.size, stream, len(step.rows), share, how)
        return Batch(step, (self.placed(images),), self.labels(rows))

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
            inputs = tuple(answer.to(self.spec.device) for answer in remembered(step.rows))
            yield Batch(step, inputs, self.labels(step.rows))

    def _remembered(self, frozen: Frozen, start: int) -> Remembered | None:
        again = self.plan.total - self.plan.seen(start) > len(self.data)
        if not (again and frozen.alike and self.spec.augmentation == "none" and self.group.size == 1):
            return None
        return remember(frozen, self.images, len(self.data), Storage())

    def images(self, rows: slice | NDArray[np.int64]) -> Tensor:
        """Return images without augmentation: (n, 3, size, size)."""
        return self.preprocessed(self.data.stimuli.at(rows))

    def labels(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the labels of some images: int64 (n,)."""
        return torch.from_numpy(self.data.labels[rows]).to(self.spec.device)
