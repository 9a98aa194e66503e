"""What a study will take before it starts: runs, updates, time, memory and disk."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call

from wiringup.birth.apply import BirthSpec
from wiringup.core.errors import MissingDataError, NotPackedError
from wiringup.core.progress import task
from wiringup.data.images.cache import default_cache
from wiringup.data.images.keeping import Keeping
from wiringup.experiments.launching.study import Study
from wiringup.experiments.recipes.scale import Rate
from wiringup.experiments.runs.births import born
from wiringup.experiments.runs.inputs import StudyInputs, canonical, plasticity_of
from wiringup.experiments.runs.spec import RENDERED, GenomeSource, ImagesSpec, RunSpec, absolute
from wiringup.experiments.runs.trainings import Trainings
from wiringup.models.architecture import ModelSpec, architecture_of, outline
from wiringup.models.device import check_device
from wiringup.models.readout import subject
from wiringup.results.store import Store
from wiringup.training.flops import Flops, flops_by_layer
from wiringup.training.loop import train
from wiringup.training.schedule import steps

FLOAT32 = 4
PROCESS = 900_000_000
"""Bytes that a process holds beside its network: libraries, recordings and their resampling (of real@1)."""
PROBED_IMAGES = 64  # in a step of a probe, at most
PROBED_STEPS = 3
TRAINING = ("updates", "synaptic_updates", "flops")
EXPECTED = "expected"  # stands for the hash of what is not here

DONE, DIVERGED, TRAINED, TO_DO = "done", "diverged", "trained", "to do"


class Expected(StudyInputs):
    """Inputs that are not here, or not ready: runs are pinned to so many images and classes.

    Args:
        images: how many there are to learn from, and of how many classes: `Scale.expected`, or `counted`.
        home: the data folder.

    Attributes:
        lacking: what else is not here, in words.
    """

    def __init__(self, images: tuple[int, int], home: Path | None = None) -> None:
        super().__init__(home)
        self.images, self.classes = images
        self.lacking: list[str] = []

    def network(self, spec: RunSpec) -> ModelSpec:
        """Return the network of a run, with the classes that are expected."""
        return replace(spec.model, classes=self.classes)

    def birth(
        self, name: str, seed: int, batchnorm: str, model: ModelSpec, *, keep_gain: bool = False
    ) -> tuple[BirthSpec, GenomeSource]:
        """Return the birth called ``name``, also if its genome is not here."""
        try:
            return super().birth(name, seed, batchnorm, model, keep_gain=keep_gain)
        except MissingDataError as error:
            self._lacks(error)
            return BirthSpec(name, seed, EXPECTED, batchnorm), GenomeSource(absolute(name), keep_gain)

    def pin(self, spec: RunSpec) -> RunSpec:
        """Return the spec with the number of images that is expected; its address is nobody's."""
        number = self.images if spec.images.number is None else spec.images.number
        images = replace(spec.images, pool=self.images, number=number, sha256=EXPECTED)
        return replace(canonical(spec, self.network(spec), number), images=images)

    def check_benchmarks(self, study: Study) -> None:
        """Load the benchmarks of a study, to tell which are not here."""
        try:
            self.benchmarks(study.runs[0].exam, study.runs[0].model.size)
        except MissingDataError as error:
            self._lacks(error)

    def _lacks(self, error: MissingDataError) -> None:
        if str(error) not in self.lacking:
            self.lacking.append(str(error))


def not_packed(images: ImagesSpec, most: int) -> list[str]:
    """Return what packing takes, of images and of a validation set where more than ``most`` are not packed.

    Raises:
        InputError: if they cannot be used.
        MissingDataError: if they are not there.
    """
    told = []
    for source in filter(None, (images.source, images.val)):
        try:
            if source != RENDERED:
                default_cache().load(source, images.side, keep=images.keep, most=most)
        except NotPackedError as error:
            told.append(str(error))
    return told


