"""Behaviour as benchmarks: perfect agreement, chance, and what is told beside a score."""

import dataclasses

import numpy as np
import pytest
import torch

from wiringup.benchmarks.behavior import ChoiceConsistency, TwoChoiceConsistency
from wiringup.benchmarks.benchmark import evaluate
from wiringup.benchmarks.decoding import class_probabilities
from wiringup.benchmarks.metrics import i2n
from wiringup.benchmarks.metrics.gram import Features
from wiringup.core.errors import InputError
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.measurements import Choices, TwoChoice

RANDOM = np.random.default_rng(1)
CLASSES = tuple("abcdef")


def labelled(n):
    """Images whose few pixels are drawn around their class, so that some look like another."""
    labels = np.arange(n) % len(CLASSES)
    centre = np.random.default_rng(2).integers(70, 180, (len(CLASSES), 4, 4, 3))
    pixels = np.clip(centre[labels] + RANDOM.normal(0, 45, (n, 4, 4, 3)), 0, 255).astype(np.uint8)
    return LabelledImages(Stimuli(pixels, tuple(map(str, range(n)))), labels, CLASSES)


TEST, FIT = labelled(72), labelled(240)


class Looker:
    """A subject that answers with pixels."""

    name = identity = "looker"

    def layer_for(self, area):
        return "pixels"

    def responses(self, stimuli, layers):
        x = torch.from_numpy(stimuli.pixels.reshape(len(stimuli), -1)).float()
        return dict.fromkeys(layers, x)


def features(images):
    return torch.from_numpy(images.stimuli.pixels.reshape(len(images), -1)).float()


def observed(n=60_000, fit=FIT, choose=None):
    """Trials of observers who choose as the decoder on pixels does."""
    p = i2n.two_way(class_probabilities(features(fit), fit.labels, features(TEST), len(CLASSES)), TEST.labels)
    image = RANDOM.integers(0, len(TEST), n)
    sample = TEST.labels[image]
    distractor = (sample + RANDOM.integers(1, len(CLASSES), n)) % len(CLASSES)
    wrong = RANDOM.random(n) < (p[image, distractor] if choose is None else choose)
    return TwoChoice("pairs", image, sample, distractor, np.where(wrong, distractor, sample), TEST, fit)


DATA = observed()


@pytest.mark.parametrize("metric", list(i2n.SIGNATURES))
def test_people_who_decide_like_the_model_are_explained(metric):
    (found,) = evaluate(Looker(), [TwoChoiceConsistency(DATA, "mine", metric)])
    assert found.score == pytest.approx(1, abs=0.04)
    assert (found.metric, found.area, found.normalisation) == (metric, "behavior", "r/sqrt(c)")
    assert found.ceiling > 0.3 and (found.n_stimuli, found.n_units) == (72, 6)
    assert ("over objects" in found.note) == metric.startswith("o")


@pytest.mark.parametrize("metric", ["i2n", "i2", "i1"])
def test_a_model_that_does_not_see_the_images_is_at_chance(metric):
    benchmark = TwoChoiceConsistency(DATA, "mine", metric)
    draws = [torch.from_numpy(RANDOM.standard_normal((len(benchmark.stimuli), 20))) for _ in range(20)]
    raws = [benchmark.score(noise, "noise").raw for noise in draws]
    assert abs(np.mean(raws)) < 0.08 and 0.02 < np.std(raws) < 0.25


def test_i2n_owes_nothing_to_objects():
    benchmark = TwoChoiceConsistency(DATA)
    exchanged = TEST.labels.argsort(kind="stable").reshape(6, 12)
    raws = []
    for _ in range(20):
        rows = np.empty(len(TEST), int)
        rows[exchanged.ravel()] = RANDOM.permuted(exchanged, axis=1).ravel()
        raws.append(benchmark.score(torch.cat([features(FIT), features(TEST)[rows]]), "exchanged").raw)
    assert abs(np.mean(raws)) < 0.08


def test_images_that_the_decoder_has_seen_are_told_and_shown_once():
    benchmark = TwoChoiceConsistency(dataclasses.replace(DATA, fit=TEST))
    assert len(benchmark.stimuli) == len(TEST)
    (found,) = evaluate(Looker(), [benchmark])
    assert "72 of the 72 test images among them: no test of generalisation" in found.note
    part = FIT.take(np.arange(237)).stimuli
    both = Stimuli(np.concatenate([part.pixels, TEST.stimuli.pixels[:3]]), FIT.stimuli.ids)
    partly = dataclasses.replace(FIT, stimuli=both)
    assert "3 of the 72" in TwoChoiceConsistency(dataclasses.replace(DATA, fit=partly)).fitted_on
    assert "among them" not in TwoChoiceConsistency(DATA).fitted_on


def test_few_trials_leave_gaps_and_no_ceiling_but_a_raw_score():
    (found,) = evaluate(Looker(), [TwoChoiceConsistency(observed(300), "few")])
    assert found.ceiling is None and found.normalisation == "none" and found.score == found.raw
    assert "left out: no trial" in found.note and "agree too little to divide by" in found.note


def test_people_without_errors_have_nothing_to_explain():
    (found,) = evaluate(Looker(), [TwoChoiceConsistency(observed(6000, choose=0.0), "perfect")])
    assert found.raw == found.score == 0.0 and found.ceiling is None and found.error == 0


@pytest.mark.parametrize("metric", list(i2n.SIGNATURES))
def test_a_layer_that_answers_alike_scores_zero_with_a_note(metric):
    benchmark = TwoChoiceConsistency(DATA, "mine", metric)
    found = benchmark.score(torch.ones(len(benchmark.stimuli), 5), "constant")
    assert found.raw == found.score == 0.0 and "constant" in found.note


def test_benchmarks_on_one_layer_share_the_decoder(monkeypatch):
    fits = []
    monkeypatch.setattr(
        "wiringup.benchmarks.decoding.class_probabilities",
        lambda *a: fits.append(1) or class_probabilities(*a),
    )
    shared = Features(torch.cat([features(FIT), features(TEST)]))
    counts = Choices("all", RANDOM.multinomial(30, np.full(6, 1 / 6), len(TEST)), TEST, FIT)
    found = [TwoChoiceConsistency(DATA, "m", m).score(shared, "pixels") for m in i2n.SIGNATURES]
    found += [ChoiceConsistency(counts, "c", m).score(shared, "pixels") for m in i2n.SIGNATURES]
    assert len(fits) == 1 and len({s.raw for s in found}) == 10


def test_refuses_unknown_metrics():
    with pytest.raises(InputError, match=r"Unknown behavioural metric 'i3'.*Allowed: i1, i2, i2n, o1, o2"):
        TwoChoiceConsistency(DATA, "mine", "i3")
