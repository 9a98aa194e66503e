"""A model's brain match on a suite: seeds, references, and benchmarks that are not there."""

from dataclasses import replace

import pytest

from tests_world import write_toy_benchmark
from wiringup.benchmarks import suites
from wiringup.benchmarks.benchmark import evaluate
from wiringup.benchmarks.suites import Suite
from wiringup.birth.apply import BirthSpec
from wiringup.core.errors import InputError, MissingDataError
from wiringup.experiments.births import born
from wiringup.experiments.match import (
    address,
    condition,
    exam_of,
    match,
    reference_condition,
    title,
)
from wiringup.experiments.scoring import ScoreRequest
from wiringup.models.architecture import ModelSpec
from wiringup.models.readout import PixelSubject
from wiringup.models.weights import save_weights
from wiringup.results.brain_match import match_of_run
from wiringup.results.record import Point, Record
from wiringup.results.store import Store

TINY = {"size": 32, "width": 0.125, "classes": 2}
REQUEST = ScoreRequest("cornet_s", seeds=(0, 1), **TINY)


def silent(_message):
    """Say nothing."""


@pytest.fixture
def home(tmp_path, monkeypatch):
    write_toy_benchmark(tmp_path)
    suite = Suite("toy@1", ("toy", "henaff2021.V1-pls"))
    monkeypatch.setattr(suites, "SUITES", {"toy@1": suite, "empty@1": Suite("empty@1", suite.benchmarks[1:])})
    return tmp_path


def test_what_is_missing_is_named_with_the_way_to_get_it(home):
    exam = exam_of("toy@1", REQUEST, home, silent)
    assert [b.name for b in exam.benchmarks] == ["toy"]
    assert "wiringup fetch henaff2021" in exam.missing["henaff2021.V1-pls"]
    with pytest.raises(
        MissingDataError, match=r"None of the benchmarks henaff2021.V1-pls is here.*wiringup fetch henaff"
    ):
        exam_of("empty@1", REQUEST, home, silent)
    with pytest.raises(InputError, match=r"Unknown suite 'toy@2'. Did you mean 'toy@1'"):
        exam_of("toy@2", REQUEST, home, silent)


def test_the_mean_is_that_of_the_suite_and_seeds_are_resampled(home):
    exam = exam_of("toy@1", ScoreRequest("pixels", size=32), home, silent)
    found = match([ScoreRequest("pixels", size=32)], "pixels", exam, home, silent)
    scores = evaluate(PixelSubject(32), exam.benchmarks)
    whole = match_of_run(scores, "toy@1", suites.SUITES["toy@1"].benchmarks)
    assert found.mean == whole.mean
    assert list(found.missing) == list(whole.missing)
    assert {"stimuli", "units"} == set(found.mean.errors)
    assert found.mean.low < found.mean.value < found.mean.high
    seeds = match([REQUEST], "two", exam, home, silent)
    assert seeds.seeds == 2 and "seeds" in seeds.mean.errors


def test_references_by_name(home, tmp_path):
    wc = replace(REQUEST, birth="wc")
    (born,) = reference_condition(["cornet-s"], wc, tmp_path)
    assert (born.birth, born.seeds, born.weights, born.width) == ("kaiming_normal", (0, 1), None, 0.125)
    (pixels,) = reference_condition(["pixels"], wc, tmp_path)
    assert (pixels.model, pixels.size) == ("pixels", 32)
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).write_bytes(b"weights")
    files = reference_condition([str(tmp_path / n) for n in ("a.pth", "b.pth")], wc, tmp_path)
    assert [r.weights.name for r in files] == ["a.pth", "b.pth"]
    policies = {
        name: reference_condition([name], replace(wc, batchnorm="noise"), tmp_path)[0].batchnorm
        for name in ("cornet-s", "pixels", str(tmp_path / "a.pth"))
    }
    assert [*policies.values()] == ["noise", "calibrated", "calibrated"]
    moment = Point(0, 0, 0, None, {"mean": 0.0}, (), ())
    spec = {"model": {"architecture": "cornet_s", "size": 64}}
    Store(tmp_path).save(Record("0123abcd", "run", 0, spec, {"trained": 0}, (moment,), (), {}))
    (tmp_path / "0123abcd" / "weights.safetensors").write_bytes(b"weights")
    (run,) = reference_condition(["0123abcd"], wc, tmp_path)
    assert (run.size, run.weights) == (64, tmp_path / "0123abcd" / "weights.safetensors")
    with pytest.raises(InputError, match=r"There is no reference '0123abce'. Did you mean '0123abcd'"):
        reference_condition(["0123abce"], wc, tmp_path)


def test_conditions_have_names():
    assert title([REQUEST]) == "cornet_s (kaiming_normal, seed 0 1)"
    assert title([ScoreRequest("pixels", size=32)]) == "pixels at 32 px"
    many = condition(replace(REQUEST, seeds=(0,)), ["a.pth", "b.pth"])
    assert title(many) == "cornet_s (a.pth, b.pth)"
    assert condition(REQUEST, []) == [REQUEST]


def test_the_address_follows_who_is_scored_and_on_what(home):
    exam = exam_of("toy@1", REQUEST, home, silent)
    found = match([REQUEST], "two", exam, home, silent)
    one = address([[REQUEST]], exam, [found])
    assert one == address([[REQUEST]], exam, [found])
    others = [
        address([[REQUEST], [REQUEST]], exam, [found, found]),
        address([[replace(REQUEST, seeds=(0,))]], exam, [found]),
        address([[REQUEST]], replace(exam, benchmarks=()), [found]),
        address([[REQUEST]], replace(exam, missing={}), [found]),
    ]
    assert len({one, *others}) == 5


def test_another_network_in_a_file_of_the_same_name_has_another_address(home, tmp_path):
    exam, path = exam_of("toy@1", REQUEST, home, silent), tmp_path / "weights.safetensors"
    request = ScoreRequest("cornet_s", weights=path, **TINY)
    addresses = set()
    for seed in (0, 1):
        spec = ModelSpec("cornet_s", 0.125, 2, 32)
        save_weights(born(spec, BirthSpec("kaiming_normal", seed), None, None), path)
        found = match([request], "a file", exam, home, silent)
        addresses.add(address([[request]], exam, [found]))
    assert len(addresses) == 2
