"""The genomic bottleneck: g-networks that say the weights of a layer."""

import math

import numpy as np
import pytest
import torch

from wiringup.birth.distill import distill
from wiringup.birth.distributions import resized
from wiringup.birth.g_networks import (
    GNetwork,
    NoisyGNetwork,
    generate,
    hidden_units,
)
from wiringup.birth.genome import layer_from_dict
from wiringup.birth.genome_layers import layer_to_dict
from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream

SHAPE = torch.Size((16, 12, 3, 3))


def by_hand(kind=GNetwork):
    """Output bits 4, input bits 4, rows 2, columns 2; one hidden unit that only looks at two bits."""
    weights = np.zeros((12, 1))
    weights[0], weights[4] = 1.0, 2.0  # lowest bits of output and input channel
    return kind(3, 16, 12, weights, np.array([0.5]), np.array([2.0]), -1.0, 0.1)


def regular(shape=SHAPE, noise=0.0):
    """Weights that a small network can say: a product of an output and an input bit, and a gradient in y."""
    out, inner, rows = (torch.arange(n) for n in shape[:3])
    signs = (out % 2 * 2.0 - 1)[:, None] * (inner // 2 % 2 * 2.0 - 1)
    weight = 0.2 * signs[..., None, None] + 0.05 * (rows - 1)[:, None] + torch.zeros(shape)
    return weight + noise * torch.randn(shape, generator=torch_stream(9))


def test_generated_weights_by_hand():
    said = generate(by_hand(), SHAPE)
    for output, inner in ((0, 0), (1, 0), (0, 1), (15, 11)):
        hidden = max(0.0, (output % 2 * 2 - 1) + 2 * (inner % 2 * 2 - 1) + 0.5)
        assert said[output, inner] == pytest.approx(torch.full((3, 3), 0.1 * (2 * hidden - 1)))


def test_weights_with_structure_are_said():
    weight = regular()
    layer = GNetwork.fit(weight, torch_stream(0), 16)
    error = (generate(layer, SHAPE) - weight).square().mean() / weight.square().mean()
    assert error < 0.02
    assert layer.n_parameters == 12 * 16 + 16 + 16 + 2
    assert "16 hidden units for 16x12x3x3, " in layer.summary()
    assert int(layer.summary().split()[-4].rstrip("%")) >= 98


def test_weights_without_structure_are_not():
    weight = torch.randn(SHAPE, generator=torch_stream(1))
    said = generate(GNetwork.fit(weight, torch_stream(0)), SHAPE)
    kept = 1 - (said - weight).square().mean() / weight.square().mean()
    assert 0 < kept < 0.5


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_births_have_the_power_of_the_trained_weights(noise):
    weight = regular((32, 48, 3, 3), noise)
    power = weight.square().mean().item()
    alone = GNetwork.fit(weight, torch_stream(0), 12)
    noisy = NoisyGNetwork.fit(weight, torch_stream(0), 12)
    assert np.array_equal(alone.hidden_weights, noisy.hidden_weights)
    said = generate(alone, weight.shape)
    first = alone.sample(weight.shape, torch_stream(1))
    assert first.square().mean() == pytest.approx(power, rel=1e-4)
    assert torch.equal(first, alone.sample(weight.shape, torch_stream(2)))
    torch.testing.assert_close(first / first.std(), said / said.std())
    drawn = noisy.sample(weight.shape, torch_stream(1))
    assert drawn.square().mean() == pytest.approx(power, rel=0.05)
    residual = (drawn - said).std().item()
    assert residual == pytest.approx(math.sqrt(max(0, power - said.square().mean().item())), rel=0.05)
    assert (residual > 0.1) == bool(noise)


def test_other_widths_take_evenly_spaced_identities_and_other_kernels_are_resized():
    layer = GNetwork.fit(regular(), torch_stream(0), 8)
    whole = generate(layer, SHAPE)
    assert torch.equal(generate(layer, torch.Size((8, 6, 3, 3))), whole[::2, ::2])
    assert torch.equal(generate(layer, torch.Size((32, 12, 3, 3)))[1::2], whole)
    torch.testing.assert_close(generate(layer, torch.Size((16, 12, 5, 5))), resized(whole, 5))


def test_a_g_network_is_smaller_than_its_layer():
    assert hidden_units(torch.Size((512, 512, 3, 3))) == 32
    assert hidden_units(torch.Size((4, 1, 3, 3))) == 1
    for shape in ((16, 16, 3, 3), (32, 16, 1, 1), (64, 3, 7, 7), (64, 1, 3, 3)):
        layer = GNetwork.fit(torch.randn(shape, generator=torch_stream(0)), torch_stream(1))
        assert layer.n_parameters * 4 <= math.prod(shape)


def test_the_seed_of_distilling_decides_and_the_size_is_the_users():
    state = {"a.weight": regular(noise=0.1), "b.weight": regular((8, 16, 1, 1), noise=0.1)}
    genomes = [distill(state, seed, recipe="g_network", hidden=5) for seed in (0, 0, 1)]
    assert genomes[0].sha256 == genomes[1].sha256 != genomes[2].sha256
    assert {len(layer.output_weights) for layer in genomes[0].layers.values()} == {5}
    default = distill(state, recipe="g_network")
    assert len(default.layers["a"].output_weights) == hidden_units(SHAPE) == 30


def test_a_layer_of_zeros_stays_zero():
    layer = GNetwork.fit(torch.zeros(4, 4, 1, 1), torch_stream(0))
    assert not layer.sample(layer.shape, torch_stream(0)).any()


def test_refusals():
    with pytest.raises(InputError, match=r"square kernels.*got \(4, 3, 3, 1\)"):
        GNetwork.fit(torch.zeros(4, 3, 3, 1), torch_stream(0))
    with pytest.raises(InputError, match="number of hidden units is 0, but has to be at least 1"):
        distill({"a.weight": regular()}, recipe="g_network", hidden=0)
    with pytest.raises(InputError, match="recipe signs has no hidden units; leave their number out"):
        distill({"a.weight": regular()}, recipe="signs", hidden=4)
    entry = layer_to_dict(by_hand()) | {"outputs": 64}
    message = r"hidden_weights: 12 bits, but \(64, 12, 3, 3\) weights have 14"
    with pytest.raises(InputError, match=message):
        layer_from_dict("a", entry)
