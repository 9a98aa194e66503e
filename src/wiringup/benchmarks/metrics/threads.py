"""Folds side by side: several groups of small products keep the cores busier than threads inside each."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from wiringup.benchmarks.metrics.splits import Fold
from wiringup.core.threads import one_thread

Found = TypeVar("Found")

FOLDS_AT_ONCE = 5  # shared products are wide enough, and ten folds keep two cores busy


def in_groups(fit: Callable[[Sequence[Fold]], list[Found]], folds: Sequence[Fold]) -> list[Found]:
    """Return what ``fit`` makes of all folds, called with groups of them in several threads.

    The groups do not depend on the number of threads, so that the last digits do not either.
    """
    groups = [folds[i : i + FOLDS_AT_ONCE] for i in range(0, len(folds), FOLDS_AT_ONCE)]
    workers = min(torch.get_num_threads(), len(groups))
    with one_thread():
        if workers == 1:
            return [found for group in groups for found in fit(group)]
        with ThreadPoolExecutor(workers) as pool:
            return [found for several in pool.map(fit, groups) for found in several]
