"""Trial noise has the moments it is said to have, and its ceiling is the one that is estimated."""

import numpy as np
import pytest

from wiringup.core.errors import InputError
from wiringup.data.simulated.noise import draw_trials, true_reliability

UNITS, IMAGES, REPEATS = 30, 150, 10


@pytest.fixture(scope="module")
def mean():
    rng = np.random.default_rng(0)
    spread = np.linspace(0.15, 0.8, UNITS)[:, None]
    return 8 * np.exp(spread * rng.standard_normal((UNITS, IMAGES)))


@pytest.mark.parametrize("fano", [1.0, 1.5, 3.0])
def test_mean_and_fano_factor_are_recovered(fano):
    rng = np.random.default_rng(1)
    mean = np.array([[0.5, 5.0, 40.0]])
    trials = draw_trials(mean, 100_000, fano, rng).astype(np.float64)
    np.testing.assert_allclose(trials.mean(axis=2), mean, rtol=0.02)
    np.testing.assert_allclose(trials.var(axis=2) / trials.mean(axis=2), fano, rtol=0.03)
    np.testing.assert_array_equal(trials, np.rint(trials))
    assert trials.min() >= 0


def test_trials_are_independent(mean):
    trials = draw_trials(mean, REPEATS, 1.5, np.random.default_rng(2)) - mean[..., None]
    noise = trials.reshape(-1, REPEATS) / np.sqrt(1.5 * mean.reshape(-1, 1))
    assert np.abs(np.corrcoef(noise.T) - np.eye(REPEATS)).max() < 0.07


@pytest.mark.parametrize("missing", [0.1, 0.5, 0.95])
def test_missing_trials_are_nan_and_two_always_remain(mean, missing):
    trials = draw_trials(mean, REPEATS, 1.0, np.random.default_rng(3), missing)
    present = (~np.isnan(trials)).sum(axis=2)
    assert present.min() >= 2
    expected = np.maximum(REPEATS - np.random.default_rng(0).binomial(REPEATS, missing, 100_000), 2).mean()
    assert present.mean() == pytest.approx(expected, rel=0.02)


def average(trials):
    return np.nanmean(trials, axis=2)


def correlation(a, b):
    """Pearson r of each unit over images."""
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    return (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))


def split_half(trials, rng):
    """Spearman-Brown of two halves of equally many present trials of every image, per unit."""
    order = np.argsort(np.where(np.isnan(trials), 2.0, rng.uniform(size=trials.shape)), axis=2)
    shuffled = np.take_along_axis(trials, order, axis=2).astype(np.float64)
    half = ((~np.isnan(trials)).sum(axis=2) // 2)[..., None]
    place = np.arange(trials.shape[2])
    first = np.where(place < half, shuffled, np.nan)
    second = np.where((place >= half) & (place < 2 * half), shuffled, np.nan)
    r = correlation(average(first), average(second))
    return 2 * r / (1 + r)


def test_reliability_is_the_correlation_of_two_averages(mean):
    rng = np.random.default_rng(4)
    draws = [
        correlation(*(average(draw_trials(mean, REPEATS, 1.5, rng)) for _ in range(2))) for _ in range(100)
    ]
    error = np.std(draws, axis=0) / np.sqrt(len(draws))
    truth = true_reliability(mean, 1.5 * mean, REPEATS)
    assert truth.min() > 0.3 and truth.max() < 0.99
    np.testing.assert_array_less(np.abs(np.mean(draws, axis=0) - truth), 4 * error + 2 / IMAGES)


def test_its_root_is_the_correlation_with_the_truth(mean):
    rng = np.random.default_rng(5)
    draws = [correlation(average(draw_trials(mean, REPEATS, 1.5, rng)), mean) for _ in range(100)]
    truth = np.sqrt(true_reliability(mean, 1.5 * mean, REPEATS))
    np.testing.assert_allclose(np.mean(draws, axis=0), truth, atol=0.01)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_split_halves_recover_the_true_reliability_without_bias(missing):
    """Mean over units and draws within its standard error, with more images than the bias can hide in."""
    rng = np.random.default_rng(6)
    mean = 8 * np.exp(0.3 * rng.standard_normal((20, 600)))
    errors = []
    for _ in range(60):
        trials = draw_trials(mean, REPEATS, 1.5, rng, missing)
        used = 2 * ((~np.isnan(trials)).sum(axis=2) // 2)
        truth = true_reliability(mean, 1.5 * mean, used)
        errors.append((split_half(trials, rng) - truth).mean())
    standard_error = np.std(errors, ddof=1) / np.sqrt(len(errors))
    assert standard_error < 1e-3
    assert abs(np.mean(errors)) < 3 * standard_error


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fano": 0.8}, "Fano factor is 0.8, but has to be at least 1"),
        ({"repeats": 0}, "number of repeats is 0, but has to be at least 1"),
        ({"missing": 1.0}, "fraction of missing trials is 1.0; it has to lie in 0 <= missing < 1"),
        ({"missing": -0.1}, "fraction of missing trials is -0.1"),
    ],
)
def test_refuses_impossible_noise(mean, wrong, message):
    arguments = {"repeats": 2, "fano": 1.0, "missing": 0.0} | wrong
    with pytest.raises(InputError, match=message):
        draw_trials(mean, rng=np.random.default_rng(0), **arguments)
