"""``wiringup bench gpu``: the trainer on a card, beside a plain loop on the same card in the same run."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from wiringup.bench.reference_gpu import step_of
from wiringup.bench.timing import seconds_of
from wiringup.birth.apply import BirthSpec, give_birth
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, build
from wiringup.models.device import AUTO, check_device
from wiringup.models.preprocessing import preprocess
from wiringup.training.batches import Plan
from wiringup.training.callbacks import Callback
from wiringup.training.loop import train
from wiringup.training.norms import BATCH, RUNNING
from wiringup.training.plasticity import resolve
from wiringup.training.schedule import steps
from wiringup.training.spec import TrainSpec
from wiringup.training.state import TrainState
from wiringup.training.updates import Updates

log = logging.getLogger(__name__)

CLASSES = 40
DISTINCT = 2048
"""Images that are drawn; they are repeated."""

WARM_UP = 12
"""Steps before the clock starts."""


@dataclass(frozen=True)
class Case:
    """A training.

    Attributes:
        width: of CORnet-S.
        size: side of its input in px.
        side: of the images in px.
        images: in an epoch.
        timed: steps.
        aim: images per second that it is to reach on an H200.
    """

    plasticity: str
    norms: str
    width: float
    size: int
    side: int
    images: int
    timed: int
    aim: float | None = None
    batch: int = 256
    precision: str = "bf16"

    @property
    def name(self) -> str:
        """What is trained, on what, and how."""
        norms = "" if self.plasticity == "all" else f", norms {self.norms}"
        how = f"batch {self.batch}, {self.precision}"
        return f"{self.plasticity}{norms}, CORnet-S x {self.width:g}, {self.size} px, {how}"

    def spec(self, device: str, compiled: str) -> TrainSpec:
        """Return how it is trained."""
        return TrainSpec(
            self.plasticity, steps(WARM_UP + self.timed), batch=self.batch, lr=0.01, size=self.size,
            norms=self.norms, precision=self.precision, device=device, compile=compiled,
        )  # fmt: skip


CASES = (
    Case("critical", RUNNING, 1, 224, 256, 8192, 62, aim=8000),
    Case("critical", BATCH, 1, 224, 256, 8192, 62, aim=7000),
    Case("all", BATCH, 1, 224, 256, 8192, 40, aim=5000),
    Case("all", BATCH, 1, 64, 64, 15616, 244, aim=25000),
    Case("critical", BATCH, 1, 64, 64, 15616, 244),
    Case("all", BATCH, 0.25, 64, 64, 15616, 366, aim=60000),
)
"""The paper's size, that of the studies on a card, and that of small studies."""

DRY = (
    Case("critical", RUNNING, 0.125, 32, 40, 64, 2, batch=16),
    Case("all", BATCH, 0.125, 32, 40, 64, 2, batch=16, precision="float32"),
)
"""For a machine without a card: that everything runs."""


@dataclass
class Rate:
    """How fast a training is, in images per second.

    Attributes:
        plain: of the plain loop.
        eager: ours, not compiled.
        compiled: ours, compiled; None where it was not tried.
        compiling: seconds that compiling took.
        operations: floating-point operations for one image.
        machine: operations per second of a large product on this device, in the same precision.
        aim: images per second.
        share: of the machine's rate that the faster of ours reaches.
    """

    name: str
    plain: float
    eager: float
    compiled: float | None
    compiling: float | None
    operations: float
    machine: float
    aim: float | None
    memory: float | None
    share: float = field(init=False)

    def __post_init__(self) -> None:
        self.share = max(self.eager, self.compiled or 0) * self.operations / self.machine


def rates(cases: Sequence[Case], device: str = AUTO, *, compiled: bool = True) -> list[Rate]:
    """Time trainings, one after the other."""
    where = check_device(device)
    return [_rate(case, where, compiled=compiled) for case in cases]


def _rate(case: Case, device: torch.device, *, compiled: bool) -> Rate:
    log.info("%s ...", case.name)
    model, data = _born(case), _images(case)
    plain = _plain(case, model, data, device)
    eager, operations, memory, _ = _ours(case, model, data, case.spec(str(device), "off"))
    fast, took = None, None
    if compiled:
        fast, _, memory, first = _ours(case, model, data, case.spec(str(device), "on"))
        took = first
    machine = product_rate(device, case.precision)
    ours = (
        f"{eager:,.0f}" if fast is None else f"{eager:,.0f}, compiled {fast:,.0f} (first steps {took:.0f} s)"
    )
    log.info("%s: plain %s, ours %s images/s", case.name, f"{plain:,.0f}", ours)
    return Rate(case.name, plain, eager, fast, took, operations, machine, case.aim, memory)


