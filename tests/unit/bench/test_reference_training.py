"""The plain loop that the trainer is timed against makes the same training; the bench compares the two."""

import json
import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from wiringup.bench import images as stores
from wiringup.bench import reference_training as reference
from wiringup.bench import training
from wiringup.bench.images import draw
from wiringup.bench.training import Case, Contest
from wiringup.cli.main import main
from wiringup.models.architecture import ARCHITECTURES
from wiringup.models.preprocessing import preprocess
from wiringup.training.loader import ImageLoader
from wiringup.training.loop import train
from wiringup.training.norms import NORMS

TINY = Case(1 / 16, 32, 16, 8, 1)


@pytest.fixture
def alone(monkeypatch, one_thread):
    """No processes beside this one."""
    monkeypatch.setattr(reference, "loader", lambda files, batch: DataLoader(files, batch, shuffle=True))


@pytest.mark.parametrize(
    ("plasticity", "norms"),
    [("all", "batch"), *(("critical", norms) for norms in NORMS), ("decoder", "running")],
)
def test_the_plain_loop_learns_what_the_trainer_learns(tmp_path, alone, plasticity, norms, monkeypatch):
    contest = Contest(TINY, draw(tmp_path, TINY.images, TINY.size))
    spec, data = TINY.spec(plasticity, 1, norms=norms), contest.pictures.data
    shown = [(b.inputs[0], b.labels) for b in ImageLoader(data, spec).batches()]
    monkeypatch.setattr(Contest, "loader", lambda self, spec: shown)
    plain = next(contest.plain(spec))
    ours = train(contest.copy(), ARCHITECTURES["cornet_s"], data, spec).losses
    assert plain == pytest.approx(np.mean(ours), rel=1e-3)


def test_pictures_are_the_same_in_files_and_in_memory(tmp_path):
    pictures = draw(tmp_path, 5, 48)
    files = reference.Files(pictures.paths, pictures.data.labels.tolist(), 48, augment=False)
    images, labels = zip(*(files[i] for i in range(5)), strict=True)
    torch.testing.assert_close(torch.stack(images), preprocess(pictures.data.stimuli.pixels, 48))
    assert list(labels) == pictures.data.labels.tolist()
    assert pictures.paths[3].parent.name == pictures.data.classes[3]


def test_plain_crops_lie_within_the_image():
    random.seed(0)
    boxes = np.array([reference.random_box(64, 48) for _ in range(500)])
    left, top, right, bottom = boxes.T
    assert (left >= 0).all() and (top >= 0).all() and (right <= 64).all() and (bottom <= 48).all()
    shares = (right - left) * (bottom - top) / (64 * 48)
    assert shares.min() < 0.15 and shares.max() > 0.8
    assert len(np.unique(left)) > 20


def test_the_bench_compares_and_tells_where_the_time_goes(alone, monkeypatch, capsys):
    monkeypatch.setattr(training, "CASES", (TINY,))
    monkeypatch.setattr(training, "DECODER_EPOCHS", 3)
    monkeypatch.setattr(training, "PROFILED", ("downstream:IT",))
    monkeypatch.setattr(training, "product_rate", lambda **_: 1e9)
    monkeypatch.setattr(stores, "rows", lambda *_, **__: [])
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    main(["bench", "training", "--quick", "--json"])
    found = json.loads(capsys.readouterr().out)
    names = [row["name"].partition(", CORnet-S")[0] for row in found["rows"]]
    critical = [f"critical, norms {norms}" for norms in ("batch", "held", "running")]
    trained = [f"{kind}{how}" for kind in ("all", *critical) for how in ("", ", bf16")]
    trained += [f"{kind}, against all" for kind in critical]
    assert names == [
        *trained,
        "decoder, 3 epochs",
        "batches, augmentation none",
        "batches, augmentation crop+flip",
    ]
    assert all(row["ours"] > 0 and row["reference"] > 0 for row in found["rows"])
    every, *few = found["steps"]
    assert len(few) == 3 and len({step["operations"] for step in few}) == 1
    assert every["operations"] > few[0]["operations"] > 0
    assert sum(share["share"] for share in found["shares"]) == pytest.approx(1, abs=0.05)
    assert {s["name"] for s in found["shares"] if s["share"] > 0} >= {"convolution, forward", "BatchNorm"}
