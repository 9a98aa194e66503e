"""Work that several processes share through one folder: each takes what is free, all end with everything."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Generic, TypeVar

from wiringup.core.errors import BusyError
from wiringup.core.files import locked
from wiringup.results.store import Store
from wiringup.training.distributed import leads

LOCK = ".run.lock"
PATIENCE = 1.0  # seconds between looks at what other processes do

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job(Generic[T]):
    """One piece of work, and how it is called; ``do`` raises `BusyError` while another process is at it."""

    name: str
    do: Callable[[], T]


def pause() -> None:
    """Wait a little."""
    time.sleep(PATIENCE)


def claimed(store: Store, uid: str) -> AbstractContextManager[None]:
    """Claim a run for this process, from birth to record; of processes that train together, the first claims.

    Raises:
        BusyError: if another process has claimed it.
    """
    folder = store.folder(uid)
    return locked(folder / LOCK, f"Another process is at work in {folder}.") if leads() else nullcontext()


def do_all(jobs: Sequence[Job[T]]) -> list[T]:
    """Do all jobs and return what they return, in their order.

    What another process is at is put off until the rest is done. Then it is waited for: the job finds it
    finished, or, if that process has died, goes on where it stopped.
    """
    found: dict[int, T] = {}
    waiting: list[str] = []
    while len(found) < len(jobs):
        before = len(found)
        for i, job in enumerate(jobs):
            if i not in found:
                try:
                    found[i] = job.do()
                except BusyError:
                    if job.name not in waiting:
                        waiting.append(job.name)
                        log.info("Put off, as another process is at it: %s", job.name)
        if len(found) == before:
            pause()
    return [found[i] for i in range(len(jobs))]
