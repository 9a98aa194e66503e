"""Work that several processes share through one folder: each takes what is free, all end with everything."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from wiringup.core.errors import BusyError
from wiringup.core.files import locked
from wiringup.results.store import Store
from wiringup.training.distributed import ProcessGroup, join

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


@contextmanager
def claimed(store: Store, uid: str, device: str = "cpu") -> Iterator[ProcessGroup]:
    """Claim a run for this process, from birth to record; of processes that train together, the first claims.

    Args:
        store: where the run is kept.
        uid: its address.
        device: where it is made, by which processes that train together join.

    Raises:
        BusyError: if another process has claimed it.
    """
    group, folder, busy = join(device), store.folder(uid), ""
    with ExitStack() as stack:
        if group.leads:
            try:
                stack.enter_context(locked(folder / LOCK, f"Another process is at work in {folder}."))
            except BusyError as error:
                busy = str(error)
        if busy := group.broadcast(busy):
            raise BusyError(busy)
        yield group


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
