"""Exact PLS against scikit-learn, against a plain NIPALS by SVD, and where the data run out."""

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import PLSRegression

from wiringup.benchmarks.metrics import pls
from wiringup.benchmarks.metrics.gram import Features, gram
from wiringup.benchmarks.metrics.pls import GramKernel
from wiringup.benchmarks.metrics.splits import Fold
from wiringup.core.errors import InputError


def make(n, p, q, seed=0, noise=0.5):
    random = np.random.default_rng(seed)
    latent = random.standard_normal((n, 12)) * np.arange(1, 13) ** -0.4
    x = latent @ random.standard_normal((12, p)) + 0.3 * random.standard_normal((n, p)) + 2.0
    y = latent @ random.standard_normal((12, q)) * random.uniform(0.5, 2, q)
    return x.astype(np.float32), y + noise * random.standard_normal((n, q)) + 5.0


def two_folds(n):
    random = np.random.default_rng(3)
    orders = [random.permutation(n) for _ in range(2)]
    return [Fold(o[: n - size], o[n - size :]) for o, size in zip(orders, (n // 10, n // 7), strict=True)]


def predict(x, y, folds, **options):
    found = pls.predict(Features(torch.from_numpy(x)), torch.from_numpy(y), folds, **options)
    return [p.numpy() for p in found]


def nipals_by_svd(x, y, fold, components=25):
    """Wold's algorithm as in the textbook, with the singular vector from a full SVD."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    x_mean, y_mean = x[fold.train].mean(0), y[fold.train].mean(0)
    a, b, test = x[fold.train] - x_mean, y[fold.train] - y_mean, x[fold.test] - x_mean
    predicted = np.tile(y_mean, (len(test), 1))
    for _ in range(components):
        w = np.linalg.svd(a.T @ b, full_matrices=False)[0][:, 0]
        t = a @ w
        p, q = a.T @ t / (t @ t), b.T @ t / (t @ t)
        predicted += np.outer(test @ w, q)
        a, b, test = a - np.outer(t, p), b - np.outer(t, q), test - np.outer(test @ w, p)
    return predicted


@pytest.mark.parametrize(("n", "p", "q"), [(150, 40, 7), (90, 700, 11), (60, 300, 1)])
def test_equals_textbook_nipals(n, p, q):
    x, y = make(n, p, q)
    for fold, found in zip(two_folds(n), predict(x, y, two_folds(n)), strict=True):
        np.testing.assert_allclose(found, nipals_by_svd(x, y, fold), atol=1e-9)


@pytest.mark.parametrize(("n", "p", "q"), [(150, 40, 7), (90, 700, 11)])
def test_equals_scikit_learn_when_its_iteration_converges(n, p, q):
    x, y = make(n, p, q)
    for fold, found in zip(two_folds(n), predict(x, y, two_folds(n)), strict=True):
        model = PLSRegression(25, scale=False, tol=1e-26, max_iter=200_000)
        model.fit(x[fold.train].astype(np.float64), y[fold.train])
        np.testing.assert_allclose(found, model.predict(x[fold.test].astype(np.float64)), atol=1e-8)


@pytest.mark.parametrize(("n", "p", "q"), [(150, 40, 7), (90, 700, 11)])
def test_sklearn_solver_stops_where_scikit_learn_stops(n, p, q):
    x, y = make(n, p, q)
    exact = predict(x, y, two_folds(n))
    stopped = predict(x, y, two_folds(n), solver="sklearn")
    for fold, found, other in zip(two_folds(n), stopped, exact, strict=True):
        model = PLSRegression(25, scale=False).fit(x[fold.train].astype(np.float64), y[fold.train])
        np.testing.assert_allclose(found, model.predict(x[fold.test].astype(np.float64)), atol=1e-8)
        assert np.abs(found - other).max() > 1e-6


def test_more_units_than_images():
    x, y = make(40, 200, 90)
    for fold, found in zip(two_folds(40), predict(x, y, two_folds(40), components=8), strict=True):
        np.testing.assert_allclose(found, nipals_by_svd(x, y, fold, 8), atol=1e-9)


def test_stops_at_the_rank_of_the_features():
    x, y = make(80, 4, 6)
    for fold, found in zip(two_folds(80), predict(x, y, two_folds(80), components=25), strict=True):
        design = np.c_[np.ones(80), x.astype(np.float64)]
        ordinary = np.linalg.lstsq(design[fold.train], y[fold.train], rcond=None)[0]
        np.testing.assert_allclose(found, design[fold.test] @ ordinary, atol=1e-8)


def test_perfectly_linear_targets_are_predicted_perfectly():
    x, _ = make(80, 30, 5)
    y = x[:, :6].astype(np.float64)
    for fold, found in zip(two_folds(80), predict(x, y, two_folds(80), components=30), strict=True):
        np.testing.assert_allclose(found, y[fold.test], atol=1e-7)


def test_constant_features_predict_the_training_mean():
    _, y = make(50, 3, 4)
    x = np.full((50, 9), 0.1, np.float32)
    for fold, found in zip(two_folds(50), predict(x, y, two_folds(50)), strict=True):
        np.testing.assert_allclose(found, np.tile(y[fold.train].mean(0), (len(fold.test), 1)), atol=1e-12)


def test_missing_responses_stand_at_their_unit_s_training_mean():
    x, y = make(90, 40, 5)
    y[np.random.default_rng(1).random(y.shape) < 0.1] = np.nan
    fold = two_folds(90)[0]
    filled = np.where(np.isnan(y), np.nanmean(y[fold.train], 0), y)
    np.testing.assert_allclose(predict(x, y, [fold])[0], nipals_by_svd(x, filled, fold), atol=1e-9)


def test_a_unit_without_any_response_leaves_the_others_as_they_are():
    x, y = make(90, 40, 5)
    with_empty = np.c_[y, np.full(90, np.nan)]
    fold = two_folds(90)[0]
    np.testing.assert_allclose(predict(x, with_empty, [fold])[0][:, :5], predict(x, y, [fold])[0], atol=1e-9)


def test_test_images_do_not_enter_the_fit():
    x, y = make(90, 40, 5)
    fold = two_folds(90)[0]
    changed = y.copy()
    changed[fold.test] += 100.0
    np.testing.assert_allclose(predict(x, changed, [fold])[0], predict(x, y, [fold])[0], atol=1e-9)


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_features_and_their_gram_matrix_give_the_same_fits(missing, monkeypatch):
    x, y = make(90, 40, 5)
    y[np.random.default_rng(1).random(y.shape) < missing] = np.nan
    by_features = predict(x, y, two_folds(90))
    monkeypatch.setattr(pls, "kernel_of", lambda features: GramKernel(features.gram.numpy()))
    for found, expected in zip(by_features, predict(x, y, two_folds(90)), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_the_number_of_threads_changes_no_digit():
    x, y = make(90, 400, 11)
    folds = [*two_folds(90)] * 6
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = predict(x, y, folds)
        torch.set_num_threads(3)
        together = predict(x, y, folds)
    finally:
        torch.set_num_threads(threads)
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)


def test_blocks_do_not_matter():
    x, _ = make(50, 700, 3)
    whole = x.astype(np.float64) - x.astype(np.float64).mean(0)
    for block in (64, 4096):
        found = gram(torch.from_numpy(x), block=block).numpy()
        np.testing.assert_allclose(found, whole @ whole.T, rtol=1e-12, atol=1e-9)


def test_refuses_nan_responses_and_unknown_solvers():
    x, y = make(50, 5, 3)
    with pytest.raises(InputError, match=r"Unknown PLS solver 'exakt'. Did you mean 'exact'\?"):
        predict(x, y, two_folds(50), solver="exakt")
    with pytest.raises(InputError, match="targets has 49 entries"):
        predict(x, y[:49], two_folds(50))
    x[3, 2] = np.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        predict(x, y, two_folds(50))
    with pytest.raises(InputError, match=r"\(images, features\); got \(2, 3, 4\)"):
        gram(torch.zeros(2, 3, 4))
