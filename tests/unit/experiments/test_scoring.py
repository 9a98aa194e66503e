from dataclasses import replace

import pytest
import torch

from tests_world import write_toy_benchmark
from wiringup.benchmarks.benchmark import evaluate
from wiringup.benchmarks.catalog import load_benchmark
from wiringup.birth.apply import BirthSpec
from wiringup.birth.distill import distill
from wiringup.birth.genome import Genome
from wiringup.core.errors import InputError, MissingDataError, WiringupError
from wiringup.experiments.births import born
from wiringup.experiments.scoring import ScoreRequest, address, score
from wiringup.models.architecture import ModelSpec
from wiringup.models.readout import PixelSubject
from wiringup.models.weights import save_weights

TINY = {"size": 32, "width": 0.125, "classes": 2}


@pytest.fixture
def home(tmp_path):
    write_toy_benchmark(tmp_path)
    return tmp_path


@pytest.fixture
def benchmarks(home):
    return [load_benchmark("toy", home)]


def test_one_row_for_every_seed_and_layer_with_all_that_names_it(home, benchmarks):
    request = ScoreRequest("cornet_s", "kn", seeds=(0, 1), layers=("V1", "V4@3"), **TINY)
    rows = score(request, benchmarks, home, lambda _: None)
    assert [(r["seed"], r["layer"]) for r in rows] == [(0, "V1"), (0, "V4@3"), (1, "V1"), (1, "V4@3")]
    wanted = {
        "model", "birth", "seed", "benchmark", "area", "layer", "metric", "raw", "ceiling", "score",
        "normalisation", "error", "n_stimuli", "n_units", "batchnorm", "identity",
    }  # fmt: skip
    assert wanted <= rows[0].keys()
    assert rows[0]["birth"] == "kaiming_normal"
    assert rows[0]["batchnorm"] == "calibrated"
    assert (rows[0]["n_stimuli"], rows[0]["n_units"]) == (40, 4)
    assert len({r["identity"] for r in rows}) == 2


def test_little_memory_sends_responses_to_files_and_changes_no_score(home, benchmarks, monkeypatch):
    monkeypatch.setenv("WIRINGUP_CACHE", str(home / "cache"))
    told = []
    requests = [ScoreRequest("cornet_s", layers=("V1", "V4@all"), memory=gb, **TINY) for gb in (1, 0.0027)]
    rows = [score(request, benchmarks, home, told.append) for request in requests]
    assert [r["layer"] for r in rows[0]] == ["V1", "V4@0", "V4@1", "V4@2", "V4@3"]
    assert rows[0] == rows[1]
    assert [t.split()[0] for t in told[:3]] == ["Scoring", "responses", "Scoring"]
    assert [str(home / "cache") in t for t in told] == [False, False, False, True, False]
    assert list((home / "cache").iterdir()) == []


def test_too_little_memory_is_refused_before_anything_is_computed(home, benchmarks):
    with pytest.raises(WiringupError, match=r"0\.001 GB of memory may be used.*--memory"):
        score(ScoreRequest("pixels", size=32, memory=0.001), benchmarks, home, lambda _: None)
    with pytest.raises(InputError, match="has to be a number of GB"):
        ScoreRequest("pixels", memory=-1)


def test_the_batchnorm_choice_changes_the_score_and_is_told(home, benchmarks):
    rows = [
        score(ScoreRequest("cornet_s", batchnorm=b, **TINY), benchmarks, home, lambda _: None)[0]
        for b in ("default", "calibrated")
    ]
    assert [r["batchnorm"] for r in rows] == ["default", "calibrated"]
    assert rows[0]["raw"] != rows[1]["raw"]


def test_pixels_have_neither_birth_nor_seed(home, benchmarks):
    (row,) = score(ScoreRequest("pixels", size=32, seeds=(0, 1)), benchmarks, home, lambda _: None)
    assert (row["model"], row["birth"], row["seed"], row["layer"]) == ("pixels", None, None, "pixels")
    (direct,) = evaluate(PixelSubject(32), benchmarks)
    assert (row["raw"], row["score"], row["error"]) == (direct.raw, direct.score, direct.error)


