"""The loop: what moves, what stands still, what is observed, and what stops it."""

import copy
import re

import numpy as np
import pytest
import torch
from torch import nn

from watching import accuracy, each_step
from wiringup.core.errors import InputError, WiringupError
from wiringup.core.seeds import torch_stream
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, build
from wiringup.models.preprocessing import Preprocessing
from wiringup.models.weights import read_weights
from wiringup.training.callbacks import Interval
from wiringup.training.loader import ImageLoader
from wiringup.training.loop import train
from wiringup.training.norms import NORMS
from wiringup.training.numerics import memory_format
from wiringup.training.observers import KeepWeights, top1
from wiringup.training.schedule import epochs, images, steps
from wiringup.training.spec import TrainSpec

PLASTICITIES = ["all", "critical", "downstream:V4", "batchnorm", "conv1", "decoder"]


@pytest.mark.parametrize("name", PLASTICITIES)
@pytest.mark.parametrize("mode", NORMS)
def test_frozen_means_frozen(newborn, cornet, patterns, name, mode):
    model = newborn()
    for key, value in model.state_dict().items():
        if key.endswith("running_mean"):
            value.fill_(0.1)
    before = copy.deepcopy(model.state_dict())
    # a strong decay would move any parameter that reached the optimiser
    spec = TrainSpec(plasticity=name, batch=8, duration=epochs(2), weight_decay=0.1, norms=mode)
    result = train(model, cornet, patterns(20), spec)
    moved = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    learned = set(result.plasticity.trained)
    every = {k.rpartition(".")[0] for k in before if k.endswith("running_mean")}
    norms = every if mode == "batch" else {k.rpartition(".")[0] for k in learned if ".norm" in k}
    norms |= {n for n in every if mode == "held" and re.sub(r"norm(\d).*", r"conv\1.weight", n) in learned}
    buffers = {f"{n}.{b}" for n in norms for b in ("running_mean", "running_var", "num_batches_tracked")}
    assert moved == learned | buffers


def test_frozen_parameters_have_no_optimiser_state(newborn, cornet, patterns, tmp_path):
    model = newborn()
    spec = TrainSpec(plasticity="critical", batch=8)
    result = train(model, cornet, patterns(16), spec, folder=tmp_path)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["state"]
    sizes = sum(s["momentum_buffer"].numel() for s in state["optimiser"]["state"].values())
    assert sizes == result.plasticity.count()


def plain_sgd(model, data, spec, names):
    """Momentum SGD with weight decay, written out (Sutskever form of PyTorch)."""
    parameters = {k: p for k, p in model.named_parameters() if k in names}
    velocity, losses = {}, []
    for batch in ImageLoader(data, spec).batches():
        loss = nn.functional.cross_entropy(model(batch.inputs[0].double()), batch.labels)
        gradients = torch.autograd.grad(loss, list(parameters.values()))
        with torch.no_grad():
            for (k, p), g in zip(parameters.items(), gradients, strict=True):
                g = g.add(p, alpha=spec.weight_decay)
                velocity[k] = velocity[k].mul(spec.momentum).add(g) if k in velocity else g
                p.sub_(velocity[k], alpha=spec.lr)
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", ["all", "decoder"])
def test_the_loop_is_momentum_sgd(newborn, cornet, patterns, name):
    data = patterns(24)
    spec = TrainSpec(plasticity=name, batch=8, duration=epochs(2), lr=0.005, norms="running")
    # in float64: training from birth is chaotic, and a float32 rounding grows to a percent in six steps
    ours, peer = newborn().double(), newborn().double()
    result = train(ours, cornet, data, spec)
    peer.train(name == "all")
    assert result.losses == pytest.approx(plain_sgd(peer, data, spec, result.plasticity.trained), rel=1e-9)
    for key, value in peer.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("optimiser", "rate"), [("sgd", 0.02), ("adam", 0.005), ("adamw", 0.005), ("adagrad", 0.02)]
)
def test_every_optimiser_learns_the_patterns(newborn, cornet, patterns, optimiser, rate):
    held_out = patterns(64, seed=9)
    spec = TrainSpec(
        "all", epochs(8), batch=16, optimiser=optimiser, lr=rate, schedule="one-cycle", augmentation="none"
    )
    result = train(newborn(), cornet, patterns(128), spec, [accuracy(held_out)])
    first, last = result.observations
    assert (first["images"], last["images"]) == (0, 1024)
    assert last["top1"] > 0.75 > 0.5 > first["top1"]
    assert result.epoch_losses[-1] < 0.1 * result.epoch_losses[0]


