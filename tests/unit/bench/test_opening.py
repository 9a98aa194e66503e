"""The made-up folder is what it says, and costs are what was measured, or lie on the line through it."""

import io
import json
from collections import Counter

import pytest
from PIL import Image

from wiringup.bench import opening
from wiringup.bench.opening import CLASSES, IMAGENET, PACK, SIDE, SIDES, Cost, imagenet_like
from wiringup.cli.main import main
from wiringup.data.images.cache import ImageCache
from wiringup.data.images.source import open_source


def contents(folder):
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*.JPEG")}


def test_a_made_up_folder_has_the_mix_and_as_many_different_files_as_asked(tmp_path):
    files = contents(imagenet_like(tmp_path / "one", 300))
    assert len(files) == len(set(files.values())) == 300
    sides = Counter(Image.open(io.BytesIO(content)).size for content in files.values())
    for side, share in SIDES:
        assert sides[side] / 300 == pytest.approx(share, abs=0.08)
    assert sum(map(len, files.values())) / 300 < 8_000
    with open_source(tmp_path / "one") as source:
        assert len(source.classes) == min(CLASSES, 300)


def test_a_folder_that_grew_is_the_folder_that_was_made_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "_CONTENTS", 20)
    grown = imagenet_like(imagenet_like(tmp_path / "one", 40), 60, start=40)
    assert contents(grown) == contents(imagenet_like(tmp_path / "two", 60))
    assert set(contents(grown).values()).isdisjoint(
        contents(imagenet_like(tmp_path / "x", 9, seed=1)).values()
    )


def test_work_is_measured_where_it_is_done(tmp_path, monkeypatch):
    folder, cache = imagenet_like(tmp_path / "images", 20), tmp_path / "cache"
    monkeypatch.setenv("WIRINGUP_CACHE", "elsewhere")
    cost = opening._measured(PACK, 20, folder, cache)
    assert (cost.work, cost.images, cost.extrapolated) == (PACK, 20, False) and cost.seconds > 0
    assert len(ImageCache(cache / "images").load(folder, SIDE)) == 20
    assert len(list((cache / "images").glob("*.npy"))) == 1


def test_what_is_extrapolated_lies_on_a_line(monkeypatch, capsys):
    found = [Cost("x", n, 1 + n / 1000, n / 500, None) for n in (10_000, 30_000, 100_000)]
    cost = opening._extrapolated(found, "x")
    assert cost.seconds == pytest.approx(1 + IMAGENET / 1000) and cost.cpu == pytest.approx(IMAGENET / 500)
    assert cost.extrapolated and cost.memory is None and cost.images == IMAGENET
    monkeypatch.setattr(opening, "measure", lambda sizes: [*found, cost])
    main(["bench", "images"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith(" x")]
    assert rows[0] == ["x", "10,000", "11.0", "20.0", "measured"] and rows[-1][-1] == "extrapolated"
    main(["bench", "images", "--json"])
    assert json.loads(capsys.readouterr().out)["costs"][-1]["extrapolated"] is True
