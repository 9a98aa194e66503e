"""The BatchNorm policy of a birth is set on the command line and kept in the record."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from wiringup.benchmarks.suites import chosen
from wiringup.cli.main import main
from wiringup.experiments.launching.launch import warn_if_idle
from wiringup.experiments.recipes.single import single
from wiringup.experiments.runs.inputs import StudyInputs
from wiringup.experiments.runs.spec import ExamSpec, ImagesSpec, RunSpec
from wiringup.models.architecture import ModelSpec
from wiringup.training.label_free import LabelFreeSpec
from wiringup.training.schedule import epochs
from wiringup.training.spec import TrainSpec

TINY = ["--size", "32", "--width", "0.125"]


@pytest.fixture
def images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for i in range(5):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / label / f"{i}.png")
    return str(tmp_path / "images")


def birth(capsys, *flags):
    main(["birth", "cornet_s", *TINY, "--classes", "2", "--out", "w.safetensors", "--json", *flags])
    return json.loads(capsys.readouterr().out)["batchnorm_statistics"]


def test_birth(images, capsys):
    assert birth(capsys) == "mean 0, variance 1"
    assert birth(capsys, "--batchnorm", "noise") == "calibrated on white noise"
    assert birth(capsys, "--calibrate", images) == "calibrated"
    for flags, message in (
        (["--calibrate", images, "--batchnorm", "noise"], "BatchNorm 'noise' uses no images"),
        (["--batchnorm", "calibrated"], "needs unlabelled images to calibrate on"),
        (["--batchnorm", "nois"], "Did you mean 'noise'"),
    ):
        with pytest.raises(SystemExit) as stopped:
            birth(capsys, *flags)
        assert stopped.value.code == 2
        assert message in capsys.readouterr().err


def test_train_keeps_the_policy_and_which_images_were_used(images, capsys):
    form = ["train", "cornet_s", "--images", images, *TINY, "--batch", "4", "--epochs", "1"]
    kept = {}
    for policy in ("calibrated", "noise"):
        main([*form, "--plasticity", "decoder", "--batchnorm", policy, "--json"])
        kept[policy] = json.loads(capsys.readouterr().out)
    assert [r["spec"]["birth"]["batchnorm"] for r in kept.values()] == ["calibrated", "noise"]
    assert len(kept["calibrated"]["spec"]["images"]["calibration_sha256"]) == 64
    assert kept["noise"]["spec"]["images"]["calibration_sha256"] == ""
    assert kept["noise"]["uid"] != kept["calibrated"]["uid"]


@pytest.mark.parametrize(
    ("plasticity", "before", "matters"),
    [("all", None, False), ("all", "all", False), ("all", "critical", True), ("decoder", "all", True)],
)
def test_norms_decide_an_address_where_something_hangs_on_them(
    images, tmp_path, plasticity, before, matters, caplog
):
    inputs, addresses = StudyInputs(tmp_path), []
    shown = ImagesSpec(images, side=32, calibration=4)
    for norms in ("batch", "running"):
        how = TrainSpec(plasticity, epochs(1), batch=4, size=32, norms=norms)
        phase = None
        if before:
            without = replace(how, plasticity=before, schedule="cosine", augmentation="none")
            phase = LabelFreeSpec.parse("waves:16", without)
        run = RunSpec(shown, ModelSpec(width=0.125, size=32), training=how, before=phase)
        run = replace(run, exam=ExamSpec(chosen(()).name))
        pinned = single(run, inputs, "kn")
        warn_if_idle(norms, [pinned])
        addresses.append(pinned.uid)
    assert len(set(addresses)) == 1 + matters
    assert caplog.messages == (
        [] if matters else ["Norms 'running' changes nothing here: no BatchNorm stands aside from learning."]
    )
