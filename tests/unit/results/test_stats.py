"""Intervals that cover what they should, and permutation tests, against scipy."""

import numpy as np
import pytest
from scipy import stats as peer

from wiringup.core.errors import InputError
from wiringup.results.stats import (
    least_seeds,
    mean_interval,
    mean_of_runs,
    normal_weights,
    one_more,
    paired_permutation,
    percentiles,
    permutation,
    rescaled_weights,
    sd_interval,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_percentiles_pass_over_what_is_not_defined():
    draws = np.append(np.linspace(0, 1, 1001), [np.nan] * 50)
    assert percentiles(draws) == pytest.approx((0.025, 0.975))
    assert percentiles(draws, level=0.9) == pytest.approx((0.05, 0.95))
    assert np.isnan(percentiles(np.full(3, np.nan))).all()


def test_few_degrees_of_freedom_widen_as_a_t_interval_does():
    draws = peer.norm.ppf((np.arange(20_000) + 0.5) / 20_000)  # an ideal sample of normal draws
    for df in (1, 5, 20):
        assert percentiles(draws, df=df)[1] == pytest.approx(peer.t.ppf(0.975, df), rel=5e-3)


def test_the_interval_of_many_values_is_scipys():
    values = rng(1).exponential(size=200)
    found = mean_interval(values, rng(2))
    expected = peer.bootstrap((values,), np.mean, method="percentile", n_resamples=10_000, rng=rng(3))
    ends = expected.confidence_interval
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high), abs=0.02)
    assert found.error == pytest.approx(expected.standard_error, rel=0.03)
    assert found.value == values.mean()


@pytest.mark.parametrize("n", [2, 3, 4, 10])
def test_intervals_of_small_normal_samples_cover_the_truth(n):
    """200 simulations know a coverage of .95 to +-.031 (two binomial standard errors)."""
    covered = 0
    for seed in range(200):
        found = mean_interval(3 + rng(seed).standard_normal(n), rng(seed + 1000), draws=2000)
        covered += found.low <= 3 <= found.high
    assert abs(covered / 200 - 0.95) < 0.031


@pytest.mark.parametrize("weights_of", [rescaled_weights, normal_weights])
def test_weights_of_few_values_lose_no_variance(weights_of):
    values = rng().standard_normal(3)
    weights = weights_of(3, 200_000, rng(1))
    np.testing.assert_allclose(weights.sum(1), 3)
    assert (weights @ values / 3).var() == pytest.approx(values.var(ddof=1) / 3, rel=0.02)
    assert (weights_of(1, 5, rng()) == 1).all()


def test_one_value_has_no_interval():
    with pytest.raises(InputError, match="number of values to resample is 1"):
        mean_interval(np.ones(1), rng())


@pytest.mark.parametrize("n", [3, 8])
def test_few_pairs_are_permuted_exactly_as_by_scipy(n):
    a, b = rng(n).standard_normal((2, n))
    a += 0.5
    expected = peer.permutation_test((a, b), lambda x, y: np.mean(x - y), permutation_type="samples")
    assert paired_permutation(a, b, rng()) == pytest.approx(expected.pvalue)


def test_a_difference_in_all_of_five_seeds_is_one_in_sixteen():
    a = np.array([0.31, 0.35, 0.33, 0.36, 0.32])
    assert paired_permutation(a, a - 0.1, rng()) == 2 / 32


def test_many_pairs_are_sampled_and_p_is_never_zero():
    a, b = rng(1).standard_normal((2, 30))
    a += 0.35
    found = paired_permutation(a, b, rng(2), most=5000)
    expected = peer.permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=5000, rng=rng(3)
    )
    assert found == pytest.approx(expected.pvalue, abs=0.02)
    assert paired_permutation(a + 100, b, rng(2), most=999) == 1 / 1000


def test_pairs_have_to_be_pairs():
    with pytest.raises(InputError, match="second condition has 2 entries, but the first has 3"):
        paired_permutation(np.ones(3), np.ones(2), rng())
    with pytest.raises(InputError, match="number of pairs is 0"):
        paired_permutation(np.ones(0), np.ones(0), rng())


def test_samples_that_are_not_paired_are_exchanged():
    a, b = np.array([1.0, 2, 3]), np.array([4.0, 5, 6, 7])
    assert permutation(a, b, rng()) == pytest.approx(2 / 35)
    many = permutation(rng(1).standard_normal(30), rng(2).standard_normal(30), rng(), most=999)
    assert 0.001 <= many <= 1
    with pytest.raises(InputError, match="values in each sample is 1"):
        permutation(a, b[:1], rng())


def test_seeds_that_a_t_test_needs_are_those_of_textbooks():
    """Cohen 1988, power .80 at .05: 26 (d = .8) and 64 (d = .5) in each group; 34 pairs for d = .5."""
    assert least_seeds(0.8, 1, paired=False) == 26
    assert least_seeds(-0.5, 1, paired=False) == 64
    assert least_seeds(0.5, 1, paired=True) == 34
    assert least_seeds(0.05, 1, paired=True) == 3142  # G*Power's answer too: no end where patience ends
    assert [least_seeds(d, 1, paired=True) for d in (20, 10.7, 4.8)] == [2, 3, 3]
    with pytest.raises(InputError, match="needs no seeds or endless ones"):
        least_seeds(0, 1, paired=True)


def test_one_more_value_lies_in_its_interval():
    inside = 0
    for seed in range(1000):
        *known, new = rng(seed).standard_normal(4)
        low, high = one_more(np.array(known))
        inside += low <= new <= high
    assert abs(inside / 1000 - 0.95) < 0.014
    assert np.isnan(one_more(np.ones(1))).all()


def test_the_interval_of_a_deviation_covers_it():
    covered = 0
    for seed in range(400):
        low, high = sd_interval(2 * rng(seed).standard_normal(4))
        covered += low <= 2 <= high
    assert abs(covered / 400 - 0.95) < 0.022


def test_a_mean_of_runs_is_a_t_interval_and_common_errors_stay():
    values = rng(3).standard_normal(5)
    found = mean_of_runs(values)
    expected = peer.t.interval(0.95, 4, values.mean(), peer.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)
    same = mean_of_runs(np.full(1000, 0.4), {"stimuli": 0.03, "units": 0.04})
    assert same.error == pytest.approx(0.05) and same.high - 0.4 == pytest.approx(1.96 * 0.05, rel=1e-3)
    assert np.isnan(mean_of_runs(np.ones(0)).value) and np.isnan(mean_of_runs(np.ones(1)).low)


def test_what_is_not_known_has_no_p():
    rng = np.random.default_rng(0)
    a, b = np.array([0.1, np.nan, 0.3]), np.array([0.2, 0.1, 0.2])
    assert np.isnan(paired_permutation(a, b, rng)) and np.isnan(permutation(b, a, rng))
