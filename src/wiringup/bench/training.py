"""``wiringup bench training``: the trainer against a plain PyTorch loop, in one run on the same pictures."""

import logging
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from wiringup.bench import reference_training as reference
from wiringup.bench.images import CLASSES, Pictures, draw
from wiringup.bench.timing import Row, Share, Step, Work, medians, product_rate, seconds_of
from wiringup.birth.apply import BirthSpec, give_birth
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, build
from wiringup.models.device import multiplies_in_bf16
from wiringup.models.preprocessing import preprocess
from wiringup.training.batches import Plan
from wiringup.training.callbacks import Callback
from wiringup.training.ledger import Ledger
from wiringup.training.loader import ImageLoader
from wiringup.training.loop import train
from wiringup.training.norms import BATCH, NORMS, RUNNING
from wiringup.training.plasticity import resolve
from wiringup.training.schedule import epochs
from wiringup.training.schedule import steps as optimiser_steps
from wiringup.training.spec import TrainSpec
from wiringup.training.updates import Updates

log = logging.getLogger(__name__)

PLAIN = "plain PyTorch: Pillow in a DataLoader with all cores, float32"
OURS = "wiringup training all synapses"
IN_BF16 = f"{PLAIN}; ours in bf16"
LOADER = "the plain DataLoader alone"
DECODER_EPOCHS = 10
PROFILED = ("all", "critical")
CALIBRATION = 64


@dataclass(frozen=True)
class Case:
    """A network and its pictures.

    Attributes:
        faster: how many times faster than the plain loop all synapses are to be trained.
        images: in an epoch.
    """

    width: float
    size: int
    images: int
    batch: int
    faster: float

    @property
    def name(self) -> str:
        """The network and what it is shown."""
        return f"CORnet-S x {self.width:g}, {self.size} px, {self.images} images, batch {self.batch}"

    @property
    def network(self) -> ModelSpec:
        """The network before birth."""
        return ModelSpec(width=self.width, classes=CLASSES, size=self.size)

    def spec(self, plasticity: str, passes: float, **options: Any) -> TrainSpec:
        """Return how it is trained."""
        return TrainSpec(plasticity, epochs(passes), batch=self.batch, lr=0.01, size=self.size, **options)


CASES = (Case(0.25, 64, 512, 64, 1.3), Case(0.5, 112, 192, 32, 1.0), Case(1.0, 224, 64, 8, 1.0))
"""The first is the size of the studies in this repository, the last that of the paper.

An epoch has six steps at least: the first ones of a process pay for fresh memory.
"""


@dataclass(frozen=True)
class Contest:
    """One case with its pictures, on which both loops train.

    Attributes:
        pictures: as files and in memory.
    """

    case: Case
    pictures: Pictures

    @cached_property
    def born(self) -> nn.Module:
        """A newborn network whose norms are set on some of the pictures."""
        model = build(self.case.network)
        some = preprocess(self.pictures.data.stimuli.pixels[:CALIBRATION], self.case.size)
        give_birth(model, BirthSpec("kaiming_normal", batchnorm="calibrated"), None, some)
        return model

    def copy(self) -> nn.Module:
        """Return another network with the same weights."""
        model = build(self.case.network)
        model.load_state_dict(self.born.state_dict())
        return model

    def ours(self, spec: TrainSpec, *callbacks: Callback) -> Ledger:
        """Train with wiringup."""
        images, architecture = self.pictures.data, ARCHITECTURES["cornet_s"]
        return train(self.copy(), architecture, images, spec, callbacks=callbacks).ledger

    def epoch_of_ours(self, spec: TrainSpec) -> float:
        """Return the seconds of an epoch of wiringup, from the end of a first step."""
        times: list[float] = []
        self.ours(spec, lambda state: times.append(time.perf_counter()))
        return (times[-1] - times[1]) * (len(times) - 1) / (len(times) - 2)

    def plain(self, spec: TrainSpec) -> Iterator[float]:
        """Train with the plain loop; yields after every epoch."""
        model = self.copy().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        plasticity = resolve(model, ARCHITECTURES["cornet_s"], spec.plasticity)
        Updates(model, plasticity, Plan.of(len(self.pictures.data), spec), 0, spec.norms).begin(0)
        return reference.epochs(model, self.loader(spec), set(plasticity.trained))

    def loader(self, spec: TrainSpec) -> "torch.utils.data.DataLoader[tuple[torch.Tensor, int]]":
        """Return the plain loop's batches."""
        data = self.pictures.data
        augment = spec.augmentation != "none"
        files = reference.Files(self.pictures.paths, data.labels.tolist(), self.case.size, augment)
        return reference.loader(files, spec.batch)


def training_rows(contest: Contest, repeats: int) -> tuple[list[Row], list[Step]]:
    """Time an epoch of all synapses and of critical ones, with the share of the machine's rate."""
    name, rate = contest.case.name, product_rate(dtype=np.float32)
    rows, steps, ours = [], [], {}
    kinds = {"all": ("all", BATCH)} | {f"critical, norms {norms}": ("critical", norms) for norms in NORMS}
    for kind, (plasticity, norms) in kinds.items():
        log.info(f"{name}: {kind} ...")
        spec = contest.case.spec(plasticity, 1, norms=norms)
        took = _epochs(contest, spec, repeats)
        ours[kind] = took["ours"]
        aim = contest.case.faster if kind == "all" else None
        rows.append(Row(f"{kind}, {name}", took["ours"], took["plain"], PLAIN, target=aim))
        if "bf16" in took:
            rows.append(Row(f"{kind}, bf16, {name}", took["bf16"], took["plain"], IN_BF16))
        spent = contest.ours(replace(spec, duration=optimiser_steps(1)))
        operations = spent.flops / spent.updates * contest.case.images
        steps.append(Step(f"An epoch of {kind}, {name}", took["ours"], operations, rate))
    critical = [kind for kind in kinds if kind != "all"]
    return [
        *rows,
        *(
            Row(f"{kind}, against all, {name}", ours[kind], ours["all"], OURS, target=1.4)
            for kind in critical
        ),
    ], steps


