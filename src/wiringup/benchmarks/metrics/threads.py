"""Folds side by side: several groups of small products keep the cores busier than threads inside each."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from wiringup.benchmarks.metrics.splits import Fold
from wiringup.core.threads import one_thread

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
