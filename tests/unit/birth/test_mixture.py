"""Gaussian mixtures: number of components by the BIC, moments of the samples."""

import numpy as np
import pytest
import torch

from wiringup.birth.mixture import Mixture, fit_mixture, sample_mixture
from wiringup.core.seeds import numpy_stream, torch_stream


def test_bic_finds_the_components_of_known_data():
    rng = numpy_stream(0)
    centers = np.array([[0.0, 0, 0], [10, 0, 5], [0, 8, -5]])
    data = centers[np.arange(600) % 3] + rng.normal(size=(600, 3)) * [1, 2, 0.5]
    found = fit_mixture(data)
    assert len(found.weights) == 3
    assert found.weights.numpy() == pytest.approx(np.full(3, 1 / 3), abs=0.01)
    order = np.argmin(((found.means.numpy()[:, None] - centers) ** 2).sum(-1), 0)
    assert found.means.numpy()[order] == pytest.approx(centers, abs=0.5)


def test_one_correlated_normal_needs_one_component():
    rng = numpy_stream(1)
    mixing = np.array([[1.0, 0.0], [3.0, 0.5]])
    found = fit_mixture(rng.normal(size=(500, 2)) @ mixing.T)
    assert len(found.weights) == 1
    covariance = (found.factors @ found.factors.mT)[0].numpy()
    assert covariance == pytest.approx(mixing @ mixing.T, rel=0.15)


def test_samples_have_the_moments_of_the_mixture():
    factors = torch.tensor([[[1.0, 0], [2.0, 0.5]], [[0.3, 0], [0, 0.3]]], dtype=torch.float64)
    means = torch.tensor([[0.0, 0], [5, -5]], dtype=torch.float64)
    weights = torch.tensor([0.25, 0.75], dtype=torch.float64)
    drawn = sample_mixture(Mixture(weights, means, factors), 100_000, torch_stream(0))
    covariances = factors @ factors.mT
    mean = weights @ means
    within = (weights[:, None, None] * covariances).sum(0)
    between = (weights[:, None, None] * (means - mean)[:, :, None] * (means - mean)[:, None]).sum(0)
    assert torch.allclose(drawn.mean(0), mean, atol=0.03)
    assert torch.allclose(drawn.T.cov(), within + between, rtol=0.03, atol=0.03)


def test_few_vectors_and_constant_columns_stay_finite():
    rng = numpy_stream(2)
    data = np.concatenate([rng.normal(size=(6, 10)), np.full((6, 1), 3.0)], 1)
    drawn = sample_mixture(fit_mixture(data), 200, torch_stream(0))
    assert torch.isfinite(drawn).all()
    assert drawn[:, -1].numpy() == pytest.approx(np.full(200, 3.0), abs=0.2)
