"""A phase without labels: its objective, what it moves and what it never counts."""

import copy
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from watching import each_step
from wiringup.core.errors import InputError, PreemptedError
from wiringup.core.seeds import torch_stream
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, build
from wiringup.training.callbacks import Interval
from wiringup.training.checkpoint import FILE
from wiringup.training.flops import IMAGES
from wiringup.training.label_free import LabelFreeSpec, learn_label_free
from wiringup.training.ledger import Account
from wiringup.training.loop import train
from wiringup.training.objectives import NTXent
from wiringup.training.plasticity import resolve
from wiringup.training.schedule import epochs, steps
from wiringup.training.spec import TrainSpec

HOW = TrainSpec("all", steps(4), batch=8, lr=0.05, schedule="cosine", augmentation="none", size=32)
SPEC = LabelFreeSpec("waves", HOW)


def spec(stimuli="waves", **how):
    return LabelFreeSpec(stimuli, replace(HOW, **how))


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_objective_is_that_of_the_paper():
    """Equation 1 of Chen et al. 2020, term by term."""
    a, b = torch.randn(2, 5, 7, generator=torch_stream(0), dtype=torch.float64)
    z, tau = torch.cat([a, b]).numpy(), 0.3
    similarity = z @ z.T / np.outer(np.linalg.norm(z, axis=1), np.linalg.norm(z, axis=1))
    losses = []
    for i in range(10):
        j = (i + 5) % 10
        others = [np.exp(similarity[i, k] / tau) for k in range(10) if k != i]
        losses.append(-np.log(np.exp(similarity[i, j] / tau) / sum(others)))
    pairs = torch.arange(5).repeat(2)
    assert NTXent(tau)(torch.cat([a, b]), pairs).item() == pytest.approx(np.mean(losses), rel=1e-12)
    assert NTXent(tau)(torch.cat([a, b]), pairs, "sum").item() == pytest.approx(np.sum(losses), rel=1e-12)
    near, far = (NTXent(0.01)(torch.cat([a, other]), pairs).item() for other in (9 * a, b))
    assert near < 0.1 < far


@pytest.mark.parametrize("name", ["all", "critical", "downstream:IT", "batchnorm"])
def test_nothing_supervised_is_counted_and_the_account_agrees_with_brute_force(newborn, cornet, name):
    model = newborn()
    spent: dict[str, int] = {}

    def count(state):
        for parameter, value in model.named_parameters():
            if value.grad is not None:
                spent[parameter] = spent.get(parameter, 0) + 8 * value.numel()

    ledger = learn_label_free(model, cornet, spec(plasticity=name), callbacks=each_step(count)).ledger
    assert (ledger.updates, ledger.steps, ledger.synaptic, ledger.synaptic_updates) == (0, 0, {}, 0)
    assert set(ledger.by_area().values()) == {0}
    account = ledger.label_free["waves"]
    assert (account.updates, account.steps, account.images) == (32, 4, 32)
    assert account.backward > 0 and account.forward % 32 == 0 and ledger.flops == 0
    assert account.synaptic == spent
    plasticity = resolve(model, cornet, name)
    assert account.synaptic_updates == 32 * (plasticity.count() - plasticity.count(area="decoder"))
    norms = {n: m for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    learning = {n for n in norms if f"{n}.weight" in plasticity.trained}
    assert account.statistics == {n: 32 * 2 * norm.num_features for n, norm in norms.items()}
    still = learn_label_free(newborn(), cornet, spec(plasticity=name, norms="held")).ledger.label_free[
        "waves"
    ]
    behind = {n for n in norms if name == "critical" and ".norm3" in n}  # of convolutions that learn
    assert still.statistics == {n: 32 * 2 * norms[n].num_features for n in learning | behind}


@pytest.mark.parametrize("name", ["all", "critical", "downstream:IT"])
def test_frozen_stays_frozen_bit_for_bit_and_so_does_the_decoder(newborn, cornet, name):
    model = newborn()
    before = weights(model)
    learn_label_free(model, cornet, spec(plasticity=name, norms="running"))
    trained = resolve(model, cornet, name).trained
    moved = {n for n, value in model.state_dict().items() if not torch.equal(value, before[n])}
    learned = {n for n in trained if not n.startswith("decoder")}
    assert moved & set(trained) == learned
    for statistic in moved - learned:
        layer, _, what = statistic.rpartition(".")
        assert what in ("running_mean", "running_var", "num_batches_tracked") and f"{layer}.weight" in trained
    assert not any(module.training for module in model.modules())


def other(name, **how):
    """Another architecture, thin, with weights; and a phase for it."""
    size = max(32, ARCHITECTURES[name].smallest)
    model = build(ModelSpec(name, width=1 / 16, classes=3, size=size))
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.1, generator=torch_stream(0, "weights"))
    return model, ARCHITECTURES[name], spec(**{"size": size, "batch": 4, "duration": steps(1), **how})


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v1", "alexnet"])
def test_every_architecture_learns_what_its_decoder_reads(name):
    model, architecture, phase = other(name)
    account = learn_label_free(model, architecture, phase).ledger.label_free["waves"]
    everything = resolve(model, architecture, "all")
    assert account.synaptic_updates == 4 * (everything.count() - everything.count(area="decoder"))


