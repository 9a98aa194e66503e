"""Behavioural signatures against a plain loop over images, human halves, and known consistency."""

import numpy as np
import pytest
from scipy.stats import norm

from wiringup.benchmarks.metrics import i2n
from wiringup.core.errors import InputError

RANDOM = np.random.default_rng(0)
TRUTH = np.repeat(np.arange(4), 15)
P = RANDOM.dirichlet(np.ones(4), 60)


def loop_dprime(p):
    """SCORING by the letter: one image and one choice at a time."""
    d = np.full(p.shape, np.nan)
    for i, t in enumerate(TRUTH):
        for c in set(range(4)) - {t}:
            false_alarm = np.mean([p[j, t] for j in np.flatnonzero(c == TRUTH)])
            d[i, c] = np.clip(norm.ppf(1 - p[i, c]) - norm.ppf(false_alarm), -5, 5)
    return d


def test_dprime_equals_the_loop():
    p = P.copy()
    p[3, [0, 1, 2, 3]] = [1, 0, 0, 0]
    p[20, 0] = 1.0
    np.testing.assert_allclose(i2n.dprime(p, TRUTH), loop_dprime(p), atol=1e-12)


def test_signatures():
    d = loop_dprime(P)
    objects = np.array([[np.mean(d[t == TRUTH][:, c]) for c in range(4)] for t in range(4)])
    np.testing.assert_allclose(i2n.signature(P, TRUTH, "i2n"), d - objects[TRUTH], atol=1e-12)
    np.testing.assert_allclose(i2n.signature(P, TRUTH, "i1")[:, 0], np.nanmean(d, 1), atol=1e-12)
    np.testing.assert_allclose(i2n.signature(P, TRUTH, "o2"), objects, atol=1e-12)
    np.testing.assert_allclose(i2n.signature(P, TRUTH, "o1")[:, 0], np.nanmean(objects, 1), atol=1e-12)


def test_two_way_choice():
    found = i2n.two_way(P, TRUTH)
    np.testing.assert_allclose(found[0, 2], P[0, 2] / (P[0, 2] + P[0, 0]))
    assert np.isnan(found[0, 0])


def test_trials_count_choices_among_what_was_shown():
    trials = i2n.Trials(*np.array([[0, 0, 0, 1], [2, 2, 2, 0], [1, 1, 3, 1], [2, 1, 2, 0]]))
    expected = [[np.nan, 1 / 2, 2 / 3, 0], [1, 0, np.nan, np.nan]]
    np.testing.assert_allclose(trials.chosen(2, 4), expected)


def test_halves_of_counts_are_a_partition_and_fair():
    counts = RANDOM.multinomial(51, RANDOM.dirichlet(np.ones(4), 500))
    (a, b), (other, _) = i2n.count_halves(counts)
    np.testing.assert_allclose(25 * a + 26 * b, counts)
    assert not np.array_equal(a, other)
    np.testing.assert_allclose((a - b).mean(0), 0, atol=0.02)
    np.testing.assert_array_equal(i2n.count_halves(counts)[0][0], a)


def people(trials=2000, images=60, sharpness=1.0):
    p = i2n.two_way(RANDOM.dirichlet(np.ones(4) * sharpness, images), TRUTH[:images])
    halves = [tuple(RANDOM.binomial(trials, np.nan_to_num(p)) / trials for _ in range(2)) for _ in range(2)]
    return p, halves


def test_a_model_that_is_the_people_reaches_one():
    p, halves = people()
    found = i2n.consistency(p, halves, TRUTH)
    assert found.ceiled == pytest.approx(1.0, abs=0.03)
    assert found.raw < found.ceiled
    assert 0 < found.error < 0.2


def test_a_stranger_is_at_chance():
    _, halves = people()
    other, _ = people()
    assert abs(i2n.consistency(other, halves, TRUTH).raw) < 0.25


def test_bootstrap_error_is_that_of_resampled_images():
    a = RANDOM.standard_normal((400, 3))
    b = 0.5 * a + RANDOM.standard_normal((400, 3))
    resampled = []
    for _ in range(400):
        rows = RANDOM.integers(0, 400, 400)
        resampled.append(i2n.correlate(a[rows], b[rows]))
    assert i2n.bootstrap_error(a, [b], draws=1000) == pytest.approx(np.std(resampled), rel=0.15)


def test_refuses_people_who_do_not_agree():
    p, halves = people()
    reversed_halves = [(a, 1 - a) for a, _ in halves]
    with pytest.raises(InputError, match="halves of the human trials do not agree"):
        i2n.consistency(p, reversed_halves, TRUTH)
