"""BatchNorm while other synapses learn, against a plain loop in PyTorch's own training mode."""

import copy

import pytest
import torch
from torch import nn

from foreign_networks import NormAct
from watching import each_step
from wiringup.birth.apply import BirthSpec, give_birth
from wiringup.birth.distill import distill
from wiringup.core.errors import InputError
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, build
from wiringup.training.callbacks import Interval
from wiringup.training.loader import ImageLoader
from wiringup.training.loop import train
from wiringup.training.norms import BATCH, HELD, NORMS, RUNNING, effective
from wiringup.training.plasticity import resolve
from wiringup.training.schedule import epochs, steps
from wiringup.training.spec import TrainSpec

SIZE, STEPS = 32, 20


def born(architecture, birth):
    """A thin network in float64: from Kaiming normal, or from clusters and Gabors of another one."""
    spec = ModelSpec(architecture, 1 / 16, 4, SIZE)
    model = build(spec)
    give_birth(model, BirthSpec("kaiming_normal", 1))
    if birth == "wc":
        genome = distill(model.state_dict(), architecture=architecture)
        give_birth(model, BirthSpec("weight_compression", 2, genome.sha256), genome)
    return model.double()


def plain_loop(model, data, spec, trained, mode):
    """Momentum SGD as one writes it: ``model.train()``, and no gradients for what does not learn."""
    model.train()
    learning = []
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trained)
        learning += [parameter] * (name in trained)
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d) and f"{name}.weight" not in trained:
            module.train(mode != RUNNING)
            before = (
                name.partition("_")[0].replace("norm", "conv")
                if "norm" in name
                else name.replace("bn", "conv")
            )
            module.track_running_stats = mode != HELD or f"{before}.weight" in trained  # as published
    optimiser = torch.optim.SGD(learning, spec.lr, momentum=spec.momentum, weight_decay=spec.weight_decay)
    losses = []
    for batch in ImageLoader(data, spec).batches():
        loss = nn.functional.cross_entropy(model(batch.inputs[0].double()), batch.labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("mode", NORMS)
@pytest.mark.parametrize("birth", ["kn", "wc"])
@pytest.mark.parametrize("architecture", ["cornet_s", "resnet50"])
def test_twenty_steps_are_those_of_a_plain_loop(patterns, architecture, birth, mode):
    ours, data = born(architecture, birth), patterns(40)
    peer = copy.deepcopy(ours)
    # at a rate at which training from birth does not yet amplify the last bits
    spec = TrainSpec("critical", steps(STEPS), batch=8, lr=1e-4, schedule="constant", norms=mode, seed=4)
    result = train(ours, ARCHITECTURES[architecture], data, spec)
    expected = plain_loop(peer, data, spec, result.plasticity.trained, mode)
    assert len(expected) == STEPS
    assert result.losses == pytest.approx(expected, rel=1e-10)
    assert len({round(loss, 6) for loss in expected}) == STEPS
    for key, value in peer.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("mode", NORMS)
def test_what_moves_is_counted_apart_and_left_as_it_was_found(newborn, cornet, patterns, mode):
    model, data = newborn(), patterns(20)
    before = copy.deepcopy(model.state_dict())
    result = train(model, cornet, data, TrainSpec("critical", epochs(1), batch=8, norms=mode))
    moved = {k for k, v in model.state_dict().items() if "running" in k and not torch.equal(v, before[k])}
    norms = {name: module for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}
    follow = {name for name in norms if mode == BATCH or (mode == HELD and ".norm3" in name)}
    assert moved == {f"{name}.running_{of}" for name in follow for of in ("mean", "var")}
    assert len(follow) == {BATCH: len(norms), HELD: 2 + 4 + 2, RUNNING: 0}[mode]
    assert result.ledger.statistics == {name: 20 * 2 * norms[name].num_features for name in follow}
    assert result.ledger.synaptic_updates == 20 * result.plasticity.count()
    assert all(norm.track_running_stats and not norm.training for norm in norms.values())


def test_an_interrupted_training_leaves_the_modes_in_order(newborn, cornet, patterns):
    def stop(state):
        raise KeyboardInterrupt

    model = newborn()
    with pytest.raises(KeyboardInterrupt):
        train(
            model,
            cornet,
            patterns(20),
            TrainSpec("critical", batch=8, norms=HELD),
            callbacks=each_step(stop),
        )
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(norm.track_running_stats and not norm.training for norm in norms)


@pytest.mark.parametrize("mode", [BATCH, HELD])
def test_killed_and_resumed_equals_uninterrupted(newborn, cornet, patterns, tmp_path, mode):
    data, spec = patterns(22), TrainSpec("critical", epochs(2), batch=8, lr=0.01, norms=mode)
    whole, resumed = newborn(), newborn()
    expected = train(whole, cornet, data, spec)

    def kill(state):
        if state.seen == 30:
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
    assert train(resumed, cornet, data, spec, folder=tmp_path) == expected
    assert all(torch.equal(v, resumed.state_dict()[k]) for k, v in whole.state_dict().items())


def test_scores_between_are_made_with_the_running_averages(newborn, cornet, patterns):
    """Held statistics are those of birth: at a rate of 0 the network answers as it did then."""
    images = torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))

    def answer(moment):
        return {"logits": moment.model(images).tolist()}

    for mode, same in ((HELD, True), (RUNNING, True), (BATCH, False)):
        spec = TrainSpec("decoder", steps(3), batch=8, lr=0.0, norms=mode)
        result = train(newborn(), cornet, patterns(16), spec, [answer], moments=[steps(1)])
        first, middle, last = (o["logits"] for o in result.observations)
        assert (first == middle == last) is same


