import io
import logging

import pytest

from wiringup.core import progress
from wiringup.core.progress import MessageHandler, Progress, clock


@pytest.fixture
def now(monkeypatch):
    found = [0.0]
    monkeypatch.setattr("wiringup.core.progress.time.monotonic", lambda: found[0])
    return found


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_rest_is_told_at_the_measured_speed(now):
    with Progress(planned={"train:all": 100, "score": 2}) as shown:
        now[0] = 10.0
        progress.advance("train:all", 50)
        assert shown.seconds_left() == pytest.approx(10 + 2 * 4)  # scoring was not measured yet: its guess
        now[0] = 11.0
        progress.advance("score", 1)
        assert shown.seconds_left() == pytest.approx(10 + 1)
        assert shown.fraction() == pytest.approx(11 / 22)


def test_the_first_unit_alone_does_not_say_how_long_all_take(now):
    """What comes before it (imports, opening files) is of none of them."""
    with Progress(planned={"render": 500}) as shown:
        now[0] = 2.4
        progress.advance("render", 1)
        assert shown.seconds_left() < 10
        now[0] = 12.4
        progress.advance("render", 61)
        assert shown.seconds_left() == pytest.approx(438 / 5), "later as measured"


def test_what_was_guessed_gets_less_while_we_wait(now):
    with Progress(planned={"run": progress.expected({"train:all": 500, "score": 2})}) as shown:
        assert shown.seconds_left() == 2 + 8
        now[0] = 4.0
        progress.advance("run", 0)
        assert (shown.seconds_left(), shown.fraction()) == (6, 0.4)
        now[0] = 14.0
        progress.advance("run", 0)
        assert shown.seconds_left() == 3.5, (
            "longer than guessed: how much longer nobody knows, but not nothing"
        )
        progress.advance("run", 5)
        assert shown.seconds_left() == 14


def test_what_was_before_a_task_is_no_part_of_it(now):
    with Progress() as shown:
        now[0] = 60.0
        with progress.task("run", 300, "seconds") as tell:
            now[0] = 61.0
            tell(1)
            assert shown.seconds_left() == pytest.approx(299)


def test_work_that_is_shown_apart_has_a_percentage_of_its_own(now):
    out = Terminal()
    with Progress(out, {"score": 1}) as whole:
        progress.advance("score", 1)
        with progress.apart({"train:all": 1000}):
            now[0] = 8.0
            progress.advance("train:all", 250, "250 of 1,000 images")
        assert "25%  250 of 1,000 images  (about 24 s left)" in out.getvalue()
        assert whole.planned == {"score": 1}
    with progress.apart({"train:all": 1}):  # nobody watches
        progress.advance("train:all", 1, "seen")


def test_the_share_that_is_shown_falls_only_if_there_is_more_to_do(now):
    def shown_at(time, kind, done):
        now[0] = time
        progress.advance(kind, done, "done")
        return int(shown.out.getvalue().rsplit("\r", 1)[1].partition("%")[0])

    with Progress(Terminal(), planned={"train:all": 100, "score": 2}) as shown:
        before = shown_at(100.0, "train:all", 100)
        assert shown_at(200.0, "score", 1) == before > 100 * shown.fraction()
        progress.plan({"score": 2})
        assert shown_at(300.0, "score", 1) < before


def test_finished_work_leaves_the_plan():
    with Progress(planned={"score": 5}) as shown:
        progress.plan({"score": -2})
        assert shown.planned == {"score": 3}


def test_a_task_announces_its_work_and_takes_back_what_was_not_needed():
    with Progress() as shown:
        with progress.task("pack", 10, "images") as tell:
            assert shown.planned == {"pack": 10}
            tell(3)
            tell(4)
        assert shown.done == {"pack": 4}
        assert shown.planned == {"pack": 4}


def test_the_innermost_is_told_and_without_any_nothing_happens():
    progress.advance("train", 1)
    with Progress() as outer, Progress() as inner:
        progress.advance("train", 1)
    assert not outer.done
    assert inner.done == {"train": 1}


def test_the_inner_one_closes_and_not_one_that_is_alike():
    outer = Progress()
    with outer:
        with Progress(_last=outer._last):
            pass
        progress.advance("train", 1)
    assert outer.done == {"train": 1}


def test_messages_stand_above_the_line_that_is_written_over(now):
    out = Terminal()
    log, handler = logging.getLogger("wiringup"), MessageHandler(out)
    log.addHandler(handler)
    with Progress(out, {"train": 2}):
        progress.advance("train", 1, "one of two")
        log.warning("a message")
    log.removeHandler(handler)
    line, blank, message = out.getvalue().split("\r")[1:]
    assert "one of two" in line
    assert not blank.strip()
    assert message == "Note: a message\n"


def test_silence_is_silent(capfd):
    with Progress(None):
        progress.advance("train", 1, "hidden")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (120, "2 min"), (7800, "2 h 10 min"), (-3, "0 s")]
)
def test_durations_as_people_say_them(seconds, text):
    assert clock(seconds) == text
