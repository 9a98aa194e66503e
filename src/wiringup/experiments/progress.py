"""Honest progress: what is being done, and how long the rest takes at the speed measured so far."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TextIO

QUIET_SECONDS = 10.0  # between lines where the output is no terminal
GUESS = {"train": 1 / 250, "score": 4.0, "prepare": 1.0, "pack": 1 / 1000}
"""Seconds for one unit of work before any was measured: an image, a scoring, a preparation step."""


@dataclass
class Progress:
    """Counts planned and finished work of several kinds and tells the time left.

    Args:
        plan: kind of work ("train:critical" is the kind train of what is called critical) -> amount.
        out: where lines go; None for silence.
    """

    plan: dict[str, float]
    out: TextIO | None = None
    done: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=lambda: time.monotonic())
    _shown: float = 0.0

    def advance(self, kind: str, amount: float, message: str = "") -> None:
        """Report ``amount`` of work as finished since the last call, and show where things stand."""
        now = time.monotonic()
        self.done[kind] = self.done.get(kind, 0) + amount
        self.seconds[kind] = self.seconds.get(kind, 0) + now - self._last
        self._last = now
        self._show(message)

    def skip(self, work: Mapping[str, float]) -> None:
        """Take work out of the plan that turned out to be finished already."""
        for kind, amount in work.items():
            self.plan[kind] = self.plan.get(kind, 0) - amount

    def say(self, message: str) -> None:
        """Show a line that stays."""
        if self.out is not None:
            print(("\r\033[K" if self.out.isatty() else "") + message, file=self.out, flush=True)

    def seconds_left(self) -> float:
        """Return the planned work that remains, in seconds, at the measured (or guessed) speed."""
        return sum(self._rate(k) * max(0, n - self.done.get(k, 0)) for k, n in self.plan.items())

    def _rate(self, kind: str) -> float:
        done = self.done.get(kind, 0)
        return self.seconds[kind] / done if done else GUESS.get(kind.split(":")[0], 1.0)

    def fraction(self) -> float:
        """Return the share of the planned seconds that is behind us."""
        spent, left = sum(self.seconds.values()), self.seconds_left()
        return spent / (spent + left) if spent + left > 0 else 1.0

    def _show(self, message: str) -> None:
        if self.out is None:
            return
        line = f"{self.fraction():4.0%}  {message}  (about {clock(self.seconds_left())} left)"
        if self.out.isatty():
            print(f"\r\033[K{line[:118]}", end="", file=self.out, flush=True)
        elif time.monotonic() - self._shown > QUIET_SECONDS:
            self._shown = time.monotonic()
            print(line, file=self.out, flush=True)


def packing(out: TextIO | None) -> Callable[[int, int], None]:
    """Return what shows how many images are packed of how many, once it is told of any."""
    shown = Progress({}, out)

    def tell(done: int, total: int) -> None:
        shown.plan["pack"] = total
        shown.advance("pack", done - shown.done.get("pack", 0), f"packed {done:,} of {total:,} images")

    return tell


def clock(seconds: float) -> str:
    """Return a duration as people say it: '40 s', '3 min', '2 h 10 min'."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def terminal(quiet: bool) -> TextIO | None:
    """Return where progress goes: stderr, or nowhere."""
    return None if quiet else sys.stderr
