"""The dominant eigenvector against numpy's full decomposition."""

import numpy as np
import pytest

from wiringup.benchmarks.metrics import eigen
from wiringup.benchmarks.metrics.eigen import dominant


def covariance(n, seed=0):
    factors = np.random.default_rng(seed).standard_normal((n, n)) * np.arange(1, n + 1) ** -0.5
    return factors @ factors.T


@pytest.mark.parametrize("n", [1, 2, 3, 17, 102])
def test_equals_the_last_vector_of_a_full_decomposition(n):
    matrix = covariance(n)
    expected = np.linalg.eigh(matrix)[1][:, -1]
    found = dominant(matrix)
    np.testing.assert_allclose(found * np.sign(found @ expected), expected, atol=1e-10)
    np.testing.assert_allclose(np.linalg.norm(found), 1, atol=1e-12)


def test_leaves_the_matrix_as_it_is_and_gives_vectors_of_their_own():
    first, second = covariance(9), covariance(9, seed=1)
    kept = first.copy()
    a = dominant(first)
    before = a.copy()
    b = dominant(second)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(a, before)
    assert np.abs(a - b).max() > 1e-3


def test_the_same_without_the_pointer(monkeypatch):
    matrix = covariance(23)
    by_pointer = dominant(matrix)
    monkeypatch.setattr(eigen, "_dsyevr", lambda: None)
    by_wrapper = dominant(matrix)
    np.testing.assert_allclose(by_pointer * np.sign(by_pointer @ by_wrapper), by_wrapper, atol=1e-12)


def test_scipy_exports_the_routine():
    assert eigen._dsyevr() is not None
