"""Timing side by side: medians of interleaved runs, as a ratio, with the floor that the machine sets."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar

import numpy as np

_LOOK = 0.01  # seconds between two looks at the memory

Work = Callable[[], object]
Ours = TypeVar("Ours")
Plain = TypeVar("Plain")


@dataclass
class Row:
    """One comparison.

    Attributes:
        name: what was computed, with its size.
        ours: seconds, median.
        reference: seconds, median, of the plain reference in the same run.
        against: what the reference is.
        peer: seconds that brainscore-vision 2.4.2 took on input of this size on 2 quiet cores of another
            machine; None if it was not recorded.
        target: the ratio aimed at.
        agreement: largest difference between our numbers and the reference's.
        memory: MB that ours needed beyond what was there before, at its peak; None where it cannot be told.
        ratio: how many times faster ours is than the reference.
    """

    name: str
    ours: float
    reference: float
    against: str
    peer: float | None = None
    target: float | None = None
    agreement: float | None = None
    memory: float | None = None
    ratio: float = field(init=False)

    def __post_init__(self) -> None:
        self.ratio = self.reference / self.ours


@dataclass
class Step:
    """One step of ours: how far it is from the time its matrix products alone would take.

    Attributes:
        seconds: median.
        operations: floating-point operations of its products (a symmetric product counts half).
        rate: operations per second that this machine reaches in a large product of the same precision.
        floor: seconds at that rate.
    """

    name: str
    seconds: float
    operations: float
    rate: float
    floor: float = field(init=False)

    def __post_init__(self) -> None:
        self.floor = self.operations / self.rate


@dataclass(frozen=True)
class Share:
    """What one kind of work takes of a whole.

    Attributes:
        of: the whole.
        share: fraction of its time.
    """

    of: str
    name: str
    seconds: float
    share: float


def seconds_of(work: Work) -> float:
    """Return the seconds that ``work`` takes once."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def medians(works: Mapping[str, Work], repeats: int) -> dict[str, float]:
    """Return {name: median seconds}; the works take turns, so that a busy spell meets all of them."""
    turns = [{name: seconds_of(work) for name, work in works.items()} for _ in range(repeats)]
    return {name: float(np.median([turn[name] for turn in turns])) for name in works}


def compare(
    name: str,
    against: str,
    ours: Callable[[], Ours],
    plain: Callable[[], Plain],
    difference: Callable[[Ours, Plain], float],
    *,
    part: float = 1.0,
    **facts: float,
) -> Row:
    """Time ours against a reference, three times each, and say how far their results differ.

    Args:
        name: what is computed.
        against: what the reference is.
        ours: returns our result.
        plain: returns the reference's.
        difference: of the two.
        part: of the work that the reference does; of less than all it does it once, and the rest is
            extrapolated.
        facts: ``peer`` and ``target``, see `Row`.
    """
    found = ours()  # the first call loads libraries
    reference: list[Plain] = []
    works: dict[str, Work] = {"ours": ours, "plain": lambda: reference.append(plain())}
    times = medians(works, 1 if part < 1 else 3)
    if part < 1:
        times["ours"] = float(np.median([times["ours"], seconds_of(ours), seconds_of(ours)]))
    agreement = difference(found, reference[0])
    memory = peak_memory(ours)
    return Row(
        name, times["ours"], times["plain"] / part, against, agreement=agreement, memory=memory, **facts
    )


def product_rate(n: int = 2048, repeats: int = 5, dtype: type[np.floating[Any]] = np.float64) -> float:
    """Return the operations per second of a product (n, n) x (n, n): the machine's floor."""
    a = np.random.default_rng(0).standard_normal((n, n)).astype(dtype)
    return 2 * n**3 / min(seconds_of(lambda: a @ a) for _ in range(repeats))


def peak_memory(work: Work) -> float | None:
    """Return the MB by which resident memory rose at its peak during ``work`` (Linux; None elsewhere)."""
    reset = Path("/proc/self/clear_refs")
    try:
        reset.write_text("5")  # the high-water mark starts anew
        before = _status("VmRSS")
        work()
        return (_status("VmHWM") - before) / 1024
    except (OSError, KeyError):
        return None


def peak_of_its_own(work: Work) -> float | None:
    """Return the MB by which memory that no file backs rose at its peak during ``work`` (Linux).

    Pages of files that are mapped are not counted: the system drops them when it needs room. Looked at every
    few ms, so that what is held for less may go unnoticed.
    """
    try:
        before = highest = _status("RssAnon")
    except (OSError, KeyError):
        work()
        return None
    over = Event()

    def look() -> None:
        nonlocal highest
        while not over.wait(_LOOK):
            highest = max(highest, _status("RssAnon"))

    watch = Thread(target=look)
    watch.start()
    try:
        work()
    finally:
        over.set()
        watch.join()
    return (highest - before) / 1024


def _status(key: str) -> int:
    """Return a line of the process's status, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return int(values[key].split()[0])
