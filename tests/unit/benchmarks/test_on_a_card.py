"""What a card computes, run by torch on the CPU, is what numpy computes there."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from wiringup.benchmarks.benchmark import evaluate
from wiringup.benchmarks.geometry import Geometry
from wiringup.benchmarks.metrics import arrays, pca, pls
from wiringup.benchmarks.metrics.eigen import dominant, dominant_of_all
from wiringup.benchmarks.metrics.geometry import MEASURES
from wiringup.benchmarks.metrics.gram import Features, gram, pattern_covariance
from wiringup.benchmarks.metrics.rdm import correlation_distance, resampled_spearman
from wiringup.benchmarks.metrics.splits import make_folds
from wiringup.benchmarks.predictivity import MAPPINGS, Pls, Predictivity, Ridge
from wiringup.core.stimuli import from_pixels
from wiringup.data.measurements import Recording
from wiringup.models import storage
from wiringup.models.storage import products_on, scoring_set

IMAGES, UNITS = 100, 9
LATENTS = np.random.default_rng(0).standard_normal((IMAGES, 8))
NOISE = np.random.default_rng(4).standard_normal((IMAGES, IMAGES + 20))
TARGETS = torch.from_numpy(LATENTS @ np.random.default_rng(1).standard_normal((8, UNITS)) + NOISE[:, :UNITS])
GAPS = TARGETS.where(torch.rand(IMAGES, UNITS, generator=torch.Generator().manual_seed(2)) > 0.1, torch.nan)
MANY = torch.from_numpy(LATENTS @ np.random.default_rng(3).standard_normal((8, IMAGES + 20)) + NOISE)
GROUPS = np.array([f"g{i // 2:02d}" for i in range(IMAGES)])
MAPS = [*MAPPINGS.values(), Pls(solver="sklearn"), Ridge(shared=True)]
CASES = [(TARGETS, None, 300), (TARGETS, GROUPS, 30), (GAPS, GROUPS, 300), (GAPS, None, 30), (MANY, None, 30)]


def responses(n):
    random = np.random.default_rng(n)
    x = LATENTS @ random.standard_normal((8, n)) + random.standard_normal((IMAGES, n)) + 2
    return torch.from_numpy(x.astype(np.float32))


@pytest.fixture
def card(monkeypatch):
    def on(work):
        with monkeypatch.context() as patch:
            patch.setattr(arrays, "NUMPY_ON", ())
            return work()

    return on


def same(card, work, tolerance=1e-10):
    there, here = card(work), work()
    for a, b in zip(there, here, strict=True):
        torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(("targets", "groups", "features"), CASES, ids=range(len(CASES)))
@pytest.mark.parametrize("mapping", MAPS, ids=lambda m: m.label)
def test_predictions_are_those_of_numpy(card, mapping, groups, targets, features):
    folds = make_folds(IMAGES, None, groups).folds
    same(card, lambda: mapping.predict(Features(responses(features)), targets, folds))


def test_a_card_is_told_by_torch(card):
    """Without this, the other tests would compare numpy with itself."""
    kernel = card(lambda: pls.kernel_of(Features(responses(300))))
    assert isinstance(kernel.matrix, torch.Tensor)
    assert isinstance(pls.kernel_of(Features(responses(300))).matrix, np.ndarray)


@pytest.mark.parametrize("work", [gram, pattern_covariance, lambda x: correlation_distance(Features(x))])
def test_matrices_of_images_are_those_of_numpy(card, work):
    same(card, lambda: [work(responses(5000))])


def test_principal_components_are_those_of_numpy(card):
    def scores():
        found = pca.fit(responses(500), 5)
        return [found.scores, found.explained_variance, found.transform(responses(500) * 0.7 + 1)]

    same(card, scores, 1e-8)


@pytest.mark.parametrize("q", [1, 2, 7, 80])
def test_dominant_eigenvectors_by_squaring_are_lapacks(q):
    random = np.random.default_rng(q)
    matrices = [m @ m.T for m in random.standard_normal((3, q, 2 * q))]
    found = dominant_of_all(torch.from_numpy(np.stack([*matrices, np.zeros((q, q))]))).numpy()
    for c, matrix in zip(found, matrices, strict=False):
        expected = dominant(matrix)
        np.testing.assert_allclose(c * np.sign(c @ expected), expected, atol=1e-11)
    assert not found[-1].any()


@pytest.mark.parametrize("scale", [1e-140, 1e140])
@pytest.mark.parametrize("gap", [1e-3, 1e-8, 0.0])
def test_squaring_bears_any_scale_and_nearly_equal_eigenvalues(scale, gap):
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((50, 50)))[0]
    powers = np.concatenate([[1, 1 - gap], np.linspace(0.9, 0, 48)])
    matrix = scale * (axes * powers) @ axes.T
    c = dominant_of_all(torch.from_numpy(matrix)[None])[0].numpy()
    assert abs(c @ matrix @ c / scale - 1) < 1e-12


def test_scores_are_those_of_numpy(card):
    trials = TARGETS.T[:, :, None].numpy().astype(np.float32)
    trials = trials + np.random.default_rng(5).standard_normal((UNITS, IMAGES, 4)).astype(np.float32)
    pixels = np.random.default_rng(6).integers(0, 256, (IMAGES, 8, 8, 3), np.uint8)
    data = Recording("made", "V4", trials, from_pixels(pixels))
    benchmarks = [Predictivity(data), *(Geometry(data, measure=m) for m in MEASURES.values())]

    class Table:
        name, identity = "table", ""

        def layer_for(self, area):
            return area

        def responses(self, stimuli, layers):
            return {layer: responses(700) for layer in layers}

    same(card, lambda: [torch.tensor([s.raw, s.error]) for s in evaluate(Table(), benchmarks)])


def test_what_does_not_fit_on_a_card_is_scored_on_the_cpu_and_told(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    here = torch.device("cuda", 0)
    assert products_on(None, 10) is None and products_on(torch.device("cpu"), 10) is None
    monkeypatch.setattr(storage, "free_on", lambda card: scoring_set(100, 20, here) / 0.79)
    assert products_on(here, 100, 20) == here and not caplog.messages
    assert products_on(here, 20_000, 20) == torch.device("cpu")
    assert "Scoring 20,000 images and 20 units needs" in caplog.text and "on the CPU" in caplog.text


def test_products_are_made_where_they_are_asked_for():
    assert replace(Features(responses(20)), device=torch.device("meta")).place == torch.device("meta")
    assert Features(responses(20)).place == torch.device("cpu")


@pytest.mark.parametrize("decimals", [1, 12], ids=["ties", "no ties"])
def test_ranks_of_resampled_images_are_those_of_numpy(decimals):
    random = np.random.default_rng(0)
    vectors = random.standard_normal((3, 30 * 29 // 2)).round(decimals)
    counts = random.multinomial(30, np.full(30, 1 / 30), size=8).astype(float)
    pairs = [(0, 1), (2, 0)]
    there = resampled_spearman(pairs, torch.from_numpy(vectors), counts)
    np.testing.assert_allclose(there, resampled_spearman(pairs, vectors, counts), atol=1e-14)