def test_observers_fire_at_birth_at_moments_and_at_the_end(newborn, cornet, patterns):
    model, seen = newborn(), []

    def watch(moment):
        assert not any(m.training for m in moment.model.modules())
        assert len(moment.losses) == moment.step == moment.ledger.steps
        seen.append((moment.epoch, moment.images, moment.step))

    moments = (epochs(0.1), epochs(0.5), images(17), steps(4), epochs(1))
    spec = TrainSpec(batch=8, duration=epochs(1.5))
    result = train(model, cornet, patterns(40), spec, [watch], moments=moments)
    # half an epoch is 20 images: reached, with 17 images, in the third step
    assert seen == [(0, 0, 0), (0.2, 8, 1), (0.6, 24, 3), (0.8, 32, 4), (1, 40, 5), (1.5, 60, 8)]
    assert [(o["epoch"], o["images"], o["step"]) for o in result.observations] == seen
    assert result.epochs == 1.5


def test_the_weights_of_every_moment_are_kept_and_a_resumed_training_keeps_the_same(
    newborn, cornet, patterns, tmp_path
):
    data, spec = patterns(22), TrainSpec(batch=8, duration=epochs(2))
    whole, killed = ((KeepWeights(tmp_path / name, data.classes),) for name in ("whole", "killed"))
    moments, snapshots = [epochs(0.5), epochs(1)], []
    watch = [*whole, lambda moment: snapshots.append(copy.deepcopy(moment.model.state_dict()))]
    result = train(newborn(), cornet, data, spec, watch, moments=moments)
    files = [tmp_path / "whole" / seen["weights"] for seen in result.observations]
    names = ["epoch-0", "epoch-0.72727273", "epoch-1", "epoch-2"]  # half an epoch is reached in a step of 8
    assert [file.name for file in files] == [f"{name}.safetensors" for name in names]
    for file, snapshot in zip(files, snapshots, strict=True):
        kept = read_weights(file, snapshot)
        assert kept.classes == data.classes
        assert all(torch.equal(kept.state[name], value) for name, value in snapshot.items())

    def kill(moment):
        if moment.images == 22:  # the weights are written, their checkpoint is not
            (tmp_path / "killed" / "moments" / ".epoch-2.safetensors.x.part").write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(newborn(), cornet, data, spec, [*killed, kill], tmp_path / "killed", moments)
    again = train(newborn(), cornet, data, spec, killed, tmp_path / "killed", moments)
    assert again.observations == result.observations
    left = sorted((tmp_path / "killed" / "moments").iterdir())
    assert [(path.name, path.read_bytes()) for path in left] == [
        (f.name, f.read_bytes()) for f in sorted(files)
    ]


def test_observing_does_not_change_the_training(newborn, cornet, patterns):
    data, spec = patterns(24), TrainSpec(batch=8)
    alone, watched = newborn(), newborn()
    bare = train(alone, cornet, data, spec)
    result = train(watched, cornet, data, spec, [accuracy(data)], moments=[steps(1), steps(2)])
    assert bare.losses == result.losses
    assert all(torch.equal(a, b) for a, b in zip(alone.parameters(), watched.parameters(), strict=True))


def test_no_training_at_all_observes_birth_once(newborn, cornet, patterns):
    model = newborn()
    result = train(model, cornet, patterns(8), TrainSpec(batch=8, duration=epochs(0)), [lambda m: {"a": 1}])
    assert result.observations == ({"epoch": 0.0, "images": 0, "step": 0, "a": 1},)
    assert result.ledger.synaptic_updates == result.epochs == 0