def _epochs(contest: Contest, spec: TrainSpec, repeats: int) -> dict[str, float]:
    """Return the median seconds of an epoch: ours, the plain loop's, and ours in bf16.

    The last only where the CPU multiplies in bf16; emulated, it would be slower than float32.
    """
    loop = contest.plain(spec)
    next(loop)  # starts the processes of the loader
    works: dict[str, Callable[[], float]] = {
        "ours": lambda: contest.epoch_of_ours(spec),
        "plain": lambda: seconds_of(lambda: next(loop)),
    }
    if multiplies_in_bf16("cpu"):
        works["bf16"] = lambda: contest.epoch_of_ours(replace(spec, precision="bf16"))
    turns = [{kind: work() for kind, work in works.items()} for _ in range(repeats)]
    return {kind: float(np.median([turn[kind] for turn in turns])) for kind in works}


def decoder_row(contest: Contest, timed: int) -> Row:
    """Time ten epochs of the decoder without augmentation; the plain loop on ``timed`` of them."""
    name = f"decoder, {DECODER_EPOCHS} epochs, {contest.case.name}"
    log.info(f"{name}: plain loop on {timed} of them ...")
    spec = contest.case.spec("decoder", DECODER_EPOCHS, augmentation="none", norms=RUNNING)
    plain = contest.plain(spec)
    next(plain)
    contest.ours(replace(spec, duration=epochs(1)))
    reference_seconds = seconds_of(lambda: [next(plain) for _ in range(timed)]) * DECODER_EPOCHS / timed
    against = PLAIN if timed == DECODER_EPOCHS else f"{PLAIN}; {timed} of {DECODER_EPOCHS} epochs timed"
    ours = medians({"ours": lambda: contest.ours(spec)}, 3)["ours"]
    return Row(name, ours, reference_seconds, against, target=20)


def batch_row(contest: Contest, augmentation: str) -> Row:
    """Time making the batches of an epoch, from memory and from files."""
    case = contest.case
    log.info(f"{case.name}: batches, augmentation {augmentation} ...")
    spec = case.spec("all", 1, augmentation=augmentation)
    ours, plain = ImageLoader(contest.pictures.data, spec), contest.loader(spec)
    works: dict[str, Work] = {"ours": lambda: deque(ours.batches(), 0), "plain": lambda: deque(plain, 0)}
    for work in works.values():
        work()
    times = medians(works, 5)
    return Row(f"batches, augmentation {augmentation}, {case.name}", times["ours"], times["plain"], LOADER)


KINDS: dict[str, Callable[[str], bool]] = {
    "convolution, backward": lambda op: "convolution_backward" in op,
    "convolution, forward": lambda op: "convolution" in op and op.startswith("aten::"),
    "BatchNorm": lambda op: "batch_norm" in op,
    "products (augmentation, decoder)": lambda op: op in ("aten::bmm", "aten::mm", "aten::addmm"),
    "ReLU, pooling": lambda op: any(name in op for name in ("threshold", "relu", "clamp", "pool")),
    "copies": lambda op: op == "aten::copy_",
}
OTHER = "everything else (optimiser, sums, Python)"


def shares(contest: Contest, plasticity: str) -> list[Share]:
    """Return where the time of training goes, by kind of operation, in this process's own thread."""
    spec = contest.case.spec(plasticity, 1)
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiler:
        seconds = seconds_of(lambda: contest.ours(spec))
    spent = dict.fromkeys((*KINDS, OTHER), 0.0)
    for event in profiler.key_averages():
        kind = next((kind for kind, belongs in KINDS.items() if belongs(event.key)), OTHER)
        spent[kind] += event.self_cpu_time_total / 1e6
    spent[OTHER] += max(0.0, seconds - sum(spent.values()))
    title = f"{plasticity}, {contest.case.name}"
    return [Share(title, kind, took, took / seconds) for kind, took in spent.items()]


def measure(*, quick: bool) -> tuple[list[Row], list[Step], list[Share]]:
    """Return comparisons, shares of the machine's rate, and where the time goes.

    ``quick`` takes the smallest network alone.
    """
    rows: list[Row] = []
    steps: list[Step] = []
    with tempfile.TemporaryDirectory(prefix="wiringup-bench-") as name:
        contests = [
            Contest(case, draw(Path(name) / f"{case.size}px", case.images, case.size))
            for case in (CASES[:1] if quick else CASES)
        ]
        for contest in contests:
            some, more = training_rows(contest, 1 if contest is contests[-1] and not quick else 3)
            rows, steps = rows + some, steps + more
        first = contests[0]
        rows.append(decoder_row(first, 2 if quick else DECODER_EPOCHS))
        rows += [batch_row(first, augmentation) for augmentation in ("none", "crop+flip")]
        log.info("Where the time goes ...")
        return rows, steps, [share for name in PROFILED for share in shares(first, name)]
