"""A compiled network is the network; where it cannot be compiled, it is run as it is."""

import logging
import os
import signal
import threading

import pytest
import torch
from torch import nn

from wiringup.core.errors import PreemptedError
from wiringup.core.seeds import torch_stream
from wiringup.models.preprocessing import STD, Preprocessing, preprocess, standardise
from wiringup.training import compiled
from wiringup.training.augment import crop_and_flip, draw_crops
from wiringup.training.compiled import Compiled, CompiledFunction, worth_compiling
from wiringup.training.distributed import ALONE, ProcessGroup
from wiringup.training.loop import train
from wiringup.training.schedule import epochs
from wiringup.training.spec import TrainSpec


@pytest.fixture
def eagerly(monkeypatch):
    """Trace networks as the compiler does, and run them without a compiler of C++, which takes minutes."""
    whole = torch.compile
    backends = []

    def compile_(network, *, dynamic, options):
        backends.append(options)
        return whole(network, dynamic=dynamic, backend="aot_eager")

    monkeypatch.setattr(torch, "compile", compile_)
    yield backends
    torch.compiler.reset()


def small():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5))
    return nn.Sequential(model, nn.Linear(144, 4))


def test_the_trial_leaves_no_trace_and_other_sizes_are_not_compiled(eagerly):
    torch.manual_seed(0)
    plain, model = small(), small()
    model.load_state_dict(plain.state_dict())
    images = torch.randn(9, 3, 8, 8, generator=torch_stream(0))
    network = Compiled(model, 8)
    for n in (5, 8, 8, 9):
        torch.manual_seed(n)
        expected = plain(images[:n])
        torch.manual_seed(n)
        torch.testing.assert_close(network(images[:n]), expected)
    assert len(eagerly) == 1
    for key, value in plain.state_dict().items():
        torch.testing.assert_close(model.state_dict()[key], value)


@pytest.mark.parametrize("plasticity", ["all", "critical"])
def test_trainings_are_the_same(newborn, cornet, patterns, plasticity, eagerly):
    def losses(**options):
        spec = TrainSpec(plasticity, epochs(4), batch=8, lr=0.01, norms="running", **options)
        found = train(newborn(), cornet, patterns(20), spec)
        return found.losses, found.ledger

    plain, fast = losses(compile="off"), losses(compile="on")
    assert fast[0] == pytest.approx(plain[0], rel=1e-4)
    assert fast[1] == plain[1]
    assert len(eagerly) == (1 if plasticity == "all" else 2)  # what stands still is a part of its own


def test_what_cannot_be_compiled_is_run_as_it_is(newborn, cornet, patterns, monkeypatch, caplog):
    def fail(*args, **options):
        raise RuntimeError("no compiler here\nand a long trace")

    monkeypatch.setattr(torch, "compile", fail)
    caplog.set_level(logging.WARNING, "wiringup")
    found = train(newborn(), cornet, patterns(16), TrainSpec(batch=8, compile="on"))
    assert found.losses == train(newborn(), cornet, patterns(16), TrainSpec(batch=8)).losses
    assert [record.getMessage() for record in caplog.records] == [
        "The network is run as it is; it could not be compiled (RuntimeError: no compiler here)."
    ]


def test_sigterm_ends_compiling(newborn, cornet, patterns, monkeypatch, tmp_path):
    def compile_(network, **options):
        os.kill(os.getpid(), signal.SIGTERM)  # as to a whole group: whoever compiles is gone
        threading.Event().wait(60)

    monkeypatch.setattr(torch, "compile", compile_)
    spec = TrainSpec(batch=8, compile="on")
    with pytest.raises(PreemptedError, match="Stopped by SIGTERM after step 1"):
        train(newborn(), cornet, patterns(16), spec, folder=tmp_path)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_crops_are_compiled_for_full_batches(monkeypatch):
    whole = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, dynamic: whole(f, dynamic=dynamic, backend="aot_eager"))
    plain = []

    def crops(pixels, *more):
        if not torch.compiler.is_compiling():
            plain.append(len(pixels))
        return crop_and_flip(pixels, *more)

    function = CompiledFunction(crops, 6)
    pixels = torch.randint(0, 256, (6, 16, 16, 3), generator=torch_stream(0), dtype=torch.uint8)
    for n in (3, 6, 6, 3):
        values = pixels[:n], *draw_crops(n, 16, 16, torch_stream(n)), 8, Preprocessing()
        torch.testing.assert_close(function(*values), crop_and_flip(*values))
    assert (plain, function.compiled) == ([3, 3], True)
    torch.compiler.reset()


def test_what_is_kept_of_colours_lets_gradients_through():
    with torch.inference_mode():
        preprocess(torch.zeros(1, 7, 7, 3, dtype=torch.uint8), 7)
    images = torch.rand(1, 3, 7, 7, requires_grad=True)
    standardise(images * 1).sum().backward()
    torch.testing.assert_close(images.grad[0, :, 0, 0], 1 / torch.tensor(STD))


def test_it_has_to_pay():
    there = TrainSpec(device="cuda")
    assert worth_compiling(there, compiled.PAYS_AFTER, ALONE)
    assert not worth_compiling(there, compiled.PAYS_AFTER - 1, ALONE)
    assert not worth_compiling(there, 10**6, ProcessGroup(0, 2))
    assert not worth_compiling(TrainSpec(device="cpu"), 10**6, ALONE)
    assert worth_compiling(TrainSpec(device="cpu", compile="on"), 1, ProcessGroup(0, 2))
    assert not worth_compiling(TrainSpec(device="cuda", compile="off"), 10**6, ALONE)
