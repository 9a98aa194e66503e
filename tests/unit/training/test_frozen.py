"""The frozen part: one answer to an image in every batch, remembered where it cannot change."""

import logging
from dataclasses import replace

import pytest
import torch

from watching import each_step
from wiringup.birth.apply import BirthSpec, give_birth
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, build
from wiringup.models.storage import Storage
from wiringup.training import loader, loop
from wiringup.training.batches import Plan
from wiringup.training.callbacks import Interval
from wiringup.training.frozen import Frozen, remember
from wiringup.training.graph import Parts, split_frozen
from wiringup.training.loop import train
from wiringup.training.plasticity import resolve
from wiringup.training.schedule import epochs
from wiringup.training.spec import TrainSpec
from wiringup.training.updates import Updates


def frozen_part(model, architecture, plasticity, chunk, layout=torch.contiguous_format):
    found = resolve(model, architecture, plasticity)
    Updates(model, found, Plan(16, 8, 16, 0), 0, "running").begin(0)
    parts = split_frozen(model.to(memory_format=layout), (2, 3, 32, 32))
    return Frozen(parts.frozen, chunk, layout)


@pytest.fixture
def passes(monkeypatch):
    """Counts the passes through frozen parts."""
    count = []
    run = Frozen._run
    monkeypatch.setattr(Frozen, "_run", lambda self, images: count.append(len(images)) or run(self, images))
    return count


@pytest.mark.parametrize("width", [1 / 16, 1 / 4])
def test_an_answer_does_not_depend_on_the_batch(newborn, cornet, patterns, width):
    images = torch.from_numpy(patterns(24).stimuli.pixels).permute(0, 3, 1, 2).float().div(64)
    layout = torch.channels_last if width > 1 / 8 else torch.contiguous_format
    frozen = frozen_part(newborn(width=width), cornet, "critical", 8, layout)
    whole = frozen(images)
    for some in ([3], [5, 1], list(range(23, -1, -1)), list(range(9)), list(range(8, 19))):
        for answer, expected in zip(frozen(images[some]), whole, strict=True):
            assert torch.equal(answer, expected[some])


@pytest.mark.parametrize(
    ("plasticity", "width", "precision"),
    [
        ("decoder", 1 / 16, "float32"),
        ("critical", 1 / 16, "float32"),
        ("downstream:IT", 1 / 8, "bf16"),
        ("decoder", 1 / 4, "float32"),
    ],
)
def test_remembering_changes_no_bit(
    newborn, cornet, patterns, passes, monkeypatch, plasticity, width, precision
):
    data = patterns(22)
    spec = TrainSpec(
        plasticity,
        epochs(3.5),
        batch=8,
        lr=0.02,
        augmentation="none",
        seed=2,
        precision=precision,
        norms="running",
    )
    ours, peer = newborn(width=width), newborn(width=width)
    result = train(ours, cornet, data, spec)
    assert passes == [8, 8, 6]  # every image once
    monkeypatch.setattr(loader, "remember", lambda *_: None)
    assert train(peer, cornet, data, spec) == result
    assert passes[3:] == [8, 8, 6] * 3 + [8, 3]
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), peer.parameters(), strict=True))


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_depthwise_convolutions_are_remembered_and_change_no_bit(patterns, passes, monkeypatch, precision):
    architecture, data = ARCHITECTURES["mobilenet_v1"], patterns(22)
    how = {"augmentation": "none", "norms": "running", "precision": precision}
    spec = TrainSpec("downstream:IT", epochs(2), batch=8, lr=0.02, **how)

    def learned():
        model = build(ModelSpec("mobilenet_v1", 1 / 4, 4, 32))
        give_birth(model, BirthSpec("kaiming_normal", 1))
        return train(model, architecture, data, spec).losses, model.state_dict()

    losses, weights = learned()
    assert passes == [8, 8, 6]
    monkeypatch.setattr(loader, "remember", lambda *_: None)
    again, others = learned()
    assert len(passes) == 9 and again == losses
    assert all(torch.equal(value, others[key]) for key, value in weights.items())
    monkeypatch.setattr(loop, "split_frozen", lambda model, *_: Parts(None, model))
    whole, _ = learned()
    assert len(passes) == 9 and whole == pytest.approx(losses, rel=1e-5)


def test_a_resumed_training_remembers_the_same(newborn, cornet, patterns, passes, tmp_path):
    data = patterns(22)
    spec = TrainSpec("critical", epochs(4), batch=8, lr=0.01, augmentation="none", norms="running")
    whole, resumed = newborn(), newborn()
    expected = train(whole, cornet, data, spec)

    def kill(state):
        if state.seen == 38:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(
            newborn(),
            cornet,
            data,
            spec,
            folder=tmp_path,
            interval=Interval(steps=1),
            callbacks=each_step(kill),
        )
    del passes[:]
    assert train(resumed, cornet, data, spec, folder=tmp_path) == expected
    assert passes == [8, 8, 6]
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
    del passes[:]
    train(newborn(), cornet, data, spec, folder=tmp_path)
    assert passes == []  # a finished training has nothing to remember


@pytest.mark.parametrize(
    "settings",
    [
        {"augmentation": "crop+flip"},
        {"duration": epochs(1)},
        {"plasticity": "all"},
        {"norms": "batch"},
        {"norms": "held"},
    ],
)
def test_nothing_is_remembered_where_it_would_not_be_used_again(
    newborn, cornet, patterns, monkeypatch, settings
):
    def never(*_):
        raise AssertionError("remembered")

    monkeypatch.setattr(loader, "remember", never)
    spec = {
        "plasticity": "decoder",
        "duration": epochs(2),
        "batch": 8,
        "augmentation": "none",
        "norms": "running",
        **settings,
    }
    assert train(newborn(), cornet, patterns(16), TrainSpec(**spec)).ledger.steps > 0


def test_without_room_nothing_is_remembered(newborn, cornet, patterns, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "wiringup")
    paused = []
    frozen = replace(frozen_part(newborn(), cornet, "critical", 4), pause=lambda: paused.append(1))
    images = torch.randn(10, 3, 32, 32)

    def kept(storage):
        return remember(frozen, lambda rows: images[rows], 10, storage)

    assert kept(Storage(memory=1)) is not None
    assert len(paused) == 3
    # more than the memory that may be used: to a file
    on_disk = kept(Storage(memory=5e-5, folder=tmp_path))
    assert "go to files" in caplog.text
    for a, b in zip(on_disk(torch.arange(10).numpy()), frozen(images), strict=True):
        assert torch.equal(a, b)
    monkeypatch.setattr("wiringup.models.storage.free_disk", lambda folder: 0)
    assert kept(Storage(memory=5e-5, folder=tmp_path)) is None
    assert (
        remember(
            frozen_part(newborn().double(), cornet, "critical", 4),
            lambda rows: images[rows].double(),
            10,
            Storage(memory=1),
        )
        is None
    )
