"""Processes that train together, as threads."""

import pickle
import threading
from collections.abc import Callable
from typing import Any

import torch.distributed as dist

from wiringup.training.distributed import ProcessGroup


class Meeting:
    """So many threads, each of which is one process of a group; they meet as PyTorch's processes do."""

    def __init__(self, size: int, monkeypatch: Any, patience: float = 60) -> None:
        self.size = size
        self.meet, self.found = threading.Barrier(size, timeout=patience), [b""] * size
        self.rank = threading.local()
        monkeypatch.setattr(dist, "all_gather_object", self.all_gather)
        monkeypatch.setattr(dist, "broadcast_object_list", self.broadcast)
        monkeypatch.setattr(dist, "barrier", self.meet.wait)

    def all_gather(self, found: list[Any], mine: Any) -> None:
        self.found[self.rank.value] = pickle.dumps(mine)
        self.meet.wait()
        found[:] = map(pickle.loads, self.found)
        self.meet.wait()

    def broadcast(self, box: list[Any]) -> None:
        found = [None] * self.size
        self.all_gather(found, box[0])
        box[0] = found[0]

    def group(self, *_: object) -> ProcessGroup:
        """Return the group as the process sees it that asks."""
        return ProcessGroup(self.rank.value, self.size, self.rank.value == 0)

    def run(self, work: Callable[[ProcessGroup], Any]) -> list[Any]:
        """Return what every process answers, or its error."""
        answers: list[Any] = [None] * self.size

        def one(rank: int) -> None:
            self.rank.value = rank
            try:
                answers[rank] = work(self.group())
            except Exception as error:  # it is looked at by the test
                answers[rank] = error

        threads = [threading.Thread(target=one, args=(rank,)) for rank in range(self.size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers
