"""Recipes on the command line: listed, planned and run; options apply to them, and wrong ones are refused."""

import json
import shlex
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from made_images import class_folders, noise, write_folder
from made_records import make_record
from wiringup.cli import recipes as planned_by
from wiringup.cli.main import main
from wiringup.cli.options import NO_EXAM
from wiringup.cli.recipes import StudyOptions
from wiringup.cli.run import _print_differences
from wiringup.data.images.cache import default_cache
from wiringup.experiments.recipes import catalog
from wiringup.experiments.recipes.critical import AS_MANY
from wiringup.experiments.runs.inputs import StudyInputs
from wiringup.results.comparison import compare
from wiringup.results.table import rows

TOY = replace(NO_EXAM, benchmark=("toy",))
FLAGS = ["--scale", "tiny", "--benchmark", "toy", "--seed", "0"]


def said(capsys, *arguments):
    main([*arguments, "--json"])
    return json.loads(capsys.readouterr().out)


def test_recipes_and_scales_are_listed_by_either_command(capsys):
    found = said(capsys, "recipes")
    assert found == said(capsys, "plan")
    assert list(found["scales"]) == ["tiny", "small", "gpu", "paper"]
    assert found["recipes"]["at_birth"]["panels"] == ["2b", "s2"]
    main(["recipes"])
    assert "Weight compression is a better birth state" in capsys.readouterr().out


def test_a_recipe_is_planned_run_and_planned_again(images, capsys):
    recipe = ["fewer_updates", *FLAGS, "--images", images, "--lr", "0.05", "--moments", "1", "--batch", "8"]
    plan = said(capsys, "plan", *recipe)
    assert [run["state"] for run in plan["runs"]] == ["to do"] * 2 and plan["missing"] == ""
    assert [run["updates"] for run in plan["runs"]] == [48, 24] and plan["panels"][0] == "1a"
    found = said(capsys, "run", *recipe)
    assert {row["run"] for row in found["rows"]} == {run["uid"] for run in plan["runs"]}
    assert {row["epoch"] for row in found["rows"] if row["n_images"] == 24} == {0, 1, 2}
    assert {(row["lr"], row["batch"], row["benchmark"]) for row in found["rows"]} == {(0.05, 8, "toy")}
    assert [one["panel"] for one in found["panels"]] == ["1a", "1b", "1c", "s1"]
    assert all(Path(file).is_file() for one in found["panels"] for file in one["files"])
    page = Path(found["report"]).read_text()
    assert page.count('alt="Figure 1a. Brain match against supervised updates') == 1 and "percent" in page
    again = said(capsys, "plan", *recipe)
    assert {run["state"] for run in again["runs"]} == {"done"} and again["left"]["seconds"] == 0
    main(["plan", *recipe])
    read = capsys.readouterr()
    assert "2 are done" in read.err and "KN, all (reference)" in read.out
    kept = json.loads(Path("runs", found["study"], "study.json").read_text())["spec"]
    assert kept["recipe"] == "fewer_updates" and kept["panels"] == plan["panels"]


