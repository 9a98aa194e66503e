"""Error consistency against scikit-learn's kappa, known answers, and as a benchmark."""

import numpy as np
import pytest
import torch
from sklearn.metrics import cohen_kappa_score

from wiringup.benchmarks.behavior import ErrorConsistency
from wiringup.benchmarks.metrics.kappa import FEWEST_SHARED, error_consistency, kappas
from wiringup.core.errors import InputError
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.data.measurements import NO_ANSWER, Judgements

RANDOM = np.random.default_rng(0)
N = 300


def observers(n, easy, noise=0.0):
    """Right where an image is easy, but for a fraction ``noise`` of coin tosses."""
    tossed = RANDOM.random((n, len(easy))) < noise
    return np.where(tossed, RANDOM.random((n, len(easy))) < 0.5, easy).astype(float)


EASY = RANDOM.random(N) < 0.6


def test_kappa_is_scikit_learns():
    first, second = observers(3, EASY, 0.5), observers(4, EASY, 0.9)
    expected = [[cohen_kappa_score(a, b) for b in second] for a in first]
    np.testing.assert_allclose(kappas(first, second), expected, atol=1e-12)


def test_kappa_of_what_both_judged():
    first, second = observers(2, EASY, 0.3), observers(2, EASY, 0.3)
    first[0, :50], second[0, 40:90], second[1, FEWEST_SHARED - 1 :] = np.nan, np.nan, np.nan
    found = kappas(first, second)
    both = ~np.isnan(first[0]) & ~np.isnan(second[0])
    assert found[0, 0] == pytest.approx(cohen_kappa_score(first[0, both], second[0, both]), abs=1e-12)
    assert np.isnan(found[:, 1]).all()  # too few images in common


def test_weights_are_repeated_images():
    a, b = observers(1, EASY, 0.4), observers(3, EASY, 0.4)
    counts = RANDOM.integers(0, 4, N)
    expected = kappas(np.repeat(a, counts, 1), np.repeat(b, counts, 1))
    np.testing.assert_allclose(kappas(a, b, counts.astype(float)), expected, atol=1e-12)


def test_known_answers():
    people = observers(6, EASY)
    same = error_consistency(EASY.astype(float), people)
    assert same.value == same.ceiling.value == 1 and same.error == 0
    opposite = error_consistency(1 - EASY.astype(float), people)
    assert opposite.value < -0.8
    shuffled = np.array([RANDOM.permuted(EASY) for _ in range(30)], float)
    independent = [error_consistency(model, people, draws=2).value for model in shuffled]
    assert abs(np.mean(independent)) < 0.05 and 0.02 < np.std(independent) < 0.12


def test_two_accuracies_alone_are_no_agreement():
    easy = RANDOM.random((2, 20_000)) < [[0.9], [0.8]]
    assert (easy[0] == easy[1]).mean() > 0.7
    assert abs(kappas(*easy.astype(float)[:, None])).max() < 0.03


def test_errors_are_those_of_other_images():
    def draw():
        easy = RANDOM.random(N) < 0.6
        return observers(1, easy, 0.5)[0], observers(4, easy, 0.5)

    found = [error_consistency(*draw(), draws=50) for _ in range(60)]
    assert np.std([f.value for f in found]) == pytest.approx(np.mean([f.error for f in found]), rel=0.3)
    spread = np.std([f.ceiling.value for f in found])
    assert spread == pytest.approx(np.mean([f.ceiling.error for f in found]), rel=0.35)


def test_who_makes_no_errors_is_left_out():
    people = observers(3, EASY, 0.3)
    people[0] = 1.0
    found = error_consistency(np.ones(N), people)
    assert np.isnan(found.subjects[0]) and found.subjects[1] == found.value == 0
    assert error_consistency(EASY.astype(float), people[:1]).ceiling is None


CLASSES = ("a", "b", "c")


def judged(subjects=5, noise=0.3, fit=True, images=120):
    """Images of three classes, some of which look like the next class to everybody."""
    labels = np.arange(images) % 3
    looks = np.where(RANDOM.random(images) < 0.3, (labels + 1) % 3, labels)
    pixels = np.clip(100 + 80 * np.eye(3)[looks][..., None] + RANDOM.normal(0, 20, (images, 3, 3)), 0, 255)
    test = LabelledImages(from_pixels(pixels.astype(np.uint8)), labels, CLASSES)
    shown = np.arange(90) % 3
    clean = np.clip(100 + 80 * np.eye(3)[shown][..., None] + RANDOM.normal(0, 20, (90, 3, 3)), 0, 255)
    learned = LabelledImages(from_pixels(clean.astype(np.uint8)), shown, CLASSES)
    image, subject = np.tile(np.arange(images), subjects), np.repeat(np.arange(subjects), images)
    choice = np.where(RANDOM.random(len(image)) < noise, RANDOM.integers(0, 3, len(image)), looks[image])
    return Judgements("people", image, subject, choice, test, learned if fit else None)


def pixels_of(benchmark):
    return torch.from_numpy(benchmark.stimuli.pixels[..., 0].reshape(len(benchmark.stimuli), -1)).float()


def test_a_model_that_is_misled_by_the_same_images():
    benchmark = ErrorConsistency(judged())
    found = benchmark.score(pixels_of(benchmark), "pixels", "(r/c)^2")
    assert (found.metric, found.area, found.normalisation) == ("error-consistency", "behavior", "r/c")
    assert found.n_units == 5 and found.n_stimuli == 120 and found.score == found.raw / found.ceiling
    assert found.raw > found.ceiling > 0.3  # it has no noise of its own
    assert "people 6" in found.note and "decoder fitted on 90 images" in found.note
    noise = torch.from_numpy(RANDOM.standard_normal((210, 20)))
    assert abs(benchmark.score(noise, "noise").raw) < 0.15


def test_logits_decide_where_there_is_nothing_to_fit_on():
    data = judged(fit=False)
    benchmark = ErrorConsistency(data)
    logits = torch.eye(3)[torch.from_numpy(data.choice[:120])]
    found = benchmark.score(logits, "logits")
    assert found.units[0] == 1 and found.note.startswith("logits; ")
    with pytest.raises(InputError, match=r"'pixels' has 9 features, but logits for 3 classes are needed"):
        benchmark.score(pixels_of(benchmark), "pixels")


def test_a_single_subject_gives_a_raw_score_without_a_ceiling():
    benchmark = ErrorConsistency(judged(subjects=1))
    found = benchmark.score(pixels_of(benchmark), "pixels")
    assert found.ceiling is None and found.normalisation == "none" and found.score == found.raw > 0.3
    assert "no two subjects judged enough of the same images" in found.note


def test_refuses_judgements_twice_and_counts_no_answer_as_an_error():
    data = judged()
    choice = data.choice.copy()
    choice[data.choice == data.test.labels[data.image]] = NO_ANSWER
    wrong = Judgements("none", data.image, data.subject, choice, data.test, data.fit)
    assert wrong.correct.sum() == 0 and wrong.sha256 != data.sha256
    with pytest.raises(InputError, match="judged an image more than once"):
        Judgements("twice", data.image * 0, data.subject, data.choice, data.test, data.fit)
