"""Seconds by phase."""

import pytest

from wiringup.core import progress as module
from wiringup.core.progress import Clock


def test_phases_add_up(monkeypatch):
    times = iter([0.0, 3.0, 10.0, 10.5, 20.0, 21.0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(times))
    clock = Clock()
    with clock.phase("responses"):
        pass
    with clock.phase("scoring"):
        pass
    with pytest.raises(RuntimeError), clock.phase("responses"):  # counted although it fails
        raise RuntimeError
    assert clock.seconds == {"responses": 4.0, "scoring": 0.5}
    assert clock.told() == "responses 4.0 s, scoring 0.5 s (11% of the time)"


def test_nothing_yet():
    assert Clock().told() == ""
