"""Class names travel with the weights: logits are matched with people's choices by name, not by position."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from wiringup.cli.main import main
from wiringup.models.architecture import ModelSpec
from wiringup.models.trained import read_trained

NAMES = [str(c + 1) for c in range(12)]  # 1 ... 12 in natural order, 1, 10, 11, 12, 2 ... as text


def draw(prototype, random):
    return np.clip(prototype + random.normal(0, 10, (32, 32, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A network that was trained on twelve class folders, and judgements of other images."""
    folder, random = tmp_path_factory.mktemp("lab"), np.random.default_rng(0)
    coarse = random.integers(0, 256, (12, 4, 4, 3)).astype(np.uint8)
    prototypes = [
        np.asarray(Image.fromarray(c).resize((32, 32), Image.BICUBIC)).astype(float) for c in coarse
    ]
    rows = [("image", "category", "response", "subject")]
    for name, prototype in zip(NAMES, prototypes, strict=True):
        for k in range(10):
            path = folder / "train" / name / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw(prototype, random)).save(path)
        for k in range(2):
            path = folder / "judged" / f"c{int(name):02d}_{k}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(draw(prototype, random)).save(path)
            choices = [name if random.random() < 0.7 else str(random.integers(1, 13)) for _ in "AB"]
            rows += [(path.name, name, choice, who) for who, choice in zip("AB", choices, strict=True)]
    with (folder / "trials.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    (folder / "names.txt").write_text("\n".join(NAMES))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WIRINGUP_DATA", str(folder / "home"))
        main(["train", "cornet_s", "--images", str(folder / "train"), "--width", "0.125", "--size", "32",
              "--batch", "24", "--epochs", "30", "--lr", "0.05", "--augmentation", "none",
              "--plasticity", "decoder", "--out", str(folder / "runs"), "--json"])  # fmt: skip
        for name, fit in (("people", ()), ("fitted", ("--fit", str(folder / "train")))):
            main(["import", "trials", "--name", name, "--trials", str(folder / "trials.csv"),
                  "--stimuli", str(folder / "judged"), *fit])  # fmt: skip
    return folder


@pytest.fixture
def scored(lab, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("WIRINGUP_DATA", str(lab / "home"))

    def run(weights, *more):
        form = ["score", "cornet_s", "--benchmark", "people", "--size", "32", "--layer", "decoder.linear"]
        main([*form, "--weights", str(weights), "--out", str(tmp_path / "runs"), "--json", *map(str, more)])
        (row,) = json.loads(capsys.readouterr().out)
        return float(row["note"].split("% correct")[0].rsplit(" ", 1)[1]), row["note"]

    return run


def weights_of(lab):
    (path,) = (lab / "runs").glob("*/weights.safetensors")
    return path


def nameless(lab, tmp_path):
    save_file(load_file(weights_of(lab)), tmp_path / "old.safetensors")
    return tmp_path / "old.safetensors"


def test_names_decide_which_output_is_which_class(lab, scored):
    assert read_trained(weights_of(lab), ModelSpec("cornet_s", size=32)).classes == tuple(NAMES)
    correct, note = scored(weights_of(lab))
    assert note.startswith("logits, classes matched by name; ") and correct > 85


def test_without_names_positions_are_assumed_aloud_and_can_be_named(lab, scored, tmp_path):
    old = nameless(lab, tmp_path)
    correct, note = scored(old)
    assert correct < 30  # '10' stands second among the benchmark's classes, tenth among the outputs
    assert note.startswith(
        "logits; THE ORDER OF CLASSES IS ASSUMED: the model does not say which class each of"
    )
    assert "output 0 for '1', output 1 for '10', output 2 for '11'" in note and "--classes FILE" in note
    assert scored(old, "--classes", lab / "names.txt") == scored(weights_of(lab))


def test_other_names_are_refused_with_both_lists(lab, scored, tmp_path, capsys):
    (tmp_path / "names.json").write_text(json.dumps([f"class {name}" for name in NAMES]))
    with pytest.raises(SystemExit):
        scored(weights_of(lab), "--classes", tmp_path / "names.json")
    told = capsys.readouterr().err
    assert "only in the model: class 1, class 2" in told and "only in the benchmark: 1, 10, 11" in told
    (tmp_path / "few.txt").write_text("cat\ndog\n")
    with pytest.raises(SystemExit):
        scored(weights_of(lab), "--classes", tmp_path / "few.txt")
    assert "--classes names 2 classes" in capsys.readouterr().err


def test_a_birth_keeps_the_names_that_it_is_given(lab, tmp_path, capsys):
    main(["birth", "cornet_s", "--width", "0.125", "--size", "32", "--classes", str(lab / "names.txt"),
          "--out", str(tmp_path / "b.safetensors")])  # fmt: skip
    assert read_trained(tmp_path / "b.safetensors", ModelSpec("cornet_s", size=32)).classes == tuple(NAMES)
