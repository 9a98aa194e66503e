"""Split-half ceilings: known reliability, missing trials, unequal repeats, and none where there is none."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.model_selection import ShuffleSplit

from wiringup.benchmarks.metrics import reliability
from wiringup.benchmarks.metrics.bootstrap import image_counts


def simulated(units=60, images=600, repeats=12, noise=2.0, seed=0):
    random = np.random.default_rng(seed)
    signal = random.standard_normal((units, images, 1))
    return (signal + noise * random.standard_normal((units, images, repeats))).astype(np.float32)


def test_equals_the_definition():
    trials = simulated(4, 50, 7)
    found = reliability.split_half_reliability(trials).numpy()
    splitter = ShuffleSplit(10, train_size=0.5, random_state=1)
    for row, (a, b) in zip(found, splitter.split(np.zeros(7)), strict=True):
        halves = trials[..., a].mean(2), trials[..., b].mean(2)
        r = [pearsonr(x, y).statistic for x, y in zip(*halves, strict=True)]
        np.testing.assert_allclose(row, [2 * v / (1 + v) for v in r], atol=1e-6)


def test_units_are_taken_in_blocks_without_a_difference(monkeypatch):
    trials = simulated(7, 50, 6)
    whole = reliability.split_half_reliability(trials)
    monkeypatch.setattr(reliability, "_TRIALS_AT_ONCE", 650)
    np.testing.assert_allclose(reliability.split_half_reliability(trials), whole, rtol=1e-12)


def test_recovers_the_true_reliability_of_the_mean():
    found = reliability.ceiling(simulated(noise=2.0))
    assert found.value == pytest.approx(1 / (1 + 4.0 / 12), abs=0.01)
    assert 0 < found.error < 0.01


def test_missing_trials_leave_the_reliability_of_what_is_there():
    trials = simulated(units=200, noise=2.0)
    trials[np.random.default_rng(5).random(trials.shape) < 0.1] = np.nan
    trials[:, :40, 3:] = np.nan  # some images with three trials at most
    trials[0, :10] = np.nan  # and some with none for one unit
    found = reliability.ceiling(trials)
    n = (~np.isnan(trials)).sum(2)
    noise_of_means = 4.0 / n[n >= 2]
    assert found.value == pytest.approx(1 / (1 + noise_of_means.mean()), abs=0.015)


def test_images_without_a_half_are_left_out_for_that_unit_only():
    trials = simulated(3, 60, 6)
    trials[1, :20, 1:] = np.nan
    found = reliability.split_half_reliability(trials)
    complete = reliability.split_half_reliability(np.delete(trials, 1, 0))
    np.testing.assert_allclose(found[:, [0, 2]], complete, atol=1e-12)
    without = reliability.split_half_reliability(trials[1:2, 20:])
    np.testing.assert_allclose(found[:, 1:2], without, atol=1e-12)


def test_one_repeat_has_no_ceiling():
    assert reliability.ceiling(simulated(repeats=1)) is None


def test_silent_units_have_no_ceiling():
    assert reliability.ceiling(np.zeros((3, 40, 6), np.float32)) is None


def test_a_unit_with_halves_of_few_images_has_no_reliability():
    trials = simulated(3, 60, 2)
    trials[0, 5:, 1] = np.nan
    trials[1, 6:, 1] = np.nan
    found = reliability.split_half_reliability(trials)
    assert found.isnan().all(0).tolist() == [True, False, False]
    assert reliability.ceiling(trials).left_out == 1
    assert reliability.ceiling(simulated(3, 5, 4)) is None


def test_the_sampling_of_images_is_in_the_error_that_two_repeats_do_not_show():
    counts = image_counts(100, np.random.default_rng(1), draws=reliability.SAMPLING_DRAWS)
    ceilings = [reliability.ceiling(simulated(5, 100, 2, seed=seed), counts) for seed in range(40)]
    assert all(c.error < 1e-12 for c in ceilings)
    spread = np.std([c.value for c in ceilings])
    assert np.median([c.sampling for c in ceilings]) == pytest.approx(spread, rel=0.25)


def test_opposite_halves_in_a_resample_are_no_certainty():
    trials = np.array([[[1, -1], [-1, 1], [1, -1], [-1, 1], [1, -2], [-1, 2]]], np.float32)
    counts = np.array([[3.0, 3, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]])
    assert reliability.ceiling(trials, counts).sampling == np.inf
