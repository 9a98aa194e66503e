"""Whole benchmarks against known answers: themselves, chance, a derivation, the leak of near-copies."""

import dataclasses

import numpy as np
import pytest
import torch

from wiringup.benchmarks.catalog import NEURAL_METRICS, make_benchmark
from wiringup.benchmarks.predictivity import Linear, Pls, Predictivity, Ridge
from wiringup.core.stimuli import from_pixels
from wiringup.data.measurements import Recording
from wiringup.data.sources import catalog
from wiringup.models.readout import PixelSubject

N, UNITS, AXES, REPEATS = 600, 150, 6, 8


def population(noise, n=N, units=UNITS, axes=AXES, repeats=REPEATS, seed=0):
    """Return a recording that reads ``axes`` features linearly, signal variance 1, and those features."""
    random = np.random.default_rng(seed)
    features = random.standard_normal((n, axes))
    readout = random.standard_normal((axes, units))
    signal = features @ (readout / np.linalg.norm(readout, axis=0))
    trials = signal.T[..., None] + noise * random.standard_normal((units, n, repeats))
    stimuli = from_pixels(random.integers(0, 256, (n, 4, 4), np.uint8))
    return Recording("linear", "IT", trials.astype(np.float32), stimuli), torch.from_numpy(features)


@pytest.mark.parametrize("metric", NEURAL_METRICS)
def test_the_mean_responses_explain_themselves(metric):
    data, _ = population(noise=0.2, n=120, units=30)
    itself = torch.from_numpy(data.trials.mean(2, dtype=np.float64).T)
    assert make_benchmark(data, metric=metric).score(itself, "itself").raw > 0.999


@pytest.mark.parametrize("metric", ["pls", "ridge", "linear", "one-to-one", "rsa", "cka"])
def test_shuffled_stimuli_are_at_chance(metric):
    data, features = population(noise=1.0, n=60, units=9)
    benchmark = make_benchmark(data, metric=metric)
    random = np.random.default_rng(1)
    raw = [benchmark.score(features[random.permutation(60)], "shuffled").raw for _ in range(50)]
    error = np.std(raw) / len(raw) ** 0.5
    assert error < 0.02 and abs(np.mean(raw)) < 2.5 * error
    assert benchmark.score(features, "in order").raw > max(raw) + 0.2


@pytest.mark.parametrize("noise", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("mapping", [Linear(), Pls(AXES), Ridge()])
def test_predictivity_of_a_linear_population_is_what_theory_says(mapping, noise):
    """Signal variance 1, so that the mean of R repeats has noise variance v = noise^2 / R.

    A fit on n images errs by v (axes / n) on average over images to come, so that
    r = 1 / sqrt((1 + v) (1 + v axes / n)) = sqrt(reliability) / sqrt(1 + v axes / n).
    """
    data, features = population(noise)
    variance, n_train = noise**2 / REPEATS, 0.9 * N
    expected = 1 / np.sqrt((1 + variance) * (1 + variance * AXES / n_train))
    found = Predictivity(data, mapping=mapping).score(features, "its own axes", "r/c")
    assert found.raw == pytest.approx(expected, abs=0.012)
    assert found.ceiling == pytest.approx(1 / (1 + variance), abs=0.012)


def test_unequal_repeats_and_missing_trials_shift_predictivity_as_theory_says():
    noise, random = 2.0, np.random.default_rng(3)
    data, features = population(noise)
    trials = data.trials.copy()
    trials[:, ::2, 4:] = np.nan  # every other image was shown four times
    trials[random.random(trials.shape) < 0.2] = np.nan
    counts = (~np.isnan(trials)).sum(2)
    variance = (noise**2 / np.maximum(counts, 1))[counts > 0].mean()
    gappy = dataclasses.replace(data, trials=trials)
    found = Predictivity(gappy, mapping=Linear()).score(features, "its own axes", "r/c")
    expected = 1 / np.sqrt((1 + variance) * (1 + variance * AXES / (0.9 * N)))
    assert found.raw == pytest.approx(expected, abs=0.015)
    # halves of few trials are noisier than half of all: images without one are left out of the ceiling
    assert found.ceiling == pytest.approx(1 / (1 + variance), abs=0.03)


def copies(n_scenes=30, each=4):
    """Return a recording of noise that is alike for near-copies, with movies as pixels, and their names."""
    random = np.random.default_rng(0)
    scene = np.repeat(np.kron(random.uniform(60, 200, (n_scenes, 6, 6)), np.ones((6, 6))), each, 0)
    pixels = (scene + random.normal(0, 2, scene.shape)).astype(np.uint8)
    trials = np.repeat(random.standard_normal((8, n_scenes, 1)), each, 1).astype(np.float32)
    names = np.repeat(np.arange(n_scenes), each).astype(str)
    return Recording("movies", "V1", trials, from_pixels(pixels)), names


def test_copies_on_both_sides_of_a_fold_are_told():
    free, movies = copies()
    responses = PixelSubject(12).responses(free.stimuli, ["x"])["x"]
    found = Predictivity(free, mapping=Ridge()).score(responses, "x")
    assert found.raw > 0.7
    tested = np.unique(np.concatenate([fold.test for fold in Predictivity(free).folds.folds]))
    assert f"; {len(tested)} images have near-copies on the other side of a fold: r is inflated" in found.note
    closed = dataclasses.replace(free, groups=movies)
    found = Predictivity(closed, mapping=Ridge()).score(responses, "x")
    assert abs(found.raw) < 0.3 and "near-copies" not in found.note
    wrong = dataclasses.replace(free, groups=np.arange(len(movies)).astype(str))
    assert "120 images have near-copies" in Predictivity(wrong).score(responses, "x").note
    nothing_is_fitted = make_benchmark(free, metric="rsa")
    assert "near-copies" not in nothing_is_fitted.score(responses, "x").note


def test_random_folds_over_the_frames_of_real_movies_inflate_predictivity(shared):
    whole = catalog.load("henaff2021", shared / "data")
    data = dataclasses.replace(whole, trials=whole.trials[::7])
    responses = PixelSubject(16).responses(data.stimuli, ["x"])["x"]
    grouped, free = (
        Predictivity(d).score(responses, "pixels") for d in (data, dataclasses.replace(data, groups=None))
    )
    assert free.raw > 0.6 and grouped.raw < 0.15
    assert "117 images have near-copies on the other side of a fold" in free.note
    assert "near-copies" not in grouped.note
