"""Why two runs differ."""

from dataclasses import replace

import pytest

from made_records import make_record
from wiringup.core.errors import InputError, MissingDataError
from wiringup.results.differences import differences
from wiringup.results.store import Store


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    first = make_record("A", 0, 0.1, 0.4, uid="aa1")
    first = replace(first, spec={"birth": {"seed": 0}, "training": {"lr": 0.1}})
    for uid, changes in {
        "aa1": {},
        "aa2": {
            "spec": {"birth": {"seed": 1}, "training": {"lr": 0.1}},
            "points": make_record("A", 1, 0.1, 0.3).points,
        },
        "bb1": {"spec": {"birth": {"seed": 0}, "training": {"lr": 0.2}}, "losses": (1.5, 0.9)},
        "cc1": {"provenance": {"versions": {"torch": "9"}}, "points": make_record("A", 1, 0.1, 0.3).points},
    }.items():
        store.save(replace(first, uid=uid, **changes))
    return store


def test_seeds_of_a_condition(store):
    found = differences(store, "aa1", "aa2")
    assert found["runs"] == ["aa1", "aa2"]
    assert found["summary"] == "Their numbers differ: they are seeds of one condition (birth.seed)."
    assert found["differences"]["specification"] == {"birth.seed": [0, 1]}
    assert found["differences"]["numbers"] == {
        "epoch 1.b.V4 (V4)": [0.4, 0.3],
        "epoch 1.brain match": [0.4, 0.3],
    }


def test_what_was_asked_differs_and_losses_say_from_where_on(store):
    found = differences(store, "aa1", "bb")
    assert "asked for different things (training.lr)" in found["summary"]
    assert found["differences"]["numbers"] == {"loss of epoch 2, the first that differs": [1.0, 0.9]}


def test_the_same_was_asked_elsewhere(store, tmp_path):
    found = differences(store, str(tmp_path / "aa1"), "cc1")
    assert found["summary"].startswith(
        "Their numbers differ: the same was asked of both; also made with other "
    )
    assert "versions" in found["summary"]
    assert differences(store, "aa1", "aa1")["summary"] == "aa1 twice: the same numbers."


def test_names_have_to_say_one_run(store):
    with pytest.raises(InputError, match="'aa' begins the addresses of 2 runs: aa1, aa2"):
        differences(store, "aa", "bb1")
    with pytest.raises(MissingDataError, match="no finished run 'zz'"):
        differences(store, "zz", "bb1")


def test_a_parent_is_one_line_and_what_changes_no_address_is_not_asked_for(store):
    def born(of, compile):
        parent = {"training": {"lr": 0.1, "compile": compile}, "images": {"seed": 0}}
        birth = {"seed": 0, "genome": f"run:{of}"}
        genome = {"genome": {"distilled_from": parent}} if of else {"genome": {"distilled_from": None}}
        return {
            "birth": birth if of else {"seed": 0, "genome": ""},
            "training": {"compile": compile},
        } | genome

    for uid, of, how in (("d1", "", "no"), ("d2", "p1", "no"), ("d3", "p1", "auto")):
        store.save(replace(make_record("D", 0, 0.1, uid=uid), spec=born(of, how)))
    found = differences(store, "d1", "d2")["differences"]
    assert found["specification"] == {"born from the genome of": [None, "run p1"]}
    found = differences(store, "d2", "d3")
    assert found["differences"]["specification"] == {} and "the same was asked of both" in found["summary"]
    assert found["differences"]["made with"] == {"training.compile": ["no", "auto"]}
