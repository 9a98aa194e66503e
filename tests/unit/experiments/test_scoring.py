import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests_world import write_toy_benchmark
from wiringup.benchmarks.benchmark import evaluate
from wiringup.benchmarks.catalog import load_benchmark
from wiringup.benchmarks.halves import part
from wiringup.birth.apply import BirthSpec
from wiringup.birth.distill import distill
from wiringup.birth.genome import Genome
from wiringup.core.errors import InputError, MissingDataError, WiringupError
from wiringup.experiments.runs.births import born
from wiringup.experiments.scoring import candidates
from wiringup.experiments.scoring.scores import address, score
from wiringup.experiments.scoring.spec import ScoreSpec
from wiringup.models.architecture import ModelSpec
from wiringup.models.preprocessing import Preprocessing
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
    request = ScoreSpec("cornet_s", birth="kn", seeds=(0, 1), layers=("V1", "V4@3"), **TINY)
    rows = score(request, benchmarks, home)
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


def test_little_memory_sends_responses_to_files_and_changes_no_score(home, benchmarks, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "wiringup")
    monkeypatch.setenv("WIRINGUP_CACHE", str(home / "cache"))
    requests = [ScoreSpec("cornet_s", layers=("V1", "V4@all"), memory=gb, **TINY) for gb in (1, 0.0027)]
    rows = [score(request, benchmarks, home) for request in requests]
    told = caplog.messages
    assert [r["layer"] for r in rows[0]] == ["V1", "V4@0", "V4@1", "V4@2", "V4@3"]
    assert rows[0] == rows[1]
    assert [t.split()[0] for t in told[:3]] == ["Scoring", "responses", "Scoring"]
    assert [str(home / "cache") in t for t in told] == [False, False, False, True, False]
    assert list((home / "cache").iterdir()) == []


def test_too_little_memory_is_refused_before_anything_is_computed(home, benchmarks):
    with pytest.raises(WiringupError, match=r"1 MB of memory may be used.*--memory"):
        score(ScoreSpec("pixels", size=32, memory=0.001), benchmarks, home)
    with pytest.raises(InputError, match="has to be a number of GB"):
        ScoreSpec("pixels", memory=-1)


def test_the_batchnorm_choice_changes_the_score_and_is_told(home, benchmarks):
    rows = [
        score(ScoreSpec("cornet_s", batchnorm=b, **TINY), benchmarks, home)[0]
        for b in ("default", "calibrated")
    ]
    assert [r["batchnorm"] for r in rows] == ["default", "calibrated"]
    assert rows[0]["raw"] != rows[1]["raw"]


def test_pixels_have_neither_birth_nor_seed(home, benchmarks):
    (row,) = score(ScoreSpec("pixels", size=32), benchmarks, home)
    assert (row["model"], row["birth"], row["seed"], row["layer"]) == ("pixels", None, None, "pixels")
    (direct,) = evaluate(PixelSubject(32), benchmarks)
    assert (row["raw"], row["score"], row["error"]) == (direct.raw, direct.score, direct.error)


def test_a_checkpoint_tells_its_own_width_and_classes(home, benchmarks, tmp_path):
    model = born(ModelSpec("cornet_s", 0.125, 3, 32), BirthSpec(), None, None)
    save_weights(model, tmp_path / "w.safetensors")
    request = ScoreSpec("cornet_s", weights=(tmp_path / "w.safetensors",), size=32)
    (row,) = score(request, benchmarks, home)
    assert (row["width"], row["birth"], row["seed"], row["batchnorm"]) == (0.125, None, None, "stored")
    with pytest.raises(
        InputError, match=r"--width is 0\.5, but .*w\.safetensors holds a network of width 0\.125"
    ):
        score(replace(request, width=0.5), benchmarks, home)
    with pytest.raises(InputError, match=r"is 20, but .*w\.safetensors has 3 outputs; leave it out"):
        score(replace(request, classes=20), benchmarks, home)
    with pytest.raises(InputError, match=r"--classes is 7, but foreign_networks:small has 5 outputs"):
        score(ScoreSpec("foreign_networks:small", classes=7, areas=("V4=middle",)), benchmarks, home)
    save_weights(model, tmp_path / "w.safetensors", ("cat", "dog", "cow"))
    with pytest.raises(InputError, match="in another order than it does itself"):
        score(replace(request, classes=3, class_names=("dog", "Cat", "cow")), benchmarks, home)
    for names in (("Cat", "dog", "cow"), ("tac", "god", "woc")):
        score(replace(request, classes=3, class_names=names), benchmarks, home)


