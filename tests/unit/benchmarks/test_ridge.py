"""Ridge and least squares against scikit-learn and NumPy; the penalty's choice against brute force."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from wiringup.benchmarks.metrics import ridge
from wiringup.benchmarks.metrics.gram import Features
from wiringup.benchmarks.metrics.splits import Fold, grouped_folds
from wiringup.core.errors import InputError

ALPHAS = tuple(10.0**k for k in range(-4, 4))
SIZES = [(60, 300, 6), (90, 30, 4), (60, 59, 3)]


def make(n, p, q, seed=0):
    random = np.random.default_rng(seed)
    x = random.standard_normal((n, p)) * np.arange(1, p + 1) ** -0.5 + 3.0
    noise = random.uniform(0.1, 8, q)  # each unit wants another penalty
    read = x[:, :20]
    y = read @ random.standard_normal((read.shape[1], q)) + noise * random.standard_normal((n, q)) - 2.0
    return x, y


def fold_of(n, groups=None):
    order = np.random.default_rng(1).permutation(n)
    train = np.sort(order[12:])
    return Fold(train, order[:12], None if groups is None else groups[train])


def predicted(method, x, y, fold, **options):
    features = Features(torch.from_numpy(x))
    return method(features, torch.from_numpy(y), [fold], **options)[0].numpy()


def absolute(x, fold, alphas=ALPHAS):
    """Penalties in scikit-learn's units: times the mean squared norm of the centred training images."""
    centred = x[fold.train] - x[fold.train].mean(0)
    return np.array(alphas) * (centred**2).sum() / len(centred)


@pytest.mark.parametrize("size", SIZES)
def test_one_penalty_for_each_unit_equals_scikit_learn(size):
    x, y = make(*size)
    fold = fold_of(len(x))
    peer = RidgeCV(absolute(x, fold), alpha_per_target=True).fit(x[fold.train], y[fold.train])
    assert len(set(peer.alpha_)) > 1
    found = predicted(ridge.ridge, x, y, fold, alphas=ALPHAS)
    np.testing.assert_allclose(found, peer.predict(x[fold.test]), atol=1e-8)


@pytest.mark.parametrize("size", SIZES)
def test_one_penalty_for_all_equals_scikit_learn_on_standardised_units(size):
    x, y = make(*size)
    fold = fold_of(len(x))
    mean, sd = y[fold.train].mean(0), y[fold.train].std(0)
    peer = RidgeCV(absolute(x, fold)).fit(x[fold.train], (y[fold.train] - mean) / sd)
    found = predicted(ridge.ridge, x, y, fold, alphas=ALPHAS, shared=True)
    np.testing.assert_allclose(found, peer.predict(x[fold.test]) * sd + mean, atol=1e-8)


@pytest.mark.parametrize("alpha", [1e-5, 0.1, 1e3])
def test_a_given_penalty_equals_scikit_learn(alpha):
    x, y = make(60, 300, 6)
    fold = fold_of(60)
    peer = Ridge(absolute(x, fold, [alpha])[0]).fit(x[fold.train], y[fold.train])
    found = predicted(ridge.ridge, x, y, fold, alphas=(alpha,))
    np.testing.assert_allclose(found, peer.predict(x[fold.test]), atol=1e-8)


@pytest.mark.parametrize("size", [(60, 300, 1), (90, 30, 1)])
def test_groups_are_left_out_as_a_whole(size):
    x, _ = make(*size)
    scene = np.arange(len(x)) // 9
    random = np.random.default_rng(4)
    y = x[:, :5].sum(1, keepdims=True) + random.standard_normal((len(x), 1))
    y += random.standard_normal(scene.max() + 1)[scene, None]
    fold = fold_of(len(x), scene.astype(str))
    penalties = absolute(x, fold)
    a, b = x[fold.train], y[fold.train, 0]
    folds = LeaveOneGroupOut()
    left_out = [cross_val_predict(Ridge(p), a, b, groups=fold.groups, cv=folds) for p in penalties]
    errors = np.array([((b - predicted) ** 2).mean() for predicted in left_out])
    assert errors.argmin() not in (0, len(errors) - 1)
    best = Ridge(penalties[errors.argmin()]).fit(a, b).predict(x[fold.test]).reshape(-1, 1)
    np.testing.assert_allclose(predicted(ridge.ridge, x, y, fold, alphas=ALPHAS), best, atol=1e-7)

    values = torch.from_numpy(b - b.mean())[:, None]
    training = ridge.Training(values, torch.ones_like(values).bool(), members(fold.groups))
    axes = ridge.principal_axes(Features(torch.from_numpy(x)).gram, fold)
    found = ridge.left_out_errors(axes, training, torch.from_numpy(penalties))
    np.testing.assert_allclose(found[:, 0], errors, rtol=1e-7)


