"""Steps that do not wait for each other, as on a card: here made on the CPU."""

import logging

import pytest
import torch

from watching import accuracy, each_step
from wiringup.core.errors import DivergedError
from wiringup.training import loop
from wiringup.training import state as state_module
from wiringup.training.callbacks import Interval
from wiringup.training.loop import train
from wiringup.training.schedule import epochs, steps
from wiringup.training.spec import TrainSpec


@pytest.fixture
def as_on_card(monkeypatch):
    """Make every loader say that it loads for a card."""

    class Loader(loop.ImageLoader):
        def __init__(self, *args):
            super().__init__(*args)
            self.on_card = True

    monkeypatch.setattr(loop, "ImageLoader", Loader)


@pytest.fixture
def look_back(monkeypatch):
    """Count the looks at losses."""
    looks = []
    fetch = loop.TrainState.fetch
    monkeypatch.setattr(loop.TrainState, "fetch", lambda state: looks.append(state.waiting) or fetch(state))
    return looks


SPECS = {
    "all": TrainSpec("all", epochs(2.5), batch=4, lr=0.01, workers=2),
    "plateau": TrainSpec("critical", epochs(4), batch=4, lr=2e-4, schedule="plateau"),
    "windows": TrainSpec(
        "conv1@0..1epochs + decoder@1..2epochs", epochs(2), batch=4, lr=0.01, augmentation="none"
    ),
    "low rank": TrainSpec("lowrank:2:(critical & kind:convolution) + decoder", epochs(1), batch=4, lr=0.01),
}


@pytest.mark.parametrize("name", SPECS)
def test_they_are_the_steps_that_wait(newborn, cornet, patterns, request, name):
    def trained():
        model = newborn()
        found = train(model, cornet, patterns(22), SPECS[name], [accuracy(patterns(8))], moments=[steps(3)])
        return found, model.state_dict()

    (waited, weights) = trained()
    request.getfixturevalue("as_on_card")
    looks = request.getfixturevalue("look_back")
    (found, state) = trained()
    assert found == waited
    assert all(torch.equal(state[key], value) for key, value in weights.items())
    assert max(looks) > 1


def test_losses_are_fetched_now_and_then(newborn, cornet, patterns, as_on_card, look_back, monkeypatch):
    monkeypatch.setattr(loop, "AT_ONCE", 3)
    train(newborn(), cornet, patterns(22), TrainSpec("decoder", epochs(2), batch=2))
    assert [n for n in look_back if n] == [3, 3, 3, 2, 3, 3, 3, 2]


@pytest.mark.parametrize("lr", [1e30, 1e5])
def test_divergence_is_told_as_where_every_step_is_looked_at(newborn, cornet, patterns, request, lr):
    spec = TrainSpec(batch=8, lr=lr, duration=epochs(30))

    def told():
        with pytest.raises(DivergedError) as caught:
            train(newborn(), cornet, patterns(32), spec)
        return str(caught.value)

    waited = told()
    request.getfixturevalue("as_on_card")
    assert told() == waited
    assert "at step" in waited


def test_scores_of_masks_are_looked_at_too(newborn, cornet, patterns, as_on_card):
    """Weights stay finite, as the largest scores act: those that are no numbers."""
    model, made = newborn(), []
    model.V4.conv3.weight.register_hook(lambda gradient: gradient * (float("nan") if made[-1] == 2 else 1))
    spec = TrainSpec("mask:0.5:kind:convolution + decoder", epochs(2), batch=8, lr=0.01)
    with pytest.raises(DivergedError, match=r"the gradient of V4.conv3.weight is not finite at step 2"):
        train(model, cornet, patterns(24), spec, callbacks=[lambda state: made.append(state.steps)])


def test_copies_are_made_now_and_then(newborn, cornet, patterns, as_on_card, monkeypatch):
    monkeypatch.setattr(state_module, "KEEP_STEPS", 8)
    kept, keep = [], loop.TrainState.keep

    def count(state):
        before = state._good
        keep(state)
        if state._good is not before:
            kept.append(state.steps)

    monkeypatch.setattr(loop.TrainState, "keep", count)
    train(newborn(), cornet, patterns(20), TrainSpec("decoder", epochs(4), batch=4))
    assert kept == [0, 10, 20]  # at the end of an epoch of five steps: losses that wait come first


def test_steps_are_made_one_by_one_only_where_something_was_not_finite(
    newborn, cornet, patterns, request, caplog
):
    spec = TrainSpec("decoder", epochs(30), batch=4, lr=0.01)
    whole = train(newborn(), cornet, patterns(20), spec)
    request.getfixturevalue("as_on_card")
    looks = request.getfixturevalue("look_back")
    hits = []

    def poison(state):
        if state.steps == 70 and not hits:
            hits.append(len(looks))
            next(state.model.parameters()).data.view(-1)[0] = float("nan")

    caplog.set_level(logging.INFO, "wiringup")
    found = train(newborn(), cornet, patterns(20), spec, callbacks=each_step(poison))
    assert found == whole
    assert "From step 0 on one by one" in caplog.text
    assert sum(looks) > 140  # losses that waited: those of steps 1 to 70, and those after the bad one again


def test_a_killed_training_goes_on(newborn, cornet, patterns, as_on_card, tmp_path):
    spec = TrainSpec("all", epochs(6), batch=4, lr=0.01)
    whole = train(newborn(), cornet, patterns(22), spec).losses
    seen = []

    def kill(state):
        seen.append(state.steps)
        if state.steps == 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(newborn(), cornet, patterns(22), spec, folder=tmp_path, callbacks=each_step(kill),
              interval=Interval(steps=1))  # fmt: skip
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["state"]
    assert len(state["losses"]) == 15
    assert train(newborn(), cornet, patterns(22), spec, folder=tmp_path).losses == whole
