"""A phase before the first label: self-supervised learning on spontaneous activity, counted by itself.

SimCLR (Chen, Kornblith, Norouzi & Hinton 2020) whose two views of one thing are neighbouring frames of a
movie and not augmentations of an image: what follows in time is taken for the same. The representation that
learns is what the decoder reads (no projection head), so the decoder does not learn here, and no synapse is
moved that the network does not keep.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wiringup.core.areas import BEHAVIOR
from wiringup.core.checks import at_least, one_of
from wiringup.core.errors import InputError, PreemptedError
from wiringup.core.seeds import numpy_stream
from wiringup.core.spec import to_dict
from wiringup.data.simulated.spontaneous import KINDS, frame_pairs
from wiringup.models.architecture import Architecture
from wiringup.models.device import check_device
from wiringup.models.readout import NetworkSubject, preprocess
from wiringup.training.batches import Plan
from wiringup.training.checkpoint import Checkpoints, Interval, TrainState, diverged, held
from wiringup.training.distributed import leads
from wiringup.training.flops import Flops, flops_by_layer
from wiringup.training.ledger import Ledger
from wiringup.training.named_sets import DECODER
from wiringup.training.numerics import dropout_stream, memory_format, precision
from wiringup.training.optimisers import optimiser
from wiringup.training.plasticity import Plasticity, resolve
from wiringup.training.preemption import noticing
from wiringup.training.schedule import Position, learning_rate, steps
from wiringup.training.spec import TrainSpec
from wiringup.training.updates import Updates

SCHEDULES = ("constant", "cosine", "one-cycle")
"""Those that need no epochs: there are none in a movie that never repeats."""

Progress = Callable[[int, int, float], None]
"""Told after every step: frames seen, frames of the whole phase, loss."""


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
        return self.steps * self.training.batch

    @property
    def steps(self) -> int:
        """Steps of the whole phase."""
        return int(self.training.duration.value)


@dataclass(frozen=True)
class LabelFreeResult:
    """What a phase leaves behind, besides the model: its ledger and the loss of every step."""

    ledger: Ledger
    losses: tuple[float, ...]


def learn_label_free(
    model: nn.Module,
    architecture: Architecture,
    spec: LabelFreeSpec,
    folder: Path | None = None,
    progress: Progress | None = None,
    interval: Interval | None = None,
) -> LabelFreeResult:
    """Let a born model learn without labels, in place, and leave it in evaluation mode.

    Its account is ``ledger.label_free[spec.stimuli]``; nothing supervised is counted. With a ``folder``, a
    killed phase continues as `loop.train` does, and a finished one is not computed again. Processes that
    ``torchrun`` started learn the same, each by itself; the first of them writes.

    Args:
        model: maps (n, 3, size, size) to (n, classes).
        architecture: which of its modules are which area, and what the decoder reads.
        spec: what is learned.
        folder: where the checkpoint is kept; None keeps none.
        progress: told after every step.
        interval: how often a checkpoint is written; by default every minute.

    Raises:
        InputError: for an unknown plasticity, one that leaves nothing to learn before the decoder, or
            another phase's folder.
        PreemptedError: if SIGTERM came; the step under way was finished and written down.
        WiringupError: if learning diverges.
    """
    check_device(spec.training.device)
    with held(folder if leads() else None), noticing() as preempted:
        size = spec.training.size or 0
        at_least(size, architecture.smallest, "The size of what is seen without labels, in px,")
        identity = {} if folder is None else _identity(model, spec, size)
        checkpoints = Checkpoints(folder, identity, interval or Interval(), leads())
        phase = _Phase(model, architecture, spec, checkpoints)
        try:
            phase.learn(progress, preempted)
        finally:
            phase.updates.end()
        return LabelFreeResult(phase.state.ledger, tuple(phase.state.losses))


def _identity(model: nn.Module, spec: LabelFreeSpec, size: int) -> dict[str, Any]:
    birth = NetworkSubject("birth", model, {}, size).identity
    return {"spec": to_dict(spec, include_neutral=False), "birth": birth}


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return the normalised, temperature-scaled cross-entropy of Chen et al. 2020 (equation 1), averaged.

    Each of the 2n representations is to be told from the 2n - 2 of other pairs as the partner of its own, by
    cosine similarity over ``temperature``.

    Args:
        first: (n, features), n at least 2.
        second: (n, features), partners row by row.
        temperature: above 0.
    """
    n = len(first)
    z = nn.functional.normalize(torch.cat([first, second]), dim=1)
    similarity = z @ z.T / temperature
    similarity.fill_diagonal_(-torch.inf)
    partner = torch.arange(2 * n, device=z.device).roll(n)
    return nn.functional.cross_entropy(similarity, partner)


