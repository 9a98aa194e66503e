"""Random signs: two values, moments of theory, fits that recover what was drawn."""

import math

import pytest
import torch

from wiringup.birth.distributions import kaiming_normal, signs
from wiringup.birth.genome import layer_from_dict
from wiringup.birth.genome_layers import layer_to_dict
from wiringup.birth.signs import (
    SignLayer,
    random_pointwise_signs,
    random_signs,
)
from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream


def test_signs_have_two_values_and_the_moments_of_a_binary_variable():
    drawn = signs((300, 400), 0.3, 0.25, torch_stream(0))
    assert drawn.unique().tolist() == [-0.25, 0.25]
    n = drawn.numel()
    assert drawn.mean() == pytest.approx(0.25 * (2 * 0.3 - 1), abs=4 * 0.25 / math.sqrt(n))
    assert drawn.var() == pytest.approx(4 * 0.25**2 * 0.3 * 0.7, rel=0.01)


@pytest.mark.parametrize("shape", [(64, 3, 7, 7), (96, 32, 3, 3), (128, 64, 1, 1)])
def test_the_rule_keeps_the_variance_of_kaiming_normal(shape):
    drawn, peer = random_signs(shape, torch_stream(0)), kaiming_normal(shape, torch_stream(1))
    assert drawn.abs().unique().tolist() == pytest.approx([math.sqrt(2 / (shape[0] * shape[2] ** 2))])
    assert drawn.std() == pytest.approx(peer.std().item(), rel=0.04)
    assert drawn.mean().abs() < 4 * drawn.std() / math.sqrt(drawn.numel())


def test_pointwise_signs_leave_larger_kernels_normal():
    assert len(random_pointwise_signs((64, 32, 1, 1), torch_stream(0)).unique()) == 2
    larger = random_pointwise_signs((64, 32, 3, 3), torch_stream(0))
    assert torch.equal(larger, kaiming_normal((64, 32, 3, 3), torch_stream(0)))


def test_a_fit_recovers_what_was_drawn_and_keeps_the_power_of_anything_else():
    drawn = SignLayer(0.4, 0.2).sample((80, 90, 3, 3), torch_stream(2))
    again = SignLayer.fit(drawn, torch_stream(0))
    assert again.magnitude == pytest.approx(0.2, rel=1e-6)
    assert again.positive == pytest.approx(0.4, abs=4 * math.sqrt(0.24 / drawn.numel()))
    weight = torch.randn(50, 60, 3, 3, generator=torch_stream(3)) + 0.5
    fitted = SignLayer.fit(weight, torch_stream(0))
    born = fitted.sample((200, 30, 5, 5), torch_stream(4))
    assert born.square().mean() == pytest.approx(weight.square().mean().item(), rel=1e-5)
    assert fitted.n_parameters == 2
    assert "69." in fitted.summary()  # the normal distribution function at 0.5


@pytest.mark.parametrize(("positive", "magnitude"), [(1.1, 0.2), (-0.1, 0.2), (0.5, -0.2)])
def test_impossible_parameters_are_refused(positive, magnitude):
    entry = layer_to_dict(SignLayer(positive, magnitude))
    with pytest.raises(InputError, match=r"layer a, field (positive|magnitude): "):
        layer_from_dict("a", entry)