def test_held_needs_to_know_which_norms_stand_behind_what_learns(tiny, tiny_areas, patterns):
    class Chooses(type(tiny())):
        def forward(self, x):
            return super().forward(x if x.shape[0] > 0 else -x)

    for mode in NORMS:
        model = tiny()
        model.__class__ = Chooses
        spec = TrainSpec("decoder", steps(1), batch=8, norms=mode)
        if mode == HELD:
            with pytest.raises(InputError, match=r"torch\.fx cannot trace .* Use norms batch or running"):
                train(model, tiny_areas, patterns(16), spec)
        else:
            train(model, tiny_areas, patterns(16), spec)


@pytest.mark.parametrize(
    ("architecture", "plasticity", "matters"),
    [
        ("cornet_s", "all", False),
        ("cornet_s", "batchnorm", False),
        ("cornet_s", "critical", True),
        ("cornet_s", "bias", True),
        ("cornet_s", "all@..1epochs + decoder@1..epochs", True),
        ("cornet_s", "all - (random:1 from kind:batchnorm)", True),
        ("alexnet", "decoder", False),
    ],
)
def test_where_nothing_hangs_on_it_there_is_one_address(architecture, plasticity, matters):
    model = build(ModelSpec(architecture, 1 / 16, 4, 64))
    found = resolve(model, ARCHITECTURES[architecture], plasticity)
    assert effective(HELD, found, model) == (HELD if matters else BATCH)
    assert effective(BATCH, found, model) == BATCH


def test_norms_that_have_nothing_to_learn_stand_aside_from_all(tiny, tiny_areas):
    model = tiny()
    for keeps, expected in ((True, RUNNING), (False, BATCH)):
        model.norm1 = nn.BatchNorm2d(4, affine=False, track_running_stats=keeps)
        assert effective(RUNNING, resolve(model, tiny_areas, "all"), model) == expected


def test_norms_that_learn_as_a_whole_at_times_alone_stand_aside_at_others():
    model = build(ModelSpec("cornet_s", 1 / 16, 4, 64))
    cornet_s = ARCHITECTURES["cornet_s"]
    count = resolve(model, cornet_s, "kind:batchnorm").count()
    most = resolve(model, cornet_s, f"random:{count - 1} from kind:batchnorm + kind:batchnorm@..1epochs")
    assert most.count() == count
    assert effective(HELD, most, model) == HELD


@pytest.mark.parametrize("mode", NORMS)
def test_norms_without_running_averages_always_take_the_batch(patterns, mode):
    """What stands below them is not remembered either: it answers otherwise in every batch."""
    ours, data = born("cornet_s", "kn"), patterns(20)
    for norm in (m for m in ours.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.track_running_stats, norm.running_mean, norm.running_var = False, None, None
        norm.num_batches_tracked = None
    peer = copy.deepcopy(ours)
    how = {"augmentation": "none", "schedule": "constant", "norms": mode}
    spec = TrainSpec("decoder", epochs(2), batch=8, lr=1e-3, **how)
    result = train(ours, ARCHITECTURES["cornet_s"], data, spec)
    assert result.losses == pytest.approx(
        plain_loop(peer, data, spec, result.plasticity.trained, BATCH), rel=1e-10
    )
    assert result.ledger.statistics == {}
    norms = [m for m in ours.modules() if isinstance(m, nn.BatchNorm2d)]
    assert not any(norm.track_running_stats or norm.training for norm in norms)


class Written(nn.Module):
    """A norm that is no BatchNorm of PyTorch: it takes the batch, and its averages follow, in all modes."""

    def __init__(self, features):
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("var", torch.ones(features))

    def forward(self, x):
        return nn.functional.batch_norm(x, self.mean, self.var, training=self.training)


@pytest.mark.parametrize(("norm", "mode"), [*((NormAct, mode) for mode in NORMS), (Written, BATCH)])
def test_norms_of_other_classes_see_the_batch_as_it_is(tiny, tiny_areas, patterns, norm, mode):
    """Not padded, nor remembered: the losses are those of a plain loop, with a rest of four images."""
    ours, data = tiny().double(), patterns(20)
    ours.norm1, ours.norm2 = norm(4).double(), norm(6).double()
    peer = copy.deepcopy(ours)
    how = {"augmentation": "none", "schedule": "constant", "norms": mode}
    spec = TrainSpec("decoder", epochs(3), batch=8, lr=1e-2, **how)
    result = train(ours, tiny_areas, data, spec)
    expected = plain_loop(peer, data, spec, result.plasticity.trained, mode)
    assert result.losses == pytest.approx(expected, rel=1e-10)
    for key, value in peer.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value, rtol=1e-10, atol=1e-12)
