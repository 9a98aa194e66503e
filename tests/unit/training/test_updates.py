"""Frozen means frozen, bit for bit: parameters, running statistics and optimiser state, at every moment."""

import copy

import pytest
import torch

from watching import each_step
from wiringup.core.errors import InputError
from wiringup.training.callbacks import Interval
from wiringup.training.checkpoint import FILE
from wiringup.training.loop import train
from wiringup.training.plasticity import resolve
from wiringup.training.schedule import epochs, steps
from wiringup.training.spec import TrainSpec

RATES = {"sgd": 0.05, "adam": 0.01, "adamw": 0.01, "adagrad": 0.05}
OPTIMISERS = list(RATES)
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def spec_of(name, optimiser, duration, **more):
    # a strong decay would move any figure that reached the optimiser
    settings = {"optimiser": optimiser, "lr": RATES[optimiser], "weight_decay": 0.1, "augmentation": "none"}
    return TrainSpec(name, duration, batch=8, norms="running", **settings, **more)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize(
    "name", ["random:60", "decoder + random:(critical - decoder) from (all - decoder)", "sign:(random:60)"]
)
def test_outside_a_mask_nothing_moves_and_nothing_is_kept(
    tiny, tiny_areas, patterns, tmp_path, name, optimiser
):
    model = tiny()
    before = copy.deepcopy(model.state_dict())
    result = train(model, tiny_areas, patterns(20), spec_of(name, optimiser, epochs(2)), folder=tmp_path)
    after = model.state_dict()
    masks = {p.parameter: p.mask for p in result.plasticity.groups}
    for key, value in after.items():
        moved = value != before[key]
        chosen = masks.get(key, False)
        expected = (
            torch.full_like(moved, True) if chosen is None else torch.as_tensor(chosen).expand_as(moved)
        )
        assert torch.equal(moved, expected), key
    state = torch.load(tmp_path / FILE, weights_only=True)["state"]["optimiser"]["state"]
    moments = {"momentum_buffer", "exp_avg", "sum"}
    kept = sum(t.numel() for s in state.values() for k, t in s.items() if k in moments)
    assert kept == result.plasticity.count()


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_outside_its_window_nothing_moves(tiny, tiny_areas, patterns, tmp_path, optimiser):
    """V1 learns, then IT with half of V1, then V1 again; momentum and decay of each stand still between."""
    name = "V1@..2steps + (IT + random:50 from V1)@2..4steps + V1@4..6steps + decoder@3..steps"
    model, seen = tiny(), []

    def look(state):
        state = torch.load(tmp_path / FILE, weights_only=True)["state"]
        seen.append((state["weights"], state["optimiser"]["state"]))

    # the checkpoint that is read after a step is that of the step before
    spec = spec_of(name, optimiser, steps(7))
    result = train(
        model,
        tiny_areas,
        patterns(24),
        spec,
        folder=tmp_path,
        interval=Interval(steps=1),
        callbacks=each_step(look),
    )
    state = torch.load(tmp_path / FILE, weights_only=True)["state"]
    seen.append((state["weights"], state["optimiser"]["state"]))
    masks = {p.parameter: p.mask for p in result.plasticity.groups if str(p.windows[0]).startswith("@2..4")}
    later = [p for p in result.plasticity.groups if p.parameter == "conv1.weight"]
    assert sorted("".join(map(str, p.windows)) for p in later) == [
        "@0..2steps@2..4steps@4..6steps", "@0..2steps@4..6steps"
    ]  # fmt: skip
    both = next(p.mask for p in later if len(p.windows) == 3)
    for step in range(7):
        (old, old_state), (new, new_state) = seen[step], seen[step + 1]
        v1, it, decoder = step in (0, 1, 4, 5), step in (2, 3), step >= 3
        moved = {key: new[key] != old[key] for key in new}
        expected = torch.ones_like(both) if v1 else both if it else torch.zeros_like(both)
        assert torch.equal(moved["conv1.weight"], expected)
        assert bool(moved["conv2.weight"].all()) == bool(moved["conv2.weight"].any()) == it
        assert bool(moved["fc.weight"].all()) == bool(moved["fc.weight"].any()) == decoder
        for buffer in BUFFERS:
            # in the second window only some of V1's affine learns, so its statistics stand still
            assert bool(moved[f"norm1.{buffer}"].any()) == v1
            assert bool(moved[f"norm2.{buffer}"].any()) == it
        for number, group in enumerate(result.plasticity.groups):
            learns = any(
                w.start.value <= step and (w.stop is None or step < w.stop.value) for w in group.windows
            )
            one, other = old_state.get(number, {}), new_state.get(number, {})
            still = one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)
            assert still != learns, (step, group.parameter)
    assert masks


