"""What names a training: every choice that decides its outcome, and two that do not."""

from dataclasses import dataclass, field

from wiringup.core.checks import at_least, one_of
from wiringup.core.errors import InputError
from wiringup.core.spec import neutral
from wiringup.training.schedule import PLATEAU_FLOOR, SCHEDULES, Duration, epochs

OPTIMISERS = ("sgd", "adam", "adamw", "adagrad")
AUGMENTATIONS = ("crop+flip", "none")


@dataclass(frozen=True)
class TrainSpec:
    """How a born network is trained; the defaults are the paper's (one epoch of them).

    Attributes:
        plasticity: which synapses learn, see `plasticity.names`.
        duration: how long at most; ``plateau`` may stop before.
        batch: images in a step.
        optimiser: one of `OPTIMISERS`; ``momentum`` is used by sgd alone, the others keep PyTorch's
            defaults.
        lr: initial learning rate; ``schedule`` says how it falls, see `schedule.SCHEDULES`.
        augmentation: ``crop+flip`` (RandomResizedCrop and horizontal flip) or ``none``.
        size: side of the network's input in px; None keeps the images' own size, which must be square.
        seed: of the order of the images, of the augmentation and of dropout.
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

    def __post_init__(self) -> None:
        one_of(self.optimiser, OPTIMISERS, "optimiser")
        one_of(self.schedule, SCHEDULES, "schedule")
        one_of(self.augmentation, AUGMENTATIONS, "augmentation")
        at_least(self.batch, 2, "the batch size")
        at_least(self.workers, 0, "the number of workers")
        for name in ("lr", "momentum", "weight_decay"):
            at_least(getattr(self, name), 0, name)
            # 1 and 1.0 are one learning rate and have to have one address
            object.__setattr__(self, name, float(getattr(self, name)))
        if self.schedule == "plateau" and self.lr < PLATEAU_FLOOR:
            raise InputError(f"plateau stops below a rate of {PLATEAU_FLOOR}; lr {self.lr} never starts.")
