"""Benchmarks by name, with real data where they are."""

import dataclasses

import numpy as np
import pytest

from wiringup.benchmarks.benchmark import evaluate
from wiringup.benchmarks.catalog import (
    ACCURACIES,
    DATA_SETS,
    NEURAL_METRICS,
    benchmark_names,
    list_benchmarks,
    load_benchmark,
    load_present,
    make_benchmark,
    other_metrics,
)
from wiringup.benchmarks.simulated import SIMULATED
from wiringup.benchmarks.suites import REAL
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.stimuli import from_pixels
from wiringup.data.measurements import Recording
from wiringup.data.sources import imported
from wiringup.models.readout import PixelSubject


@pytest.fixture
def home(tmp_path):
    random = np.random.default_rng(0)
    stimuli = from_pixels(random.integers(0, 256, (30, 4, 4), np.uint8))
    trials = random.standard_normal((5, 30, 4)).astype(np.float32)
    imported.save_set(Recording("mine", "V4", trials, stimuli), tmp_path, {})
    return tmp_path


def test_names_need_no_data(tmp_path):
    assert benchmark_names(tmp_path) == [*DATA_SETS, *ACCURACIES, *SIMULATED]
    assert set(REAL) < set(DATA_SETS)
    rows = list_benchmarks(tmp_path, [*DATA_SETS, *ACCURACIES])
    assert {row["here"] for row in rows} == {"no"} and all("wiringup fetch" in row["how"] for row in rows)


def test_imported_sets_are_benchmarks_by_two_names(home):
    assert benchmark_names(home)[-2:] == ["mine", "mine.V4-pls"]
    for name in ("mine", "mine.V4-pls"):
        found = load_benchmark(name, home)
        assert (found.name, found.area, found.metric) == (name, "V4", "pls-25")
        assert found.data.name == "mine"
    assert list_benchmarks(home)[-1] == {"name": "mine.V4-pls", "area": "V4", "here": "yes", "how": ""}


def test_nothing_imported_passes_for_a_published_set(home):
    mine = load_benchmark("mine", home).data
    imported.save_set(dataclasses.replace(mine, name="MajajHong2015public"), home, {})
    assert load_benchmark("MajajHong2015public", home).data.name == "MajajHong2015public"
    with pytest.raises(MissingDataError, match="wiringup fetch majajhong2015"):
        load_benchmark("MajajHong2015public.V4-pls", home)


@pytest.mark.parametrize("metric", NEURAL_METRICS)
def test_every_recording_has_every_neural_metric(home, metric):
    found = load_benchmark(f"mine.V4-{metric}", home)
    assert found.name == f"mine.V4-{metric}" and found.metric.startswith(metric.removesuffix("-folds"))
    assert found.metric.endswith("-folds") == metric.endswith("-folds")
    with pytest.raises(MissingDataError, match="wiringup fetch cowley2023"):
        load_benchmark(f"cowley2023.210325.V4-{metric}", home)


def test_metrics_vary_names_that_end_in_pls_and_never_a_bare_name():
    names = {"a-pls": "a-pls", "a-pls.V4-pls": "a-pls", "b.IT-rsa": "b", "c.V1-pls": "c", "c.V1-cka": "d"}
    others = other_metrics(names)
    assert {"a-pls.V4-ridge", "c.V1-one-to-one", "c.V1-procrustes"} < set(others)
    assert not {"a-ridge", "a-rsa", "b.IT-ridge", "c.V1-cka", "c.V1-pls"} & set(others)
    assert others["a-pls.V4-ridge"] == ("a-pls", "ridge")


def test_a_bare_name_that_ends_like_a_metric_stays_pls(home):
    data = dataclasses.replace(imported.load_set(home, "mine"), name="my-ridge")
    imported.save_set(data, home, {})
    assert load_benchmark("my-ridge", home).metric == "pls-25"
    assert load_benchmark("my-ridge.V4-linear", home).metric == "linear"


def test_what_is_here_is_told_in_any_metric(home):
    names = ["mine.V4-ridge", "simulated.IT", "lost.V4-pls"]
    found = [(row["area"], row["here"]) for row in list_benchmarks(home, names)]
    assert found == [("V4", "yes"), ("IT", "yes"), ("–", "no")]


