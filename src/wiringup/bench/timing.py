"""Timing side by side: medians of interleaved runs, as a ratio, with the floor that the machine sets."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

Work = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        name: what was computed, with its size.
        ours: seconds, median.
        reference: seconds, median, of the plain reference in the same run; None if there is none.
        against: what the reference is.
        peer: seconds that brainscore-vision 2.4.2 took on input of this size on 2 quiet cores of another
            machine; None if it was not recorded.
        target: the ratio aimed at.
        agreement: largest difference between our numbers and the reference's.
        memory: MB that ours needed beyond what was there before, at its peak; None where it cannot be told.
    """

    name: str
    ours: float
    reference: float | None
    against: str
    peer: float | None = None
    target: float | None = None
    agreement: float | None = None
    memory: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times faster ours is than the reference."""
        return None if self.reference is None else self.reference / self.ours

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain JSON types."""
        return asdict(self) | {"ratio": self.ratio}


@dataclass(frozen=True)
class Step:
    """One step of ours: how far it is from the time its matrix products alone would take.

    Attributes:
        seconds: median.
        operations: floating-point operations of its products (a symmetric product counts half).
        rate: operations per second that this machine reaches in a large product of the same precision.
    """

    name: str
    seconds: float
    operations: float
    rate: float

    @property
    def floor(self) -> float:
        """Seconds at the machine's matrix-product rate."""
        return self.operations / self.rate

    def to_dict(self) -> dict[str, Any]:
        """Return the step as plain JSON types."""
        return asdict(self) | {"floor": self.floor}


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

    def to_dict(self) -> dict[str, Any]:
        """Return the share as plain JSON types."""
        return asdict(self)


def seconds_of(work: Work) -> float:
    """Return the seconds that ``work`` takes once."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def medians(works: dict[str, Work], repeats: int) -> dict[str, float]:
    """Return {name: median seconds}; the works take turns, so that a busy spell meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            times[name].append(seconds_of(work))
    return {name: float(np.median(values)) for name, values in times.items()}


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


def _status(key: str) -> int:
    """Return a line of the process's status, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: int(rest.split()[0]) for name, _, rest in (x.partition(":") for x in lines) if name == key}[
        key
    ]
