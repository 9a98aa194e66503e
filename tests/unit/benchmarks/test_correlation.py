"""Correlations against scipy, and Brain-Score's order of medians and means."""

import numpy as np
import torch
from scipy import stats

from wiringup.benchmarks.metrics.correlation import aggregate, pearson

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.standard_normal((2, 30, 4)) + 3.0


def test_equals_scipy():
    found = pearson(torch.from_numpy(X), torch.from_numpy(Y)).numpy()
    np.testing.assert_allclose(
        found, [stats.pearsonr(X[:, i], Y[:, i]).statistic for i in range(4)], atol=1e-13
    )


def test_left_out_entries_do_not_count():
    valid = RANDOM.random(X.shape) < 0.7
    broken = np.where(valid, X, np.nan)
    found = pearson(torch.from_numpy(broken), torch.from_numpy(Y), torch.from_numpy(valid)).numpy()
    expected = [stats.pearsonr(X[valid[:, i], i], Y[valid[:, i], i]).statistic for i in range(4)]
    np.testing.assert_allclose(found, expected, atol=1e-13)


def test_constants_correlate_with_nothing():
    x = torch.from_numpy(X.copy())
    x[:, 1] = 0.1
    x[:, 2] = 1e6 + 0.1
    found = pearson(x, torch.from_numpy(Y))
    assert found.isnan().tolist() == [False, True, True, False]


def test_median_over_units_then_mean_over_splits():
    r = torch.tensor([[0.1, 0.2, 0.9, float("nan")], [0.3, 0.5, 0.7, 0.6]], dtype=torch.float64)
    found = aggregate(r)
    np.testing.assert_allclose(found.value, (0.2 + 0.55) / 2)
    np.testing.assert_allclose(found.error, np.std([0.2, 0.55]) / np.sqrt(2))
    np.testing.assert_allclose(found.units, [0.2, 0.35, 0.8, 0.6])


def test_a_split_in_which_nothing_correlates_is_skipped():
    r = torch.full((3, 2), float("nan"), dtype=torch.float64)
    assert np.isnan(aggregate(r).value)
    r[1] = torch.tensor([0.2, 0.4])
    np.testing.assert_allclose(aggregate(r).value, 0.3)