def test_observers_have_to_return_plain_values(newborn, cornet, patterns):
    with pytest.raises(InputError, match="plain JSON values"):
        train(newborn(), cornet, patterns(8), TrainSpec(batch=8), [lambda m: {"a": np.zeros(2)}])


def test_plateau_stops_when_nothing_falls_any_more(newborn, cornet, patterns):
    data = patterns(8)
    # without momentum or rate to speak of, the loss of unaugmented images stands still after the first epochs
    spec = TrainSpec(
        "decoder", epochs(90), batch=8, lr=1e-4, momentum=0, schedule="plateau", augmentation="none"
    )
    spec_frozen = TrainSpec(**{**vars(spec), "weight_decay": 0.0})
    model = newborn()
    with torch.no_grad():
        model.decoder.linear.bias.fill_(0)
        model.decoder.linear.weight.fill_(0)
        model.V1.conv1.weight.fill_(0)
    result = train(model, cornet, data, spec_frozen)
    assert result.converged
    # the first epoch is the best; four more without progress bring the rate to 1e-5
    assert result.epochs == 5 == len(result.epoch_losses)


def test_rate_reaches_the_optimiser(newborn, cornet, patterns, tmp_path):
    spec = TrainSpec(batch=8, lr=0.04, schedule="cosine", duration=steps(4))
    train(newborn(), cornet, patterns(16), spec, folder=tmp_path)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["state"]
    expected = 0.04 * (1 + np.cos(np.pi * 3 / 4)) / 2
    assert state["optimiser"]["param_groups"][0]["lr"] == pytest.approx(expected)


def test_divergence_names_the_step_and_the_way_back(newborn, cornet, patterns, tmp_path):
    spec = TrainSpec(batch=8, lr=1e30, duration=epochs(3))
    with pytest.raises(WiringupError, match=r"Training diverged: .*at step \d+ .* no checkpoint was written"):
        train(newborn(), cornet, patterns(32), spec)
    with pytest.raises(WiringupError, match=r"last good checkpoint is .*checkpoint.pt, of step 0. Lower"):
        train(newborn(), cornet, patterns(32), spec, folder=tmp_path)


@pytest.mark.parametrize("when", [{"moments": [steps(2)]}, {"interval": Interval(steps=2)}])
def test_a_weight_that_is_not_finite_is_never_written(newborn, cornet, patterns, tmp_path, when):
    model = newborn()

    def poison(state):
        if state.seen == 16:
            model.IT.conv3.weight.data[0, 0] = float("inf")

    with pytest.raises(WiringupError, match=r"IT.conv3.weight is not finite at step 2 .* of step 0"):
        train(
            model,
            cornet,
            patterns(32),
            TrainSpec(batch=8),
            folder=tmp_path,
            callbacks=each_step(poison),
            **when,
        )


def test_a_weight_that_is_not_finite_is_heard_without_a_folder(newborn, cornet, patterns):
    model = newborn()

    def poison(state):
        model.IT.conv3.weight.data[0, 0] = float("nan")

    with pytest.raises(WiringupError, match=r"IT.conv3.weight is not finite at step 1 .*no checkpoint was"):
        train(model, cornet, patterns(8), TrainSpec(batch=8), callbacks=each_step(poison))


def test_the_loss_of_an_epoch_is_the_mean_over_its_images(newborn, cornet, patterns):
    losses = train(newborn(), cornet, patterns(10), TrainSpec(batch=8, duration=epochs(2.5)))
    first, second = losses.losses[:2], losses.losses[2:4]
    expected = [0.8 * a + 0.2 * b for a, b in (first, second)]
    assert losses.epoch_losses == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["all", "critical"])
def test_bf16_is_near_float32_and_keeps_weights_whole(newborn, cornet, patterns, name):
    data, model = patterns(48), newborn(width=1 / 8)
    spec = TrainSpec(name, epochs(6), batch=48, lr=0.002, augmentation="none", precision="bf16")
    result = train(model, cornet, data, spec)
    plain = train(newborn(width=1 / 8), cornet, data, TrainSpec(**{**vars(spec), "precision": "float32"}))
    assert result.losses[0] != plain.losses[0]
    # later losses drift apart: training from birth is chaotic
    assert result.losses[0] == pytest.approx(plain.losses[0], rel=0.03)
    assert result.losses[-1] < 0.7 * result.losses[0]
    assert result.ledger == plain.ledger
    assert {p.dtype for p in model.parameters()} == {torch.float32}


