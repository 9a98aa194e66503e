"""The training loop: one short loop that moves the plastic synapses and keeps the ledger.

Everything else (scores, curves, checkpoints) observes it. It receives a born model and never makes one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from wiringup.core.errors import InputError
from wiringup.core.seeds import derive
from wiringup.core.spec import to_dict
from wiringup.core.stimuli import LabelledImages
from wiringup.models.architecture import Architecture
from wiringup.models.readout import NetworkSubject
from wiringup.training.batches import Batch, Plan, batches, input_size
from wiringup.training.checkpoint import Checkpoints, Interval, TrainState, check_finite, diverged, held
from wiringup.training.flops import Flops, flops_by_layer
from wiringup.training.ledger import Ledger
from wiringup.training.observers import Moment, Observer, due, observe
from wiringup.training.optimisers import optimiser
from wiringup.training.plasticity import Plasticity, resolve
from wiringup.training.schedule import Duration, Position, converged, images, learning_rate
from wiringup.training.spec import TrainSpec
from wiringup.training.updates import Updates

Progress = Callable[[int, int, float], None]
"""Told after every step: images seen, images allowed, loss."""

_VECTOR = 16  # float32 values in an AVX-512 register


@dataclass(frozen=True)
class TrainResult:
    """What a training leaves behind, besides the trained model itself.

    Attributes:
        losses: training loss of every step (mean over its batch).
        epoch_losses: mean training loss of every completed epoch.
        observations: one entry for each moment: epoch, images, step and what the observers returned.
        epochs: passes over the images, as really made.
        converged: whether the plateau schedule found nothing more to learn.
    """

    plasticity: Plasticity
    ledger: Ledger
    losses: tuple[float, ...]
    epoch_losses: tuple[float, ...]
    observations: tuple[dict[str, Any], ...]
    epochs: float
    converged: bool


def train(
    model: nn.Module,
    architecture: Architecture,
    data: LabelledImages,
    spec: TrainSpec,
    observers: Sequence[Observer] = (),
    folder: Path | None = None,
    moments: Sequence[Duration] = (),
    progress: Progress | None = None,
    interval: Interval | None = None,
) -> TrainResult:
    """Train a born model in place, and leave it in evaluation mode.

    Observers fire at step 0, when each of ``moments`` has been reached, and at the end. With a
    ``folder``, a killed training that is called again in the same way continues where its checkpoint
    stands and ends exactly as if it had never stopped; a finished one is not computed again.

    Args:
        model: maps (n, 3, size, size) to (n, classes).
        architecture: which of its modules are which area.
        data: the labelled images to learn from.
        spec: how to train.
        observers: see `observers.Observer`.
        folder: where the checkpoint is kept; None keeps none.
        moments: when observers fire (and a checkpoint is written) between the first and the last step.
        progress: told after every step.
        interval: how often a checkpoint is written between moments; by default every minute.

    Raises:
        InputError: for an unknown plasticity, classes that do not fit, or another run's folder.
        BusyError: if another process trains in ``folder``.
        WiringupError: if the training diverges; it names the step and the last good checkpoint.
    """
    with held(folder):
        identity = {} if folder is None else _identity(model, data, spec)
        checkpoints = Checkpoints(folder, identity, interval or Interval())
        run = _Run(model, architecture, data, spec, observers, moments, checkpoints)
        checkpoints.restore(run.state)
        run.learn(progress)
        model.eval()
        return run.result()


def _identity(model: nn.Module, data: LabelledImages, spec: TrainSpec) -> dict[str, Any]:
    """Return what decides the outcome of a training, as plain values."""
    birth = NetworkSubject("birth", model, {}, input_size(data, spec)).identity
    return {"spec": to_dict(spec, include_neutral=False), "images": data.sha256, "birth": birth}


def memory_format(model: nn.Module) -> torch.memory_format:
    """Return the memory layout in which a model trains: channels-last, as it is faster, where it is safe.

    oneDNN's weight gradient of a strided 1x1 convolution writes past its workspace on CPUs when the layout
    is channels-last and there are fewer input channels than a vector register holds (16 with AVX-512):
    https://github.com/uxlfoundation/oneDNN/issues/6035. In CORnet-S that concerns widths below 1/8.
    """
    for module in model.modules():
        if (
            isinstance(module, nn.Conv2d)
            and module.kernel_size == (1, 1)
            and max(module.stride) > 1
            and module.in_channels < _VECTOR
        ):
            return torch.contiguous_format
    return torch.channels_last


@contextmanager
def dropout_stream(model: nn.Module, seed: int, step: int) -> Iterator[None]:
    """Let the dropout of ``model``, if it has any, draw from a random stream of this seed and step.

    PyTorch's dropout takes no generator: its global stream is set for one pass and then put back.
    """
    if not any(isinstance(module, _DropoutNd) for module in model.modules()):
        yield
        return
    device = next(model.parameters()).device
    on_gpu = device.type == "cuda"
    stream = torch.cuda.default_generators[device.index or 0] if on_gpu else torch.default_generator
    before = stream.get_state()
    stream.manual_seed(derive(seed, "dropout", step))
    try:
        yield
    finally:
        stream.set_state(before)


class _Run:
    """One training under way."""

    def __init__(
        self,
        model: nn.Module,
        architecture: Architecture,
        data: LabelledImages,
        spec: TrainSpec,
        observers: Sequence[Observer],
        moments: Sequence[Duration],
        checkpoints: Checkpoints,
    ) -> None:
        self.data, self.spec, self.observers, self.checkpoints = data, spec, observers, checkpoints
        self.moments = (images(0), *moments)
        self.plan = Plan.of(len(data), spec)
        self.plasticity = resolve(model, architecture, spec.plasticity, spec.seed)
        self.format, self.precision = memory_format(model), next(model.parameters()).dtype
        model.to(spec.device, memory_format=self.format)  # type: ignore[call-overload]
        self.updates = Updates(model, self.plasticity, self.plan, spec.seed)
        self.flops = Flops()
        self.state = TrainState(
            model, optimiser(self.updates.figures, spec), Ledger.of(self.plasticity), self.updates
        )

    def learn(self, progress: Progress | None) -> None:
        """Go through the steps that are left; observe birth, the moments and the end."""
        state = self.state
        self.observe_if_due()
        for batch in batches(self.data, self.spec, self.plan, state.ledger.steps):
            if self.converged:
                break
            loss = self.update(batch)
            if progress:
                progress(state.ledger.updates, self.plan.total, loss)
            self.observe_if_due()
            self.checkpoints.save_if_due(state)
        if state.observed < state.ledger.updates:
            self.observe()

    def update(self, batch: Batch) -> float:
        """Make one step of the optimiser, enter it in the ledger and return the loss."""
        state = self.state
        if self.updates.begin(state.ledger.updates):
            counted = flops_by_layer(state.model, input_size(self.data, self.spec))
            self.flops = sum(counted.values(), Flops())
        for group in state.optimiser.param_groups:
            group["lr"] = self.rate
        with dropout_stream(state.model, self.spec.seed, state.ledger.steps):
            logits = state.model(batch.inputs.to(self.precision, memory_format=self.format))
        self._check_classes(logits.shape[1])
        loss = nn.functional.cross_entropy(logits, batch.labels)
        value = loss.item()
        if not np.isfinite(value):
            raise diverged(f"the loss is {value}", state, self.checkpoints)
        state.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.updates.pull()
        state.optimiser.step()
        self.updates.push()
        self._enter(batch, value)
        return value

    def _enter(self, batch: Batch, loss: float) -> None:
        state = self.state
        seen, new = len(batch.labels), len(batch.labels) if batch.step.epoch == 0 else 0
        state.ledger.record(seen, self.updates.learning, self.updates.statistics, self.flops, new)
        state.losses.append(loss)
        if batch.step.ends_epoch:
            sizes = [stop - start for start, stop in self.plan.bounds(batch.step.epoch)]
            state.epoch_losses.append(float(np.average(state.losses[-len(sizes) :], weights=sizes)))

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        seen = self.state.ledger.updates
        at = Position(seen // self.plan.images, seen / max(1, self.plan.total), self.state.epoch_losses)
        return learning_rate(self.spec.schedule, self.spec.lr, at)

    @property
    def converged(self) -> bool:
        """Whether the schedule says that there is nothing more to learn."""
        return converged(self.spec.schedule, self.rate)

    def observe_if_due(self) -> None:
        """Observe if one of the moments was reached since observers last fired."""
        since, now = self.state.observed, self.state.ledger.updates
        if due(self.moments, len(self.data), self.spec.batch, since, now):
            self.observe()

    def observe(self) -> None:
        """Let the observers look, then write a checkpoint that holds what they saw."""
        state, seen = self.state, self.state.ledger.updates
        check_finite(state, self.checkpoints)
        epoch = seen / len(self.data)
        moment = Moment(epoch, seen, state.ledger.steps, state.model, state.ledger, state.losses)
        state.observations.append(observe(moment, self.observers))
        state.observed = seen
        # a read-out may have taken the model to another device
        state.model.to(self.spec.device)
        self.checkpoints.save(state)

    def _check_classes(self, found: int) -> None:
        if found != len(self.data.classes):
            raise InputError(
                f"The network has {found} classes, but the images have {len(self.data.classes)}; "
                "build the network with as many classes as the images have."
            )

    def result(self) -> TrainResult:
        """Return what is left when the run is over."""
        s = self.state
        curves = (tuple(s.losses), tuple(s.epoch_losses), tuple(s.observations))
        return TrainResult(
            self.plasticity, s.ledger, *curves, s.ledger.updates / len(self.data), self.converged
        )
