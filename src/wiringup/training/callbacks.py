"""What looks at the training loop: it shows progress, lets observers look, saves and stops.

A callback is called before the first step and after every step (and, while the answers of a frozen part to
all images are computed, now and then). They stand in the order of this file: what is saved has been observed.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from wiringup.core import progress
from wiringup.core.errors import PreemptedError
from wiringup.core.preemption import unclaimed
from wiringup.training.batches import Plan
from wiringup.training.checkpoint import Checkpoint
from wiringup.training.distributed import ALONE, ProcessGroup
from wiringup.training.observers import Observer, TrainingMoment, observe
from wiringup.training.schedule import Duration, images
from wiringup.training.state import TrainState

Callback = Callable[[TrainState], None]
"""Looks at the state, and changes nothing that decides what is learned.

On a card, losses of the last steps may not be there yet (``state.waiting``; `TrainState.fetch` fetches them).
Where something was not finite, the steps since an earlier moment are made, and told, once more.
"""


@dataclass(frozen=True)
class Interval:
    """How often a run is written down between moments: after so many seconds or so many steps."""

    seconds: float = 60.0
    steps: int | None = None


@dataclass
class Reporting:
    """Tells `core.progress` of every step, as work of one ``kind``; ``seen`` is what a checkpoint held."""

    kind: str
    label: str
    total: int
    seen: int

    def __post_init__(self) -> None:
        progress.plan({self.kind: -self.seen})

    def __call__(self, state: TrainState) -> None:
        """Report what was seen since the last call."""
        new, self.seen = state.seen - self.seen, state.seen
        if new:
            loss = f", loss {state.losses[-1]:.2f}" if state.losses else ""
            message = f"{self.label}: {state.seen:,} of {self.total:,} images{loss}"
            progress.advance(self.kind, new, message)


@dataclass(frozen=True)
class Observing:
    """Lets observers look at birth, when one of ``moments`` has been reached, and at the end."""

    observers: Sequence[Observer]
    moments: Sequence[Duration]
    plan: Plan
    group: ProcessGroup

    def __call__(self, state: TrainState) -> None:
        """Observe if it is time; all processes keep what the first saw."""
        since, now, plan = state.observed, state.seen, self.plan
        reached = (m.in_images(plan.images, plan.batch) for m in (images(0), *self.moments))
        if not any(since < moment <= now for moment in reached) and not (state.over and since < now):
            return
        state.fetch()
        self.group.share_buffers(state.model)
        state.check()
        epoch = now / plan.images
        counts = epoch, now, state.steps
        moment = TrainingMoment(*counts, state.model, state.ledger, state.losses, self.group)
        state.observations.append(self.group.broadcast(observe(moment, self.observers)))
        state.observed = now


@dataclass
class Saving:
    """Writes the checkpoint after every observation, and when the interval has passed."""

    checkpoint: Checkpoint
    interval: Interval
    observed: int
    steps: int
    group: ProcessGroup = ALONE
    _written: float = field(default_factory=time.monotonic)

    def __call__(self, state: TrainState) -> None:
        """Write the state if it is time."""
        if not self._due(state):
            return
        # only one process writes: it must not wait for others here, nor fail alone; they all find in the next
        # loss what is not finite
        if self.group.size > 1 and (state.waiting or state.bad):
            return
        state.fetch()
        self.checkpoint.write(state)
        self.observed, self.steps, self._written = state.observed, state.steps, time.monotonic()

    def _due(self, state: TrainState) -> bool:
        new, every = state.steps - self.steps, self.interval.steps
        late = time.monotonic() - self._written >= self.interval.seconds
        return state.observed > self.observed or bool(new and (late or (every and new >= every)))


@dataclass(frozen=True)
class Stopping:
    """Ends the training when it is ``asked`` to, in any of the processes."""

    asked: Callable[[], bool]
    checkpoint: Checkpoint
    group: ProcessGroup

    def __call__(self, state: TrainState) -> None:
        """Write the state down and raise `PreemptedError`, if it is time."""
        (asked,) = self.group.mean(self.asked())
        if asked:
            state.fetch()
            state.check(self.group)
            self.checkpoint.write(state)
            phase = " of the phase without labels" if state.phase else ""
            raise PreemptedError(
                f"Stopped by SIGTERM after step {state.steps}{phase}: {self.checkpoint.last_good()}. "
                "Run the same command again to continue."
            )


@contextmanager
def noticing() -> Iterator[Callable[[], bool]]:
    """Notice SIGTERM while the block runs, instead of dying of it; yield what tells whether it came.

    Only the main thread hears signals, and a program that handles SIGTERM itself goes on doing so: there
    the answer is always no.
    """
    if not unclaimed():
        yield lambda: False
        return
    came = threading.Event()

    def hear(number: int, frame: FrameType | None) -> None:
        came.set()

    before = signal.signal(signal.SIGTERM, hear)
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
