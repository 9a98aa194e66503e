"""Work that is done ahead of who needs it: in threads, in order, and never too much of it at once."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from wiringup.core.errors import InputError

CORES = "WIRINGUP_CORES"
"""Environment variable: how many cores a process may use, where several share a machine."""

Job = TypeVar("Job")
Result = TypeVar("Result")


def cores() -> int:
    """Return how many cores this process may use: as ``WIRINGUP_CORES`` says, or its share of those here.

    The processes that torchrun starts on a machine share its cores.

    Raises:
        InputError: if ``WIRINGUP_CORES`` is no whole number above 0.
    """
    if asked := os.environ.get(CORES):
        if not asked.isdecimal() or int(asked) < 1:
            raise InputError(f"{CORES} is {asked!r}; it has to be a whole number of cores, 1 or more.")
        return int(asked)
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, here // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))


THREADS = min(32, cores() + 4)
"""As many as `ThreadPoolExecutor` takes by itself."""


def ahead(
    work: Callable[[Job], Result],
    jobs: Iterable[Job],
    threads: int = THREADS,
    limit: float | None = None,
    weigh: Callable[[Job], float] = lambda job: 1,
) -> Iterator[Result]:
    """Yield ``work`` of every job, in the order of the jobs; later ones are worked on meanwhile.

    Jobs are taken from ``jobs`` in the caller's thread, one after the other. The first error ends all.

    Args:
        work: made of each job, in any thread.
        jobs: may be endless.
        threads: how many; 0 works in the caller's thread, when asked.
        limit: the weight of all jobs that are begun but not asked for yet; by default one for each thread.
        weigh: returns the weight of one job.
    """
    if threads == 0:
        yield from map(work, jobs)
        return
    begun: deque[tuple[Future[Result], float]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        most = threads if limit is None else limit
        try:
            weight = 0.0
            for job in jobs:
                begun.append((pool.submit(work, job), weigh(job)))
                weight += begun[-1][1]
                while weight > most:
                    future, one = begun.popleft()
                    weight -= one
                    yield future.result()
            while begun:
                yield begun.popleft()[0].result()
        finally:
            for future, _ in begun:
                future.cancel()
