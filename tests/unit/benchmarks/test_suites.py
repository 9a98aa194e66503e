"""Suites by name, and suites of one's own."""

import json

import pytest

from tests_world import write_toy_benchmark
from wiringup.benchmarks.catalog import DATA_SETS
from wiringup.benchmarks.simulated import SIMULATED
from wiringup.benchmarks.suites import SUITES, find_suite, make_suite, suite_names
from wiringup.core.errors import InputError


def test_the_suites_of_this_package_are_never_changed():
    assert {name: len(suite.benchmarks) for name, suite in SUITES.items()} == {
        "real@1": 5, "brain-score-public@1": 5, "simulated@1": 5,
    }  # fmt: skip
    assert {b for suite in SUITES.values() for b in suite.benchmarks} <= {*DATA_SETS, *SIMULATED}


def test_a_suite_of_ones_own_is_a_file_that_is_found_by_name(tmp_path):
    write_toy_benchmark(tmp_path)
    names = ("toy.V4-ridge", "simulated.IT", "henaff2021.V1-pls")
    path = make_suite("mine@1", names, tmp_path)
    assert path == tmp_path / "suites" / "mine@1.json"
    assert find_suite("mine@1", tmp_path).benchmarks == names
    assert suite_names(tmp_path) == [*SUITES, "mine@1"]
    before = path.read_bytes()
    assert make_suite("mine@1", names, tmp_path) == path and path.read_bytes() == before
    with pytest.raises(InputError, match=r"there already, with toy.V4-ridge, .* call the new one mine@2"):
        make_suite("mine@1", names[:1], tmp_path)
    with pytest.raises(InputError, match="real@1 is there already"):
        make_suite("real@1", names, tmp_path)
    with pytest.raises(InputError, match=r"Unknown suite 'mine@2'. Did you mean 'mine@1'"):
        find_suite("mine@2", tmp_path)


@pytest.mark.parametrize("name", ["mine", "mine@", "mine@0", "mine@1.5", "../mine@1", "chosen@1", ""])
def test_a_suite_has_a_name_and_a_version(tmp_path, name):
    with pytest.raises(InputError, match="as in mine@1"):
        make_suite(name, ["simulated.IT"], tmp_path)


def test_a_suite_names_known_benchmarks_once(tmp_path):
    with pytest.raises(InputError, match=r"Did you mean 'simulated.IT'"):
        make_suite("mine@1", ["simulated.TI"], tmp_path)
    write_toy_benchmark(tmp_path)
    for names in ([], ["simulated.IT", "simulated.IT"], ["toy", "simulated.IT", "toy.V4-pls"]):
        with pytest.raises(InputError, match="names every benchmark once"):
            make_suite("mine@1", names, tmp_path)


def test_a_changed_file_is_told(tmp_path):
    path = make_suite("mine@1", ["simulated.IT"], tmp_path)
    document = json.loads(path.read_text())
    path.write_text(path.read_text().replace("simulated.IT", "simulated.V4"))
    with pytest.raises(InputError, match="does not match the hash"):
        find_suite("mine@1", tmp_path)
    path.write_text(json.dumps({"name": "other@1", "benchmarks": document["benchmarks"]}))
    with pytest.raises(InputError, match="holds no suite called mine@1"):
        find_suite("mine@1", tmp_path)