def test_a_checkpoint_tells_its_own_width_and_classes(home, benchmarks, tmp_path):
    model = born(ModelSpec("cornet_s", 0.125, 3, 32), BirthSpec(), None, None)
    save_weights(model, tmp_path / "w.safetensors")
    request = ScoreRequest("cornet_s", weights=tmp_path / "w.safetensors", size=32)
    (row,) = score(request, benchmarks, home, lambda _: None)
    assert (row["width"], row["birth"], row["seed"], row["batchnorm"]) == (0.125, None, None, "stored")
    with pytest.raises(
        InputError, match=r"--width is 0\.5, but .*w\.safetensors holds a network of width 0\.125"
    ):
        score(replace(request, width=0.5), benchmarks, home, lambda _: None)


def test_names_of_classes_that_no_score_uses_are_said(home, benchmarks):
    request = ScoreRequest("cornet_s", "kn", layers=("V1",), class_names=("cat", "dog"), **TINY)
    (row,) = score(request, benchmarks, home, lambda _: None)
    assert "the names of --classes were not used" in row["note"]
    (plain,) = score(ScoreRequest("cornet_s", "kn", layers=("V1",), **TINY), benchmarks, home, lambda _: None)
    assert "--classes" not in plain["note"] and row["raw"] == plain["raw"]


def test_a_checkpoint_of_another_network_is_refused(home, benchmarks, tmp_path):
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "w.pth")
    request = ScoreRequest("cornet_s", weights=tmp_path / "w.pth", size=32)
    with pytest.raises(
        InputError, match=r"w.pth has no 'V1.conv1.weight', so it is no checkpoint of cornet_s"
    ):
        score(request, benchmarks, home, lambda _: None)


def test_a_genome_file_is_a_birth(home, benchmarks, tmp_path):
    model = born(ModelSpec("cornet_s", 0.125, 2, 32), BirthSpec(), None, None)
    distill(model.state_dict()).save(tmp_path / "genome.json")
    request = ScoreRequest("cornet_s", str(tmp_path / "genome.json"), **TINY)
    (row,) = score(request, benchmarks, home, lambda _: None)
    assert row["birth"] == "weight_compression"
    assert row["genome"] == Genome.load(tmp_path / "genome.json").sha256


def test_weight_compression_without_its_figures_says_how_to_get_them(home, benchmarks):
    with pytest.raises(MissingDataError, match="wiringup fetch weight-compression"):
        score(ScoreRequest("cornet_s", "wc", **TINY), benchmarks, home, lambda _: None)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": "cornets"}, "Unknown model 'cornets'. Did you mean 'cornet_s'"),
        ({"normalisation": "rc"}, "Unknown normalisation 'rc'"),
        ({"batchnorm": "calibrate"}, "Did you mean 'calibrated'"),
        ({"weights": "w.pth", "batchnorm": "teacher"}, "nothing is born here; leave out --batchnorm"),
        ({"model": "pixels", "batchnorm": "noise"}, "nothing is born here; leave out --batchnorm"),
        ({"model": "features.npy", "batchnorm": "noise"}, "nothing is born here; leave out --batchnorm"),
        (
            {"model": "pixels", "class_names": ("a", "b")},
            "pixels has no classes to be named; leave out --classes",
        ),
        ({"seeds": ()}, "number of seeds"),
    ],
)
def test_bad_requests_are_refused(fields, message):
    with pytest.raises(InputError, match=message):
        ScoreRequest(**{"model": "cornet_s", **fields})


def test_kept_scores_are_addressed_by_what_was_asked_and_what_answered(benchmarks):
    request = ScoreRequest("pixels")
    rows = [{"identity": "a"}]
    assert address(request, benchmarks, rows) == address(request, benchmarks, rows)
    assert address(request, benchmarks, rows) != address(request, benchmarks, [{"identity": "c"}])
    assert address(request, benchmarks, rows) != address(request, [], rows)
    assert address(request, benchmarks, rows) != address(ScoreRequest("pixels", size=32), benchmarks, rows)
    assert address(request, benchmarks, rows) == address(ScoreRequest("pixels", memory=1), benchmarks, rows)
