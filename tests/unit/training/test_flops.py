"""Operations counted from the modules: against PyTorch's own counter, and against a loop."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream
from wiringup.training.batches import Plan
from wiringup.training.flops import Flops, flops_by_layer
from wiringup.training.loop import train
from wiringup.training.plasticity import resolve
from wiringup.training.schedule import epochs
from wiringup.training.spec import TrainSpec
from wiringup.training.updates import Updates


@pytest.mark.parametrize("name", ["all", "critical", "conv1", "downstream:IT", "batchnorm", "decoder"])
def test_counts_are_those_of_pytorch(newborn, cornet, name):
    """PyTorch counts the operations that are dispatched, forward and backward, in a real step."""
    model = newborn()
    Updates(model, resolve(model, cornet, name), Plan(8, 4, 8, 0), 0, "batch").begin(0)
    found = sum(flops_by_layer(model, 32).values(), Flops())
    inputs = torch.randn(3, 3, 32, 32, generator=torch_stream(0))
    with FlopCounterMode(display=False) as forward:
        loss = model(inputs).sum()
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    assert 3 * found.forward == forward.get_total_flops()
    # the gradient of a weight of 1x1 pixels, strides and all, is counted alike; there are no groups here
    assert 3 * found.backward == backward.get_total_flops()


def test_groups_and_strides_against_a_count_of_every_product():
    model = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2), nn.Conv2d(6, 12, 3, groups=3, stride=2), nn.Flatten())
    model.append(nn.Linear(12 * 3 * 3, 5))
    products = {"0": 0, "1": 0, "3": 12 * 9 * 5}
    for name, size, inputs, groups in (("0", 7, 3, 1), ("1", 3, 6, 3)):
        outputs = 6 if name == "0" else 12
        for _ in range(size * size * outputs):
            for _ in range(inputs // groups):
                products[name] += 9
    found = flops_by_layer(model, 16)
    assert {name: flops.forward for name, flops in found.items()} == {k: 2 * v for k, v in products.items()}
    # of the first layer only the weight needs a gradient
    ratios = {name: flops.backward / flops.forward for name, flops in found.items()}
    assert ratios == {"0": 1, "1": 2, "3": 2}
    model[1].requires_grad_(False)
    model[0].requires_grad_(False)
    ratios = {name: flops.backward / flops.forward for name, flops in flops_by_layer(model, 16).items()}
    assert ratios == {"0": 0, "1": 0, "3": 1}


def test_counting_leaves_the_model_and_global_randomness_alone(newborn):
    model = nn.Sequential(newborn(), nn.Dropout())
    model.train()
    before, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    flops_by_layer(model, 32)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_the_ledger_has_the_operations_of_every_window(tiny, tiny_areas, patterns):
    spec = TrainSpec("decoder@..1epochs + all@1..epochs", epochs(3), batch=8, augmentation="none")
    model = tiny()
    ledger = train(model, tiny_areas, patterns(20), spec).ledger
    conv1, conv2, fc = 2 * 4 * 27 * 64, 2 * 6 * 4 * 64, 2 * 6 * 4
    assert ledger.forward == 60 * (conv1 + conv2 + fc)
    assert ledger.backward == 20 * fc + 40 * (conv1 + 2 * conv2 + 2 * fc)


def test_norms_that_read_how_many_batches_they_saw_are_passed():
    """A BatchNorm without momentum averages over all batches alike; counting changes nothing in it."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, momentum=None)).train()
    found = flops_by_layer(model, 8)
    assert found.keys() == {"0"} and model[1].num_batches_tracked == 0
    assert flops_by_layer(model.to("meta"), 8) == found


def test_a_network_that_looks_at_values_cannot_be_counted_and_that_is_said():
    class Chooses(nn.Conv2d):
        def forward(self, x):
            return super().forward(x if x.mean() > 0 else -x)

    with pytest.raises(InputError, match=r"operations of Chooses cannot be counted .* but not trained"):
        flops_by_layer(Chooses(3, 2, 3), 8)


class Windows(nn.Module):
    """A convolution, and a linear layer on rows that are folded into the first axis."""

    def __init__(self):
        super().__init__()
        self.conv, self.rows, self.head = nn.Conv2d(3, 4, 1), nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, x):
        x = self.conv(x).permute(0, 2, 3, 1)
        n, height, width, channels = x.shape
        return self.head(self.rows(x.reshape(n * height, width, channels)).reshape(n, -1, 5).mean(1))


def test_what_is_folded_into_the_first_axis_is_counted_whole():
    found = flops_by_layer(Windows(), 8)
    assert [found[name].forward for name in ("conv", "rows", "head")] == [2 * 64 * 12, 2 * 64 * 20, 2 * 10]


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.attention = nn.Conv2d(3, 8, 4, 4), nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        tokens = self.conv(x).flatten(2).mT
        return self.attention(tokens, tokens, tokens, need_weights=False)[0].mean(1)


def test_the_projections_of_attention_are_counted():
    model, tokens = Attends(), 4
    forward = 2 * tokens * 8 * (3 * 8 + 8)
    assert flops_by_layer(model, 8)["attention"] == Flops(forward, 2 * forward)
    model.conv.requires_grad_(False)
    assert flops_by_layer(model, 8)["attention"] == Flops(forward, forward + 2 * tokens * 8 * 8)