def test_simulated_benchmarks_are_loaded_by_name_at_any_size(home):
    found = [load_benchmark(name, home, 32) for name in SIMULATED]
    assert [(b.name, b.area, b.metric) for b in found[2:]] == [
        ("simulated.V4", "V4", "pls-25"), ("simulated.IT", "IT", "pls-25"),
        ("simulated.behavior", "behavior", "i2n"),
    ]  # fmt: skip
    assert all(b.simulated for b in found) and found[0].stimuli.pixels.shape == (400, 32, 32, 3)
    assert load_benchmark("simulated.V1", home, 32).data is found[0].data
    # of the data on which every result was scored so far
    assert [b.sha256[:12] for b in found] == [
        "b8e095c6377f", "7ccec02a1bc4", "f4654fe2d662", "13b317ee4e95", "b027769ef68e",
    ]  # fmt: skip


def test_what_is_here_is_loaded_and_what_is_not_is_named_with_the_way_to_get_it(home):
    present, missing = load_present(["mine", "henaff2021.V1-pls"], home)
    assert [b.name for b in present] == ["mine"]
    assert "wiringup fetch henaff2021" in missing["henaff2021.V1-pls"]
    with pytest.raises(
        MissingDataError, match=r"None of the benchmarks henaff.* is here.*wiringup fetch henaff"
    ):
        load_present(["henaff2021.V1-pls"], home)


def test_unknown_names_and_absent_data_are_told_kindly(home):
    with pytest.raises(
        InputError, match=r"Unknown benchmark 'henaff2021.V1'. Did you mean 'henaff2021.V1-pls'\?"
    ):
        load_benchmark("henaff2021.V1", home)
    with pytest.raises(MissingDataError, match="wiringup fetch"):
        load_benchmark("henaff2021.V1-pls", home)


REAL_CEILINGS = {
    # measured independently of this package: split halves, noise ceiling of RDMs
    "cowley2023.210325.V4-pls": 0.75,
    "cichy2016.IT-rsa": 0.45,
    "cichy2016.EVC-rsa": 0.24,
}


@pytest.mark.parametrize("name", REAL_CEILINGS)
def test_ceilings_of_real_data(shared, name):
    benchmark = load_benchmark(name, shared / "data")
    assert benchmark.ceiling.value == pytest.approx(REAL_CEILINGS[name], abs=0.015)
    assert not benchmark.simulated


def test_published_averages_have_no_ceiling(shared):
    assert load_benchmark("cowley2023.190923.V4-pls", shared / "data").ceiling is None


def test_behaviour_is_scored_by_every_signature(shared):
    names = [f"cifar10h.{m}" for m in ("i1", "i2", "i2n", "o1", "o2")]
    assert {DATA_SETS[name] for name in names} == {"cifar10h"}
    data = load_benchmark(names[0], shared / "data").data
    benchmarks = [make_benchmark(data, name) for name in names]
    assert [b.metric for b in benchmarks] == ["i1", "i2", "i2n", "o1", "o2"]
    assert len({b.sha256 for b in benchmarks}) == 5


def test_data_keep_their_own_name_unless_given_another(home):
    data = imported.load_set(home, "mine")
    assert make_benchmark(data).name == "mine"
    assert make_benchmark(data, "other").name == "other"


def test_accuracy_is_tested_on_other_images_than_the_decoder_was_fitted_on(shared):
    benchmark = load_benchmark("tinyimagenet40.top-1", shared / "data")
    assert (len(benchmark.fit), len(benchmark.test)) == (2000, 2000)
    assert np.bincount(benchmark.fit.labels).tolist() == [50] * 40
    assert benchmark.fit.classes == benchmark.test.classes
    (score,) = evaluate(PixelSubject(8), [benchmark])
    assert 1 / 40 < score.raw < 0.2
    five = load_benchmark("tinyimagenet40.top-5", shared / "data")
    assert (five.k, five.metric, five.stimuli.sha256) == (5, "top-5-decoder", benchmark.stimuli.sha256)
    assert (score.score, score.ceiling, score.normalisation) == (score.raw, 1.0, "r/c")