def members(groups):
    return [torch.from_numpy(np.flatnonzero(groups == name)) for name in np.unique(groups)]


@pytest.mark.parametrize("size", SIZES)
def test_linear_equals_minimum_norm_least_squares(size):
    x, y = make(*size)
    fold = fold_of(len(x))
    a, mean = x[fold.train], x[fold.train].mean(0)
    weights = np.linalg.lstsq(a - mean, y[fold.train] - y[fold.train].mean(0), rcond=None)[0]
    expected = (x[fold.test] - mean) @ weights + y[fold.train].mean(0)
    found = predicted(ridge.linear, x, y, fold)
    np.testing.assert_allclose(found, expected, atol=1e-8)
    np.testing.assert_allclose(
        found, LinearRegression().fit(a, y[fold.train]).predict(x[fold.test]), atol=1e-8
    )


def test_linear_leaves_out_directions_without_variation():
    x, y = make(60, 8, 3)
    doubled = np.hstack([x, x[:, ::-1], np.ones((60, 4))])
    fold = fold_of(60)
    np.testing.assert_allclose(predicted(ridge.linear, doubled, y, fold), predicted(ridge.linear, x, y, fold))


def test_missing_responses_are_at_the_training_mean():
    x, y = make(60, 300, 3)
    fold = fold_of(60)
    gaps = y.copy()
    gaps[fold.train[:10], 1] = np.nan
    gaps[:, 2] = np.nan
    filled = gaps.copy()
    filled[fold.train[:10], 1] = np.nanmean(gaps[fold.train, 1])
    filled[:, 2] = 0
    found, expected = (predicted(ridge.ridge, x, z, fold, alphas=(0.1,)) for z in (gaps, filled))
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_missing_responses_do_not_choose_the_penalty():
    x, y = make(60, 300, 1)
    fold = fold_of(60)
    axes = ridge.principal_axes(Features(torch.from_numpy(x)).gram, fold)
    values = torch.from_numpy(y[fold.train] - y[fold.train].mean(0))
    present = torch.zeros_like(values, dtype=torch.bool)
    present[20] = True  # the error of all others does not count
    found = ridge.left_out_errors(axes, ridge.Training(values, present, None), torch.tensor([5.0]))
    others = np.delete(fold.train, 20)
    left_out = Ridge(5.0).fit(x[others], y[others]).predict(x[fold.train[20:21]])
    assert float(found) == pytest.approx(float(y[fold.train[20], 0] - left_out.item()) ** 2, rel=1e-8)


def test_scale_does_not_matter_and_constants_predict_nothing():
    x, y = make(60, 100, 3)
    fold = fold_of(60)
    np.testing.assert_allclose(predicted(ridge.ridge, 1e4 * x, y, fold), predicted(ridge.ridge, x, y, fold))
    for method in (ridge.ridge, ridge.linear):
        flat = predicted(method, np.full_like(x, 0.1), y, fold)
        np.testing.assert_allclose(flat, np.tile(y[fold.train].mean(0), (12, 1)))
        moved = np.full_like(x, 0.1)
        moved[fold.test] = x[fold.test]  # varies on test images only
        np.testing.assert_allclose(predicted(method, moved, y, fold), flat)


@pytest.mark.parametrize(("alphas", "message"), [((), "at least 1"), ((1.0, 0.0), "For none, use linear")])
def test_refuses_penalties_that_are_none(alphas, message):
    x, y = make(30, 10, 2)
    with pytest.raises(InputError, match=message):
        predicted(ridge.ridge, x, y, fold_of(30), alphas=alphas)


@pytest.mark.parametrize("features", [10, 400])
def test_refuses_to_choose_a_penalty_on_one_group(features):
    x, y = make(60, features, 2)
    folds = grouped_folds(np.repeat(["a", "b"], 30)).folds
    with pytest.raises(InputError, match=r"at least three groups\. Use pls or linear"):
        ridge.ridge(Features(torch.from_numpy(x)), torch.from_numpy(y), folds)
    three = grouped_folds(np.repeat(["a", "b", "c"], 20)).folds
    found = ridge.ridge(Features(torch.from_numpy(x)), torch.from_numpy(y), three)
    assert [len(p) for p in found] == [20, 20, 20]
