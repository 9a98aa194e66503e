"""What names a training: every choice that decides its outcome, and two that do not."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from wiringup.core.checks import at_least, one_of
from wiringup.core.errors import InputError
from wiringup.core.spec import neutral, omit_default
from wiringup.models.device import AUTO, PRECISIONS
from wiringup.training.schedule import PLATEAU_FLOOR, SCHEDULES, Duration, epochs

OPTIMISERS = ("sgd", "adam", "adamw", "adagrad")
AUGMENTATIONS = ("crop+flip", "none")
COMPILE = ("auto", "on", "off")

BATCH, HELD, RUNNING = "batch", "held", "running"

NORMS: Mapping[str, str] = {
    BATCH: "normalises by the statistics of the batch, and its running averages follow (model.train())",
    HELD: "normalises by the statistics of the batch, and its running averages stand still, but for those "
    "behind a convolution that learns, which follow",
    RUNNING: "normalises by its running averages, which stand still (evaluation mode)",
}
"""What BatchNorm that does not learn may do during training. Running averages move without a label."""

_ONLY_OF = {
    "momentum": ("sgd",),
    "nesterov": ("sgd",),
    "betas": ("adam", "adamw"),
    "eps": ("adam", "adamw", "adagrad"),
    "lr_decay": ("adagrad",),
    "accumulator": ("adagrad",),
}
"""Hyper-parameters that only some optimisers have."""


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How a network is trained, whatever learns in it; the defaults are the paper's.

    Attributes:
        batch: Images in a step.
        optimiser: sgd, adam, adamw or adagrad.
        lr: Learning rate at the start; the schedule says how it falls.
        momentum: Of sgd.
        weight_decay: Pull of every trained synapse towards 0.
        schedule: How the learning rate falls: step, plateau (which may stop early), cosine, one-cycle or
            constant.
        augmentation: crop+flip (RandomResizedCrop and horizontal flip); or none: with norms running, frozen
            layers are then asked only once.
        nesterov: Let the momentum of sgd be Nesterov's.
        betas: Decay of the two moments of adam and adamw.
        eps: Added to the denominator of adam, adamw and adagrad; by default 1e-8, 1e-8 and 1e-10.
        lr_decay: How the rate of adagrad falls in every step.
        accumulator: Where the sum of adagrad begins.
        precision: Of convolutions and products: float32 (that of the network's parameters), bf16 (autocast;
            weights, losses and updates keep theirs), or auto: bf16 where the device multiplies in it.
            Emulated, bf16 is up to ten times slower than float32. Runs name what auto came to.
        norms: BatchNorm whose affine does not learn: batch normalises by the batch while its running
            averages follow (as published); held the same while they stand still, but for those behind a
            convolution that learns; running normalises by them.
        norm_shares: Shares of a batch that BatchNorm normalises by themselves: 1 is the whole batch, whatever
            the number of processes; or that number, so that each normalises its own images.
        device: Where networks run: auto, cpu, cuda or cuda:N; changes no address.
        workers: Threads that prepare batches ahead, by default several for a card and none for a CPU; changes
            no result.
        compile: Compile the network (torch.compile): on, off; auto does it on a card where the training is
            long enough to pay for it. Changes no address: losses differ in their rounding.

    Raises:
        InputError: naming the field that is out of range and what is allowed.
    """

    batch: int = 256
    optimiser: str = "sgd"
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: str = "step"
    augmentation: str = "crop+flip"
    device: str = neutral("auto")
    workers: int | None = neutral(None)
    compile: str = neutral("auto")
    nesterov: bool = omit_default(False)
    betas: tuple[float, float] = omit_default((0.9, 0.999))
    eps: float | None = omit_default(None)
    lr_decay: float = omit_default(0.0)
    accumulator: float = omit_default(0.0)
    precision: str = omit_default("float32")
    norms: str = BATCH
    norm_shares: int = omit_default(1)

    def __post_init__(self) -> None:
        one_of(self.optimiser, OPTIMISERS, "optimiser")
        one_of(self.schedule, SCHEDULES, "schedule")
        one_of(self.augmentation, AUGMENTATIONS, "augmentation")
        one_of(self.precision, (*PRECISIONS, AUTO), "precision")
        one_of(self.norms, NORMS, "behaviour of BatchNorm that does not learn")
        at_least(self.batch, 2, "the batch size")
        at_least(self.norm_shares, 1, "the number of shares that BatchNorm normalises")
        one_of(self.compile, COMPILE, "choice of compile")
        at_least(self.workers or 0, 0, "the number of workers")
        for name in ("lr", "momentum", "weight_decay", "lr_decay", "accumulator"):
            at_least(getattr(self, name), 0, name)
            # 1 and 1.0 are one learning rate and have to have one address
            object.__setattr__(self, name, float(getattr(self, name)))
        if self.schedule == "plateau" and self.lr < PLATEAU_FLOOR:
            raise InputError(f"plateau stops below a rate of {PLATEAU_FLOOR}; lr {self.lr} never starts.")
        self._check_optimiser()

    def _check_optimiser(self) -> None:
        """Refuse values out of range, and those that the optimiser would not look at."""
        changed = (f for f in fields(self) if f.name in _ONLY_OF and getattr(self, f.name) != f.default)
        for name in (f.name for f in changed):
            if self.optimiser not in _ONLY_OF[name]:
                raise InputError(f"{self.optimiser} has no {name}; {' and '.join(_ONLY_OF[name])} has.")
        object.__setattr__(self, "betas", tuple(float(beta) for beta in self.betas))
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"betas are two numbers from 0 to below 1; got {self.betas}.")
        if self.nesterov and self.momentum == 0:
            raise InputError("nesterov needs a momentum above 0.")
        if self.eps is not None and not self.eps > 0:
            raise InputError(f"eps has to be above 0; got {self.eps}.")


@dataclass(frozen=True)
class TrainSpec(TrainingOptions):
    """One training of a born network: how, and besides what learns in it and for how long.

    Attributes:
        plasticity: which synapses learn, see `named_sets.names` and `expression`.
        duration: how long at most; ``plateau`` may stop before.
        size: side of the network's input in px; None keeps the images' own size, which must be square.
        seed: of the order of the images, of the augmentation, of dropout, of random sets of synapses, and
            of the factors of low-rank updates and the scores of masks.
    """

    plasticity: str = "all"
    duration: Duration = field(default_factory=lambda: epochs(1))
    size: int | None = field(default=None, kw_only=True)
    seed: int = field(default=0, kw_only=True)

    @classmethod
    def of(cls, options: TrainingOptions, **more: Any) -> "TrainSpec":
        """Return a training with options, and with plasticity, duration, size and seed in ``more``."""
        return cls(**{f.name: getattr(options, f.name) for f in fields(TrainingOptions)} | more)


PAPER = TrainingOptions()
"""Of the paper."""

SMALL = TrainingOptions(batch=64, schedule="cosine")
"""Of small studies, in which a network sees some thousand images."""