def test_many_images_are_counted_for_a_plan_and_not_packed(images, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("WIRINGUP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(planned_by, "PACKED_TO_PLAN", 29)
    packed = default_cache()
    recipe = ["fewer_updates", *FLAGS, "--images", images, "--lr", "0.05", "--moments", "1", "--batch", "8"]
    before = said(capsys, "plan", *recipe)
    assert before["missing"].startswith("What is done cannot be told before its images are packed")
    assert f"wiringup pack {shlex.quote(images)} --size 64 --keep squares" in before["missing"]
    assert not list(packed.folder.glob("*"))
    monkeypatch.setattr(planned_by, "PACKED_TO_PLAN", 30)
    after = said(capsys, "plan", *recipe)
    assert after["missing"] == "" and list(packed.folder.glob("*"))
    assert [run | {"uid": ""} for run in before["runs"]] == [run | {"uid": ""} for run in after["runs"]]
    assert before["left"] == after["left"] and before["pixels"] == after["pixels"]
    monkeypatch.setattr(planned_by, "PACKED_TO_PLAN", 29)
    assert said(capsys, "plan", *recipe) == after, "what is packed is known, however much it is"


def test_all_that_a_plan_lacks_is_told_at_once(images, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("WIRINGUP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(planned_by, "PACKED_TO_PLAN", 9)
    val = write_folder(tmp_path / "a val", class_folders(noise(12, seed=1)))
    flags = ["--seed", "0", "--images", images, "--val", str(val)]
    plan = said(capsys, "plan", "combination", "--scale", "small", *flags)
    for lacking in (
        f"The images of {images} are not packed",
        f"The images of {val} are not packed",
        f"wiringup pack '{val}' --size 64",
        "Weight compression draws from the published distributions",
        "None of the benchmarks henaff2021",
    ):
        assert plan["missing"].count(lacking) == 1, lacking
    assert plan["runs"][0]["updates"] == 30 * 50, "with a validation set, all others are learned from"
    rendered = said(capsys, "plan", "fewer_updates", *FLAGS, "--val", str(val))
    assert rendered["runs"][0]["updates"] == 200 * 2 and f"The images of {val}" in rendered["missing"]


def test_a_damaged_pack_is_not_packed_again_for_a_plan(images, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("WIRINGUP_CACHE", str(tmp_path / "cache"))
    recipe = ["fewer_updates", *FLAGS, "--images", images]
    assert said(capsys, "plan", *recipe)["missing"] == ""
    (packed,) = (default_cache().folder).glob("*.npy")
    packed.write_bytes(packed.read_bytes()[:-5])
    monkeypatch.setattr(planned_by, "PACKED_TO_PLAN", 29)
    assert "are not packed yet" in said(capsys, "plan", *recipe)["missing"]
    monkeypatch.setattr(planned_by, "PACKED_TO_PLAN", 30)
    assert said(capsys, "plan", *recipe)["missing"] == ""


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ({"scale": "paper"}, (256, "jpeg:90", "resize-crop")),
        ({"scale": "paper", "keep": "raw", "image_size": 300}, (300, "raw", "resize-crop")),
        ({"scale": "paper", "exam": replace(TOY, top1="own")}, (256, "jpeg:90", "own")),
        ({"scale": "tiny", "keep": "jpeg"}, (64, "jpeg:90", "own")),
    ],
)
def test_what_is_kept_of_images_is_the_scales_unless_it_is_asked_for(images, asked, seen, monkeypatch):
    recipe = SimpleNamespace(study=lambda name, base, inputs, scale: base)
    monkeypatch.setattr(catalog, "find_recipe", lambda name: recipe)
    base = StudyOptions("any", **{"images": Path(images), "exam": TOY} | asked).study(StudyInputs())
    assert (base.images.side, base.images.keep, base.exam.top1) == seen


def test_births_have_the_seeds_that_are_asked_for(capsys):
    plan = said(capsys, "plan", "at_birth", "--scale", "gpu", "--seed", "0", "5")
    assert {run["label"]: run["seed"] for run in plan["runs"]}["KN, birth"] == 5
    assert len(plan["runs"]) == 2 * len({run["label"] for run in plan["runs"]})


def test_without_its_images_a_plan_says_what_is_expected(images, capsys):
    plan = said(capsys, "plan", "fewer_updates", "--scale", "gpu")
    assert "expected" in plan["missing"] and "The images of this scale are not here" in plan["missing"]
    assert plan["runs"][0]["updates"] == 15_600 * 50 and len(plan["runs"]) == 36


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "fewer_update", "--scale", "tiny"], "Did you mean 'fewer_updates'"),
        (["plan", "critical", "--scale", "huge"], "Unknown scale 'huge'"),
        (["run", "critical", "--scale", "tiny", "--quick"], "a recipe has --scale tiny"),
        (["run", "--scale", "tiny"], "--scale and --wc are of a recipe"),
        (["plan", "--probe"], "name one"),
        (["run", "critical", "--wc", "kn"], "Unknown weight compression 'kn'"),
        (["run", "critical", "--scale", "gpu"], "wiringup fetch tinyimagenet40 --from DIR"),
        (["run", "critical", "--scale", "paper"], "name their folder (--images PATH)"),
        (["plan", "critical", "--scale", "gpu", "--probe"], "are not here"),
        (["plan", "critical", "--scale", "paper", "--images", "nope"], "nope"),
        (["plan", "critical", "--scale", "gpu", "--wc", "nope.json"], "nope.json"),
        (["run", "critical", *FLAGS, "--lr", "-1"], "lr is -1"),
        (["run", "critical", *FLAGS, "0"], "one of them twice"),
        (["run", "critical", *FLAGS, "--image-size", "0"], "The size of images in pixels is 0"),
        (["run", "--quick", "--image-size", "0"], "The size of images in pixels is 0"),
        (["sweep", "--image-size", "0"], "The size of images in pixels is 0"),
        (["train", "cornet_s", "--images", "x", "--image-size", "0"], "The size of images in pixels is 0"),
        (["run", "critical", "--suite", "real@1", *FLAGS], "leave out --benchmark"),
    ],
)
def test_bad_input_is_answered_in_one_line(images, capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--images", images] if "--seed" in arguments else arguments)
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and message in err and "Traceback" not in err


def test_sets_are_tested_against_as_many_synapses_of_the_same_birth(capsys):
    labels = (
        "KN + random:critical",
        "KN + critical",
        "KN + decoder",
        "WC + random:critical",
        "WC + critical",
    )
    records = [make_record(n, s, 0.1, 0.2 + i / 10 + s / 50) for i, n in enumerate(labels) for s in (0, 1)]
    found = compare(rows(records), "KN + decoder")
    _print_differences(found, AS_MANY)
    blocks = capsys.readouterr().out.split("Against ")[1:]
    told = [[n for n in labels if f" {n} " in block.split("\n", 1)[1]] for block in blocks]
    assert [block.partition(": seed by seed")[0] for block in blocks] == [labels[0], labels[3]]
    assert told == [["KN + critical"], ["WC + critical"]]
    _print_differences(found, labels[0])
    shown = capsys.readouterr().out
    assert all(f" {n} " in shown for n in labels[1:])
    _print_differences(found, {})
    assert capsys.readouterr().out == ""
