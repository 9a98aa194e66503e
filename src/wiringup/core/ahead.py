"""Work that is done ahead of who needs it: in threads, in order, and never too much of it at once."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

THREADS = min(32, (os.cpu_count() or 1) + 4)
"""As many as `ThreadPoolExecutor` takes by itself."""

Job = TypeVar("Job")
Result = TypeVar("Result")


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
