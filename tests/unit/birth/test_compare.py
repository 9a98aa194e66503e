"""Distances between distributions: known answers, and what they tell apart."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from wiringup.birth.clusters import ClusterLayer
from wiringup.birth.compare import KERNELS, batchnorm_distances, distances, drawn_from, sliced_wasserstein
from wiringup.birth.genome_layers import BatchNormLayer
from wiringup.birth.normals import KernelNormal, LayerNormal
from wiringup.core.seeds import torch_stream

SHAPE = torch.Size([256, 32, 3, 3])


def normal(n, d, stream, std=1.0, mean=0.0):
    return mean + std * torch.randn(n, d, generator=torch_stream(0, stream))


def test_in_one_dimension_it_is_scipys():
    a, b = normal(500, 1, "a"), normal(500, 1, "b", 2.0, 0.5)
    expected = wasserstein_distance(a[:, 0].numpy(), b[:, 0].numpy())
    assert sliced_wasserstein(a, b, torch_stream(0)) == pytest.approx(expected, rel=1e-6)


def test_known_answers_in_several_dimensions():
    a = normal(4000, 9, "a")
    assert sliced_wasserstein(a, a.flip(0), torch_stream(0)) == 0
    wider = sliced_wasserstein(a, 3 * a, torch_stream(0))
    assert wider == pytest.approx(2 * math.sqrt(2 / math.pi), rel=0.03)
    direction = torch.zeros(9)
    direction[0] = 2.0
    shifted = sliced_wasserstein(a, a + direction, torch_stream(0))
    mean_cosine = math.gamma(4.5) / (math.sqrt(math.pi) * math.gamma(5))  # E|u_0| on the sphere of 9 dims
    assert shifted == pytest.approx(2 * mean_cosine, rel=0.15)


def test_structure_of_kernels_is_seen_though_single_weights_are_alike():
    lines = np.stack([np.repeat([[-1.0], [1.0], [-1.0]], 3, 1), np.repeat([[1.0], [-1.0], [1.0]], 3, 1)])
    counts, spread = np.array([16.0, 16.0]), np.array([2.0, 2.0])
    rows = ClusterLayer(3, counts, spread, np.full(2, 0.1), lines)
    columns = ClusterLayer(3, counts, spread, np.full(2, 0.1), lines.transpose(0, 2, 1))
    assert distances(rows, columns, SHAPE)["channels"] > 5 * distances(rows, rows, SHAPE)["channels"]


def test_differences_between_output_kernels_are_seen():
    means = np.roll(np.linspace(-1, 1, 256), 128)
    varied = KernelNormal(means, np.full(256, 1.0))
    plain = LayerNormal(0.0, float(np.sqrt(1 + means.var())))
    found, chance = distances(varied, plain, SHAPE), distances(varied, varied, SHAPE)
    assert found["kernels"] > 0.5
    assert chance["kernels"] < 0.15


def test_units_are_those_of_the_weights():
    small, large = (distances(LayerNormal(0.0, s), LayerNormal(s, s), SHAPE) for s in (0.01, 10.0))
    assert small == pytest.approx(large, rel=1e-4)
    assert distances(LayerNormal(0.0, 0.0), LayerNormal(0.0, 0.0), SHAPE) == {"channels": 0, "kernels": 0}


def test_few_kernels_are_drawn():
    drawn = drawn_from(LayerNormal(0.0, 1.0), torch.Size([2048, 4, 3, 3]), torch_stream(0))
    assert drawn.shape == (KERNELS, 4, 3, 3)


def test_batchnorm_in_closed_form():
    one, other = BatchNormLayer(1.0, 0.5, 0.0, 0.1), BatchNormLayer(4.0, 4.5, 0.0, 0.3)
    assert batchnorm_distances(one, other) == pytest.approx({"weight": 5.0, "bias": 0.2})
