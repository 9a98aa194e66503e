"""Benchmarks as a whole: known answers, chance, folds, ceilings, and one look for several of them."""

import dataclasses

import numpy as np
import pytest
import torch

from wiringup.benchmarks.behavior import ChoiceConsistency
from wiringup.benchmarks.benchmark import evaluate
from wiringup.benchmarks.geometry import Similarity
from wiringup.benchmarks.predictivity import Linear, Pls, Predictivity, Ridge
from wiringup.core.errors import InputError
from wiringup.core.score import ALIKE
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.data.measurements import Choices, Dissimilarities, Recording

RANDOM = np.random.default_rng(0)
N, UNITS, REPEATS = 200, 24, 20
STIMULI = from_pixels(RANDOM.integers(0, 256, (N, 4, 4), np.uint8))
FEATURES = RANDOM.standard_normal((N, 60)).astype(np.float32) * np.arange(1, 61) ** -0.5


def recording(noise=1.0, unexplained=0.0, repeats=REPEATS, **options):
    signal = FEATURES[:, :10] @ RANDOM.standard_normal((10, UNITS))
    signal /= signal.std(0)
    signal += unexplained * RANDOM.standard_normal(signal.shape)
    trials = signal.T[..., None] + noise * RANDOM.standard_normal((UNITS, N, repeats))
    return Recording("V4 sample", "V4", trials.astype(np.float32), STIMULI, **options)


def score(benchmark, features, normalisation="(r/c)^2"):
    return benchmark.score(
        torch.from_numpy(np.ascontiguousarray(features, np.float32)), "layer", normalisation
    )


def test_target_predicts_itself():
    data = recording(noise=0.5)
    found = score(Predictivity(data), data.trials.mean(2).T)
    assert found.raw > 0.999
    assert found.n_units == UNITS and found.n_stimuli == N and found.area == "V4"
    assert found.benchmark == "V4 sample" and found.metric == "pls-25"


def test_shuffled_stimuli_are_at_chance():
    benchmark = Predictivity(recording())
    raw = [score(benchmark, FEATURES[RANDOM.permutation(N)]).raw for _ in range(12)]
    assert abs(np.mean(raw)) < 0.05
    assert score(benchmark, FEATURES).raw > 0.9


def test_known_predictivity_and_ceiling():
    # half of the signal's variance is linear in the features; noise of the mean has variance 2**2 / 20
    data = recording(noise=2.0, unexplained=1.0)
    found = score(Predictivity(data), FEATURES[:, :10], "r/c")
    assert found.ceiling == pytest.approx(1 / (1 + 0.2 / 2), abs=0.02)
    assert found.raw == pytest.approx(np.sqrt(1 / 2.2), abs=0.07)
    assert found.score == pytest.approx(found.raw / found.ceiling)
    assert found.error == pytest.approx(0.02, abs=0.018)


def test_single_repeats_are_reported_without_a_ceiling():
    found = score(Predictivity(recording(repeats=1)), FEATURES)
    assert found.ceiling is None and found.normalisation == "none" and found.score == found.raw
    assert "no noise ceiling" in found.note


def test_grouped_folds_close_the_leak_of_near_copies():
    n_groups = N // 5
    groups = np.repeat([f"movie{i}" for i in range(n_groups)], 5)
    scene = RANDOM.standard_normal((n_groups, 300)).repeat(5, 0)
    features = scene + 0.1 * RANDOM.standard_normal(scene.shape)
    trials = RANDOM.standard_normal((UNITS, n_groups)).repeat(5, 1)[..., None].astype(np.float32)
    leaking = Predictivity(Recording("copies", "V1", trials, STIMULI))
    closed = Predictivity(Recording("copies", "V1", trials, STIMULI, groups=groups))
    assert score(leaking, features).raw > 0.8
    found = score(closed, features)
    assert abs(found.raw) < 0.3
    assert "groups together" in found.note


def test_missing_trials_and_unequal_repeats():
    whole = recording(noise=1.0)
    trials = whole.trials.copy()
    trials[RANDOM.random(trials.shape) < 0.3] = np.nan
    trials[5, :30] = np.nan
    full = score(Predictivity(whole), FEATURES)
    found = score(Predictivity(dataclasses.replace(whole, trials=trials)), FEATURES)
    assert found.raw == pytest.approx(full.raw, abs=0.03)
    assert np.isfinite(found.units).all()


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8])
def test_a_layer_that_answers_alike_scores_zero_with_a_note(value):
    found = score(Predictivity(recording()), np.full((N, 30), value))
    assert found.raw == found.score == 0.0
    assert "constant" in found.note


def test_responses_have_to_match_the_images():
    with pytest.raises(InputError, match="responses has 199 entries, but V4 sample's set of images has 200"):
        score(Predictivity(recording()), FEATURES[1:])


