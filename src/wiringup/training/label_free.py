"""A phase before the first label: self-supervised learning on spontaneous activity, counted by itself.

SimCLR (Chen, Kornblith, Norouzi & Hinton 2020) whose two views of one thing are neighbouring frames of a
movie and not augmentations of an image: what follows in time is taken for the same. The representation that
learns is what the decoder reads (no projection head), so the decoder does not learn here, and no synapse is
moved that the network does not keep.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wiringup.core.areas import BEHAVIOR
from wiringup.core.checks import at_least, one_of
from wiringup.core.errors import InputError
from wiringup.core.seeds import numpy_stream
from wiringup.core.spec import to_dict
from wiringup.data.simulated.spontaneous import KINDS, frame_pairs
from wiringup.models.architecture import Architecture
from wiringup.training.batches import Plan, Step
from wiringup.training.callbacks import Callback, Interval
from wiringup.training.distributed import ProcessGroup, leads
from wiringup.training.loader import Batch, InputFormat, Loader
from wiringup.training.loop import TrainResult, run
from wiringup.training.named_sets import DECODER
from wiringup.training.objectives import NTXent
from wiringup.training.plasticity import Plasticity, resolve
from wiringup.training.schedule import steps
from wiringup.training.spec import TrainSpec

SCHEDULES = ("constant", "cosine", "one-cycle")
"""Those that need no epochs: there are none in a movie that never repeats."""


def _default() -> TrainSpec:
    return TrainSpec(duration=steps(100), batch=64, lr=0.05, schedule="cosine", augmentation="none")


@dataclass(frozen=True)
class LabelFreeSpec:
    """What is learned before the first label.

    Attributes:
        stimuli: one of `data.simulated.spontaneous.KINDS`.
        training: how: its plasticity, its duration in steps, the frames in a step (``batch``: an even
            number, half of them pairs), optimiser, size and seed. Never augmented.
        temperature: of the objective, see `nt_xent`.

    Raises:
        InputError: naming the field that is out of range and what is allowed.
    """

    stimuli: str = "waves"
    training: TrainSpec = field(default_factory=_default)
    temperature: float = 0.5

    def __post_init__(self) -> None:
        one_of(self.stimuli, KINDS, "kind of spontaneous activity")
        one_of(self.training.schedule, SCHEDULES, "schedule without labels")
        at_least(self.training.batch, 4, "The number of frames in a step")
        if self.training.batch % 2:
            raise InputError(f"Frames come in pairs; {self.training.batch} in a step is an odd number.")
        if self.training.duration.unit != "steps" or self.training.augmentation != "none":
            raise InputError("A phase without labels lasts a number of steps, and is not augmented.")
        if not self.temperature > 0:
            raise InputError(f"The temperature is {self.temperature}; it has to be above 0.")
        object.__setattr__(self, "temperature", float(self.temperature))

    @classmethod
    def parse(cls, text: str, training: TrainSpec) -> "LabelFreeSpec":
        """Read ``"waves:5000"``: the kind of stimuli, and so many frames in whole steps of ``training``.

        Raises:
            InputError: if it says something else.
        """
        kind, _, frames = text.partition(":")
        one_of(kind, KINDS, "kind of spontaneous activity")
        if not frames.isdecimal():
            raise InputError(f"{text!r} does not say how many frames are seen; write {kind}:5000.")
        return cls(kind, replace(training, duration=steps(max(1, round(int(frames) / training.batch)))))

    @property
    def frames(self) -> int:
        """Frames that are seen in the whole phase."""
        return int(self.training.duration.value) * self.training.batch


def learn_label_free(
    model: nn.Module,
    architecture: Architecture,
    spec: LabelFreeSpec,
    folder: Path | None = None,
    interval: Interval | None = None,
    label: str = "",
    callbacks: Sequence[Callback] = (),
) -> TrainResult:
    """Let a born model learn without labels, in place, and leave it in evaluation mode.

    It is a training (`loop.train`) by another objective, from other batches: what it spends is
    ``ledger.label_free[spec.stimuli]``, and nothing supervised is counted. Processes that ``torchrun``
    started learn the same, each by itself; the first of them writes.

    Args:
        model: maps (n, 3, size, size) to (n, classes).
        architecture: which of its modules are which area, and what the decoder reads.
        spec: what is learned.
        folder: where the checkpoint is kept; None keeps none.
        interval: how often a checkpoint is written; by default every minute.
        label: how progress calls the phase; by default by its stimuli.
        callbacks: called before the first step and after every one.

    Raises:
        InputError: for an unknown plasticity, one that leaves nothing to learn before the decoder, or
            another phase's folder.
        BusyError, PreemptedError, DivergedError: as `loop.train`.
    """
    how = spec.training
    at_least(how.size or 0, architecture.smallest, "The size of what is seen without labels, in px,")
    loader = FrameLoader(spec, InputFormat.of(model, architecture))
    objective = NTXent(spec.temperature, architecture.readouts[BEHAVIOR])
    plasticity = _before_decoder(model, architecture, how)
    return run(
        model, plasticity, loader, objective, folder, interval, callbacks, phase=spec.stimuli, label=label
    )


class FrameLoader(Loader):
    """Frames of a movie that never repeats: the second half of a batch follows the first, frame by frame."""

    def __init__(self, spec: LabelFreeSpec, form: InputFormat) -> None:
        how = spec.training
        plan = Plan(spec.frames, how.batch, spec.frames, how.seed)
        super().__init__(plan, how.size or 0, how, ProcessGroup(leads=leads()), form)
        self.phase = spec

    @property
    def identity(self) -> dict[str, Any]:
        """The whole spec of the phase."""
        return {"spec": to_dict(replace(self.phase, training=self.spec), include_neutral=False)}

    def load(self, step: Step, share: slice | None = None) -> Batch:
        """Return the frames of one step; their labels say which pair they belong to."""
        stream = numpy_stream(self.spec.seed, "label-free", self.phase.stimuli, step.index)
        pairs, side = len(step.rows) // 2, self.size
        pixels = frame_pairs(self.phase.stimuli, pairs, side, stream).reshape(-1, side, side, 3)
        return Batch(step, (self.preprocessed(pixels),), torch.arange(pairs).repeat(2))


def _before_decoder(model: nn.Module, architecture: Architecture, how: TrainSpec) -> Plasticity:
    """Return the plasticity without the decoder, which nothing here would move."""
    resolve(model, architecture, how.plasticity, how.seed)  # a name that cannot be read is told as it is
    try:
        return resolve(model, architecture, f"({how.plasticity}) - {DECODER}", how.seed)
    except InputError as error:
        raise InputError(
            f"With {how.plasticity!r} nothing before the decoder learns, and the decoder learns only with "
            "labels; choose another plasticity for the phase without labels."
        ) from error
