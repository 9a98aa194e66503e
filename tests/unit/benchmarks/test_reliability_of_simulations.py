"""The estimator of noise ceilings against populations whose reliability is known."""

import numpy as np
import pytest

from wiringup.benchmarks.metrics import reliability
from wiringup.data.simulated.noise import draw_trials, true_reliability

DRAWS = 40


@pytest.mark.parametrize(("fano", "missing"), [(1.5, 0.0), (1.5, 0.2), (30.0, 0.0)])
def test_the_ceiling_is_recovered_without_bias(fano, missing):
    rng = np.random.default_rng(11)
    differences = []
    for _ in range(DRAWS):
        mean = np.exp(rng.normal(2.3, 0.4, (21, 300)))
        trials = draw_trials(mean, 20, fano, rng, missing)
        repeats = (~np.isnan(trials)).sum(2)
        truth = np.median(true_reliability(mean, fano * mean, repeats))
        differences.append(reliability.ceiling(trials).value - truth)
    error = np.std(differences) / DRAWS**0.5
    assert error < 0.003  # so that a bias of a hundredth could not hide
    assert abs(np.mean(differences)) < 0.001 + 3 * error
