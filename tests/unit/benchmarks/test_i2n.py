"""Behavioural signatures against a plain loop over images, human halves, and known consistency."""

import numpy as np
import pytest
from scipy.stats import norm

from wiringup.benchmarks.metrics import i2n

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


def loop_signature(p, name):
    """Table 1 of Rajalingham et al. 2018, a trial type at a time; NaN where nothing was asked."""
    objects = range(4)
    asked = [(i, c) for i in range(len(p)) for c in objects if c != TRUTH[i] and not np.isnan(p[i, c])]

    def d(hits, alarms):
        misses = np.mean([p[i, c] for i, c in hits])
        false_alarms = np.mean([p[i, c] for i, c in alarms])
        return np.clip(norm.ppf(1 - misses) - norm.ppf(false_alarms), -5, 5)

    if name == "i1":
        rows = [
            ([a for a in asked if a[0] == i], [a for a in asked if a[1] == TRUTH[i]]) for i in range(len(p))
        ]
        return np.array([[d(*row)] for row in rows])
    if name == "o1":
        of = [[a for a in asked if TRUTH[a[0]] == t] for t in objects]
        return np.array([[d(of[t], [a for a in asked if a[1] == t])] for t in objects])
    found = np.full((4, 4), np.nan)
    for t, c in (pair for pair in np.ndindex(4, 4) if pair[0] != pair[1]):
        pick = {k: [a for a in asked if (TRUTH[a[0]], a[1]) == k] for k in ((t, c), (c, t))}
        found[t, c] = d(pick[t, c], pick[c, t])
    return found


@pytest.mark.parametrize("missing", [0, 40])
@pytest.mark.parametrize("name", ["i1", "o1", "o2"])
def test_pooled_signatures_equal_the_loop(name, missing):
    p = P.copy()
    p.ravel()[RANDOM.permutation(p.size)[:missing]] = np.nan
    np.testing.assert_allclose(i2n.signature(p, TRUTH, name), loop_signature(p, name), atol=1e-12)


def test_image_signatures():
    d = loop_dprime(P)
    objects = np.array([[np.mean(d[t == TRUTH][:, c]) for c in range(4)] for t in range(4)])
    np.testing.assert_allclose(i2n.signature(P, TRUTH, "i2"), d, atol=1e-12)
    np.testing.assert_allclose(i2n.signature(P, TRUTH, "i2n"), d - objects[TRUTH], atol=1e-12)


def test_images_without_errors_are_capped_not_lost():
    p = P.copy()
    p[TRUTH == 0] = np.eye(4)[0]  # never mistaken for anything
    for name in i2n.SIGNATURES:
        found = i2n.signature(p, TRUTH, name)
        truth = TRUTH if name.startswith("i") else np.arange(4)
        wanted = np.ones(found.shape, bool) if found.shape[1] == 1 else np.arange(4) != truth[:, None]
        assert np.isfinite(found[wanted]).all()
    assert (i2n.signature(p, TRUTH, "i1")[TRUTH == 0] == 5).all()


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
    assert i2n.bootstrap_error([(a, b)], draws=1000) == pytest.approx(np.std(resampled), rel=0.15)


def test_people_who_do_not_agree_give_no_ceiled_score():
    p, halves = people()
    found = i2n.consistency(p, [(a, 1 - a) for a, _ in halves], TRUTH)
    assert np.isnan(found.ceiled) and found.ceiling < 0 and found.raw > 0.5


@pytest.mark.parametrize("name", ["i2n", "i2", "i1"])
def test_missing_trials_are_left_out_and_counted(name):
    p, halves = people()
    gaps = [(np.where(RANDOM.random(a.shape) < 0.2, np.nan, a), b) for a, b in halves]
    full, found = (i2n.consistency(p, h, TRUTH, name) for h in (halves, gaps))
    assert full.left_out == 0 and found.left_out == pytest.approx(0.2, abs=0.05)
    assert found.raw == pytest.approx(full.raw, abs=0.1) and 0 < found.ceiling_error < 0.3


def test_a_model_that_never_varies_is_not_defined():
    _, halves = people()
    found = i2n.consistency(np.full((60, 4), 0.5), halves, TRUTH)
    assert np.isnan(found.raw) and found.ceiling > 0.9
