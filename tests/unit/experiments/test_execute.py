"""A run is a value: its file makes the same record in another process, and addresses are pinned."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from made_images import class_folders, noise, write_folder
from tests_world import write_toy_benchmark
from toy_inputs import BASE
from wiringup.birth.apply import BirthSpec
from wiringup.cli.main import main
from wiringup.core.errors import InputError
from wiringup.core.spec import from_dict, to_dict
from wiringup.experiments.inputs import StudyInputs
from wiringup.experiments.recipes.main_study import Scale, main_study
from wiringup.experiments.run import SPEC, execute, read_spec
from wiringup.experiments.spec import ExamSpec, GenomeSource, ImagesSpec, RunSpec, born_from, with_source
from wiringup.models.architecture import ModelSpec
from wiringup.results.record import to_dict as record_to_dict
from wiringup.results.store import Store
from wiringup.training.label_free import LabelFreeSpec
from wiringup.training.schedule import epochs, images
from wiringup.training.spec import TrainSpec

VERSION = "0.1.0"
PINNED = {
    "as it comes": RunSpec(version=VERSION),
    "images": RunSpec(ImagesSpec("elsewhere", 2000, 1000, 1, 64, 64, "a" * 64, "b" * 64), version=VERSION),
    "model": RunSpec(model=ModelSpec("resnet50", 0.5, 10, 64), version=VERSION),
    "genome": RunSpec(
        birth=BirthSpec("weight_compression", 3, "c" * 64), genome=GenomeSource("wc", True), version=VERSION
    ),
    "training": RunSpec(training=TrainSpec("critical", images(500), lr=0.02, norms="held"), version=VERSION),
    "before": RunSpec(before=LabelFreeSpec("pink"), version=VERSION),
    "exam": RunSpec(
        exam=ExamSpec("mine@1", {"mine": "d" * 64, "absent": None}, "e" * 64, "r/c"),
        moments=(epochs(0.5), images(7)),
        version=VERSION,
    ),
}


@pytest.fixture
def run(tmp_path, monkeypatch) -> RunSpec:
    """A run on files of a user, scored on a recording of their own."""
    monkeypatch.setenv("WIRINGUP_DATA", str(tmp_path / "data"))
    write_toy_benchmark(tmp_path / "data")
    folder = write_folder(tmp_path / "images", class_folders(noise(30)))
    exam = ExamSpec("chosen@1", {"toy": ""})
    return StudyInputs().pin(
        replace(
            BASE,
            images=ImagesSpec(str(folder), side=32, calibration=8),
            exam=exam,
            training=replace(BASE.training, plasticity="decoder", duration=epochs(2)),
            moments=(epochs(1),),
            label="mine",
        )
    )


def content(record):
    values = record_to_dict(record)
    del values["provenance"]
    return json.loads(json.dumps(values))


ADDRESSES = {
    "as it comes": "c4c79a198e35",
    "images": "65a999d90e66",
    "model": "8cb745943e1f",
    "genome": "ded09f0bba6d",
    "training": "5199b471e2c8",
    "before": "4c2f7bd03be0",
    "exam": "48bad12a955e",
}


@pytest.mark.parametrize("name", PINNED)
def test_addresses_are_pinned_so_that_runs_stay_found(name):
    assert PINNED[name].uid == ADDRESSES[name]


def test_where_things_lie_and_how_they_are_called_is_no_part_of_an_address():
    run = PINNED["images"]
    there = replace(run.images, source="there")
    training = replace(run.training, device="cuda", workers=3)
    moved = replace(run, images=there, training=training, label="x", keep_weights=True)
    assert moved.uid == run.uid
    assert replace(run, images=replace(run.images, sha256="f" * 64)).uid != run.uid


@pytest.mark.parametrize("name", PINNED)
def test_a_run_comes_back_from_its_json(name):
    images = replace(PINNED[name].images, sha256="0" * 64)
    run = born_from(RunSpec(), replace(PINNED[name], images=images))
    assert from_dict(RunSpec, json.loads(json.dumps(to_dict(run)))) == run


def test_a_records_own_spec_makes_the_same_record_in_another_process(run, tmp_path):
    here = execute(run, Store(tmp_path / "here"))
    assert [p.epoch for p in here.points] == [0, 1, 2]
    assert [s.benchmark for s in here.last.scores] == ["toy"]
    spec = tmp_path / "here" / run.uid / SPEC
    command = [sys.executable, "-m", "wiringup", "execute", str(spec), "--json", "--device", "cpu"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    there = json.loads(done.stdout)
    del there["provenance"]
    assert there == content(here)
    assert (tmp_path / "runs" / run.uid / SPEC).read_bytes() == spec.read_bytes()


def test_images_may_lie_elsewhere_and_have_to_be_the_same(run, tmp_path):
    Path(run.images.source).rename(tmp_path / "moved")
    moved = with_source(run, str(tmp_path / "moved"))
    assert moved.uid == run.uid
    assert execute(moved, Store(tmp_path)).label == "mine"
    other = write_folder(tmp_path / "other", class_folders(noise(30, seed=5)))
    with pytest.raises(InputError, match=r"The images at .*other: here is .*, but the run was made with"):
        StudyInputs().load(replace(run.images, source=str(other)))


def test_a_recording_that_changed_is_noticed(run, tmp_path):
    other = replace(run, exam=replace(run.exam, benchmarks={"toy": "0" * 64}))
    with pytest.raises(InputError, match="The data behind toy: here is"):
        execute(other, Store(tmp_path))


def test_a_spec_that_is_damaged_or_no_run_is_refused(run, tmp_path):
    execute(run, Store(tmp_path))
    path = tmp_path / run.uid / SPEC
    assert read_spec(path) == replace(run, training=replace(run.training, device="auto"))
    text = path.read_text()
    path.write_text(text.replace('"lr": 0.02', '"lr": 0.03'))
    with pytest.raises(InputError, match="does not match the hash that it carries"):
        read_spec(path)
    path.write_text('{"images": {"sid": 32}}')
    with pytest.raises(InputError, match=r"Unknown field of .*images 'sid'. Did you mean 'side'"):
        read_spec(path)


def test_a_spec_written_by_hand_is_pinned_before_it_is_made(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = {
        "images": {"source": run.images.source, "side": 32, "calibration": 8},
        "model": {"width": 0.125, "size": 32},
        "training": {"plasticity": "decoder", "duration": {"value": 2, "unit": "epochs"}, "batch": 8,
                     "lr": 0.02, "schedule": "cosine", "size": 32},
        "exam": {"suite": "chosen@1", "benchmarks": {"toy": ""}},
        "moments": [{"value": 1, "unit": "epochs"}],
    }  # fmt: skip
    Path("spec.json").write_text(json.dumps(asked))
    main(["execute", "spec.json", "--json"])
    assert json.loads(capsys.readouterr().out)["uid"] == run.uid


def test_a_genome_distilled_from_a_run_is_made_again_with_that_run(inputs, tmp_path):
    scale = Scale(pool=24, epochs=1, few_images=16, few_epochs=1, calibration=16, moments=())
    study = main_study(BASE, inputs, scale, (0,))
    wc = next(run for run in study.runs if run.label == "WC + critical")
    record = execute(wc, Store(tmp_path), inputs=inputs)
    parent = Store(tmp_path).record(wc.genome.distilled_from.uid)
    assert parent.genome and parent.label == study.reference and record.seed == 0


def test_kept_weights_are_those_of_their_moment(run, tmp_path):
    kept = replace(run, keep_weights=True)
    execute(kept, Store(tmp_path))
    folder = tmp_path / run.uid
    half, end = (load_file(folder / "moments" / f"epoch-{n}.safetensors") for n in (1, 2))
    last = load_file(folder / "weights.safetensors")
    assert all(torch.equal(end[name], last[name]) for name in last)
    assert any(not torch.equal(half[name], last[name]) for name in last)
    shorter = replace(run, training=replace(run.training, duration=epochs(1), schedule="constant"))
    assert shorter.uid != run.uid


def test_seeds_of_birth_and_training_are_set_apart(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    form = ["train", "cornet_s", "--images", run.images.source, "--size", "32", "--width", "0.125",
            "--batch", "8", "--plasticity", "decoder", "--epochs", "1", "--json"]  # fmt: skip
    found = {}
    for seeds in (("0", "0"), ("0", "1"), ("1", "0")):
        main([*form, "--birth-seed", seeds[0], "--seed", seeds[1]])
        found[seeds] = json.loads(capsys.readouterr().out)
    births = {seeds: record["points"][0]["top1"] for seeds, record in found.items()}
    losses = {seeds: record["losses"] for seeds, record in found.items()}
    assert births["0", "0"] == births["0", "1"]
    assert len({tuple(one) for one in losses.values()}) == 3
    assert found["1", "0"]["seed"] == 1