@dataclass(frozen=True)
class PlannedRun:
    """One run before it starts.

    Attributes:
        state: `DONE`, `DIVERGED`, `TRAINED` (and scored on something else, see `trainings`) or `TO_DO`.
        updates, synaptic_updates: supervised, as `training.ledger` will count them; of sets that learn in
            windows (of which no recipe has any) as if they learned throughout.
        flops: of its training.
        scorings: moments at which it is scored.
        seconds: estimated, of all of it.
        memory: bytes that network, optimiser and one batch take, estimated.
        disk: bytes that its folder will take, estimated.
        checkpoints: bytes on the disk that it takes while it is made, and gives back: its checkpoint, and the
            next one that is being written.
    """

    uid: str
    label: str
    seed: int
    state: str
    trained: int
    updates: int
    synaptic_updates: int
    flops: int
    scorings: int
    seconds: float
    memory: int
    disk: int
    checkpoints: int

    def left(self, what: str) -> float:
        """Return what is left of an attribute: nothing is trained again that only has to be scored."""
        none = self.state in (DONE, DIVERGED) or (self.state == TRAINED and what in TRAINING)
        return 0 if none else float(getattr(self, what))


@dataclass(frozen=True)
class Plan:
    """A study before it starts.

    Attributes:
        runs: each once, in the order of the study.
        rates: what the times rest on: network -> the rate of a machine.
        pixels: bytes of the images, which are read from the disk; about, where they are kept whole.
        precisions: of the trainings, on this machine.
    """

    runs: tuple[PlannedRun, ...]
    rates: Mapping[ModelSpec, Rate]
    pixels: int
    precisions: tuple[str, ...]

    def left(self, what: str) -> float:
        """Return the sum of an attribute over the runs that are still to be made, or to be scored."""
        return float(sum(run.left(what) for run in self.runs))

    @property
    def memory(self) -> int:
        """Bytes that the largest run takes."""
        return max(run.memory for run in self.runs)

    @property
    def checkpoints(self) -> int:
        """Bytes that a run takes at most on the disk while it is under way, beside what it leaves."""
        return max((run.checkpoints for run in self.runs if run.state == TO_DO), default=0)


def planned(study: Study, store: Store, rate_of: Callable[[ModelSpec], Rate]) -> Plan:
    """Return what a study will take, run by run, and what of it is there.

    Times are floating-point operations of training, and scored moments, at a rate. A birth that several runs
    share is scored once, and counted here in each of them.

    Args:
        study: its runs, pinned.
        store: where finished runs lie.
        rate_of: network -> the rate of a machine: operations on few channels are slower.
    """
    unique = {run.uid: run for run in study.runs}
    images = max((run.images for run in unique.values()), key=lambda images: images.pool or 0)
    trainings = Trainings(store)
    rates = {run.model: rate_of(run.model) for run in unique.values()}
    found = tuple(_planned(run, trainings, rates[run.model]) for run in unique.values())
    pixels = (images.pool or 0) * Keeping.parse(images.keep).expected_bytes(images.side)
    return Plan(found, rates, pixels, tuple(sorted({run.training.precision for run in unique.values()})))


def _planned(run: RunSpec, trainings: Trainings, rate: Rate) -> PlannedRun:
    seed = run.training.seed if "random" in run.training.plasticity else 0
    cost = _cost(run.model, run.training.plasticity, seed, _batch(run), run.training.precision)
    updates = run.training.duration.in_images(run.images.number or 0, run.training.batch)
    scorings = len(run.moments) + (2 if updates else 1)
    flops = updates * (cost.flops.forward + cost.flops.backward)
    copies = 1 + (len(run.moments) + 2 if run.keep_weights else 0)
    state = _state(run, trainings)
    return PlannedRun(
        uid=run.uid,
        label=run.label,
        seed=run.birth.seed,
        state=state,
        trained=cost.trained,
        updates=updates,
        synaptic_updates=updates * cost.trained,
        flops=flops,
        scorings=scorings,
        seconds=(flops / rate.flops if state != TRAINED else 0) + scorings * rate.scoring,
        memory=cost.memory,
        disk=FLOAT32 * copies * cost.all if run.learns else 0,
        checkpoints=2 * FLOAT32 * (cost.all + cost.trained) if run.learns else 0,
    )


