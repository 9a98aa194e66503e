"""Processes that train together share the scoring: together they find what one finds."""

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch.distributed as dist

from toy_inputs import BASE, patterns, recording
from wiringup.benchmarks.predictivity import Predictivity
from wiringup.benchmarks.suites import Suite
from wiringup.core.errors import InputError
from wiringup.experiments.inputs import Exam
from wiringup.models.architecture import build
from wiringup.models.readout import subject
from wiringup.training.distributed import ProcessGroup
from wiringup.training.observers import Shared, TrainingMoment, observe


@dataclass
class Meeting:
    """What gathers in threads instead of processes."""

    size: int

    def __post_init__(self) -> None:
        self.barrier, self.found = threading.Barrier(self.size, timeout=60), [None] * self.size
        self.rank = threading.local()

    def all_gather_object(self, found: list[Any], mine: Any) -> None:
        self.found[self.rank.value] = mine
        self.barrier.wait()
        found[:] = self.found

    def run(self, work: Callable[[ProcessGroup], Any]) -> list[Any]:
        """Return what every process answers."""
        answers: list[Any] = [None] * self.size

        def one(rank: int) -> None:
            self.rank.value = rank
            try:
                answers[rank] = work(ProcessGroup(rank, self.size, rank == 0))
            except Exception as error:  # it is looked at by the test
                answers[rank] = error

        threads = [threading.Thread(target=one, args=(rank,)) for rank in range(self.size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers


@pytest.fixture
def exam():
    first, second = recording(), recording(24)
    again = replace(first, name="again.V4", trials=first.trials[:2])
    other = replace(second, name="other.IT", area="IT")
    benchmarks = tuple(map(Predictivity, (first, other, again)))
    return lambda: Exam(Suite("toy@1", tuple(b.name for b in benchmarks)), benchmarks, patterns(12, 1), "r/c")


@pytest.fixture
def candidate():
    return subject(build(BASE.model).eval(), BASE.model)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_together_they_find_what_one_finds(exam, candidate, monkeypatch, size):
    alone = exam().evaluate(candidate)
    meeting = Meeting(size)
    monkeypatch.setattr(dist, "all_gather_object", meeting.all_gather_object)
    each = [(exam(), copy.deepcopy(candidate)) for _ in range(size)]
    for found in meeting.run(lambda group: each[group.rank][0].evaluate(each[group.rank][1], group)):
        assert found == alone


def test_each_looks_at_images_of_its_own(exam, candidate, monkeypatch):
    shares = [exam()._share(candidate, ProcessGroup(rank, 2)) for rank in range(2)]
    assert [(sorted(scores), accuracy is None) for scores, accuracy in shares] == [
        ([0, 2], False),
        ([1], True),
    ]


def test_an_error_of_one_is_that_of_all(monkeypatch):
    meeting = Meeting(2)
    monkeypatch.setattr(dist, "all_gather_object", meeting.all_gather_object)

    def work(group):
        def mine():
            if group.rank:
                raise InputError("not here")
            return 1

        return group.gather(mine)

    assert [str(error) for error in meeting.run(work)] == ["not here", "not here"]
    assert Meeting(1).run(lambda group: group.gather(lambda: 3)) == [[3]]


def test_only_shared_observers_are_called_by_all(candidate):
    moment = TrainingMoment(0, 0, 0, candidate.module, None, (), ProcessGroup(1, 2))
    found = observe(moment, [lambda m: {"mine": 1}, Shared(lambda m: {"ours": m.group.rank})])
    assert found == {"epoch": 0, "images": 0, "step": 0, "ours": 1}
