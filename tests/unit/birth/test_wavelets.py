"""The fixed bank of curved wavelets."""

import math

import pytest
import torch

from wiringup.birth.distributions import kaiming_normal_fan_in, kaiming_uniform_fan_in
from wiringup.birth.gabor import gabor
from wiringup.birth.wavelets import CURVATURES, curved_wavelets, wavelet
from wiringup.core.seeds import torch_stream


def test_a_straight_wavelet_is_a_gabor_without_its_mean():
    theta = torch.tensor([0.0, 0.7, 2.0], dtype=torch.float64)
    found = wavelet(theta, torch.zeros(3, dtype=torch.float64), 9)
    n = 1.2
    columns = [n / (2 * math.pi), 0.0, 1 / n, 5 / n, 0.0, 0.0, 0.0, 2 * math.pi * 5 / n**2]
    parameters = torch.tensor([columns] * 3, dtype=torch.float64)
    parameters[:, 1] = theta
    envelope = parameters.clone()
    envelope[:, 0] = 0
    peer = gabor(parameters, 9) - math.exp(-0.5) * gabor(envelope, 9)
    torch.testing.assert_close(found, peer - peer.mean((1, 2), keepdim=True))


def test_half_a_turn_bends_a_wavelet_the_other_way():
    theta, curvature = torch.tensor([0.3, 0.3 + math.pi]), torch.full((2,), 0.2, dtype=torch.float64)
    one, other = wavelet(theta, curvature, 15)
    torch.testing.assert_close(one.flip(0, 1), other, rtol=0, atol=1e-6)
    assert (one - other).abs().max() > 0.1


@pytest.mark.parametrize("shape", [(64, 3, 7, 7), (16, 3, 7, 7), (32, 3, 3, 3), (64, 3, 11, 11)])
def test_every_wavelet_looks_at_each_colour_alone(shape):
    bank = curved_wavelets(shape, torch_stream(0))
    assert bank.dtype == torch.float32 and bank.shape == shape
    power = bank.square().mean((2, 3))
    colours = torch.arange(shape[0]) % 3
    assert (power.argmax(1) == colours).all() and ((power > 0).sum(1) == 1).all()
    assert torch.allclose(bank[0, 0], bank[1, 1]) and torch.allclose(bank[0, 0], bank[2, 2])
    assert bank.square().mean((1, 2, 3)) == pytest.approx(2 / (shape[0] * shape[2] ** 2), rel=1e-5)
    assert bank.mean((2, 3)).abs().max() < 1e-6


def test_wavelets_of_a_bank_differ_and_take_turns_in_curvature():
    bank = curved_wavelets((60, 3, 15, 15), torch_stream(0))[::3, 0].flatten(1)
    closest = torch.corrcoef(bank).fill_diagonal_(0).max()
    assert closest < 0.98
    expected = wavelet(2 * math.pi * torch.tensor([4 / 20]), torch.tensor(CURVATURES)[[1]].double(), 15)
    assert torch.corrcoef(torch.stack([bank[4], expected[0].flatten().float()]))[0, 1] > 0.999


def test_random_layers_keep_the_variance_of_the_fan_in_rule():
    shape = (64, 32, 3, 3)
    drawn, peer = (
        kaiming_uniform_fan_in(shape, torch_stream(0)),
        kaiming_normal_fan_in(shape, torch_stream(1)),
    )
    assert drawn.var() == pytest.approx(2 / (32 * 9), rel=0.02)
    assert drawn.var() == pytest.approx(peer.var().item(), rel=0.04)
    assert drawn.abs().max() <= math.sqrt(6 / (32 * 9))
