"""Drawn moments against theory."""

import math

import pytest
import torch

from wiringup.birth.distributions import kaiming_normal, normal, uniform_fan_in
from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream


def test_normal_has_the_named_moments():
    drawn = normal((400, 500), -0.3, 0.7, torch_stream(0))
    assert drawn.mean() == pytest.approx(-0.3, abs=4 * 0.7 / math.sqrt(drawn.numel()))
    assert drawn.std() == pytest.approx(0.7, rel=0.01)


def test_normal_refuses_a_negative_deviation():
    with pytest.raises(InputError, match="standard deviation is -1"):
        normal((2,), 0, -1, torch_stream(0))


@pytest.mark.parametrize("shape", [(64, 3, 7, 7), (128, 64, 1, 1), (96, 32, 3, 3)])
def test_kaiming_normal_agrees_with_torch(shape):
    drawn = kaiming_normal(shape, torch_stream(1))
    peer = torch.nn.init.kaiming_normal_(
        torch.empty(shape), mode="fan_out", nonlinearity="relu", generator=torch_stream(2)
    )
    assert drawn.std() == pytest.approx(math.sqrt(2 / (shape[0] * shape[2] ** 2)), rel=0.03)
    assert drawn.std() == pytest.approx(peer.std().item(), rel=0.05)
    assert drawn.mean().abs() < 4 * drawn.std() / math.sqrt(drawn.numel())


def test_uniform_fan_in_agrees_with_the_default_of_torch_linear():
    drawn = uniform_fan_in((300, 400), 400, torch_stream(0))
    assert drawn.abs().max() <= 1 / 20
    assert drawn.var() == pytest.approx((2 / 20) ** 2 / 12, rel=0.02)
    layer = torch.nn.Linear(400, 300)
    assert layer.weight.abs().max().item() == pytest.approx(drawn.abs().max().item(), rel=0.001)


def test_same_stream_same_values_other_stream_others():
    first, again = (normal((50,), 0, 1, torch_stream(3, "a")) for _ in range(2))
    assert torch.equal(first, again)
    other = normal((50_000,), 0, 1, torch_stream(3, "b"))
    mine = normal((50_000,), 0, 1, torch_stream(3, "a"))
    assert torch.corrcoef(torch.stack([mine, other]))[0, 1].abs() < 0.02
