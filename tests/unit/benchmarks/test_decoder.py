"""The decoder: what it learns, and what it refuses."""

import numpy as np
import pytest
import torch

from wiringup.benchmarks.decoding import class_probabilities
from wiringup.core.errors import InputError

RANDOM = np.random.default_rng(0)
CENTRES = 3 * RANDOM.standard_normal((3, 20))


def images(n):
    labels = np.arange(n) % 3
    return torch.from_numpy((CENTRES[labels] + RANDOM.standard_normal((n, 20))).astype(np.float32)), labels


def test_separable_classes_are_told_apart_with_proper_probabilities():
    (fit, labels), (test, truth) = images(150), images(60)
    found = class_probabilities(fit, labels, test, 3)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)
    assert (found.argmax(1) == truth).mean() > 0.95


def test_scale_of_the_features_does_not_matter():
    (fit, labels), (test, _) = images(150), images(60)
    scale = torch.logspace(-3, 3, 20)
    found = class_probabilities(fit * scale, labels, test * scale, 3)
    np.testing.assert_allclose(found, class_probabilities(fit, labels, test, 3), atol=1e-3)


def test_refuses_absent_classes_and_nan():
    fit, labels = images(30)
    with pytest.raises(InputError, match=r"no images to fit on for the classes numbered \[3\]"):
        class_probabilities(fit, labels, fit, 4)
    fit[0, 0] = torch.inf
    with pytest.raises(InputError, match="NaN or infinite"):
        class_probabilities(fit, labels, fit, 3)


def test_features_at_the_edge_of_float32_do_not_overflow():
    (fit, labels), (test, _) = images(150), images(60)
    fit, test = torch.sign(fit), torch.sign(test)  # a mean of .9 away from a value of -1
    fit[:, 0], fit[0, 0] = 1.0, -1.0
    plain = class_probabilities(fit, labels, test, 3)
    np.testing.assert_allclose(class_probabilities(fit * 3e38, labels, test * 3e38, 3), plain, atol=1e-5)