@pytest.mark.parametrize(
    ("name", "passes"), [("all", [1, 2, 2, 2, 2, 2, 2, 0]), ("IT", [0, 0, 0, 0, 1, 2, 2, 0])]
)
def test_operations_are_those_of_the_passes_that_are_made(name, passes):
    """Counted by hand; no gradient comes through the decoder, which runs forward all the same."""
    model, architecture, phase = other("alexnet", plasticity=name)
    # 63 px become 15 by stride 4, then 7 and 3 by pooling; (kernel x inputs x outputs) at every place
    layers = [11**2 * 3 * 4 * 15**2, 5**2 * 4 * 12 * 7**2]
    layers += [9 * i * o * 3**2 for i, o in ((12, 24), (24, 16), (16, 16))]
    layers += [16 * 6**2 * 256, 256 * 256, 256 * 3]
    account = learn_label_free(model, architecture, phase).ledger.label_free["waves"]
    assert account.forward == 4 * 2 * sum(layers)
    assert account.backward == 4 * 2 * sum(n * layer for n, layer in zip(passes, layers, strict=True))


@pytest.mark.parametrize("name", ["all", "critical", "downstream:IT"])
def test_operations_are_those_of_pytorch(newborn, cornet, name):
    """PyTorch counts what is dispatched: the objective too, and the pass on no device that counts for us."""
    with FlopCounterMode(display=False) as counter:
        account = learn_label_free(newborn(), cornet, spec(plasticity=name)).ledger.label_free["waves"]
    similarities = 4 * 2 * 8 * 8 * newborn().decoder.linear.in_features
    there_and_back = 3 * similarities  # both factors have a gradient
    dry = IMAGES * account.forward // 32
    assert account.flops == counter.get_total_flops() - there_and_back - dry


@pytest.mark.parametrize(
    "name", ["lowrank:2:layer:IT.conv*", "mask:0.5:layer:IT.conv*", "all @..2steps + IT", "sign:critical"]
)
def test_every_way_to_learn_and_every_window_is_counted_as_with_labels(newborn, cornet, name):
    model = newborn()
    account = learn_label_free(model, cornet, spec(plasticity=name)).ledger.label_free["waves"]
    figures = resolve(model, cornet, f"({name}) - decoder").trained
    everything = resolve(model, cornet, "all").count() - resolve(model, cornet, "decoder").count()
    expected = 32 * sum(figures.values())
    if "@" in name:
        expected = 16 * everything + 16 * resolve(model, cornet, "IT").count()
    assert account.synaptic_updates == expected
    assert not any(parameter.startswith("decoder") for parameter in account.synaptic)


def test_every_step_sees_other_frames(newborn, cornet):
    losses = learn_label_free(newborn(), cornet, spec(lr=0.0)).losses  # nothing else tells steps apart
    assert len(set(losses)) == 4


def test_frames_that_are_drawn_ahead_are_the_same(newborn, cornet):
    one, other = (learn_label_free(newborn(), cornet, spec(workers=n)).losses for n in (0, 2))
    assert one == other


def test_a_phase_is_decided_by_its_spec(newborn, cornet):
    results = []
    for one in (SPEC, SPEC, spec(seed=1), spec("pink"), spec(lr=0.01)):
        model = newborn()
        losses = learn_label_free(model, cornet, one).losses
        results.append((losses, weights(model)))
    assert results[0][0] == results[1][0] and same(results[0][1], results[1][1])
    for losses, state in results[2:4]:
        assert losses[0] != results[0][0][0] and not same(state, results[0][1])
    assert results[4][0][0] == results[0][0][0] and not same(results[4][1], results[0][1])


def test_dropout_draws_from_a_stream_of_the_phase_and_leaves_global_randomness_alone():
    found = []
    for seed in (3, 4):
        torch.manual_seed(seed)
        expected = torch.rand(2)
        torch.manual_seed(seed)
        found.append(learn_label_free(*other("alexnet", duration=steps(2))).losses)
        assert torch.equal(torch.rand(2), expected)
    assert found[0] == found[1]


def test_neighbouring_frames_come_closer_than_others(newborn, cornet):
    losses = learn_label_free(newborn(), cornet, spec(duration=steps(30), batch=16, lr=0.1)).losses
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.1


