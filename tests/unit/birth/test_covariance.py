"""Kernels with a covariance: fitted, in closed form, and what other sizes and depths make of both."""

import numpy as np
import pytest
import torch

from wiringup.birth.covariance import (
    CovarianceLayer,
    closed_form,
    structured_normal,
)
from wiringup.birth.distributions import resized
from wiringup.birth.genome import layer_from_dict
from wiringup.birth.genome_layers import layer_to_dict
from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream


def covariance_of(weight):
    vectors = weight.double().flatten(2).flatten(0, 1)
    return vectors.T @ vectors / len(vectors)


def trained(size=3, outputs=40, inputs=30):
    """Smooth kernels about a mean kernel that is not 0."""
    fine = torch.randn(outputs, inputs, 2, 2, generator=torch_stream(0)) + 0.5
    return resized(fine, size) + 0.1 * torch.randn(outputs, inputs, size, size, generator=torch_stream(1))


@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_fit_holds_the_second_moments_and_births_have_them(size):
    weight = trained(size)
    layer = CovarianceLayer.fit(weight, torch_stream(0))
    factor = torch.from_numpy(layer.factor)
    expected = covariance_of(weight)
    torch.testing.assert_close(factor @ factor.T, expected, rtol=1e-5, atol=1e-6)
    assert layer.n_parameters == size**2 * (size**2 + 1) // 2
    born = layer.sample(torch.Size((200, 250, size, size)), torch_stream(2))
    torch.testing.assert_close(covariance_of(born), expected, rtol=0, atol=0.02 * float(expected.max()))
    assert born.mean().abs() < 0.01


def test_channels_of_a_birth_are_independent():
    layer = CovarianceLayer.fit(trained(), torch_stream(0))
    born = layer.sample(torch.Size((20_000, 2, 3, 3)), torch_stream(0))
    a, b = born[:, 0].flatten(1).double(), born[:, 1].flatten(1).double()
    assert (a.T @ b / len(a)).abs().max() < 0.03 * float((a.T @ a / len(a)).max())


def test_a_position_without_weights_hides_no_other():
    weight = trained()
    weight[..., 0, 0] = 0
    factor = torch.from_numpy(CovarianceLayer.fit(weight, torch_stream(0)).factor)
    torch.testing.assert_close(factor @ factor.T, covariance_of(weight), rtol=1e-5, atol=1e-6)


def test_fewer_kernels_than_positions_leave_the_rest_without_variance():
    weight = torch.randn(2, 1, 3, 3, generator=torch_stream(0))
    factor = torch.from_numpy(CovarianceLayer.fit(weight, torch_stream(0)).factor)
    torch.testing.assert_close(factor @ factor.T, covariance_of(weight), rtol=1e-5, atol=1e-6)
    assert not factor[:, 2:].any()


def test_another_kernel_size_resizes_the_covariance_along_both_axes():
    layer = CovarianceLayer.fit(trained(5), torch_stream(0))
    born = layer.sample(torch.Size((200, 300, 7, 7)), torch_stream(3))
    matrix = resized(torch.eye(25).view(25, 5, 5), 7).flatten(1).T.double()
    expected = matrix @ torch.from_numpy(layer.factor @ layer.factor.T) @ matrix.T
    torch.testing.assert_close(covariance_of(born), expected, rtol=0, atol=0.02 * float(expected.max()))


@pytest.mark.parametrize("depth", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("size", [1, 3, 7])
def test_the_closed_form_is_a_covariance_and_is_what_is_drawn(size, depth):
    variance = 0.15 + 0.5 * depth + 0.25 * depth**2 / 2
    expected = closed_form(size, variance)
    torch.testing.assert_close(expected, expected.T, rtol=0, atol=1e-12)
    assert torch.linalg.eigvalsh(expected).min() > -1e-10
    assert expected.diagonal().mean() == pytest.approx(1)
    drawn = structured_normal((200, 200, size, size), torch_stream(4), depth)
    found = covariance_of(drawn) * 200 * size**2 / 2  # in units of the variance of Kaiming normal
    torch.testing.assert_close(found, expected, rtol=0, atol=0.04 * float(expected.max()))


def test_the_closed_form_by_hand():
    """Two positions, left and right of the middle by half a pixel each way."""
    g, far = np.exp(-0.5 / (2 * 0.6)), np.exp(-1 / (2 * 0.6))
    same, next_to = g * (1 - g / 2), g * (far - g / 2)
    found = closed_form(2, 0.6)
    assert found[0, 1] / found[0, 0] == pytest.approx(next_to / same)
    assert found[0, 2] == pytest.approx(found[0, 1])


def test_deeper_kernels_are_smoother_and_the_variance_is_largest_in_the_middle():
    def neighbours(variance):
        c = closed_form(7, variance)
        return float(c[24, 25] / (c[24, 24] * c[25, 25]).sqrt())

    assert neighbours(0.15) < neighbours(0.4) < neighbours(0.775)
    variances = closed_form(7, 0.15).diagonal()
    assert variances.argmax() == 24 and variances.argmin() in (0, 6, 42, 48)


def test_a_depthwise_and_a_pointwise_layer_are_described():
    depthwise = CovarianceLayer.fit(torch.randn(64, 1, 3, 3, generator=torch_stream(0)), torch_stream(0))
    assert "3x3, std 1" in depthwise.summary()
    pointwise = CovarianceLayer.fit(torch.full((4, 5, 1, 1), -0.25), torch_stream(0))
    assert pointwise.factor.tolist() == [[0.25]] and pointwise.n_parameters == 1


def test_refusals():
    with pytest.raises(InputError, match=r"square kernels.*got \(4, 3, 3, 1\)"):
        CovarianceLayer.fit(torch.zeros(4, 3, 3, 1), torch_stream(0))
    entry = layer_to_dict(CovarianceLayer(3, np.eye(4)))
    with pytest.raises(InputError, match="layer a, field factor: 4 positions for kernels of 3 px"):
        layer_from_dict("a", entry)
    entry = layer_to_dict(CovarianceLayer(2, np.ones((4, 4))))
    with pytest.raises(InputError, match="field factor: not lower triangular"):
        layer_from_dict("a", entry)