class _Phase:
    """One phase under way."""

    def __init__(
        self, model: nn.Module, architecture: Architecture, spec: LabelFreeSpec, checkpoints: Checkpoints
    ) -> None:
        self.spec, self.how, self.checkpoints = spec, spec.training, checkpoints
        plasticity = _before_decoder(model, architecture, self.how)
        self.format, self.precision = memory_format(model), next(model.parameters()).dtype
        model.to(self.how.device, memory_format=self.format)  # type: ignore[call-overload]
        plan = Plan(spec.frames, self.how.batch, spec.frames, self.how.seed)
        self.updates = Updates(model, plasticity, plan, self.how.seed, self.how.norms)
        self.flops = Flops()
        self.architecture = architecture
        self.read = model.get_submodule(architecture.readouts[BEHAVIOR])
        moving = optimiser(self.updates.figures, self.how)
        self.state = TrainState(model, moving, Ledger.of(plasticity), self.updates)
        self.checkpoints.restore(self.state)

    def learn(self, progress: Progress | None, preempted: Callable[[], bool]) -> None:
        """Go through the steps that are left, then write the last checkpoint."""
        for step in range(len(self.state.losses), self.spec.steps):
            loss = self.update(step)
            if progress:
                progress((step + 1) * self.how.batch, self.spec.frames, loss)
            self.checkpoints.save_if_due(self.state)
            if preempted():
                self.checkpoints.save(self.state)
                raise PreemptedError(
                    f"Stopped by SIGTERM in the phase without labels, after step {step + 1}. Run the same "
                    "command again to continue."
                )
        self.checkpoints.save(self.state)

    def update(self, step: int) -> float:
        """Make one step, enter it in the ledger and return the loss."""
        state, batch = self.state, self.how.batch
        if self.updates.begin(step * batch):
            self.flops = _operations(state.model, self.architecture, self.how.size or 0)
        for group in state.optimiser.param_groups:
            group["lr"] = learning_rate(self.how.schedule, self.how.lr, Position(0, step / self.spec.steps))
        loss = nt_xent(*self.represented(step), self.spec.temperature)
        value = loss.item()
        if not np.isfinite(value):
            raise diverged(f"the loss without labels is {value}", state, self.checkpoints)
        state.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.updates.pull()
        state.optimiser.step()
        self.updates.push()
        state.losses.append(value)
        account, moved = state.ledger.phase(self.spec.stimuli), self.updates
        account.record(batch, moved.learning, moved.statistics, self.flops, new=batch)
        return value

    def represented(self, step: int) -> tuple[Tensor, Tensor]:
        """Return what the decoder would read of both frames of every pair: (pairs, features) each."""
        stream = numpy_stream(self.how.seed, "label-free", self.spec.stimuli, step)
        pairs, size = self.how.batch // 2, self.how.size or 0
        pixels = frame_pairs(self.spec.stimuli, pairs, size, stream).reshape(2 * pairs, size, size, 3)
        inputs = preprocess(pixels, size).to(self.how.device, self.precision, memory_format=self.format)
        seen: list[Tensor] = []
        hook = self.read.register_forward_hook(lambda module, args, output: seen.append(output))
        try:
            with dropout_stream(self.state.model, self.how.seed, step), precision(self.how):
                self.state.model(inputs)
        finally:
            hook.remove()
        first, second = seen[-1].flatten(1).float().chunk(2)
        return first, second


def _operations(model: nn.Module, architecture: Architecture, size: int) -> Flops:
    """Return the operations for one image of ``size`` px.

    The whole model runs, its decoder too; but the loss is taken from what the decoder reads, and no gradient
    comes from behind that.
    """
    decoder = tuple(f"{block}." for block in architecture.blocks[DECODER])
    counted = flops_by_layer(model, size)
    for name in counted:
        if f"{name}.".startswith(decoder):
            counted[name] = replace(counted[name], backward=0)
    return sum(counted.values(), Flops())


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