@pytest.mark.parametrize("after", [1, 3])
def test_a_killed_phase_continues_to_the_same_end(newborn, cornet, tmp_path, after):
    whole = newborn()
    expected = learn_label_free(whole, cornet, SPEC)
    killed = newborn()

    def kill(state):
        if state.seen == 8 * (after + 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn_label_free(killed, cornet, SPEC, tmp_path, Interval(steps=1), callbacks=each_step(kill))
    again, seen = newborn(), []
    resumed = learn_label_free(
        again, cornet, SPEC, tmp_path, callbacks=each_step(lambda state: seen.append(state.seen))
    )
    assert seen[0] == 8 * (after + 1) and seen[-1] == 32
    assert resumed == expected and same(weights(again), weights(whole))
    finished = newborn()
    assert (
        learn_label_free(
            finished, cornet, SPEC, tmp_path, callbacks=each_step(lambda state: pytest.fail("a step"))
        )
        == expected
    )
    assert same(weights(finished), weights(whole))
    with pytest.raises(InputError, match="belongs to another training"):
        learn_label_free(newborn(), cornet, spec(seed=5), tmp_path)
    assert (tmp_path / FILE).is_file()


def test_what_was_spent_before_stays_in_the_ledger_of_the_training(newborn, cornet, patterns, tmp_path):
    model = newborn()
    accounts = {"first": Account(updates=10, statistics={"V1.norm1": 20})}
    accounts |= learn_label_free(model, cornet, SPEC).ledger.label_free
    how = TrainSpec("critical", epochs(1), batch=8, lr=0.01)
    plain = train(copy.deepcopy(model), cornet, patterns(16), how)
    twice = [
        train(copy.deepcopy(model), cornet, patterns(16), how, folder=tmp_path, before=accounts) for _ in "ab"
    ]
    for result in twice:
        assert result.ledger.label_free == accounts
        assert (result.ledger.updates, result.ledger.synaptic) == (
            plain.ledger.updates,
            plain.ledger.synaptic,
        )
        assert result.losses == plain.losses
    assert list(result.ledger.summary()["label-free"]) == ["first", "waves"]


def test_a_phase_is_read_from_text():
    assert LabelFreeSpec.parse("pink:5000", replace(HOW, batch=64)).frames == 78 * 64
    assert LabelFreeSpec.parse("waves:1", HOW).training.duration == steps(1)
    for text, message in (
        ("wave:5", "Did you mean 'waves'"),
        ("waves", "write waves:5000"),
        ("waves:x", "write"),
    ):
        with pytest.raises(InputError, match=message):
            LabelFreeSpec.parse(text, HOW)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 7}, "Frames come in pairs; 7"),
        ({"batch": 2}, "frames in a step is 2, but has to be at least 4"),
        ({"duration": epochs(1)}, "lasts a number of steps"),
        ({"augmentation": "crop+flip"}, "is not augmented"),
        ({"schedule": "plateau"}, "Unknown schedule without labels 'plateau'"),
    ],
)
def test_specs_that_say_nothing_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        spec(**change)
    with pytest.raises(InputError, match="temperature is 0"):
        LabelFreeSpec("waves", HOW, temperature=0)


def test_what_cannot_learn_is_refused(newborn, cornet):
    with pytest.raises(InputError, match="With 'decoder' nothing before the decoder learns"):
        learn_label_free(newborn(), cornet, spec(plasticity="decoder"))
    with pytest.raises(InputError, match="size of what is seen without labels"):
        learn_label_free(newborn(), cornet, spec(size=None))


def test_sigterm_ends_a_phase_after_its_step_and_it_continues(newborn, cornet, tmp_path):
    whole, stopped, again = newborn(), newborn(), newborn()
    expected = learn_label_free(whole, cornet, SPEC)

    def terminate(state):
        if state.seen == 16:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(PreemptedError, match="after step 2 of the phase without labels"):
        learn_label_free(stopped, cornet, SPEC, tmp_path, callbacks=each_step(terminate))
    seen = []
    assert (
        learn_label_free(
            again, cornet, SPEC, tmp_path, callbacks=each_step(lambda state: seen.append(state.seen))
        )
        == expected
    )
    assert seen == [24, 32] and same(weights(again), weights(whole))


@pytest.mark.parametrize("rank", [0, 1])
def test_of_several_processes_each_learns_alone_and_the_first_writes(
    newborn, cornet, tmp_path, monkeypatch, rank
):
    expected = learn_label_free(newborn(), cornet, SPEC)
    for name, value in {"WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "RANK": rank}.items():
        monkeypatch.setenv(name, str(value))
    assert learn_label_free(newborn(), cornet, SPEC, tmp_path) == expected
    assert (tmp_path / FILE).is_file() == (rank == 0)
