"""One-to-one mapping against a loop over units and features."""

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr

from wiringup.benchmarks.metrics.gram import Features
from wiringup.benchmarks.metrics.one_to_one import best_features, one_to_one
from wiringup.benchmarks.metrics.splits import Fold, Folds
from wiringup.benchmarks.predictivity import OneToOne, cross_validated_r

RANDOM = np.random.default_rng(0)
N, P, Q = 60, 23, 5
X = (RANDOM.standard_normal((N, P)) + 5).astype(np.float32)
X[:, 3] = 0.1  # never varies
Y = X[:, [4, 8, 8, 12, 20]] * np.array([1, -2, 3, -1, 1]) + 0.8 * RANDOM.standard_normal((N, Q)) + 7
FOLDS = [Fold(o[10:], o[:10]) for o in (RANDOM.permutation(N) for _ in range(3))]


def by_loop(y, fold):
    best = []
    for unit in y.T:
        there = fold.train[~np.isnan(unit[fold.train])]
        varies = [i for i in range(P) if i != 3]
        r = {i: pearsonr(X[there, i].astype(float), unit[there]).statistic for i in varies}
        best.append(max(r.items(), key=lambda item: abs(item[1])))
    return best


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("block", [1, 7, 100])
def test_equals_a_loop(block, missing):
    y = Y.copy()
    if missing:
        y[RANDOM.random(y.shape) < 0.2] = np.nan
    features = Features(torch.from_numpy(X))
    matches = best_features(features, torch.from_numpy(y), FOLDS, block)
    predictions = one_to_one(features, torch.from_numpy(y), FOLDS, block)
    for fold, match, predicted in zip(FOLDS, matches, predictions, strict=True):
        expected = by_loop(y, fold)
        assert match.feature.tolist() == [i for i, _ in expected]
        np.testing.assert_allclose(match.r, [r for _, r in expected], atol=1e-12)
        signed = np.array([np.sign(r) * X[fold.test, i] for i, r in expected]).T
        np.testing.assert_array_equal(predicted, signed)


def held_out(x, y):
    return cross_validated_r(torch.from_numpy(x), torch.from_numpy(y), Folds("", tuple(FOLDS)), OneToOne())


def test_held_out_r_is_positive_for_a_feature_of_either_sign():
    assert bool((held_out(X, Y) > 0.2).all())


def test_a_unit_without_responses_and_features_without_variation_have_no_r():
    y = Y.copy()
    y[:, 1] = np.nan
    r = held_out(X, y)
    assert bool(r[:, 1].isnan().all()) and not bool(r[:, [0, 2, 3, 4]].isnan().any())
    assert bool(held_out(np.full_like(X, 0.1), Y).isnan().all())
