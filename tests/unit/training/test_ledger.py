"""The ledger against a brute-force count of what had a gradient in every step."""

import json

import pytest

from wiringup.training.ledger import Ledger
from wiringup.training.loop import train
from wiringup.training.plasticity import resolve
from wiringup.training.schedule import epochs
from wiringup.training.spec import TrainSpec


class BruteForce:
    """Counts, after every step, the elements of all gradients times the images of the batch."""

    def __init__(self, model):
        self.model, self.seen, self.steps, self.per_parameter = model, 0, 0, {}

    def __call__(self, seen, total, loss):
        for name, parameter in self.model.named_parameters():
            if parameter.grad is not None:
                spent = (seen - self.seen) * parameter.grad.numel()
                self.per_parameter[name] = self.per_parameter.get(name, 0) + spent
        self.seen, self.steps = seen, self.steps + 1


@pytest.mark.parametrize("name", ["all", "critical", "downstream:IT", "batchnorm", "conv1", "decoder"])
def test_ledger_agrees_with_brute_force(newborn, cornet, patterns, name):
    model = newborn()
    count = BruteForce(model)
    spec = TrainSpec(plasticity=name, batch=8, duration=epochs(1.5), lr=0.001)
    ledger = train(model, cornet, patterns(22), spec, progress=count).ledger
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
