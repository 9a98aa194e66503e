"""A network in two parts: the same answers and gradients, and no work that nothing plastic needs."""

import pytest
import torch
from torch import nn

from foreign_networks import NormAct
from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, build
from wiringup.training.batches import Plan
from wiringup.training.distributed import SharedNorm, shared_norm
from wiringup.training.graph import split_frozen
from wiringup.training.norms import NORMS
from wiringup.training.numerics import random_stream
from wiringup.training.plasticity import resolve
from wiringup.training.updates import Updates


def made(name):
    """A thin network in float64, its norms set to a batch of noise."""
    size = max(32, ARCHITECTURES[name].smallest)
    model, stream = build(ModelSpec(name, 1 / 16, 4, size)).double(), torch_stream(0, name)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=(2 / parameter[0].numel()) ** 0.5, generator=stream)
        else:
            nn.init.normal_(parameter, 1, 0.1, generator=stream)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    images = torch.randn(6, 3, size, size, generator=stream, dtype=torch.float64)
    for norm in norms:
        norm.momentum = None
    with torch.no_grad():
        model.train()(images)
    return model, images


def learning(model, name, plasticity, norms="running"):
    found = resolve(model, ARCHITECTURES[name], plasticity)
    Updates(model, found, Plan(16, 8, 16, 0), 0, norms).begin(0)
    return found


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("plasticity", ["all", "critical", "downstream:V4", "batchnorm", "conv1", "decoder"])
@pytest.mark.parametrize("name", list(ARCHITECTURES))
@pytest.mark.parametrize("norms", NORMS)
def test_the_parts_are_the_network(name, plasticity, norms):
    model, images = made(name)
    found = learning(model, name, plasticity, norms)
    with random_stream(model, 0, 0):
        expected = model(images)
    expected.square().mean().backward()
    wanted = gradients(model)
    model.zero_grad()
    parts = split_frozen(model, images.shape)
    with torch.no_grad():
        inputs = (images,) if parts.frozen is None else parts.frozen(images)
    with random_stream(model, 0, 0):
        logits = parts.learning(*inputs)
    logits.square().mean().backward()
    assert torch.equal(logits, expected)
    got = gradients(model)
    assert got.keys() == wanted.keys() == set(found.trained)
    assert all(torch.equal(got[key], value) for key, value in wanted.items())
    frozen = [] if parts.frozen is None else list(parts.frozen.parameters())
    assert not any(p.requires_grad for p in frozen)
    assert sum(p.requires_grad for p in parts.learning.parameters()) == len(found.trained)


@pytest.mark.parametrize(
    ("plasticity", "entering"),
    [
        ("decoder", [(32,)]),  # the pooled answer of IT
        ("downstream:IT", [(16, 2, 2)]),
        ("critical", [(8, 4, 4), (32, 4, 4)]),  # V2's skip, and what its first down-projection is given
        ("downstream:V2", [(4, 8, 8)]),
        ("all", [(3, 32, 32)]),
    ],
)
def test_the_frozen_part_goes_up_to_the_first_plastic_synapse(plasticity, entering):
    model, images = made("cornet_s")
    learning(model, "cornet_s", plasticity)
    parts = split_frozen(model, images.shape)
    assert (parts.frozen is None) == (plasticity == "all")
    inputs = (images,) if parts.frozen is None else parts.frozen(images)
    assert [tuple(x.shape[1:]) for x in inputs] == entering


def weighed(loss):
    """Which tensors the backward pass from a loss ends in, and what it meets on the way."""
    seen, names, leaves, queue = set(), [], set(), [loss.grad_fn]
    while queue:
        node = queue.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        names.append(node.name())
        if hasattr(node, "variable"):
            leaves.add(node.variable)
        queue.extend(after for after, _ in node.next_functions)
    return leaves, names


@pytest.mark.parametrize("norms", NORMS)
def test_no_gradient_work_below_the_first_plastic_synapse_and_none_for_frozen_weights(norms):
    model, images = made("cornet_s")
    found = learning(model, "cornet_s", "critical", norms)
    parts = split_frozen(model, images.shape)
    leaves, names = weighed(parts.learning(*parts.frozen(images)).sum())
    assert leaves == {p for name, p in model.named_parameters() if name in found.trained}
    # of CORnet-S's 32 convolutions, two of V1 and four of V2 come before its first down-projection
    assert names.count("ConvolutionBackward0") == 32 - 6
    # and of its 29 norms, V1's two, and three of V2 (the skip's and two of its first step)
    assert names.count("NativeBatchNormBackward0") == 29 - 5


def test_the_parts_share_weights_and_statistics_with_the_network():
    model, images = made("cornet_s")
    learning(model, "cornet_s", "decoder")
    parts = split_frozen(model, images.shape)
    with torch.no_grad():
        model.IT.norm3_1.running_var.mul_(2)
        model.IT.norm3_1.bias.add_(1)
        model.V1.conv1.weight.mul_(1.5)
        assert torch.equal(parts.learning(*parts.frozen(images)), model(images))


class InPlace(nn.Module):
    """Changes in place what a plastic layer has to see before."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.first(x)
        y = self.second(x)
        return y + self.relu(x).sum()


class Branching(nn.Module):
    """Decides by a value: cannot be traced."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return self.linear(x if x.sum() > 0 else -x)


