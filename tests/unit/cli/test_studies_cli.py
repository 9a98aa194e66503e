"""Studies on the command line: own recordings, suites of one's own, scores along a training."""

import json
from pathlib import Path

import pytest

from made_images import class_folders, noise, write_folder
from wiringup.cli.main import main

TINY = [
    "--size",
    "32",
    "--width",
    "0.125",
    "--batch",
    "8",
    "--n-images",
    "16",
    "--epochs",
    "2",
    "--seed",
    "0",
]


def sweep(capsys, images, *flags):
    main(["sweep", "--images", images, *TINY, "--json", *flags])
    return json.loads(capsys.readouterr().out)


def test_an_own_recording_is_scored_along_every_training_of_a_sweep(images, capsys):
    main(["suites", "make", "lab@1", "--benchmark", "toy"])
    capsys.readouterr()
    found = sweep(capsys, images, "--suite", "lab@1", "--moments", "0.5", "1", "--plasticity", "decoder",
                  "--keep-weights")  # fmt: skip
    rows = found["rows"]
    assert {row["benchmark"] for row in rows} == {"toy"} and not any(row["simulated"] for row in rows)
    labels = {row["label"] for row in rows}
    assert len(labels) == 2
    assert all([r["epoch"] for r in rows if r["label"] == label] == [0, 0.5, 1, 2] for label in labels)
    runs = {row["run"] for row in rows}
    kept = {p.name for run in runs for p in Path("runs", run, "moments").iterdir()}
    assert {"epoch-0.5.safetensors", "epoch-1.safetensors", "epoch-2.safetensors"} <= kept
    assert all(Path("runs", run, "spec.json").is_file() for run in runs)


def test_benchmarks_by_name_and_options_of_a_training(images, capsys):
    found = sweep(
        capsys, images, "--benchmark", "toy", "--lr", "0.01", "--schedule", "constant", "--optimiser", "adam"
    )
    spec = json.loads(Path("runs", found["rows"][0]["run"], "spec.json").read_text())
    assert spec["training"]["lr"] == 0.01 and spec["training"]["optimiser"] == "adam"
    assert list(spec["exam"]["benchmarks"]) == ["toy"] and spec["exam"]["suite"] == "chosen@1"


def test_a_validation_set_of_its_own_and_the_protocol_beside_the_number(images, tmp_path, capsys):
    val = str(write_folder(tmp_path / "val", class_folders(noise(12, seed=9), classes="ba")))
    flags = ["--benchmark", "toy", "--plasticity", "decoder", "--n-images", "30", "--epochs", "1"]
    protocol = "validation set of 12 images, kept as 32 px squares, squashed to 32 px"
    rows = sweep(capsys, images, "--val", val, *flags)["rows"]
    assert {(row["n_images"], row["top1_protocol"]) for row in rows} >= {(30, protocol)}
    assert {row["top1_protocol"] for row in rows} == {protocol}
    train = ["train", "cornet_s", "--images", images, *TINY[:6], "--epochs", "1", "--plasticity", "decoder"]
    main([*train, "--val", val])
    assert f"Top-1: {protocol}." in capsys.readouterr().err
    main([*train, "--crop", "0.8"])
    kept = "6 held-out training images, kept as 32 px squares"
    assert f"Top-1: {kept}, resize 40 + centre crop 32." in capsys.readouterr().err


def test_that_there_is_no_slurm_is_told_before_anything_is_read(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for command in (["run", "combination"], ["sweep", "--images", str(tmp_path / "not read")]):
        with pytest.raises(SystemExit):
            main([*command, "--launch", "slurm"])
        assert capsys.readouterr().err.startswith("Error: There is no SLURM here")


@pytest.mark.parametrize(
    "command", [["run", "--quick"], ["sweep"], ["train", "cornet_s", "--images", "images"]]
)
def test_a_validation_set_that_is_not_here_is_told_first(images, capsys, command):
    with pytest.raises(SystemExit):
        main([*command, "--val", "nowhere"])
    err = capsys.readouterr().err
    assert "nowhere" in err and "Rendering" not in err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--benchmark", "tyo"], "Did you mean 'toy'"),
        (["--suite", "lab@1"], "Unknown suite 'lab@1'"),
        (["--suite", "real@1", "--benchmark", "toy"], "leave out --benchmark"),
        (["--brain", "imagined"], "Unknown brain 'imagined'"),
        (["--benchmark", "toy", "--moments", "soon"], "soon"),
        (["--benchmark", "toy", "--lr", "-1"], "lr is -1"),
        (["--benchmark", "toy", "--n-images", "16", "16"], "one of them twice"),
        (["--benchmark", "toy", "--n-images", "500"], "500 were asked for"),
        (["--benchmark", "toy", "--val", "images"], "is what is learned from"),
        (["--benchmark", "toy", "--val", "data"], "data"),
    ],
)
def test_bad_input_is_answered_in_one_line(images, capsys, flags, message):
    with pytest.raises(SystemExit) as stopped:
        main(["sweep", "--images", images, *TINY, *flags])
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and message in err and "Traceback" not in err
