"""Which brain matches are set against their size, and in which order."""

import pytest

from wiringup.core.errors import MissingDataError
from wiringup.results.bits import by_size


def match(name, bits, value=0.3, suite="s@1", kind="born", seeds=1, **changes):
    estimate = {"value": value, "error": 0.01, "low": value - 0.1, "high": value + 0.2}
    of = {
        "kind": kind,
        "name": name,
        "network": "net",
        "batchnorm": "default",
        "parameters": bits,
        "bits": bits,
    }
    values = {"suite": suite, "seeds": seeds, "simulated": False, "areas": {"V4": estimate}, "mean": estimate}
    return values | {"described": of | changes}


def names(*matches):
    return [m["described"]["name"] for m in by_size(matches, "s@1")]


def test_references_come_first_then_by_bits():
    assert names(match("c", 30), match("a", 0), match("px", None, kind="reference"), match("b", 4)) == [
        "px", "a", "b", "c",
    ]  # fmt: skip


def test_what_is_shown_is_what_was_matched():
    (point,) = by_size([match("a", 8, 0.25)], "s@1")
    assert (point["described"]["bits"], point["seeds"], point["mean"]["value"]) == (8, 1, 0.25)


def test_the_most_seeds_stand_for_one_birth_and_others_stay():
    found = by_size([match("a", 8, 0.1), match("a", 8, 0.2, seeds=3), match("a", 8, 0.3, seeds=2)], "s@1")
    assert [m["mean"]["value"] for m in found] == [0.2]
    assert (
        len(by_size([match("a", 8), match("a", 8, network="other"), match("a", 8, batchnorm="noise")], "s@1"))
        == 3
    )


def test_other_suites_and_matches_without_a_mean_or_a_description_are_passed_over():
    old = match("old", 1)
    del old["described"]
    assert names(match("a", 8), match("x", 8, suite="t@1"), match("n", 8, 0.2), old) == [
        "a",
        "n",
    ]
    empty = match("e", 8)
    empty["mean"] = empty["mean"] | {"value": None}
    with pytest.raises(
        MissingDataError, match=r"No brain match on s@1 is kept here. Make some: wiringup match"
    ):
        by_size([empty, old], "s@1")
