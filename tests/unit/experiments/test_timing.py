"""Time left of runs that several processes share."""

import pytest

from wiringup.experiments.launching.timing import A_RUN, TimeLeft

RUNS = [f"run{i}" for i in range(6)]


def made(run):
    return not run.startswith("lost")


def test_what_runs_took_says_how_long_the_others_take():
    """Twice the guess each, two at once: the time left falls second by second, and is right."""
    left = TimeLeft(dict.fromkeys(RUNS, 100.0), 2)
    assert left.seconds(RUNS, RUNS[:2], 0, made) == pytest.approx(300), "nothing is known but the guess"
    assert left.seconds(RUNS, RUNS[:2], 80, made) == pytest.approx(220)
    told = [left.seconds(RUNS[2:], RUNS[2:4], now, made) for now in (200, 250, 300, 399)]
    assert told == pytest.approx([400, 350, 300, 201])
    assert left.seconds(RUNS[4:], RUNS[4:], 400, made) == pytest.approx(200)


def test_the_longest_run_is_waited_for_even_if_it_is_one():
    left = TimeLeft({"long": 1000.0, "short": 10.0}, 8)
    assert left.seconds(["long", "short"], ["long", "short"], 0, made) == 1000
    assert left.seconds(["long"], ["long"], 10, made) == 990


def test_a_run_that_takes_longer_than_thought_is_never_said_to_be_over():
    left = TimeLeft({}, 1)
    left.seconds(["one"], ["one"], 0, made)
    assert left.seconds(["one"], ["one"], 10 * A_RUN, made) == pytest.approx(2.5 * A_RUN)
    assert left.seconds([], [], 11 * A_RUN, made) == 0


def test_runs_that_failed_at_once_do_not_say_how_long_the_others_take():
    runs = ["lost 0", "lost 1", *RUNS]
    left = TimeLeft(dict.fromkeys(runs, 100.0), 2)
    left.seconds(runs, runs[:2], 0, made)
    assert left.seconds(RUNS, RUNS[:2], 2, made) == pytest.approx(300)


def test_a_run_that_was_let_go_begins_anew():
    left = TimeLeft({"one": 100.0}, 1)
    left.seconds(["one"], ["one"], 0, made)
    assert left.seconds(["one"], [], 60, made) == 100
    assert left.seconds(["one"], ["one"], 80, made) == 100


def test_what_the_rest_of_a_run_took_says_nothing_of_whole_ones():
    left = TimeLeft(dict.fromkeys(RUNS, 100.0), 1, resumed=RUNS[:1])
    left.seconds(RUNS, RUNS[:1], 0, made)
    assert left.seconds(RUNS[1:], RUNS[1:2], 5, made) == pytest.approx(500)
    assert left.seconds(RUNS[2:], RUNS[2:3], 205, made) == pytest.approx(800)
