import io

import pytest

from wiringup.experiments.progress import Progress, clock


def test_the_rest_is_told_at_the_measured_speed(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("wiringup.experiments.progress.time.monotonic", lambda: now[0])
    progress = Progress({"train:all": 100, "score": 2})
    now[0] = 10.0
    progress.advance("train:all", 50)
    assert progress.seconds_left() == pytest.approx(10 + 2 * 4)  # scoring was not measured yet: its guess
    now[0] = 11.0
    progress.advance("score", 1)
    assert progress.seconds_left() == pytest.approx(10 + 1)
    assert progress.fraction() == pytest.approx(11 / 22)


def test_finished_work_leaves_the_plan():
    progress = Progress({"score": 5})
    progress.skip({"score": 2})
    assert progress.plan == {"score": 3}


def test_lines_that_stay_are_written_and_silence_is_silent():
    out = io.StringIO()
    Progress({}, out).say("hello")
    assert out.getvalue() == "hello\n"
    Progress({}, None).say("nothing")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (120, "2 min"), (7800, "2 h 10 min"), (-3, "0 s")]
)
def test_durations_as_people_say_them(seconds, text):
    assert clock(seconds) == text
