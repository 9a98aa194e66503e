"""The training loop: one loop that moves the plastic synapses and keeps the ledger.

Everything else (scores, curves, checkpoints) observes it, see `callbacks`. It is given a born model and never
makes one; what it learns from is a `loader.Loader`, and what for an `objectives.Objective`.
"""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from wiringup.core.errors import DivergedError
from wiringup.core.stimuli import LabelledImages
from wiringup.models.architecture import Architecture
from wiringup.models.device import strict_float32, warn_if_emulated
from wiringup.models.forward import hooked
from wiringup.models.readout import NetworkSubject
from wiringup.training.callbacks import Callback, Interval, Observing, Reporting, Saving, Stopping, noticing
from wiringup.training.checkpoint import Checkpoint, held
from wiringup.training.compiled import Compiled, worth_compiling
from wiringup.training.distributed import join, place, shared_norm
from wiringup.training.divergence import NotFinite, bad_gradient, explain
from wiringup.training.flops import IMAGES, Flops, flops_by_layer
from wiringup.training.frozen import Activations, Frozen
from wiringup.training.graph import split_frozen
from wiringup.training.ledger import Account, Ledger
from wiringup.training.loader import ALL, Batch, ImageLoader, InputFormat, Loader
from wiringup.training.numerics import precision, random_stream
from wiringup.training.objectives import CrossEntropy, Objective
from wiringup.training.observers import Observer
from wiringup.training.optimisers import optimiser
from wiringup.training.plasticity import Plasticity, resolve
from wiringup.training.schedule import Duration, converged, learning_rate
from wiringup.training.spec import TrainSpec
from wiringup.training.state import TrainState
from wiringup.training.updates import Updates

log = logging.getLogger(__name__)

AT_ONCE = 32
"""Steps on a card between two looks at their losses."""

Network = Callable[..., Tensor]


@dataclass(frozen=True)
class TrainResult:
    """What a training leaves behind, besides the trained model itself.

    Attributes:
        losses: training loss of every step (mean over its batch).
        epoch_losses: mean training loss of every completed epoch.
        observations: one entry for each moment: epoch, images, step and what the observers returned.
        epochs: passes over the images, as really made.
        converged: whether the plateau schedule found nothing more to learn.
        earlier: seconds of earlier sessions, up to the checkpoint from which this one went on; results that
            differ in it alone are equal.
    """

    plasticity: Plasticity
    ledger: Ledger
    losses: tuple[float, ...]
    epoch_losses: tuple[float, ...]
    observations: tuple[dict[str, Any], ...]
    epochs: float
    converged: bool
    earlier: float = field(default=0.0, compare=False)


def train(
    model: nn.Module,
    architecture: Architecture,
    data: LabelledImages,
    spec: TrainSpec,
    observers: Sequence[Observer] = (),
    folder: Path | None = None,
    moments: Sequence[Duration] = (),
    interval: Interval | None = None,
    before: Mapping[str, Account] | None = None,
    label: str = "",
    callbacks: Sequence[Callback] = (),
) -> TrainResult:
    """Train a born model in place, and leave it in evaluation mode.

    Observers look at step 0, when each of ``moments`` has been reached, and at the end. With a ``folder``, a
    killed training that is called again in the same way continues where its checkpoint stands and ends
    exactly as if it had never stopped; a finished one is not computed again. Processes that ``torchrun``
    started share the work, see `distributed`; the first of them observes and writes.

    Args:
        model: maps (n, 3, size, size) to (n, classes).
        architecture: which of its modules are which area.
        data: the labelled images to learn from.
        spec: how to train.
        observers: see `observers.Observer`.
        folder: where the checkpoint is kept; None keeps none.
        moments: when observers look (and a checkpoint is written) between the first and the last step.
        interval: how often a checkpoint is written between moments; by default every minute.
        before: accounts of phases without labels that came first; they stand in the ledger from its start.
        label: how progress calls the training; by default by its plasticity.
        callbacks: called before the first step and after every one, see `callbacks`.

    Raises:
        InputError: for an unknown plasticity, a device that is not here, classes that do not fit, another
            run's folder, or batches too small for so many processes.
        BusyError: if another process trains in ``folder``.
        PreemptedError: if SIGTERM came; the step under way was finished and written down.
        DivergedError: if the training diverges; it names the step, the layer and the last good checkpoint.
    """
    group = join(place(spec.device))
    group.check_norms(spec.norm_shares)
    loader = ImageLoader(data, spec, group, InputFormat.of(model, architecture))
    objective = CrossEntropy(len(data.classes))
    plasticity = resolve(model, architecture, spec.plasticity, spec.seed)
    return run(
        model, plasticity, loader, objective, folder, interval, callbacks, observers, moments,
        before=before, label=label,
    )  # fmt: skip


