"""The ledger against brute-force counts: of what had a gradient, and of what moved, in every step."""

import json

import pytest
import torch

from watching import each_step
from wiringup.training.callbacks import Interval
from wiringup.training.checkpoint import FILE
from wiringup.training.flops import Flops
from wiringup.training.ledger import Ledger
from wiringup.training.loop import train
from wiringup.training.norms import NORMS
from wiringup.training.plasticity import resolve
from wiringup.training.schedule import epochs
from wiringup.training.spec import TrainSpec


class BruteForce:
    """Counts, after every step, the elements of all gradients times the images of the batch."""

    def __init__(self, model):
        self.model, self.seen, self.steps, self.per_parameter = model, 0, 0, {}

    def __call__(self, state):
        for name, parameter in self.model.named_parameters():
            if parameter.grad is not None:
                spent = (state.seen - self.seen) * parameter.grad.numel()
                self.per_parameter[name] = self.per_parameter.get(name, 0) + spent
        self.seen, self.steps = state.seen, self.steps + 1


@pytest.mark.parametrize("name", ["all", "critical", "downstream:IT", "batchnorm", "conv1", "decoder"])
def test_ledger_agrees_with_brute_force(newborn, cornet, patterns, name):
    model = newborn()
    count = BruteForce(model)
    spec = TrainSpec(plasticity=name, batch=8, duration=epochs(1.5), lr=0.001)
    ledger = train(model, cornet, patterns(22), spec, callbacks=each_step(count)).ledger
    assert (ledger.updates, ledger.steps) == (33, 5) == (count.seen, count.steps)
    assert ledger.synaptic == count.per_parameter
    assert ledger.synaptic_updates == 33 * resolve(model, cornet, name).count()
    areas = dict.fromkeys(cornet.blocks, 0)
    for parameter, spent in count.per_parameter.items():
        areas[parameter.partition(".")[0]] += spent
    assert ledger.by_area() == areas


def test_ledger_counts_without_rounding_and_survives_json(newborn, cornet):
    plasticity = resolve(newborn(), cornet, "critical")
    ledger = Ledger.of(plasticity)
    for _ in range(3):
        ledger.record(1_281_167, {"IT.conv3.weight": 3 * 10**15 + 1})
    assert ledger.synaptic_updates == 3 * 1_281_167 * (3 * 10**15 + 1)
    again = Ledger.from_dict(json.loads(json.dumps(ledger.to_dict())))
    assert again == ledger
    again.record(1, {"V2.conv3.weight": 5})
    assert again.by_area() == {"V1": 0, "V2": 5, "V4": 0, "IT": ledger.synaptic_updates, "decoder": 0}


class Moved:
    """Counts, after every step, the figures of the network that are not what they were before it."""

    def __init__(self, model):
        self.model, self.seen, self.spent, self.statistics = model, 0, {}, {}
        self.before = self.state()

    def state(self):
        return {k: v.clone() for k, v in self.model.state_dict().items()}

    def __call__(self, state):
        after, parameters = self.state(), dict(self.model.named_parameters())
        for key, value in after.items():
            moved = (state.seen - self.seen) * int((value != self.before[key]).sum())
            if moved and key in parameters:
                self.spent[key] = self.spent.get(key, 0) + moved
            elif moved and not key.endswith("tracked"):
                layer = key.rpartition(".")[0]
                self.statistics[layer] = self.statistics.get(layer, 0) + moved
        self.seen, self.before = state.seen, after


COMPOSED = [
    "all",
    "bias",
    "random:critical",
    "decoder + random:(critical - decoder) from (all - decoder)",
    "V1@..1epochs + (IT + random:50 from V1)@1..25images + V1@25..images + decoder@4..steps",
    "IT@..30images + random:100",
]


@pytest.mark.parametrize("norms", NORMS)
@pytest.mark.parametrize("name", COMPOSED)
def test_ledger_agrees_with_what_moved(tiny, tiny_areas, patterns, tmp_path, name, norms):
    """Masks, windows, a partial last batch, two and a half passes, and a run that was stopped and resumed."""
    data, spec = (
        patterns(20),
        TrainSpec(name, epochs(2.5), batch=8, lr=0.01, augmentation="none", norms=norms),
    )
    # in float32 a change can be less than a rounding
    model = tiny().double()
    count = Moved(model)
    ledger = train(model, tiny_areas, data, spec, callbacks=each_step(count)).ledger
    assert (ledger.updates, ledger.steps, ledger.images, count.seen) == (50, 8, 20, 50)
    assert ledger.synaptic == count.spent
    assert ledger.statistics == count.statistics
    assert sum(ledger.by_kind().values()) == sum(ledger.by_layer().values()) == ledger.synaptic_updates

    def stop(state):
        if state.seen >= 36:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(
            tiny().double(),
            tiny_areas,
            data,
            spec,
            folder=tmp_path,
            callbacks=each_step(stop),
            interval=Interval(steps=2),
        )
    assert train(tiny().double(), tiny_areas, data, spec, folder=tmp_path).ledger == ledger


@pytest.mark.parametrize("name", ["lowrank:2:(kind:convolution + kind:linear)", "mask:0.5:kind:convolution"])
def test_ledger_charges_the_parameters_that_are_trained(tiny, tiny_areas, patterns, tmp_path, name):
    spec = TrainSpec(name, epochs(1.5), batch=8, augmentation="none", norms="running")
    ledger = train(tiny(), tiny_areas, patterns(20), spec, folder=tmp_path).ledger
    kept = torch.load(tmp_path / FILE, weights_only=True)["state"]["parameters"]
    assert ledger.synaptic_updates == 30 * sum(value.numel() for values in kept for value in values)
    assert ledger.by_kind()["batchnorm"] == ledger.statistics_updates == 0


def test_phases_without_labels_have_accounts_of_their_own(tiny, tiny_areas):
    ledger = Ledger.of(resolve(tiny(), tiny_areas, "all"))
    ledger.phase("BatchNorm calibration").record(64, {}, {"norm1": 8}, Flops(10, 0), new=64)
    ledger.phase("waves").record(32, {"conv1.weight": 108}, flops=Flops(10, 20), new=32)
    ledger.phase("waves").record(32, {"conv1.weight": 108}, flops=Flops(10, 20))
    assert (ledger.updates, ledger.synaptic_updates, ledger.flops, ledger.images) == (0, 0, 0, 0)
    calibration, waves = ledger.label_free.values()
    assert (calibration.statistics_updates, calibration.synaptic_updates) == (64 * 8, 0)
    assert (waves.updates, waves.images, waves.synaptic_updates, waves.flops) == (64, 32, 64 * 108, 64 * 30)
    told = ledger.summary()
    assert told["label-free"]["waves"]["synaptic updates"] == 64 * 108 and told["synaptic updates"] == 0
    again = Ledger.from_dict(json.loads(json.dumps(ledger.to_dict())))
    assert again == ledger
    assert again.phase("waves") == waves
