"""Cautions are logged as warnings, once in a block, and gathered whatever logging shows."""

import logging

from wiringup.core.cautions import caution, cautions


def test_cautions_are_warnings(caplog):
    caution("100% was assumed")
    caution("100% was assumed")
    assert [(r.levelname, r.name, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "wiringup", "100% was assumed")
    ] * 2


def test_a_block_gathers_each_once_and_those_within(caplog):
    with cautions() as outer:
        caution("one")
        with cautions() as inner:
            caution("two")
            caution("one")
        caution("two")
    assert (outer, inner) == (["one", "two"], ["two", "one"])
    assert caplog.messages == ["one", "two"]
    caution("after")
    assert outer == ["one", "two"]


def test_what_logging_hides_is_gathered(caplog):
    caplog.set_level(logging.ERROR, "wiringup")
    with cautions() as gathered:
        caution("hidden")
    assert gathered == ["hidden"] and not caplog.messages