def dissimilarities(subjects=6, noise=0.5):
    model = 1 - np.corrcoef(FEATURES[:40])
    noisy = [model + noise * np.triu(RANDOM.uniform(0, 1, model.shape), 1) for _ in range(subjects)]
    rdms = np.array([np.triu(r, 1) + np.triu(r, 1).T for r in noisy], np.float32)
    return Dissimilarities("IT voxels", "IT", rdms, STIMULI.take(np.arange(40)))


def test_similarity_of_the_true_model_lies_within_the_noise_ceiling():
    benchmark = Similarity(dissimilarities())
    found = score(benchmark, FEATURES[:40], "r/c")
    assert found.ceiling - 0.02 < found.raw < benchmark.ceiling.upper + 0.02
    assert found.n_units == 6 and found.metric == "rsa-spearman"
    assert abs(score(benchmark, FEATURES[40:80]).raw) < 0.1
    assert score(benchmark, np.ones((40, 5))).raw == 0.0


def labelled(n, classes=4, seed=0):
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(n) % classes)
    bright = 60.0 * (np.arange(4) == labels[:, None])[..., None]  # the class is a bright row
    pixels = np.clip(bright + random.normal(90, 50, (n, 4, 4)), 0, 255).astype(np.uint8)
    return LabelledImages(from_pixels(pixels), labels, tuple("abcd"[:classes]))


class Looker:
    """A subject that answers with pixels, or their square, and counts how often it looks."""

    name = identity = "looker"

    def __init__(self):
        self.looks = []

    def layer_for(self, area):
        return "pixels"

    def responses(self, stimuli, layers):
        self.looks.append((len(stimuli), tuple(layers)))
        x = torch.from_numpy(stimuli.pixels[..., 0].reshape(len(stimuli), -1)).float()
        return {layer: x if layer == "pixels" else x**2 for layer in layers}


def choices():
    test, fit = labelled(120, seed=1), labelled(200, seed=2)
    rows = test.stimuli.pixels[..., 0].mean(2) / 15
    p = np.exp(rows) / np.exp(rows).sum(1, keepdims=True)
    return Choices("brightness", RANDOM.multinomial(200, p), test, fit)


def test_choices_of_people_who_use_the_feature_are_explained():
    benchmark = ChoiceConsistency(choices())
    found = evaluate(Looker(), [benchmark])[0]
    assert found.area == "behavior" and found.metric == "i2n" and found.normalisation == "r/sqrt(c)"
    assert found.raw > 0.5
    assert found.score == pytest.approx(found.raw / np.sqrt(found.ceiling), rel=0.02)
    assert found.n_stimuli == 120
    noise = torch.from_numpy(RANDOM.standard_normal((320, 16)))
    assert benchmark.score(noise, "noise").raw < found.raw / 2


def test_one_look_for_all_benchmarks_on_the_same_images():
    first, second = Predictivity(recording(), "first"), Predictivity(recording(), "second")
    other = Similarity(dissimilarities())
    looker = Looker()
    found = evaluate(looker, [first, other, second], ["pixels", "squared"])
    assert looker.looks == [(N, ("pixels", "squared")), (40, ("pixels", "squared"))]
    assert [(s.benchmark, s.layer) for s in found] == [
        (name, layer) for name in ("first", "IT voxels", "second") for layer in ("pixels", "squared")
    ]
    assert found[0].raw != found[1].raw
    alone = evaluate(Looker(), [second])[0]
    assert alone.raw == pytest.approx(found[4].raw)
    with pytest.raises(InputError, match="Unknown normalisation 'r/d'"):
        evaluate(looker, [first], normalisation="r/d")


def test_hash_follows_the_data():
    data = recording()
    same, groups = dataclasses.replace(data), np.repeat(["a", "b"], N // 2)
    assert Predictivity(data).sha256 == Predictivity(same).sha256
    others = [recording(), dataclasses.replace(data, groups=groups), dataclasses.replace(data, area="IT")]
    metrics = [Pls(solver="sklearn"), Pls(20), Ridge(), Ridge(shared=True), Ridge((1.0,)), Linear()]
    hashes = {Predictivity(d).sha256 for d in (data, *others)}
    hashes |= {Predictivity(data, mapping=m).sha256 for m in metrics}
    assert len(hashes) == 4 + len(metrics)


def test_a_layer_that_answers_every_image_alike_is_told(caplog):
    class Dead(Looker):
        def responses(self, stimuli, layers):
            return {layer: torch.full((len(stimuli), 3), 0.5) for layer in layers}

    (found,) = evaluate(Dead(), [Predictivity(recording(repeats=2))])
    assert found.raw == 0 and found.note.endswith(f"; {ALIKE}")
    assert [ALIKE in one for one in caplog.messages] == [True]
    assert ALIKE not in evaluate(Looker(), [Predictivity(recording(repeats=2))])[0].note