def _images(case: Case) -> LabelledImages:
    some = min(case.images, DISTINCT)
    pixels = np.random.default_rng(0).integers(0, 256, (some, case.side, case.side, 3), np.uint8)
    stimuli = from_pixels(np.resize(pixels, (case.images, *pixels.shape[1:])))
    return LabelledImages(
        stimuli, np.arange(case.images) % CLASSES, tuple(f"class{i}" for i in range(CLASSES))
    )


def _born(case: Case) -> dict[str, Any]:
    """Return the weights of a newborn network."""
    model = build(ModelSpec(width=case.width, classes=CLASSES, size=case.size))
    some = preprocess(_images(replace(case, images=32)).stimuli.pixels, case.size)
    give_birth(model, BirthSpec("kaiming_normal", batchnorm="calibrated"), None, some)
    return model.state_dict()


def _network(case: Case, weights: dict[str, Any]) -> nn.Module:
    model = build(ModelSpec(width=case.width, classes=CLASSES, size=case.size))
    model.load_state_dict(weights)
    return model


def _ours(
    case: Case, weights: dict[str, Any], data: LabelledImages, spec: TrainSpec
) -> tuple[float, float, float | None, float]:
    """Return images per second, operations for one, GB at the peak, and seconds of the first steps."""
    times: list[float] = []

    def clock(state: TrainState) -> None:
        if state.steps in (0, WARM_UP, WARM_UP + case.timed):
            _wait(spec.device)
            times.append(time.perf_counter())

    callbacks: list[Callback] = [clock]
    cuda = torch.device(spec.device).type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    ledger = train(_network(case, weights), ARCHITECTURES["cornet_s"], data, spec, callbacks=callbacks).ledger
    memory = torch.cuda.max_memory_allocated() / 1e9 if cuda else None
    speed = case.timed * case.batch / (times[2] - times[1])
    return speed, ledger.flops / ledger.updates, memory, times[1] - times[0]


def _plain(case: Case, weights: dict[str, Any], data: LabelledImages, device: torch.device) -> float:
    """Return the images per second of the plain loop."""
    model, architecture = _network(case, weights), ARCHITECTURES["cornet_s"]
    plasticity = resolve(model, architecture, case.plasticity)
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    spec = case.spec(str(device), "off")
    Updates(model, plasticity, Plan.of(len(data), spec), 0, spec.norms).begin(0)
    pixels = torch.from_numpy(data.stimuli.pixels).permute(0, 3, 1, 2).to(device)
    labels = torch.from_numpy(data.labels).to(device)
    trained, bf16 = set(plasticity.trained), case.precision == "bf16"
    step = step_of(model, pixels, labels, case.size, case.batch, trained, bf16=bf16)
    for _ in range(WARM_UP):
        step()
    seconds = _seconds(lambda: [step() for _ in range(case.timed)], str(device))
    return case.timed * case.batch / seconds


def product_rate(device: torch.device, precision: str = "bf16", repeats: int = 10) -> float:
    """Return the operations per second of a large product of random matrices."""
    n = 8192 if device.type == "cuda" else 1024
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
    for _ in range(3):
        a @ b
    return 2 * n**3 * repeats / _seconds(lambda: [a @ b for _ in range(repeats)], str(device))


def _seconds(work: Callable[[], object], device: str) -> float:
    def all_of_it() -> None:
        work()
        _wait(device)

    _wait(device)
    return seconds_of(all_of_it)


def _wait(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def card(device: str = AUTO) -> str:
    """Return the name of a device, with its memory and the version of PyTorch."""
    where = check_device(device)
    if where.type != "cuda":
        return f"no card, a dry run on the CPU; PyTorch {torch.__version__}"
    about = torch.cuda.get_device_properties(where)
    return f"{about.name}, {about.total_memory / 2**30:.0f} GiB; PyTorch {torch.__version__}"
