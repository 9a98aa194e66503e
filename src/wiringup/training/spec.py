"""What names a training: every choice that decides its outcome, and two that do not."""

from dataclasses import dataclass, field, fields

from wiringup.core.checks import at_least, one_of
from wiringup.core.errors import InputError
from wiringup.core.spec import neutral, omit_default
from wiringup.training.norms import BATCH, NORMS
from wiringup.training.schedule import PLATEAU_FLOOR, SCHEDULES, Duration, epochs

OPTIMISERS = ("sgd", "adam", "adamw", "adagrad")
AUGMENTATIONS = ("crop+flip", "none")
PRECISIONS = ("float32", "bf16")

_ONLY_OF = {
    "nesterov": ("sgd",),
    "betas": ("adam", "adamw"),
    "eps": ("adam", "adamw", "adagrad"),
    "lr_decay": ("adagrad",),
    "accumulator": ("adagrad",),
}
"""Hyper-parameters that only some optimisers have."""


@dataclass(frozen=True)
class TrainSpec:
    """How a born network is trained; the defaults are the paper's (one epoch of them).

    Attributes:
        plasticity: which synapses learn, see `plasticity.names` and `expression`.
        duration: how long at most; ``plateau`` may stop before.
        batch: images in a step.
        optimiser: one of `OPTIMISERS`; ``momentum`` is used by sgd alone.
        lr: initial learning rate; ``schedule`` says how it falls, see `schedule.SCHEDULES`.
        augmentation: ``crop+flip`` (RandomResizedCrop and horizontal flip) or ``none``.
        size: side of the network's input in px; None keeps the images' own size, which must be square.
        seed: of the order of the images, of the augmentation, of dropout, of random sets of synapses, and
            of the factors of low-rank updates and the scores of masks.
        nesterov: whether sgd's momentum is Nesterov's.
        betas: decay of the two moments of adam and adamw.
        eps: added to the denominator of adam, adamw and adagrad; None for 1e-8, 1e-8 and 1e-10.
        precision: of convolutions and products: ``float32`` (that of the network's parameters), or ``bf16``,
            in which PyTorch's autocast runs them; weights, losses and updates keep theirs.
        norms: how BatchNorm behaves that does not learn, one of `norms.NORMS`.
        lr_decay, accumulator: of adagrad: how its rate falls in every step, and where its sum begins.
        device: where training runs; not part of the spec's address.
        workers: threads that prepare batches ahead (0: none); not part of the spec's address.

    Raises:
        InputError: naming the field that is out of range and what is allowed.
    """

    plasticity: str = "all"
    duration: Duration = field(default_factory=lambda: epochs(1))
    batch: int = 256
    optimiser: str = "sgd"
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: str = "step"
    augmentation: str = "crop+flip"
    size: int | None = None
    seed: int = 0
    device: str = neutral("cpu")
    workers: int = neutral(0)
    nesterov: bool = omit_default(False)
    betas: tuple[float, float] = omit_default((0.9, 0.999))
    eps: float | None = omit_default(None)
    lr_decay: float = omit_default(0.0)
    accumulator: float = omit_default(0.0)
    precision: str = omit_default("float32")
    norms: str = BATCH

    def __post_init__(self) -> None:
        one_of(self.optimiser, OPTIMISERS, "optimiser")
        one_of(self.schedule, SCHEDULES, "schedule")
        one_of(self.augmentation, AUGMENTATIONS, "augmentation")
        one_of(self.precision, PRECISIONS, "precision")
        one_of(self.norms, NORMS, "behaviour of BatchNorm that does not learn")
        at_least(self.batch, 2, "the batch size")
        at_least(self.workers, 0, "the number of workers")
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