def run(
    model: nn.Module,
    plasticity: Plasticity,
    loader: Loader,
    objective: Objective,
    folder: Path | None,
    interval: Interval | None,
    callbacks: Sequence[Callback],
    observers: Sequence[Observer] = (),
    moments: Sequence[Duration] = (),
    *,
    phase: str = "",
    before: Mapping[str, Account] | None = None,
    label: str = "",
) -> TrainResult:
    """Make a training of any kind, from its checkpoint if there is one; see `train`.

    It is charged to the account of a ``phase`` without labels, if one is named.
    """
    spec, plan, group = loader.spec, loader.plan, loader.group
    group.check_alike(lambda: loader.identity)
    group.check(plan.smallest)
    warn_if_emulated(spec.precision, spec.device)
    with held(folder if group.leads else None), noticing() as asked:
        group.barrier()
        newborn = NetworkSubject("birth", model, {}, loader.size, preprocessing=loader.form.preprocessing)
        identity = loader.identity | {"birth": newborn.identity} if folder else {}
        checkpoint = Checkpoint(folder, identity, group.leads)
        model.to(spec.device, memory_format=loader.form.layout)  # type: ignore[call-overload]
        updates = Updates(model, plasticity, plan, spec.seed, spec.norms)
        moving = optimiser(updates.parameters, spec), updates, Ledger.of(plasticity)
        state = TrainState(model, *moving, phase, group)
        state.ledger.label_free |= before or {}
        group.gather(lambda: checkpoint.restore(state))
        group.check_alike(lambda: {"checkpoint": {"steps": state.steps, "observed": state.observed}})
        earlier = state.earlier
        kind, name = ("label-free", phase) if phase else (spec.plasticity, spec.plasticity)
        looking: list[Callback] = [
            *callbacks,
            Reporting(f"train:{kind}", label or name, plan.total, state.seen),
            Observing(observers, moments, plan, group),
            Saving(checkpoint, interval or Interval(), state.observed, state.steps, group),
            Stopping(asked, checkpoint, group),
        ]
        try:
            fit(state, loader, objective, looking)
        except NotFinite as error:
            raise DivergedError(
                f"Training diverged: {error} at step {state.steps} ({state.seen} images); "
                f"{checkpoint.last_good()}. Lower the learning rate."
            ) from None
        finally:
            updates.end()
    curves = tuple(state.losses), tuple(state.epoch_losses), tuple(state.observations)
    still = converged(spec.schedule, _rate(state, loader))
    return TrainResult(plasticity, state.ledger, *curves, state.seen / plan.images, still, earlier)


def fit(state: TrainState, loader: Loader, objective: Objective, callbacks: Sequence[Callback]) -> None:
    """Make the steps that are left.

    On a card they are made without waiting for it. Where it is found after some steps that something is not
    finite, these steps are made again one by one, to tell where it began.

    Args:
        state: moved in place.
        loader: gives the batches, and says how they are learned from (``spec``) and by whom (``group``).
        objective: what is made small.
        callbacks: called before the first step and after every one.

    Raises:
        NotFinite: if a loss, a gradient or a weight is not finite.
    """
    with strict_float32():
        while loader.on_card and not state.over:
            try:
                _steps(state, loader, objective, callbacks, AT_ONCE)
            except NotFinite as error:
                bad = state.steps + 1
                state.rewind()
                log.info("From step %d on one by one, to find where it began: %s ...", state.steps, error)
            else:
                return
            _steps(state, loader, objective, callbacks, 1, bad)
        _steps(state, loader, objective, callbacks, 1)


