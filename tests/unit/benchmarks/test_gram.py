"""The Gram matrix leaves its input alone, and knows rounding from variation."""

import numpy as np
import pytest
import torch

from wiringup.benchmarks.metrics.gram import gram, pattern_covariance

X = torch.from_numpy(np.random.default_rng(0).standard_normal((12, 50)) + 3.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_input_is_left_as_it_was(dtype):
    features = X.to(dtype)
    before = features.clone()
    gram(features)
    pattern_covariance(features)
    assert torch.equal(features, before)


def test_centred_over_images_or_over_features():
    for found, centred in (
        (gram(X, 7), X - X.mean(0)),
        (pattern_covariance(X, 7), X - X.mean(1, keepdim=True)),
    ):
        torch.testing.assert_close(found, centred @ centred.T, rtol=1e-12, atol=1e-12)


def test_rounding_of_a_constant_is_no_variation_but_a_small_signal_is():
    constant = torch.full((12, 50), 0.1)
    constant[3] += 1e-8
    assert not bool(gram(constant).any())
    constant[3] += 1e-5
    assert bool(gram(constant).any())