def _batch(run: RunSpec) -> int:
    return min(run.training.batch, run.images.number or run.training.batch)


def _state(run: RunSpec, trainings: Trainings) -> str:
    store = trainings.store
    if run.images.sha256 == EXPECTED:
        return TO_DO
    if store.finished(run.uid, run):
        return DONE
    if store.diverged(run.uid):
        return DIVERGED
    return TRAINED if trainings.alike(run) else TO_DO


@dataclass(frozen=True)
class _Cost:
    """What a network costs that learns with a set of synapses: for one image, and in memory."""

    trained: int
    all: int
    flops: Flops
    memory: int


@cache
def _cost(model: ModelSpec, plasticity: str, seed: int, batch: int, precision: str) -> _Cost:
    learns, network = plasticity_of(plasticity, model, seed), outline(model)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in learns.trained)
    trained, every = learns.count(), learns.count(trained=False)
    kept = _kept_for_gradients(network.train(), batch, model.size)
    halved = kept // 2 if precision == "bf16" else kept
    flops = sum(flops_by_layer(network, model.size).values(), Flops())
    return _Cost(trained, every, flops, FLOAT32 * (every + 2 * trained) + halved)


def _kept_for_gradients(network: nn.Module, batch: int, size: int) -> int:
    """Return the bytes that a forward pass keeps for the backward one, weights aside; nothing is computed."""
    tensors = dict(network.named_parameters()) | dict(network.named_buffers())
    meta = {n: torch.empty_like(t, device="meta").requires_grad_(t.requires_grad) for n, t in tensors.items()}
    weights = {tensor.untyped_storage()._cdata for tensor in meta.values()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage  # held, so that no other is given its address
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        functional_call(network, meta, (torch.empty(batch, 3, size, size, device="meta"),))
    return sum(storage.nbytes() for storage in kept.values())


def probed(study: Study, store: Store, inputs: StudyInputs) -> dict[ModelSpec, Rate]:
    """Measure how fast this machine makes the runs of a study that are still to be made: network by network.

    Raises:
        MissingDataError: as `probe`.
    """
    runs = {run.model: run for run in reversed(study.runs) if not store.finished(run.uid, run)}
    with task("probe", len(runs), "networks probed") as tell:
        found = {}
        for done, (model, run) in enumerate(runs.items(), 1):
            found[model] = probe(run, inputs)
            tell(done)
    return found


def probe(run: RunSpec, inputs: StudyInputs) -> Rate:
    """Measure how fast this machine makes a run: a few steps with all synapses, and one scored moment.

    Args:
        run: pinned; the network and the training that are measured.
        inputs: what it learns from and is scored on.

    Raises:
        MissingDataError: if these are not here.
    """
    images, device = inputs.load(run.images), check_device(run.training.device)
    batch = (
        min(PROBED_IMAGES, run.training.batch, len(images.chosen)) if device.type == "cpu" else _batch(run)
    )
    how = replace(run.training, plasticity="all", batch=batch, duration=steps(1), device=str(device))
    model, architecture = born(run.model, BirthSpec("kaiming_normal")), architecture_of(run.model)
    train(model, architecture, images.chosen, how)  # memory and kernels are set up in the first step
    how, started = replace(how, duration=steps(PROBED_STEPS)), time.monotonic()
    train(model, architecture, images.chosen, how)
    seconds = time.monotonic() - started
    cost = _cost(run.model, "all", 0, batch, run.training.precision).flops
    exam = inputs.exam(run.exam, images.held_out, run.model.size)
    read, started = subject(model, run.model, classes=images.chosen.classes), time.monotonic()
    exam.evaluate(replace(read, device=str(device)))
    flops = PROBED_STEPS * batch * (cost.forward + cost.backward) / seconds
    return Rate(flops, time.monotonic() - started, f"measured here on {_named(device)}")


def _named(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} threads of the processor"