def _steps(
    state: TrainState,
    loader: Loader,
    objective: Objective,
    callbacks: Sequence[Callback],
    at_once: int,
    until: int | None = None,
) -> None:
    """Make the steps that are left, or those ``until`` one, ``at_once`` between two looks at their losses."""
    spec, plan, group = loader.spec, loader.plan, loader.group
    network: Network | None = None

    def notify() -> None:
        for callback in callbacks:
            callback(state)

    while True:
        if state.waiting >= at_once or state.ends_epoch or state.seen >= plan.total:
            state.fetch()
        if at_once > 1 and not state.waiting:
            state.keep()
        rate = _rate(state, loader)
        state.over = state.seen >= plan.total or converged(spec.schedule, rate)
        notify()
        if state.over or state.steps == until:
            return
        if state.updates.begin(state.seen) or network is None:  # other synapses learn from here on
            flops = sum(flops_by_layer(state.model, loader.size, objective.reads).values(), Flops())
            network, batches = _prepare(state, loader, objective, notify)
        batch = next(batches)
        for options in state.optimiser.param_groups:
            options["lr"] = rate
        with random_stream(state.model, spec.seed, state.steps, group.rank), precision(spec):
            output = _answer(network, batch.inputs, state.model, objective.reads)
        share = group.loss(objective, output.to(loader.form.dtype), batch.labels, len(batch.step.rows))
        loss = share if at_once > 1 else _checked(share, state, loader, batch)
        state.optimiser.zero_grad()
        share.backward()  # type: ignore[no-untyped-call]
        if at_once == 1 and (name := bad_gradient(state.model)):
            raise NotFinite(f"the gradient of {name} is not finite")
        state.updates.project_gradients()
        state.optimiser.step()
        state.updates.write_weights()
        state.record(batch.step, loss, flops, plan)


def _checked(share: Tensor, state: TrainState, loader: Loader, batch: Batch) -> float:
    """Return the loss of all processes, from this one's share of it."""
    (loss,) = loader.group.mean(share.item())
    if not math.isfinite(loss):
        (images,) = loader.load(batch.step, ALL).inputs
        raise NotFinite(f"the loss is {loss} and {explain(state.model, images)}")
    return loss


def _rate(state: TrainState, loader: Loader) -> float:
    """Return the learning rate of the next step."""
    plan, spec = loader.plan, loader.spec
    epoch, progress = state.seen // plan.images, state.seen / max(1, plan.total)
    return learning_rate(spec.schedule, spec.lr, epoch, progress, state.epoch_losses)


def _prepare(
    state: TrainState, loader: Loader, objective: Objective, pause: Callable[[], None]
) -> tuple[Network, Iterator[Batch]]:
    """Return the network as it is run while the same synapses learn, and the batches that are left."""
    group, spec = loader.group, loader.spec
    if objective.reads:  # it may lie inside a module that a split would dissolve
        return state.model, loader.batches(state.steps)
    rewrite = shared_norm if group.size > spec.norm_shares else None
    parts = split_frozen(state.model, (IMAGES, 3, loader.size, loader.size), rewrite)
    # by the whole training: one that goes on from a checkpoint is run as it was
    faster = worth_compiling(spec, loader.plan.steps_left(), group)

    def compiled(part: nn.Module) -> nn.Module:
        return Compiled(part, loader.chunk) if faster else part

    network = group.wrap(compiled(parts.learning))
    if not parts.frozen:
        return network, loader.batches(state.steps)
    how = loader.form.layout, partial(precision, spec), state.updates.norms_stand_still, pause
    return network, loader.batches(state.steps, Frozen(compiled(parts.frozen), loader.chunk, *how))


def _answer(network: Network, inputs: Activations, model: nn.Module, reads: str | None) -> Tensor:
    """Return what the network answers, or what its module ``reads`` does."""
    answers: list[Tensor] = []
    with hooked(model, [reads] if reads else [], lambda name, module, given, output: answers.append(output)):
        answers.append(network(*inputs))
    return answers[-2] if reads else answers[-1]
