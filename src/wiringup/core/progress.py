"""Progress: told where the work is done, shown where a person looks.

Long work says how far it is with `advance`, or with a `task` whose amount is known. It is shown by the
innermost `Progress` that is open, with the time left at the speed measured so far; where none is open, by
nobody. Messages that stay go to `logging`, under the name ``wiringup``; times, as a `Clock` adds them up, are
told in messages and never enter results.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

QUIET_SECONDS = 10.0  # between lines where the output is no terminal
GUESS = {
    "train": 1 / 250,
    "score": 4.0,
    "run": 1.0,
    "prepare": 1.0,
    "pack": 1 / 1000,
    "check": 1 / 10000,
    "render": 1 / 300,
    "list": 1 / 500,
    "look": 1 / 100_000,
    "sample": 1 / 10_000,
}
"""Seconds for one unit of work before any was measured: an image, a scoring, a preparation step; of
runs a second itself (see `expected`)."""
DOUBT = 0.25
"""Of the time that was waited for the first unit of work: so much is left at least."""
BELIEVED = 2.0
"""Seconds of work that a guess counts for at first, less and less in six seconds, where work seems slower:
the first unit alone, with all that goes before it, says little."""
WIDTH = 118

_open: list["Progress"] = []


def expected(work: Mapping[str, float]) -> float:
    """Return in how many seconds work is done where nothing was measured yet."""
    return sum(_guess(kind) * amount for kind, amount in work.items())


def _guess(kind: str) -> float:
    return GUESS.get(kind.split(":")[0], 1.0)


def advance(kind: str, amount: float, message: str = "") -> None:
    """Report ``amount`` of a kind of work as finished, to whoever shows it."""
    if _open:
        _open[-1].advance(kind, amount, message)


def begin() -> None:
    """Say that work begins: the time since the last word was spent on what nobody planned."""
    if _open:
        _open[-1].begin()


def plan(work: Mapping[str, float]) -> None:
    """Announce work (kind -> amount) that is still to be done; a negative amount takes it back."""
    if _open:
        _open[-1].add(work)


@contextmanager
def task(kind: str, total: float, what: str) -> Iterator[Callable[..., None]]:
    """Announce ``total`` of a kind of work; yield what to call with how much of it is finished by now.

    Args:
        kind: as in `Progress`.
        total: its whole amount.
        what: shown beside the amounts, as in "images packed"; what is yielded may be given another message.
    """
    done = 0.0
    begin()

    def tell(now: float, message: str = "") -> None:
        nonlocal done
        advance(kind, now - done, message or f"{now:,.0f} of {total:,.0f} {what}")
        done = now

    plan({kind: total})
    try:
        yield tell
    finally:
        plan({kind: done - total})  # what was not needed is not waited for


@dataclass(eq=False)
class Progress:
    """Counts planned and finished work of several kinds and shows the time left, while it is open.

    Args:
        out: where lines go; None for silence.
        planned: kind of work ("train:critical" is the kind train of what is called critical) -> amount.
    """

    out: TextIO | None = None
    planned: dict[str, float] = field(default_factory=dict)
    done: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=lambda: time.monotonic())
    _shown: float = 0.0
    _share: float = 0.0  # shown last: it falls only if work is added
    _line: int = 0  # characters of a line that will be written over

    def __enter__(self) -> "Progress":
        _open.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
        _open.remove(self)

    def add(self, work: Mapping[str, float]) -> None:
        """Add work to the plan."""
        for kind, amount in work.items():
            self.planned[kind] = self.planned.get(kind, 0) + amount
            self._share = 0.0 if amount > 0 else self._share

    def begin(self) -> None:
        """Count the time since the last call as spent on what nobody planned."""
        self._spent("other")

    def advance(self, kind: str, amount: float, message: str = "") -> None:
        """Count ``amount`` of work as finished since the last call, and show where things stand."""
        self.done[kind] = self.done.get(kind, 0) + amount
        self._spent(kind)
        self._show(message)

    def _spent(self, kind: str) -> None:
        now = time.monotonic()
        self.seconds[kind] = self.seconds.get(kind, 0) + now - self._last
        self._last = now

    def seconds_left(self) -> float:
        """Return the planned work that remains, in seconds, at the measured (or guessed) speed."""
        return sum(self._seconds_left(kind, amount) for kind, amount in self.planned.items())

    def _seconds_left(self, kind: str, planned: float) -> float:
        done, seconds = self.done.get(kind, 0), self.seconds.get(kind, 0)
        if not done:  # part of it may be: what was guessed gets less while we wait, and is doubted in the end
            return max(_guess(kind) * planned - seconds, DOUBT * seconds)
        slower = seconds > _guess(kind) * done
        believed = max(0.0, BELIEVED - seconds / 3) if slower else 0.0
        rate = (seconds + believed) / (done + believed / _guess(kind))
        return rate * max(0, planned - done)

    def fraction(self) -> float:
        """Return the share of the planned seconds that is behind us."""
        spent, left = sum(self.seconds.values()), self.seconds_left()
        return spent / (spent + left) if spent + left > 0 else 1.0

    def _show(self, message: str) -> None:
        if self.out is None or not message:
            return
        self._share = max(self._share, self.fraction())
        line = f"{self._share:4.0%}  {message}  (about {clock(self.seconds_left())} left)"
        if _rewrites(self.out):
            self.out.write("\r" + line[:WIDTH].ljust(self._line))
            self.out.flush()
            self._line = len(line[:WIDTH])
        elif time.monotonic() - self._shown > QUIET_SECONDS:
            self._shown = time.monotonic()
            print(line, file=self.out, flush=True)

    def clear(self) -> None:
        """Remove the line that shows where things stand, so that another can be written."""
        if self.out is not None and self._line:
            self.out.write("\r" + " " * self._line + "\r")
            self.out.flush()
            self._line = 0


@contextmanager
def apart(work: Mapping[str, float]) -> Iterator[None]:
    """Show work (kind -> amount) by itself while the block does it, where anything is shown."""
    with Progress(_open[-1].out if _open else None, dict(work)):
        yield


@contextmanager
def watched() -> Iterator[None]:
    """Show progress while the block runs, in a terminal or a notebook, unless somebody does already."""
    if _open or not _rewrites(sys.stderr):
        yield
        return
    with Progress(sys.stderr):
        yield


def _rewrites(out: TextIO) -> bool:
    """Return whether a line can be written over: in a terminal, and in a notebook."""
    return out.isatty() or "ipykernel" in sys.modules


class MessageHandler(logging.StreamHandler[TextIO]):
    """Writes log messages as plain lines, warnings marked, beside a progress that is shown on the stream."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of one message."""
        return ("Note: " if record.levelno >= logging.WARNING else "") + super().format(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        for shown in _open:
            shown.clear()
        super().emit(record)


def clock(seconds: float) -> str:
    """Return a duration as people say it: '40 s', '3 min', '2 h 10 min'."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


@dataclass
class Clock:
    """Adds up wall-clock seconds by phase.

    Attributes:
        seconds: {phase: seconds spent in it}, in the order of the first use.
    """

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time of the block as spent in the phase ``name``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def told(self) -> str:
        """Return, for example, ``responses 21.0 s, scoring 1.2 s (5 % of both)``: the last one's share."""
        parts = [f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items()]
        total = sum(self.seconds.values())
        share = f" ({list(self.seconds.values())[-1] / total:.0%} of the time)" if total > 0 else ""
        return ", ".join(parts) + share
