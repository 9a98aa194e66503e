"""Processes that train together share the scoring: together they find what one finds."""

import copy
import threading
from dataclasses import replace

import pytest

from meeting import Meeting
from toy_inputs import BASE, patterns, recording
from wiringup.benchmarks.predictivity import Predictivity
from wiringup.benchmarks.suites import Suite
from wiringup.core.errors import InputError, WiringupError
from wiringup.experiments.runs.inputs import Exam
from wiringup.models.architecture import build
from wiringup.models.readout import subject
from wiringup.training.distributed import ProcessGroup
from wiringup.training.observers import Shared, TrainingMoment, observe


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
    meeting = Meeting(size, monkeypatch)
    each = [(exam(), copy.deepcopy(candidate)) for _ in range(size)]
    for found in meeting.run(lambda group: each[group.rank][0].evaluate(each[group.rank][1], group)):
        assert found == alone


def test_each_looks_at_images_of_its_own(exam, candidate, monkeypatch):
    shares = [exam()._share(candidate, ProcessGroup(rank, 2)) for rank in range(2)]
    assert [(sorted(scores), accuracy is None) for scores, accuracy in shares] == [
        ([0, 2], False),
        ([1], True),
    ]


class Unreadable(Exception):
    """Can be pickled, but not read again."""

    def __init__(self, what, where):
        super().__init__(f"{what} {where}")


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (InputError("not here"), InputError, "not here"),
        (RuntimeError("CUDA out of memory"), RuntimeError, "CUDA out of memory"),
        (Unreadable("lost", "there"), WiringupError, "Unreadable: lost there"),
        (OSError(threading.Lock()), WiringupError, "OSError: <unlocked"),
    ],
)
def test_an_error_of_one_is_that_of_all(monkeypatch, error, kind, told):
    def work(group):
        def mine():
            if group.rank:
                raise error
            return 1

        return group.gather(mine)

    for found in Meeting(2, monkeypatch).run(work):
        assert type(found) is kind and told in str(found)
    assert Meeting(1, monkeypatch).run(lambda group: group.gather(lambda: 3)) == [[3]]


def test_only_shared_observers_are_called_by_all(candidate):
    moment = TrainingMoment(0, 0, 0, candidate.module, None, (), ProcessGroup(1, 2))
    found = observe(moment, [lambda m: {"mine": 1}, Shared(lambda m: {"ours": m.group.rank})])
    assert found == {"epoch": 0, "images": 0, "step": 0, "ours": 1}