def test_weights_are_scored_as_they_were_trained_unless_it_is_said_otherwise(home, benchmarks, tmp_path):
    how = Preprocessing((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    trained = ModelSpec("cornet_s", 0.125, 2, 32, ("V4=V4.conv2",), how)
    files = tuple(tmp_path / f"{name}.safetensors" for name in ("told", "untold", "small"))
    model = born(trained, BirthSpec(), None, None)
    save_weights(model, files[0], network=trained)
    save_weights(model, files[1])
    save_weights(model, files[2], network=replace(trained, size=40))
    given = {"size": 32, "mean": how.mean, "std": how.std, "areas": trained.areas}
    (told,), (said,) = (
        score(ScoreSpec("cornet_s", weights=(file,), **more), benchmarks, home)
        for file, more in ((files[0], {}), (files[1], given))
    )
    assert (told["size"], told["module"], told["weights_notes"]) == (32, "V4.conv2@0", [])
    assert told["raw"] == said["raw"] and told["identity"] == said["identity"]
    (other,) = score(ScoreSpec("cornet_s", weights=files[:1], size=48), benchmarks, home)
    assert other["size"] == 48 and other["preprocessing"] == told["preprocessing"]
    assert other["weights_notes"] == [f"{files[0]} was trained with size 32. HERE IT HAS size 48."]
    assert ScoreSpec("cornet_s", weights=files[1:2]).size == ScoreSpec("cornet_s").size == 224
    with pytest.raises(InputError, match=r"different size: 32 and 40\. Score them one by one, or say --size"):
        ScoreSpec("cornet_s", weights=files[::2])
    areas = ScoreSpec("cornet_s", weights=files[::2], size=32, areas=("IT=IT.conv2",)).areas
    assert areas == ("V4=V4.conv2", "IT=IT.conv2")


def test_names_of_classes_that_no_score_uses_are_said(home, benchmarks):
    request = ScoreSpec("cornet_s", birth="kn", layers=("V1",), class_names=("cat", "dog"), **TINY)
    (row,) = score(request, benchmarks, home)
    assert "the names of --classes were not used" in row["note"]
    (plain,) = score(ScoreSpec("cornet_s", birth="kn", layers=("V1",), **TINY), benchmarks, home)
    assert "--classes" not in plain["note"] and row["raw"] == plain["raw"]


def test_a_checkpoint_of_another_network_is_refused(home, benchmarks, tmp_path):
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "w.pth")
    request = ScoreSpec("cornet_s", weights=(tmp_path / "w.pth",), size=32)
    with pytest.raises(
        InputError, match=r"w.pth has no 'V1.conv1.weight', so it is no checkpoint of cornet_s"
    ):
        score(request, benchmarks, home)


def test_a_genome_file_is_a_birth(home, benchmarks, tmp_path):
    model = born(ModelSpec("cornet_s", 0.125, 2, 32), BirthSpec(), None, None)
    distill(model.state_dict()).save(tmp_path / "genome.json")
    request = ScoreSpec("cornet_s", birth=str(tmp_path / "genome.json"), **TINY)
    (row,) = score(request, benchmarks, home)
    assert row["birth"] == "weight_compression"
    assert row["genome"] == Genome.load(tmp_path / "genome.json").sha256


def test_weight_compression_without_its_figures_says_how_to_get_them(home, benchmarks):
    with pytest.raises(MissingDataError, match="wiringup fetch weight-compression"):
        score(ScoreSpec("cornet_s", birth="wc", **TINY), benchmarks, home)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": "cornets"}, "Unknown model 'cornets'. Did you mean 'cornet_s'"),
        ({"normalisation": "rc"}, "Unknown normalisation 'rc'"),
        ({"batchnorm": "calibrate"}, "Did you mean 'calibrated'"),
        ({"weights": ("w.pth",), "batchnorm": "teacher"}, "nothing is born here; leave out --batchnorm"),
        ({"model": "pixels", "batchnorm": "noise"}, "nothing is born here; leave out --batchnorm"),
        ({"model": "features.npy", "batchnorm": "noise"}, "nothing is born here; leave out --batchnorm"),
        (
            {"model": "pixels", "class_names": ("a", "b")},
            "pixels has no classes to be named; leave out --classes",
        ),
        ({"seeds": ()}, "number of seeds"),
        ({"seeds": (0, 1, 0)}, "Seeds 0 1 0: one that is named twice is no other network"),
        ({"model": "pixels", "seeds": (0, 1)}, "Nothing in pixels is drawn; leave out --seed"),
        ({"device": "cuda:99"}, "There is no device 'cuda:99' here"),
        ({"precision": "bf8"}, "Unknown precision 'bf8'"),
        ({"batch": 0}, "number of images in a forward pass is 0"),
        ({"model": "pixels", "mean": (0.5, 0.5, 0.5)}, "pixels is no network, so --mean would do nothing"),
        (
            {"model": "pixels", "areas": ("V4=x",), "width": 0.5, "classes": 7, "precision": "bf16"},
            "so --area, --width, --classes, --precision would do nothing",
        ),
        (
            {"model": "foreign_networks:small", "seeds": (1,)},
            "has its own weights; with --seed, name a birth",
        ),
        ({"model": "foreign_networks:small", "batchnorm": "noise"}, "nothing is born here"),
    ],
)
def test_bad_requests_are_refused(fields, message):
    with pytest.raises(InputError, match=message):
        ScoreSpec(**{"model": "cornet_s", **fields})


