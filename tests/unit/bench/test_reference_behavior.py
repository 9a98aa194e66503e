"""The plain reference and the fast formula are the same formula."""

import numpy as np
import pytest

from wiringup.bench import references
from wiringup.benchmarks.metrics import i2n


def test_reference_equals_ours():
    random = np.random.default_rng(0)
    truth = random.permutation(np.repeat(np.arange(5), 6))
    probabilities = random.dirichlet(np.ones(5), 30)
    image = random.integers(0, 30, 2000)
    sample = truth[image]
    distractor = (sample + random.integers(1, 5, 2000)) % 5
    wrong = random.random(2000) < i2n.two_way(probabilities, truth)[image, distractor]
    choice = np.where(wrong, distractor, sample)

    trials = i2n.Trials(image, sample, distractor, choice)
    raw, ceiling, ceiled = references.i2n(trials, truth, probabilities)
    halves = i2n.trial_halves(trials, 30, 5)
    ours = i2n.consistency(i2n.two_way(probabilities, truth), halves, truth)
    assert (raw, ceiling, ceiled) == pytest.approx((ours.raw, ours.ceiling, ours.ceiled), abs=1e-12)
    assert ceiled > 0.9
