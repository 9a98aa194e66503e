"""What a step is given: its images, or what the frozen part of the network makes of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from wiringup.core.stimuli import LabelledImages
from wiringup.models.readout import preprocess
from wiringup.models.storage import Storage
from wiringup.training.batches import Plan, Step, batches, input_size
from wiringup.training.distributed import Team
from wiringup.training.frozen import Activations, Frozen, Stored, remember
from wiringup.training.spec import TrainSpec


@dataclass(frozen=True)
class Fed:
    """What one step is given.

    Attributes:
        inputs: what enters the learning part, (n, ...) each: this process's share.
        labels: int64 (n,).
    """

    step: Step
    inputs: Activations
    labels: Tensor


@dataclass(frozen=True)
class Feed:
    """Feeds the learning part of a network.

    Without augmentation, what the frozen part answers to an image is the same in every epoch: it is then
    computed once for every image and remembered, if more than an epoch is left to go and there is room for
    it. That changes no bit of what is learned, see `Frozen`. Where BatchNorm before what learns takes the
    statistics of the batch, only the layers below the first BatchNorm are frozen in that sense, and nothing
    is remembered: their answers are large, and cheap to compute again.

    Attributes:
        frozen: the frozen part of the network; None if nothing stands still.
        dtype: of the network's parameters.
        layout: memory format of what is fed.
        repeats: whether all that stands below what learns answers to an image alike in every batch.
        storage: where activations are remembered.
        pause: called now and then while they are computed.
    """

    data: LabelledImages
    spec: TrainSpec
    plan: Plan
    team: Team
    frozen: Frozen | None
    dtype: torch.dtype
    layout: torch.memory_format
    repeats: bool = True
    storage: Storage = field(default_factory=Storage)
    pause: Callable[[], None] = lambda: None

    def steps(self, start: int, seen: int) -> Iterator[Fed]:
        """Yield what every step is given, from step ``start`` on, before which ``seen`` images were shown."""
        stored = self._remembered(self.plan.total - seen)
        if stored is None:
            yield from self._computed(start)
            return
        for step in self.plan.steps(start):
            inputs = tuple(answer.to(self.spec.device) for answer in stored[step.rows])
            yield Fed(step, inputs, torch.from_numpy(self.data.labels[step.rows]).to(self.spec.device))

    def _computed(self, start: int) -> Iterator[Fed]:
        for batch in batches(self.data, self.spec, self.plan, start, self.team.share):
            images = self._laid_out(batch.inputs)
            yield Fed(batch.step, self.frozen(images) if self.frozen else (images,), batch.labels)

    def _remembered(self, left: int) -> Stored | None:
        again = self.repeats and self.spec.augmentation == "none" and left > len(self.data)
        if self.frozen is None or not again or self.team.size > 1:
            return None
        size = input_size(self.data, self.spec)

        def images(rows: slice) -> Tensor:
            return self._laid_out(preprocess(self.data.stimuli.at(rows), size).to(self.spec.device))

        return remember(self.frozen, images, len(self.data), self.storage, self.pause)

    def _laid_out(self, images: Tensor) -> Tensor:
        return images.to(self.dtype, memory_format=self.layout)
