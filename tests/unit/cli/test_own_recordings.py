"""Own recordings from the command line: what was assumed is said at the import and beside every score."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from wiringup.cli.main import main

N = 40


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """40 images called 0.png ... 39.png; five units see one pixel each, and stand in plain string order."""
    monkeypatch.setenv("WIRINGUP_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (N, 8, 8, 3)).astype(np.uint8)
    (tmp_path / "images").mkdir()
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / "images" / f"{i}.png")
    plain = sorted(range(N), key=lambda i: f"{i}.png")
    seen = pixels[plain].reshape(N, -1)[:, :5].T.astype(np.float32)
    trials = seen[:, :, None] + random.normal(0, 8, (5, N, 4)).astype(np.float32)
    trials[1] = -99.9
    np.save(tmp_path / "r.npy", trials)
    return tmp_path


def bring(name, *more):
    files = ["--responses", "r.npy", "--stimuli", "images"]
    main(["import", "recordings", "--name", name, "--area", "V4", *files, "--missing", "-99.9", *more])


def score(capsys, name, *more):
    capsys.readouterr()
    main(["score", "pixels", "--benchmark", f"{name}.V4-ridge", "--size", "8", "--json", *more])
    (row,) = json.loads(capsys.readouterr().out)
    return row


def test_the_assumed_order_is_said_and_the_asked_one_scores(lab, capsys):
    bring("assumed", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["order"] == "natural order of the images' names (assumed)"
    assert told["assumed"] == ["the images stand in the natural order of their names"]
    assert "where the natural one has '2.png', it has '10.png'" in told["warnings"][0]
    bring("asked", "--order", "plain")
    shown = capsys.readouterr().err
    assert "Note: 1 units have no response at all and were left out (rows 1)." in shown
    assert "Order: plain order of the images' names (asked for)." in shown
    right, wrong = score(capsys, "asked"), score(capsys, "assumed")
    assert right["raw"] > 0.25 > abs(wrong["raw"])
    assert "assumed when it was imported: the images stand in the natural order" in wrong["note"]
    assert "assumed" not in right["note"]


def test_units_are_called_by_their_row_in_the_file(lab, capsys):
    bring("mine", "--order", "plain")
    row = score(capsys, "mine", "--units", "units.csv")
    with (lab / "units.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [line["unit"] for line in table] == row["unit_ids"] == ["0", "2", "3", "4"]
    assert [float(line["raw"]) for line in table] == row["units"]
    (kept,) = (lab / "runs").glob("*/scores.json")
    assert json.loads(kept.read_text())["rows"][0]["unit_ids"] == row["unit_ids"]


def test_sets_that_know_no_units_open_and_count_them(lab, capsys):
    """As an earlier version stored them."""
    bring("mine", "--order", "plain")
    folder = lab / "data" / "imported" / "mine"
    with np.load(folder / "arrays.npz") as stored:
        arrays = {name: stored[name] for name in stored.files if name != "unit_ids"}
    np.savez(folder / "arrays.npz", **arrays)
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(
        json.dumps({k: v for k, v in meta.items() if k not in ("assumed", "seal")})
    )
    row = score(capsys, "mine", "--units", "units.csv")
    assert row["unit_ids"] is None
    with (lab / "units.csv").open(newline="") as stream:
        assert [line["unit"] for line in csv.DictReader(stream)] == ["0", "1", "2", "3"]