def test_a_network_of_another_package_is_scored_with_its_own_weights_or_born(home, benchmarks):
    form = {"model": "foreign_networks:small", "size": 32, "areas": ("V4=middle",)}
    (own,) = score(ScoreSpec(**form), benchmarks, home)
    assert (own["layer"], own["weights"], own["birth"], own["seed"], own["batchnorm"]) == (
        "V4", "own", None, None, "stored",
    )  # fmt: skip
    assert (own["areas"], own["library"], "preprocessing" in own) == ({"V4": "middle"}, None, False)
    newborn = score(ScoreSpec(**form, birth="kn", seeds=(0, 1)), benchmarks, home)
    assert [(r["birth"], r["seed"]) for r in newborn] == [("kaiming_normal", 0), ("kaiming_normal", 1)]
    assert len({own["raw"], *(r["raw"] for r in newborn)}) == 3
    (cropped,) = score(ScoreSpec(**form, crop=0.5, std=(0.2, 0.2, 0.2)), benchmarks, home)
    assert cropped["preprocessing"]["crop"] == 0.5 and cropped["identity"] != own["identity"]
    with pytest.raises(InputError, match=r"has no layer for V4\. Name one with --layer, or --area V4=LAYER"):
        score(ScoreSpec("foreign_networks:small", size=32), benchmarks, home)
    distill(born(ModelSpec(size=32, width=0.125), BirthSpec(), None, None).state_dict()).save(home / "g.json")
    with pytest.raises(InputError, match="there is no built-in map between them"):
        score(ScoreSpec(**form, birth=str(home / "g.json")), benchmarks, home)


def test_a_network_that_draws_noise_has_one_score_and_a_note(home, benchmarks):
    request = ScoreSpec("foreign_networks:noisy", size=32, areas=("V4=middle",))
    (one,), (two,) = (score(request, benchmarks, home) for _ in range(2))
    assert one == two and "asked twice, the network answers otherwise" in one["note"]
    (steady,) = score(replace(request, model="foreign_networks:small"), benchmarks, home)
    assert "answers" not in steady["note"]


def test_checkpoints_of_a_network_of_another_package(home, benchmarks, tmp_path):
    spec = ModelSpec("foreign_networks:small", classes=3, size=32)
    for seed in (0, 1):
        save_weights(born(spec, BirthSpec(seed=seed), None, None), tmp_path / f"{seed}.safetensors")
    files = tuple(tmp_path / f"{seed}.safetensors" for seed in (0, 1))
    rows = score(ScoreSpec(spec.architecture, size=32, layers=("late",), weights=files), benchmarks, home)
    assert [r["weights"] for r in rows] == list(map(str, files))
    assert rows[0]["raw"] != rows[1]["raw"]


def test_batches_and_precision(home, benchmarks):
    form = {"model": "cornet_s", "layers": ("V1",), **TINY}
    (plain,), (small,), (coarse,) = (
        score(ScoreSpec(**form, **more), benchmarks, home)
        for more in ({}, {"batch": 7, "device": "cpu"}, {"precision": "bf16"})
    )
    assert small["raw"] == pytest.approx(plain["raw"], rel=1e-5) and small["identity"] == plain["identity"]
    assert coarse["raw"] == pytest.approx(plain["raw"], abs=0.05) and coarse["raw"] != plain["raw"]
    assert coarse["precision"] == "bf16" and coarse["identity"] != plain["identity"]


@pytest.mark.parametrize("emulates", [True, False])
def test_bf16_that_is_emulated_is_told(home, benchmarks, monkeypatch, caplog, emulates):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: not emulates)
    score(ScoreSpec("cornet_s", layers=("V1",), precision="bf16", **TINY), benchmarks, home)
    assert ("not known to multiply in bf16" in caplog.text) is emulates


def test_kept_scores_are_addressed_by_what_was_asked_and_what_answered(benchmarks):
    request = ScoreSpec("pixels")
    rows = [{"identity": "a"}]
    assert address(request, benchmarks, rows) == address(request, benchmarks, rows)
    assert address(request, benchmarks, rows) != address(request, benchmarks, [{"identity": "c"}])
    assert address(request, benchmarks, rows) != address(request, [], rows)
    assert address(request, benchmarks, rows) != address(ScoreSpec("pixels", size=32), benchmarks, rows)
    assert address(request, benchmarks, rows) == address(ScoreSpec("pixels", memory=1), benchmarks, rows)


def test_a_seed_is_drawn_once_and_calibrated_on_the_images_of_each_benchmark(home, benchmarks, monkeypatch):
    whole = benchmarks[0]
    some = part(whole, np.arange(30), "some")
    spec = ScoreSpec("cornet_s", seeds=(0, 1), **TINY)
    alone = [row for one in (whole, some) for row in score(spec, [one], home)]
    drawn = []
    monkeypatch.setattr(candidates, "born", lambda *a: drawn.append(a[1].seed) or born(*a))
    together = score(spec, [whole, some], home)
    assert drawn == [0, 1] and together == alone
    assert [(r["benchmark"], r["seed"]) for r in together] == [
        ("toy", 0),
        ("toy", 1),
        ("some", 0),
        ("some", 1),
    ]
    assert len({r["identity"] for r in together}) == 4
