"""Time with its unit, and the learning rate over time.

A rate is a function of the position in the run and of the losses so far, never of hidden state, so a
resumed run has the rate of an uninterrupted one.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wiringup.core.checks import at_least, one_of, several
from wiringup.core.errors import InputError

UNITS = ("epochs", "images", "steps")
WORDS = {word: unit for unit in UNITS for word in (unit, unit.removesuffix("s"))}
WORDS |= dict.fromkeys(("updates", "update"), "images")
PUBLISHED = "published"

STEP_EPOCHS = 20
FACTOR = 0.1
PATIENCE = 3
PLATEAU_THRESHOLD = 1e-4
PLATEAU_FLOOR = 1e-4
WARM_UP = 0.3
WARM_UP_DIVISOR = 25.0
FINAL_DIVISOR = 1e4

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Duration:
    """A stretch of training, or a moment of it counted from birth.

    Attributes:
        value: how much; fractions only of epochs.
        unit: ``"epochs"`` (passes over the images), ``"images"`` (labelled images as seen: the paper's
            supervised updates) or ``"steps"`` (of the optimiser).

    Raises:
        InputError: for another unit, a negative value, or a fraction of an image or step.
    """

    value: float
    unit: str

    def __post_init__(self) -> None:
        one_of(self.unit, UNITS, "unit of time")
        at_least(self.value, 0, f"a duration in {self.unit}")
        if not math.isfinite(self.value) or (self.unit != "epochs" and self.value != int(self.value)):
            raise InputError(f"A duration in {self.unit} has to be a whole number; got {self.value}.")
        whole = self.unit != "epochs"
        object.__setattr__(self, "value", int(self.value) if whole else float(self.value))

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Read ``"6 epochs"``, ``"0.5 epochs"``, ``"10000 images"`` or ``"300 steps"``.

        ``"10000 updates"`` are supervised updates, and so another word for images; ``"1 epoch"`` is read too.
        """
        number, _, unit = text.strip().partition(" ")
        try:
            return cls(float(number), WORDS.get(unit.strip(), unit.strip()))
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{text!r} is no duration; write a number and {', '.join(UNITS)}.") from error

    def in_images(self, dataset: int, batch: int) -> int:
        """Return this duration in images seen, for ``dataset`` images in an epoch, ``batch`` in a step."""
        if self.unit == "images":
            return int(self.value)
        if self.unit == "epochs":
            return round(self.value * dataset)
        epochs, rest = divmod(int(self.value), steps_per_epoch(dataset, batch))
        return epochs * dataset + min(rest * batch, dataset)

    def settled(self, dataset: int, batch: int) -> "Duration":
        """Return how long this is in the one way in which equally long trainings say it.

        That is epochs, where they are whole, and images otherwise.
        """
        seen = self.in_images(dataset, batch)
        return images(seen) if not dataset or seen % dataset else epochs(seen // dataset)

    @property
    def number(self) -> str:
        """The value as it is written; images and steps in full."""
        return f"{self.value:g}" if self.unit == "epochs" else str(self.value)

    def __str__(self) -> str:
        return several(1, self.unit) if self.value == 1 else f"{self.number} {self.unit}"


def steps_per_epoch(dataset: int, batch: int) -> int:
    """Return the number of batches of an epoch: full ones and a partial last one.

    A single left-over image joins the batch before it, because a BatchNorm that learns cannot normalise
    one image.
    """
    full, rest = divmod(dataset, batch)
    return full + (rest > 1 or (rest == 1 and full == 0))


def epochs(value: float) -> Duration:
    """Return so many passes over the images."""
    return Duration(value, "epochs")


def images(value: int) -> Duration:
    """Return so many labelled images seen (supervised updates)."""
    return Duration(value, "images")


def steps(value: int) -> Duration:
    """Return so many steps of the optimiser."""
    return Duration(value, "steps")


PUBLISHED_MOMENTS = tuple(epochs(n / 10) for n in range(11)) + tuple(epochs(n) for n in (2, 3, 5, 6, 10, 20))
"""When the paper scores its models: 0, 0.1 ... 1, 2, 3, 5, 6, 10 and 20 epochs (METHODS, training)."""


def parse_moments(text: str) -> tuple[Duration, ...]:
    """Read when a network is scored between birth and the end of its training, at which it always is.

    Args:
        text: ``"0.1 0.5 1 2"`` (epochs), ``"5000 images"``, ``"published"`` (`PUBLISHED_MOMENTS`), or several
            of these; a unit holds for the numbers before it.

    Raises:
        InputError: if it says something else.
    """
    asked: list[Duration] = []
    numbers: list[str] = []
    for word in [*text.split(), "epochs"]:
        if word == PUBLISHED:
            asked += PUBLISHED_MOMENTS
        elif word in WORDS and numbers:
            asked += [Duration.parse(f"{number} {word}") for number in numbers]
            numbers = []
        else:
            numbers.append(word)
    return tuple(asked)


def between(
    moments: Sequence[Duration], duration: Duration, dataset: int, batch: int
) -> tuple[Duration, ...]:
    """Return the moments between birth and the end of a training, in the order of time, each once.

    Args:
        moments: any; those beyond the end are left out and logged.
        duration: of the training.
        dataset: images in an epoch.
        batch: images in a step.
    """
    end = duration.in_images(dataset, batch)
    at = {moment.in_images(dataset, batch): moment for moment in moments}
    if beyond := [str(moment) for images, moment in sorted(at.items()) if images > end]:
        log.warning("Not scored, as the training ends after %s: %s.", duration, ", ".join(beyond))
    return tuple(moment for images, moment in sorted(at.items()) if 0 < images < end)


def _constant(rate: float, epoch: int, progress: float, epoch_losses: Sequence[float]) -> float:
    return rate


def _step(rate: float, epoch: int, progress: float, epoch_losses: Sequence[float]) -> float:
    """A tenth after every 20 epochs."""
    return rate * FACTOR ** (epoch // STEP_EPOCHS)


def _plateau(rate: float, epoch: int, progress: float, epoch_losses: Sequence[float]) -> float:
    """A tenth whenever the loss has not fallen by 1e-4 of itself for more than 3 epochs."""
    best, waited = math.inf, 0
    for loss in epoch_losses:
        if loss < best * (1 - PLATEAU_THRESHOLD):
            best, waited = loss, 0
        else:
            waited += 1
        if waited > PATIENCE:
            rate, waited = rate * FACTOR, 0
    return rate


def _cosine(rate: float, epoch: int, progress: float, epoch_losses: Sequence[float]) -> float:
    """Half a cosine from the full rate to 0, stretched over the allowed images."""
    return rate * (1 + math.cos(math.pi * progress)) / 2


def _one_cycle(rate: float, epoch: int, progress: float, epoch_losses: Sequence[float]) -> float:
    """Cosine up from 1/25 over the first 30 % of the images, cosine down to a 10,000th of that (Smith)."""
    start = rate / WARM_UP_DIVISOR
    if progress < WARM_UP:
        return _between(start, rate, progress / WARM_UP)
    return _between(rate, start / FINAL_DIVISOR, (progress - WARM_UP) / (1 - WARM_UP))


def _between(start: float, end: float, fraction: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * fraction)) / 2


SCHEDULES: Mapping[str, Callable[[float, int, float, Sequence[float]], float]] = {
    "constant": _constant,
    "step": _step,
    "plateau": _plateau,
    "cosine": _cosine,
    "one-cycle": _one_cycle,
}
"""Learning-rate schedules by name; step and plateau are the paper's, cosine and one-cycle fit the budget."""


def learning_rate(
    schedule: str, rate: float, epoch: int, progress: float, epoch_losses: Sequence[float] = ()
) -> float:
    """Return the learning rate at a position of the run.

    Args:
        schedule: one of `SCHEDULES`.
        rate: the initial rate.
        epoch: whole epochs completed.
        progress: fraction in [0, 1] of the allowed images that have been seen.
        epoch_losses: mean training loss of every completed epoch.
    """
    return SCHEDULES[schedule](rate, epoch, progress, epoch_losses)


def converged(schedule: str, rate: float) -> bool:
    """Return whether the current ``rate`` says that training has converged (plateau: below 1e-4)."""
    return schedule == "plateau" and rate < PLATEAU_FLOOR
