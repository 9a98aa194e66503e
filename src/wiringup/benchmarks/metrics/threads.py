"""Folds side by side: several groups of small products keep the cores busier than threads inside each."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import torch

from wiringup.benchmarks.metrics.splits import Fold

Job = TypeVar("Job")
Found = TypeVar("Found")

FOLDS_AT_ONCE = 5  # shared products are wide enough, and ten folds keep two cores busy


def in_groups(fit: Callable[[Sequence[Fold]], list[Found]], folds: Sequence[Fold]) -> list[Found]:
    """Return what ``fit`` makes of all folds, called with groups of them in several threads.

    The groups do not depend on the number of threads, so that the last digits do not either.
    """
    groups = [folds[i : i + FOLDS_AT_ONCE] for i in range(0, len(folds), FOLDS_AT_ONCE)]
    return [found for several in side_by_side(fit, groups) for found in several]


def side_by_side(work: Callable[[Job], Found], jobs: Sequence[Job]) -> list[Found]:
    """Return ``work`` of every job, made in as many threads as PyTorch has, each job within one thread."""
    found: dict[int, Found] = {}
    left = iter(list(enumerate(jobs)))

    def take() -> None:
        for index, job in left:  # one iterator for all threads: each job goes to whoever is free
            found[index] = work(job)

    workers = min(torch.get_num_threads(), len(jobs))
    with one_thread(), ThreadPoolExecutor(max(workers, 1)) as pool:
        others = [pool.submit(take) for _ in range(workers - 1)]
        take()  # in this thread too: starting another one takes milliseconds while jobs compute
        for other in others:
            other.result()
    return [found[index] for index in range(len(jobs))]


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep each product to one thread: small ones gain little from more, and lose much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _libraries().limit(limits=1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(threads)


@cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()  # looks through all loaded libraries: milliseconds, once