def test_what_is_changed_in_place_keeps_its_turn():
    model = InPlace()
    model.first.requires_grad_(False)
    x = torch.randn(5, 4, generator=torch_stream(0))
    parts = split_frozen(model, x.shape)
    torch.testing.assert_close(parts.learning(*parts.frozen(x)), model(x))


def test_a_network_that_cannot_be_traced_is_all_learning():
    model = Branching()
    for rewrite in (None, shared_norm):
        parts = split_frozen(model, (2, 4), rewrite)
        assert parts.frozen is None and parts.learning is model
    model.norm = nn.BatchNorm1d(3)
    with pytest.raises(InputError, match=r"one process.*--norm-shares N.*torch.fx cannot trace"):
        split_frozen(model, (2, 4), shared_norm)
    assert split_frozen(model.eval(), (2, 4), shared_norm).frozen is None  # nothing is to be shared


class ReadsSizes(nn.Module):
    """Computes with sizes, and with what is made of parameters alone, on both sides of a cut."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 2)
        self.token = nn.Parameter(torch.randn(4, generator=torch_stream(1)))

    def forward(self, x, factor=2, mask=None):
        n, shift = x.size(0), self.token * factor
        x = self.first(x) + shift.view(1, 4, 1, 1)
        x = torch.roll(x, factor, 2)
        n = n + x.shape[0] - n
        return self.third(self.second(x).mean((2, 3)).view(n, -1) + shift)


def test_sizes_and_what_no_image_decides_are_computed_in_both_parts():
    model = ReadsSizes()
    for parameter in (*model.first.parameters(), model.token):
        parameter.requires_grad_(False)
    x = torch.randn(5, 3, 8, 8, generator=torch_stream(0))
    parts = split_frozen(model, x.shape)
    activations = parts.frozen(x)
    assert [a.shape for a in activations] == [(5, 3, 8, 8), (5, 4, 6, 6)]  # of the images the size is read
    torch.testing.assert_close(parts.learning(*activations), model(x))


class Path(nn.Module):
    """Leaves out the answers to whole images at random, as stochastic depth does."""

    def forward(self, x):
        shape = (x.shape[0],) + (1,) * (x.ndim - 1)
        return x * x.new_empty(shape).bernoulli_(0.5).div_(0.5) if self.training else x


class Channels(nn.Module):
    """Leaves out the same channels of all images at random."""

    def forward(self, x):
        return x * x.new_empty(1, 4).bernoulli_(0.5)


class ByFunction(nn.Module):
    """What a function of PyTorch draws."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x, training=self.training)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, dropout=0.5).requires_grad_(False)

    def forward(self, x):
        return self.attention(x, x, x)[0]


DRAWING = {
    "dropout": nn.Dropout(),
    "F.dropout": ByFunction(nn.functional.dropout),
    "stochastic depth": Path(),
    "channels": Channels(),
    "RReLU": nn.RReLU(),
    "F.rrelu": ByFunction(nn.functional.rrelu),
    "attention": Attention(),
}


@pytest.mark.parametrize("name", list(DRAWING))
def test_what_draws_random_numbers_is_never_frozen_and_draws_from_the_stream(name):
    model = nn.Sequential(nn.Linear(4, 4), DRAWING[name], nn.Linear(4, 3)).train()
    model[0].requires_grad_(False)
    x = torch.randn(6, 4, generator=torch_stream(0))
    parts = split_frozen(model, x.shape)
    activations = parts.frozen(x)
    torch.testing.assert_close(activations, (model[0](x),))
    answers = []
    for step in range(2):
        with random_stream(model, 0, step):
            answers.append(parts.learning(*activations))
        with random_stream(model, 0, step):
            torch.testing.assert_close(answers[-1], model(x))
    assert not torch.equal(*answers)


def test_what_would_draw_but_does_not_is_frozen():
    model = nn.Sequential(nn.Dropout(), ByFunction(nn.functional.dropout), nn.Linear(4, 3)).eval()
    (activations,) = split_frozen(nn.Sequential(nn.ReLU(), *model), (6, 4)).frozen(x := torch.ones(6, 4))
    assert torch.equal(activations, x)


class FixedNoise(nn.Module):
    """Draws what no image has a part in: traced, it would be a constant."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return self.linear(x + torch.randn(4))


def test_what_is_drawn_while_a_network_is_traced_does_not_become_a_constant():
    model = FixedNoise()
    assert split_frozen(model, (2, 4)).learning is model


def test_norms_of_all_networks_are_shared_by_processes():
    for name in ARCHITECTURES:
        model, images = made(name)
        norms = sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())
        parts = split_frozen(model, images.shape, shared_norm)
        assert sum(isinstance(module, SharedNorm) for module in parts.learning.modules()) == norms


class Function(nn.Module):
    """A norm that is no BatchNorm of PyTorch."""

    def forward(self, x):
        return nn.functional.batch_norm(x, None, None, training=True)


@pytest.mark.parametrize(("norm", "why"), [(NormAct(3), r"NormAct"), (Function(), r"F\.batch_norm")])
def test_norms_that_processes_cannot_share_are_refused(norm, why):
    with pytest.raises(InputError, match=rf"one process.*--norm-shares N.*{why}"):
        split_frozen(nn.Sequential(nn.Conv2d(3, 3, 1), norm), (2, 3, 8, 8), shared_norm)
