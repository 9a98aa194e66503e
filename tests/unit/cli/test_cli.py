import csv
import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made_images import class_folders, noise, write_folder
from tests_world import toy_files, write_toy_benchmark
from wiringup.cli import main as cli
from wiringup.cli.main import COMMANDS, main
from wiringup.core.errors import PreemptedError
from wiringup.results.store import Store


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WIRINGUP_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("WIRINGUP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def fails(*arguments) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(a) for a in arguments])
    return stopped.value.code


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_help_with_an_example(command, capsys):
    assert fails(command, "--help") == 0
    shown = capsys.readouterr().out
    assert "For example:" in shown
    assert f"wiringup {command}" in shown.split("For example:")[1]
    assert "{None}|STR" not in shown, "a type, where what is to be typed belongs"
    options = re.findall(r"^│ (-.*?)(?=^│ -|^╰)", shown, re.DOTALL | re.MULTILINE)
    for option in options:
        told = re.sub(r"\(default.*?\)|[│\n]", " ", option.partition("  ")[2], flags=re.DOTALL)
        assert len(told.split()) > 1, f"nothing is said of {option}"


def test_all_commands_are_listed_with_a_line_each(capsys):
    assert fails("--help") == 0
    shown = capsys.readouterr().out.partition("Commands:")[2]
    assert [line.split()[0] for line in shown.split("\n") if line] == list(COMMANDS)
    assert all(cli.command(name).__doc__.startswith(cli.summary(name)) for name in COMMANDS)
    assert fails("scor") == 2
    assert "Unknown command 'scor'. Did you mean 'score'?" in capsys.readouterr().err


def test_import_then_score_then_results(home, tmp_path, capsys):
    responses, images = toy_files(tmp_path / "raw")
    main(["import", "recordings", "--name", "mine", "--area", "V4", "--responses", str(responses),
          "--stimuli", str(images)])  # fmt: skip
    assert "4 units x 40 images x 4 repeats" in capsys.readouterr().err
    main(["score", "pixels", "--benchmark", "mine", "--size", "32", "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert row["benchmark"] == "mine"
    assert row["ceiling"] > 0.5
    assert row["normalisation"] == "(r/c)^2"
    assert row["score"] == pytest.approx((row["raw"] / row["ceiling"]) ** 2)
    main(["results", "--json"])
    (kept,) = json.loads(capsys.readouterr().out)
    assert kept == {"kind": "score", **row}


def test_kept_responses_are_used_shown_and_cleared(home, tmp_path, monkeypatch, capsys):
    write_toy_benchmark(home)
    form = ["score", "cornet_s", "--benchmark", "toy", "--size", "32", "--width", "0.125", "--json",
            "--layer", "V1@all"]  # fmt: skip
    rows = []
    for cache in ([], ["--cache"], ["--cache"]):
        main([*form, *cache])
        rows.append(json.loads(capsys.readouterr().out))
    assert rows[0] == rows[1] == rows[2]
    main(["cache", "show", "--json"])
    shown = json.loads(capsys.readouterr().out)["responses"]
    assert len(shown["entries"]) == 1
    assert shown["bytes"] == 128 + 40 * 8 * 8 * 8 * 4
    main(["cache", "show"])
    assert "1 files of responses, 0.082 MB of at most 20 GB" in capsys.readouterr().err
    main(["cache", "clear"])
    assert "Removed 0.082 MB" in capsys.readouterr().err
    main(["cache", "show", "--json"])
    assert json.loads(capsys.readouterr().out)["responses"]["entries"] == []


def test_single_neurons_go_to_a_csv_and_are_kept(home, tmp_path, capsys):
    write_toy_benchmark(home)
    main(["score", "pixels", "--benchmark", "toy.V4-ridge", "toy.V4-rsa", "--size", "32", "--json",
          "--units", str(tmp_path / "out" / "neurons.csv")])  # fmt: skip
    ridge, rsa = json.loads(capsys.readouterr().out)
    assert (rsa["units"], rsa["n_units"], rsa["metric"]) == (None, 4, "rsa-spearman")
    with (tmp_path / "out" / "neurons.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [float(row["raw"]) for row in table] == ridge["units"]
    assert [(row["unit"], row["benchmark"], row["layer"]) for row in table] == [
        (str(i), "toy.V4-ridge", "pixels") for i in range(4)
    ]
    (kept,) = (tmp_path / "runs").glob("*/scores.json")
    assert json.loads(kept.read_text())["rows"][0]["units"] == ridge["units"]


def test_the_table_names_model_layer_and_normalisation(home, capsys):
    write_toy_benchmark(home)
    main(["score", "cornet_s", "--benchmark", "toy", "--size", "32", "--width", "0.125", "--seed", "0", "1",
          "--layer", "V1", "V2"])  # fmt: skip
    shown = capsys.readouterr().out
    assert shown.count("kaiming_normal") == 4
    assert "(r/c)^2" in shown


def test_a_set_without_repeats_has_no_ceiling(home, tmp_path, capsys):
    responses, images = toy_files(tmp_path / "raw")
    np.save(tmp_path / "avg.npy", np.load(responses).mean(2))
    main(["import", "recordings", "--name", "avg", "--area", "V4", "--responses", str(tmp_path / "avg.npy"),
          "--stimuli", str(images)])  # fmt: skip
    assert "no noise ceiling" in capsys.readouterr().err
    main(["score", "pixels", "--benchmark", "avg", "--size", "32", "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert row["ceiling"] is None
    assert row["normalisation"] == "none"
    assert row["score"] == row["raw"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["score", "pixels", "--benchmark", "cowley2023.210325.V4"],
            "Did you mean 'cowley2023.210325.V4-pls'",
        ),
        (["score", "pixels", "--benchmark", "henaff2021.V1-pls"], "wiringup fetch henaff2021"),
        (["fetch", "cowley"], "Did you mean 'cowley2023'"),
        (["report", "abc"], "There is no study 'abc'"),
        (["run", "--brain", "unreal"], "Did you mean 'real'"),
        (["run", "--brain", "real"], "None of the benchmarks henaff2021.V1-pls"),
        (["run", "--images", "nowhere"], "nowhere"),
        (["sweep", "--images", "nowhere", "--birth", "wc"], "Weight compression draws from the published"),
        (["distill", "none.pth"], "There is no checkpoint none.pth"),
        (["birth", "cornet_s", "--birth", "kaming", "--out", "x"], "Did you mean 'kaiming_normal'"),
        (["birth", "cornet_s", "--device", "cuda:99", "--out", "x"], "There is no device 'cuda:99' here"),
        (["birth", "cornet_s", "--width", "0.3", "--out", "x"], "the nearest that does is 0.296875"),
        (["distill", "junk.safetensors"], "is no whole safetensors file"),
        (["distill", "junk.pth"], "cannot be read as a checkpoint"),
        (
            ["score", "pixels", "--layer", "V1", "--benchmark", "toy"],
            "pixels have neither layers nor weights",
        ),
        (["score", "cornet_s", "--weights", "x", "--birth", "wc", "--benchmark", "toy"], "was born already"),
        (
            ["train", "cornet_s", "--images", "x", "--epochs", "2", "--duration", "9 images"],
            "--duration is given instead of --epochs",
        ),
        (["train", "cornet_s", "--images", "x", "--subset-seed", "4"], "give --limit too"),
        (
            ["train", "cornet_s", "--images", "x", "--brain", "real", "--suite", "simulated@1"],
            "--brain real is a suite; leave it out",
        ),
    ],
)
def test_bad_input_is_answered_in_one_line_without_a_traceback(home, tmp_path, capsys, arguments, message):
    for name in ("junk.safetensors", "junk.pth"):
        (tmp_path / name).write_bytes(b"no checkpoint at all")
    assert fails(*arguments) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told
    assert told.strip().splitlines()[-1].startswith("Error: ")


def test_wrong_numbers_of_images_and_unknown_areas_are_refused_on_import(home, tmp_path, capsys):
    responses, images = toy_files(tmp_path / "raw")
    np.save(tmp_path / "short.npy", np.load(responses)[:, :39])
    form = ["import", "recordings", "--name", "bad", "--stimuli", images]
    assert fails(*form, "--area", "V4", "--responses", tmp_path / "short.npy") == 2
    told = capsys.readouterr().err
    assert "39" in told
    assert "40" in told
    assert fails(*form, "--area", "V9", "--responses", responses) == 2
    assert "Unknown area 'V9'" in capsys.readouterr().err
    assert not (home / "imported" / "bad").exists()


def test_corrupt_images_are_named_together(home, tmp_path, capsys):
    folder = write_folder(tmp_path / "images", class_folders(noise(12, 40, 40)))
    for name in ("a/0004.png", "b/0007.png"):
        (folder / name).write_bytes(b"not an image")
    assert fails("train", "cornet_s", "--images", folder, "--size", "32") == 2
    told = capsys.readouterr().err
    assert "2 of 12 images cannot be used" in told
    assert "a/0004.png" in told and "b/0007.png" in told
    main(["cache", "show", "--json"])
    assert json.loads(capsys.readouterr().out)["images"]["entries"] == []


def test_images_are_packed_once_and_then_served_from_the_store(home, tmp_path, capsys):
    folder = write_folder(tmp_path / "images", class_folders(noise(40, 40, 52)))
    main(["pack", str(folder), "--size", "32", "--json"])
    packed = json.loads(capsys.readouterr().out)
    assert (packed["images"], packed["classes"], packed["bytes"]) == (40, 2, 40 * 32 * 32 * 3)
    main(["cache", "show", "--json"])
    (entry,) = json.loads(capsys.readouterr().out)["images"]["entries"]
    array = Path(entry["file"])
    about, content = array.stat(), array.read_bytes()
    array.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # damage that keeps size and time
    os.utime(array, ns=(about.st_atime_ns, about.st_mtime_ns))
    for more, noticed in (([], False), (["--verify"], True)):
        main(["pack", str(folder), "--size", "32", "--json", *more])
        again = capsys.readouterr()
        assert json.loads(again.out) == packed and ("damaged" in again.err) is noticed
    form = ["train", "cornet_s", "--images", str(folder), "--size", "32", "--width", "0.125", "--batch", "4",
            "--plasticity", "decoder", "--epochs", "1", "--json", "--limit", "8"]  # fmt: skip
    spent = []
    for more in ([], ["--subset-seed", "1"], ["--image-size", "36"]):
        main([*form, *more])
        record = json.loads(capsys.readouterr().out)
        spent.append((record["points"][-1]["updates"], record["spec"]["images"]))
    assert [updates for updates, _ in spent] == [8, 8, 8]
    assert len({images["sha256"] for _, images in spent}) == 3
    main(["cache", "show", "--json"])
    files = [e["file"] for e in json.loads(capsys.readouterr().out)["images"]["entries"]]
    assert len(files) == 2 and entry["file"] in files  # one for each size
    main(["cache", "clear", "--json"])
    assert json.loads(capsys.readouterr().out)["images"]["removed_bytes"] > packed["bytes"]


def test_trials_are_imported_and_scored(home, tmp_path, capsys):
    rng, classes = np.random.default_rng(0), ("cat", "dog")
    for folder in ("cat", "dog"):
        (tmp_path / "shown" / folder).mkdir(parents=True)
        for i in range(12):
            pixels = rng.integers(0, 200, (8, 8, 3)) + 55 * (folder == "dog")
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "shown" / folder / f"{folder}{i}.png")
    lines = ["image,sample_obj,dist_obj,choice"]
    for _ in range(3000):
        c, i = rng.integers(0, 2), rng.integers(0, 12)
        choice = classes[1 - c] if rng.random() < (i + 1) / 14 else classes[c]
        lines.append(f"{classes[c]}{i},{classes[c]},{classes[1 - c]},{choice}")
    (tmp_path / "trials.csv").write_text("\n".join(lines))
    shown = str(tmp_path / "shown")
    main(["import", "trials", "--name", "pets", "--trials", str(tmp_path / "trials.csv"), "--stimuli", shown,
          "--fit", shown])  # fmt: skip
    told = capsys.readouterr().err
    assert "Imported pets: 3,000 choices between two classes, 24 images, 2 classes." in told
    right = sum(line.split(",")[1] == line.split(",")[3] for line in lines[1:])
    assert f"Correct: {right / 3000:.1%} of the choices.\n" in told
    main(["score", "pixels", "--benchmark", "pets", "pets.i1", "--size", "8", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [(r["benchmark"], r["metric"]) for r in rows] == [("pets", "i2n"), ("pets.i1", "i1")]
    assert all("24 of the 24 test images among them" in r["note"] for r in rows)


def test_train_counts_and_continues(home, tmp_path, capsys):
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for i in range(10):
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(
                tmp_path / "images" / label / f"{i}.png"
            )
    form = ["train", "cornet_s", "--images", str(tmp_path / "images"), "--size", "32", "--width", "0.125",
            "--batch", "8", "--epochs", "2", "--plasticity", "decoder", "--json"]  # fmt: skip
    main(form)
    first = json.loads(capsys.readouterr().out)
    assert first["points"][-1]["updates"] == 2 * 16
    assert first["points"][-1]["synaptic_updates"] == 2 * 16 * (64 * 2 + 2)
    main(form)
    assert json.loads(capsys.readouterr().out) == first
    main(["results", "--json"])
    birth, end = json.loads(capsys.readouterr().out)
    assert (birth["updates"], end["updates"], end["brain_match"]) == (0, 32, None)
    weights = tmp_path / "runs" / first["uid"] / "weights.safetensors"
    write_toy_benchmark(home)
    main(["score", "cornet_s", "--weights", str(weights), "--benchmark", "toy", "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["width"], row["size"]) == (0.125, 32)
    main([*form[:-1], "--epochs", "0"])
    told = capsys.readouterr().err
    assert "no weights are kept" in told and "Weights:" not in told
    main(["distill", str(weights), "--json"])
    assert json.loads(capsys.readouterr().out)["layers"] > 20


def test_what_is_learned_before_the_first_label_is_counted_apart(home, tmp_path, capsys):
    folder = write_folder(tmp_path / "images", class_folders(noise(20, 32, 32)))
    form = ["train", "cornet_s", "--images", str(folder), "--size", "32", "--width", "0.125", "--batch", "8",
            "--epochs", "1", "--plasticity", "decoder", "--json"]  # fmt: skip
    main(form)
    plain = json.loads(capsys.readouterr().out)
    before = [*form, "--before", "waves:16", "--before-plasticity", "downstream:IT"]
    main(before)
    record = json.loads(capsys.readouterr().out)
    main(before)
    assert json.loads(capsys.readouterr().out) == record
    for name in ("updates", "synaptic_updates"):
        assert [p[name] for p in record["points"]] == [p[name] for p in plain["points"]]
    # the statistics of every BatchNorm were set on 16 images, and after the waves once more
    alone, both = (r["ledger"]["label-free"] for r in (plain, record))
    assert list(alone) == ["BatchNorm calibration"] and plain["spec"]["before"] is None
    assert list(both) == ["BatchNorm calibration", "waves"]
    assert (alone["BatchNorm calibration"]["updates"], both["BatchNorm calibration"]["updates"]) == (16, 32)
    waves = both["waves"]
    assert (waves["updates"], waves["steps"], waves["synaptic updates"] % 16) == (16, 2, 0)
    assert record["spec"]["before"]["stimuli"] == "waves"
    main(["birth", "cornet_s", "--before", "white:64", "--size", "32", "--width", "0.125", "--classes", "3",
          "--out", "grown.safetensors", "--json"])  # fmt: skip
    facts = json.loads(capsys.readouterr().out)
    assert (facts["white: updates"], facts["batchnorm_statistics"]) == (64, "as white left them")


def test_birth_and_distill_make_files_that_fit_together(home, tmp_path, capsys):
    main(
        ["birth", "cornet_s", "--width", "0.125", "--classes", "3", "--size", "32", "--out", "w.safetensors"]
    )
    assert "weight 1, bias 0" in capsys.readouterr().out
    main(["distill", "w.safetensors", "--out", "g.json", "--json"])
    assert json.loads(capsys.readouterr().out)["file"] == "g.json"
    main(
        [
            "birth",
            "cornet_s",
            "--birth",
            "g.json",
            "--width",
            "0.25",
            "--classes",
            "3",
            "--out",
            "x.safetensors",
        ]
    )
    assert (tmp_path / "x.safetensors").stat().st_size > 1_000_000


def test_a_genome_goes_to_another_architecture_and_its_weights_are_distilled(home, tmp_path, capsys):
    small = ["--width", "0.125", "--classes", "3", "--size", "64"]
    main(["birth", "cornet_s", *small, "--out", "w.safetensors"])
    main(["distill", "w.safetensors", "--out", "g.json"])
    main(["birth", "resnet50", "--birth", "g.json", *small, "--out", "r.safetensors"])
    rows = {"conv1": "V1.conv1", "layer?.*.conv[13]": "IT.conv1", "*.conv2": "V2.conv2", "*.0": "V2.skip"}
    (tmp_path / "map.json").write_text(json.dumps(rows))
    capsys.readouterr()
    form = ["birth", "resnet50", "--birth", "g.json", *small, "--out", "m.safetensors", "--json"]
    main([*form, "--map", "map.json"])
    mapped = json.loads(capsys.readouterr().out)
    genomes = {mapped["genome"]}
    for flags in ([], ["--keep-gain"]):
        main([*form, *flags])
        genomes.add(json.loads(capsys.readouterr().out)["genome"])
    assert len(genomes) == 3
    main(["distill", "r.safetensors", "--architecture", "resnet50", "--out", "h.json", "--json"])
    assert json.loads(capsys.readouterr().out)["layers"] == 53 + 53 + 1
    write_toy_benchmark(home)
    main(["score", "resnet50", "--birth", "g.json", "--benchmark", "toy", *small, "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["model"], row["layer"], row["birth"]) == ("resnet50", "V4", "weight_compression")
    assert fails("distill", "r.safetensors", "--architecture", "mobilenet_v1") == 2
    assert "so it is no checkpoint of mobilenet_v1" in capsys.readouterr().err


def test_doctor_finds_this_machine_in_order(home, capsys):
    main(["doctor", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [c["verdict"] for c in found["checks"]] == ["ok", "ok", "ok"]
    assert {"cowley2023.210325.V4-pls", "cifar10h.i2n"} <= {b["name"] for b in found["benchmarks"]}


def test_scores_are_shown_even_if_they_cannot_be_kept(home, tmp_path, capsys):
    write_toy_benchmark(home)
    (tmp_path / "file").write_text("in the way")
    out = str(tmp_path / "file" / "runs")
    assert fails("score", "pixels", "--benchmark", "toy", "--size", "32", "--out", out) == 2
    shown = capsys.readouterr()
    assert "pixels" in shown.out
    assert shown.err.strip().splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in shown.err


def test_an_interrupt_says_that_the_same_command_continues(monkeypatch, capsys):
    def interrupted() -> None:
        """Stop."""
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "command", lambda name: interrupted)
    assert fails("doctor") == 130
    assert "run the same command again" in capsys.readouterr().err


def test_a_preempted_command_has_an_exit_code_of_its_own(home, monkeypatch, capsys):
    def preempted():
        raise PreemptedError("Stopped by SIGTERM after step 7.")

    monkeypatch.setattr(cli, "command", lambda name: preempted)
    assert fails("doctor") == 75
    assert capsys.readouterr().err == "Stopped by SIGTERM after step 7.\n"


def test_the_version_is_told(capsys):
    main(["--version"])
    assert capsys.readouterr().out == f"wiringup {version('wiringup')}\n"


@pytest.mark.parametrize("device", ["cuda:99", "meta", "nonsense", ""])
@pytest.mark.parametrize("more", [[], ["--before", "white:4"]])
def test_a_device_that_is_not_here_is_refused_before_images_are_read(home, capsys, device, more):
    assert fails("train", "cornet_s", "--images", "nowhere", "--device", device, *more) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"Error: There is no device {device!r} here (PyTorch ")
    assert "There is: cpu" in told and told.count("\n") == 1


def test_a_study_is_listed_with_its_address(home, tmp_path, capsys):
    Store(tmp_path / "runs").save_study("0123456789ab", {"reference": "KN, all"}, ["a", "b"])
    main(["results"])
    shown = capsys.readouterr().out
    assert "For wiringup report" in shown
    assert any(line.split() == ["0123456789ab", "KN,", "all", "2"] for line in shown.splitlines())
    main(["results", "--json"])
    assert json.loads(capsys.readouterr().out)[0]["uid"] == "0123456789ab"


def test_the_light_core_needs_torch_numpy_and_scipy_alone():
    script = """
import importlib, pkgutil, sys
heavy = ("sklearn", "PIL", "matplotlib", "rich", "tyro", "xarray", "pandas", "h5py", "platformdirs",
         "safetensors", "filelock", "threadpoolctl")
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in heavy:
            raise ImportError(f"{name} is not part of the light core")
sys.meta_path.insert(0, Refuse())
import wiringup
for room in ("core", "models", "birth", "training", "benchmarks.metrics"):
    package = importlib.import_module(f"wiringup.{room}")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name != "home":
            importlib.import_module(f"wiringup.{room}.{module.name}")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_one_bad_folder_does_not_hide_the_others(tmp_path, capsys):
    from made_records import make_record
    from wiringup.results.store import Store

    store = Store(tmp_path)
    store.save(make_record("A", 0, 0.5))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/record.json").write_text('{"schema": 1, "uid": ')
    main(["results", "--out", str(tmp_path)])
    printed = capsys.readouterr()
    assert "A-0" in printed.out
    assert f"Not listed: bad/record.json. {tmp_path}/bad/record.json is not valid JSON" in printed.err
    main(["results", "--out", str(tmp_path), "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [r["kind"] for r in rows] == ["run", "unreadable"] and rows[1]["file"].endswith("bad/record.json")