def test_only_a_norm_whose_whole_affine_learns_moves_its_statistics(tiny, tiny_areas, patterns):
    for name, moves in (
        ("kind:batchnorm", True),
        ("bias", False),
        ("all - (random:1 from layer:norm1)", False),
    ):
        model = tiny()
        train(model, tiny_areas, patterns(16), TrainSpec(name, batch=8, norms="running"))
        assert bool(model.norm1.num_batches_tracked) == moves
        assert bool(model.norm2.num_batches_tracked) == (name != "bias")


def test_a_time_at_which_nothing_learns_is_refused(tiny, tiny_areas, patterns):
    for name, image in (("V1@..1epochs + IT@2..3epochs", 20), ("all@1..epochs", 0), ("all@..2epochs", 40)):
        spec = TrainSpec(name, epochs(3), batch=8, augmentation="none")
        with pytest.raises(InputError, match=f"nothing would learn from image {image} of 60 on"):
            train(tiny(), tiny_areas, patterns(20), spec)
    train(
        tiny(), tiny_areas, patterns(20), TrainSpec("all@..2epochs", epochs(2), batch=8, augmentation="none")
    )


class Killed(Exception):
    """Stands for whatever ends a process."""


EVERY = [
    "decoder + random:(critical - decoder) from (all - decoder)",
    "lowrank:2:(kind:convolution + kind:linear)",
    "mask:0.4:(kind:convolution + kind:linear) + kind:bias",
    "sign:all",
    "sign:(random:100)",
    "V1@..2steps + (IT + random:50 from V1)@2..5steps + V1@5..steps + decoder",
    "lowrank:1:layer:conv1@1..4steps + sign:IT@3..steps + decoder",
]


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("name", EVERY)
def test_killed_and_resumed_equals_uninterrupted(tiny, tiny_areas, patterns, tmp_path, name, optimiser):
    data, spec = patterns(20), spec_of(name, optimiser, epochs(3), seed=2)
    whole = tiny()
    expected = train(whole, tiny_areas, data, spec)

    def run(stop):
        def tell(state):
            if stop and state.seen >= stop:
                raise Killed

        model = tiny()
        result = train(
            model,
            tiny_areas,
            data,
            spec,
            folder=tmp_path,
            callbacks=each_step(tell),
            interval=Interval(steps=2),
        )
        return model, result

    for images in (28, 48):
        with pytest.raises(Killed):
            run(images)
    model, result = run(None)
    assert result == expected
    for key, value in whole.state_dict().items():
        assert torch.equal(model.state_dict()[key], value), key


def test_figures_born_at_random_follow_the_seed(tiny, tiny_areas, patterns):
    def weights(seed):
        model = tiny()
        spec = TrainSpec("lowrank:1:layer:conv1", batch=16, seed=seed, augmentation="none", lr=0.1)
        train(model, tiny_areas, patterns(16), spec)
        return model.conv1.weight

    assert torch.equal(weights(0), weights(0)) and not torch.equal(weights(0), weights(1))


def test_the_order_of_figures_is_that_of_the_parameters(tiny, tiny_areas):
    names = [p.parameter for p in resolve(tiny(), tiny_areas, "decoder + V1").groups]
    assert names == ["conv1.weight", "norm1.weight", "norm1.bias", "fc.weight", "fc.bias"]
