"""Work done ahead: in the order of the jobs, so far ahead and no further, and its errors come out."""

import os
import threading

import pytest

from wiringup.core.ahead import ahead, cores
from wiringup.core.errors import InputError


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_results_come_in_the_order_of_the_jobs(threads):
    assert list(ahead(lambda job: job * job, range(50), threads)) == [i * i for i in range(50)]


@pytest.mark.parametrize(("limit", "weights", "expected"), [(3, [1] * 9, 4), (10, [8, 8, 1, 1, 1], 2)])
def test_no_more_is_begun_than_the_limit_allows(limit, weights, expected):
    """One job more than the limit allows is taken before the first result is waited for."""
    taken = []
    jobs = (taken.append(weight) or weight for weight in weights)
    results = ahead(lambda job: job, jobs, threads=2, limit=limit, weigh=float)
    next(results)
    assert len(taken) == expected
    assert [*results] == weights[1:]


def test_jobs_are_worked_on_side_by_side():
    together = threading.Barrier(3, timeout=10)  # broken unless three threads meet
    assert len(list(ahead(lambda _: together.wait(), range(3), threads=3))) == 3


@pytest.mark.parametrize("threads", [0, 2])
def test_an_error_ends_all(threads):
    def work(job):
        if job == 3:
            raise ValueError("of the third")
        return job

    results = ahead(work, range(1000), threads)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="of the third"):
        next(results)


def test_cores_are_those_of_this_process(monkeypatch):
    for name in ("WIRINGUP_CORES", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(10), raising=False)
    assert cores() == 10
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert cores() == 2
    monkeypatch.setenv("WIRINGUP_CORES", "3")
    assert cores() == 3
    for wrong in ("many", "0", "-1", "1.5"):
        monkeypatch.setenv("WIRINGUP_CORES", wrong)
        with pytest.raises(InputError, match=f"WIRINGUP_CORES is '{wrong}'"):
            cores()