class Dropping(nn.Module):
    """Dropout as a function."""

    def forward(self, x):
        return nn.functional.dropout(x, 0.5, self.training)


def thin_alexnet(dropout=nn.Dropout):
    model = build(ModelSpec("alexnet", 1 / 32, 4, 64))
    for i in (0, 3):
        model.classifier[i] = dropout()
    generator = torch_stream(0)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=(2 / parameter[0].numel()) ** 0.5, generator=generator)
    return model


@pytest.mark.parametrize("dropout", [nn.Dropout, Dropping])
def test_dropout_draws_from_the_seed_and_leaves_the_global_stream_alone(patterns, tmp_path, dropout):
    alexnet, data = ARCHITECTURES["alexnet"], patterns(16)

    def losses(seed, start, **options):
        torch.manual_seed(start)
        model = thin_alexnet(dropout)
        # full batches of images in their own form: the seed decides nothing but dropout
        spec = TrainSpec("all", epochs(3), batch=16, lr=0.01, seed=seed, augmentation="none", size=64)
        found = train(model, alexnet, data, spec, **options).losses
        assert torch.initial_seed() == start
        return found

    whole = losses(0, start=1)
    assert losses(0, start=2) == whole
    assert losses(7, start=1) != pytest.approx(whole, rel=1e-3)

    def kill(state):
        if state.seen == 32:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        losses(0, start=3, folder=tmp_path, callbacks=each_step(kill), interval=Interval(steps=1))
    assert losses(0, start=4, folder=tmp_path) == whole


def test_dropout_is_off_when_the_model_is_observed(patterns):
    model, data = thin_alexnet(), patterns(16)
    seen = []
    spec = TrainSpec("decoder", epochs(1), batch=16, lr=0, size=64)
    inputs = torch.randn(2, 3, 64, 64, generator=torch_stream(1))
    train(model, ARCHITECTURES["alexnet"], data, spec, [lambda m: seen.append(m.model(inputs)) or {}])
    assert torch.equal(seen[0], seen[1])


def test_classes_have_to_fit(newborn, cornet, patterns):
    data = patterns(8)
    other = type(data)(data.stimuli, data.labels, (*data.classes, "e"))
    with pytest.raises(InputError, match="network has 4 classes, but the images have 5"):
        train(newborn(), cornet, other, TrainSpec(batch=8))


@pytest.mark.parametrize(
    ("width", "expected"), [(1 / 16, torch.contiguous_format), (1 / 8, torch.channels_last)]
)
def test_memory_layout_avoids_the_faulty_gradient(newborn, width, expected):
    assert memory_format(newborn(width=width)) == expected


def test_top1_is_the_fraction_right_and_restores_the_mode(newborn, patterns):
    model, data = newborn(), patterns(50)
    with torch.no_grad():
        model.decoder.linear.weight.fill_(0)
        model.decoder.linear.bias.copy_(torch.tensor([0.0, 1.0, 0.0, 0.0]))
    model.train()
    model.V1.norm1.eval()
    assert top1(model, data, 32, batch=16) == 13 / 50  # 50 images of a, b, c, d in turn
    assert model.IT.training and not model.V1.norm1.training


def test_top1_shows_images_as_the_network_was_trained():
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    with torch.no_grad():  # the second class is what is brighter than the mean
        model[2].weight.copy_(torch.tensor([[0.0] * 3, [1.0] * 3]))
        model[2].bias.zero_()
    grey = from_pixels(np.full((4, 8, 8, 3), 140, np.uint8))
    data = LabelledImages(grey, np.ones(4, np.int64), ("dark", "bright"))
    assert top1(model, data, 8) == 1
    assert top1(model, data, 8, how=Preprocessing(mean=(0.6,) * 3)) == 0
