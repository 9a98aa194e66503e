"""The training loop: one short loop that moves the plastic synapses and keeps the ledger.

Everything else (scores, curves, checkpoints) observes it. It receives a born model and never makes one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from wiringup.core.errors import DivergedError, InputError, PreemptedError
from wiringup.core.spec import to_dict
from wiringup.core.stimuli import LabelledImages
from wiringup.models.architecture import Architecture
from wiringup.models.device import check_device
from wiringup.models.readout import NetworkSubject
from wiringup.training import divergence
from wiringup.training.batches import Plan, Step, input_size, prepare
from wiringup.training.checkpoint import Checkpoints, Interval, TrainState, check_finite, diverged, held
from wiringup.training.distributed import SharedNorm, Team, gather
from wiringup.training.feed import Fed, Feed
from wiringup.training.flops import Flops, flops_by_layer
from wiringup.training.frozen import Frozen
from wiringup.training.graph import take_apart
from wiringup.training.ledger import Account, Ledger
from wiringup.training.numerics import dropout_stream, memory_format, precision
from wiringup.training.observers import Moment, Observer, due, observe
from wiringup.training.optimisers import optimiser
from wiringup.training.plasticity import Plasticity, resolve
from wiringup.training.preemption import noticing
from wiringup.training.schedule import Duration, Position, converged, images, learning_rate
from wiringup.training.spec import TrainSpec
from wiringup.training.updates import Updates

Progress = Callable[[int, int, float], None]
"""Told after every step: images seen, images allowed, loss."""


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
    before: Mapping[str, Account] | None = None,
) -> TrainResult:
    """Train a born model in place, and leave it in evaluation mode.

    Observers fire at step 0, when each of ``moments`` has been reached, and at the end. With a
    ``folder``, a killed training that is called again in the same way continues where its checkpoint
    stands and ends exactly as if it had never stopped; a finished one is not computed again. Processes
    that ``torchrun`` started share the work, see `distributed`; the first of them observes and writes.

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
        before: accounts of phases without labels that came first; they stand in the ledger from its start.

    Raises:
        InputError: for an unknown plasticity, a device that is not here, classes that do not fit, another
            run's folder, or batches too small for so many processes.
        BusyError: if another process trains in ``folder``.
        PreemptedError: if SIGTERM came; the step under way was finished and written down.
        DivergedError: if the training diverges; it names the step, the layer and the last good checkpoint.
    """
    check_device(spec.device)
    team = gather(spec.device)
    with held(folder if team.leads else None), noticing() as preempted:
        team.wait()
        identity = {} if folder is None else _identity(model, data, spec)
        checkpoints = Checkpoints(folder, identity, interval or Interval(), team.leads)
        run = _Run(model, architecture, data, spec, observers, moments, checkpoints, team, preempted)
        run.state.ledger.label_free |= before or {}
        checkpoints.restore(run.state)
        try:
            run.learn(progress)
        finally:
            run.updates.end()
        return run.result()


def _identity(model: nn.Module, data: LabelledImages, spec: TrainSpec) -> dict[str, Any]:
    """Return what decides the outcome of a training, as plain values."""
    birth = NetworkSubject("birth", model, {}, input_size(data, spec)).identity
    return {"spec": to_dict(spec, include_neutral=False), "images": data.sha256, "birth": birth}


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
        team: Team,
        preempted: Callable[[], bool],
    ) -> None:
        self.data, self.spec, self.observers, self.checkpoints = data, spec, observers, checkpoints
        self.team, self.preempted = team, preempted
        self.moments = (images(0), *moments)
        self.plan = Plan.of(len(data), spec)
        team.check(self.plan.smallest)
        self.plasticity = resolve(model, architecture, spec.plasticity, spec.seed)
        self.format, self.dtype = memory_format(model), next(model.parameters()).dtype
        model.to(spec.device, memory_format=self.format)  # type: ignore[call-overload]
        self.updates = Updates(model, self.plasticity, self.plan, spec.seed, spec.norms)
        self.flops, self.learning = Flops(), model
        self.state = TrainState(
            model, optimiser(self.updates.figures, spec), Ledger.of(self.plasticity), self.updates
        )

    def learn(self, progress: Progress | None) -> None:
        """Go through the steps that are left; observe birth, the moments and the end."""
        state = self.state
        self.observe_if_due()
        for fed in self._steps():
            if self.converged:
                break
            loss, stop = self.update(fed)
            if progress:
                progress(state.ledger.updates, self.plan.total, loss)
            self.observe_if_due()
            self.checkpoints.save_if_due(state)
            if stop:
                self._stop()
        if state.observed < state.ledger.updates:
            self.observe()

    def _steps(self) -> Iterator[Fed]:
        """Yield what every step that is left is given; take the network apart when other synapses learn."""
        ledger = self.state.ledger
        steps: Iterator[Fed] = iter(())
        while ledger.updates < self.plan.total:
            if self.updates.begin(ledger.updates):
                steps = self._take_apart()
            yield next(steps)

    def _take_apart(self) -> Iterator[Fed]:
        """Make ready for what learns now; return what the coming steps are given."""
        counted = flops_by_layer(self.state.model, input_size(self.data, self.spec))
        self.flops = sum(counted.values(), Flops())
        parts = take_apart(self.state.model, SharedNorm if self.team.size > 1 else None)
        self.learning = self.team.wrap(parts.learning)
        chunk = -(-min(self.spec.batch, len(self.data)) // self.team.size)
        frozen = None
        if parts.frozen:
            frozen = Frozen(parts.frozen, chunk, self.format, partial(precision, self.spec))
        feed = Feed(self.data, self.spec, self.plan, self.team, frozen, self.dtype, self.format)
        feed = replace(feed, repeats=self.updates.norms_stand_still, pause=self._stop_if_preempted)
        return feed.steps(self.state.ledger.steps, self.state.ledger.updates)

    def update(self, fed: Fed) -> tuple[float, bool]:
        """Make one step and enter it in the ledger; return the loss, and whether a process is to stop."""
        state, images = self.state, len(fed.step.rows)
        for group in state.optimiser.param_groups:
            group["lr"] = self.rate
        dropout = dropout_stream(state.model, self.spec.seed, state.ledger.steps, self.team.rank)
        with dropout, precision(self.spec):
            logits = self.learning(*fed.inputs).to(self.dtype)
        self._check_classes(logits.shape[1])
        loss = self.team.loss(logits, fed.labels, images)
        value, stop = self.team.mean(loss.item(), self.preempted())
        if not np.isfinite(value):
            raise self._diverged(value, fed.step)
        state.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if name := divergence.bad_gradient(state.model):
            raise diverged(f"the gradient of {name} is not finite", state, self.checkpoints)
        self.updates.pull()
        state.optimiser.step()
        self.updates.push()
        self._enter(fed.step, value)
        return value, stop > 0

    def _enter(self, step: Step, loss: float) -> None:
        state = self.state
        seen, new = len(step.rows), len(step.rows) if step.epoch == 0 else 0
        state.ledger.record(seen, self.updates.learning, self.updates.statistics, self.flops, new)
        state.losses.append(loss)
        if step.ends_epoch:
            sizes = [stop - start for start, stop in self.plan.bounds(step.epoch)]
            state.epoch_losses.append(float(np.average(state.losses[-len(sizes) :], weights=sizes)))

    def _diverged(self, loss: float, step: Step) -> DivergedError:
        """Return the error that names the layer in which a loss stopped being finite."""
        images = prepare(self.data, self.spec, step).inputs.to(self.dtype, memory_format=self.format)
        where = divergence.explain(self.state.model, images)
        return diverged(f"the loss is {loss} and {where}", self.state, self.checkpoints)

    def _stop_if_preempted(self) -> None:
        if self.preempted():
            self._stop()

    def _stop(self) -> None:
        """Write the state down and end."""
        self.checkpoints.save(self.state)
        raise PreemptedError(
            f"Stopped by SIGTERM after step {self.state.ledger.steps}: {self.checkpoints.last_good()}. "
            "Run the same command again to continue."
        )

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
        found = observe(moment, self.observers) if self.team.leads else {}
        state.observations.append(self.team.told(found))
        state.observed = seen
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
