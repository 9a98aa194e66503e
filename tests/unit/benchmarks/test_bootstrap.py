"""Bootstrap draws against scores of data that are resampled in earnest."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr

from wiringup.benchmarks.accuracy import TopK
from wiringup.benchmarks.behavior import ChoiceConsistency
from wiringup.benchmarks.geometry import Similarity
from wiringup.benchmarks.metrics import bootstrap, i2n, rdm, reliability
from wiringup.benchmarks.metrics.splits import make_folds
from wiringup.benchmarks.predictivity import Predictivity
from wiringup.core.score import normalise, normalise_draws
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.data.measurements import Choices, Dissimilarities, Recording
from wiringup.results.draws import condensed


def rng(seed=0):
    return np.random.default_rng(seed)


def stimuli(n, seed=0):
    return from_pixels(rng(seed).integers(0, 256, (n, 4, 4), np.uint8))


def test_counts_and_indices_are_resamples_from_the_generator_alone():
    counts = bootstrap.image_counts(30, rng(), draws=2000)
    assert counts.shape == (2000, 30) and (counts.sum(1) == 30).all()
    assert counts.var() == pytest.approx(29 / 30, rel=0.05)
    np.testing.assert_array_equal(counts, bootstrap.image_counts(30, rng(), draws=2000))
    index = bootstrap.unit_draws(7, rng(), draws=2000)
    assert set(np.unique(index)) == set(range(7))
    assert bootstrap.image_counts(30, rng()).shape == (bootstrap.DRAWS, 30)


def test_near_copies_are_drawn_together():
    groups = np.repeat(["a", "b", "c", "d"], [3, 5, 2, 4])
    counts = bootstrap.image_counts(14, rng(), groups, draws=500)
    for name in "abcd":
        of_group = counts[:, groups == name]
        assert (of_group == of_group[:, :1]).all()
    assert (counts[:, [0, 3, 8, 10]].sum(1) == 4).all()


@pytest.mark.parametrize("missing", [False, True])
def test_weighted_r_is_that_of_repeated_images(missing):
    x, y = rng(1).standard_normal((2, 12, 3)) + 5
    y += x
    if missing:
        y[:3, 1] = np.nan
    counts = bootstrap.image_counts(12, rng(2), draws=20)
    found = bootstrap.weighted_r(counts, x, y)
    for draw, weights in enumerate(counts.astype(int)):
        for unit in range(3):
            a, b = (np.repeat(v[:, unit], weights) for v in (x, y))
            kept = ~np.isnan(b)
            assert found[draw, unit] == pytest.approx(pearsonr(a[kept], b[kept])[0], abs=1e-10)


def test_what_does_not_vary_in_a_resample_has_no_r():
    x = rng().standard_normal((5, 2)) + 1e6
    x[:, 1] = 0.1
    counts = np.array([[5.0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]])
    found = bootstrap.weighted_r(counts, x, rng(1).standard_normal((5, 2)))
    assert np.isnan(found).tolist() == [[True, True], [False, True], [True, True]]


def test_median_and_mean_pass_over_what_is_not_defined():
    x = rng().standard_normal((4, 3, 6))
    x[0, 0, :2] = np.nan
    x[1, 1] = np.nan
    expected = np.array([[np.nan if np.isnan(v).all() else np.nanmedian(v) for v in row] for row in x])
    np.testing.assert_allclose(bootstrap.median(x), expected)
    np.testing.assert_allclose(bootstrap.nanmean(expected, 0)[1], np.nanmean(expected[:, 1]))


def held_out(n=60, units=5):
    folds = make_folds(n)
    measured = rng(3).standard_normal((n, units))
    predictions = [measured[f.test] + rng(i).standard_normal((len(f.test), units)) for i, f in
                   enumerate(folds.folds)]  # fmt: skip
    return predictions, measured, folds.folds


def test_held_out_r_counts_an_image_alike_in_every_fold():
    predictions, measured, folds = held_out()
    counts = bootstrap.image_counts(60, rng(), draws=5)
    found = bootstrap.held_out_r(predictions, measured, folds, counts)
    assert found.shape == (10, 5, 5)
    fold, draw, unit = 3, 2, 4
    weights = counts[draw, folds[fold].test].astype(int)
    a, b = (np.repeat(v[:, unit], weights) for v in (predictions[fold], measured[folds[fold].test]))
    assert found[fold, draw, unit] == pytest.approx(pearsonr(a, b)[0])


def test_draws_of_a_median_over_units_by_source():
    r = rng().uniform(0, 1, (4, 7))
    drawn = rng(1).uniform(0, 1, (4, 50, 7))
    units = bootstrap.unit_draws(7, rng(2), draws=50)
    found = bootstrap.condensed_draws(drawn, r, units)
    assert found["stimuli"][9] == pytest.approx(np.median(drawn[:, 9], axis=1).mean())
    assert found["units"][9] == pytest.approx(np.median(r[:, units[9]], axis=1).mean())
    assert found["both"][9] == pytest.approx(np.median(drawn[:, 9][:, units[9]], axis=1).mean())


def test_resampled_reliability_is_that_of_repeated_images():
    trials = (rng().standard_normal((3, 15, 1)) + rng(1).standard_normal((3, 15, 6))).astype(np.float32)
    trials[1, :4, :3] = np.nan
    counts = bootstrap.image_counts(15, rng(2), draws=4)
    found = reliability.resampled_reliability(trials, np.vstack([counts, np.ones(15)]))
    np.testing.assert_allclose(found[:, -1], reliability.split_half_reliability(trials), atol=1e-10)
    for draw, weights in enumerate(counts.astype(int)):
        repeated = np.repeat(trials, weights, axis=1)
        np.testing.assert_allclose(found[:, draw], reliability.split_half_reliability(repeated), atol=1e-10)


def test_resampled_rdms_are_ranked_anew():
    vectors = np.round(rng().uniform(0, 1, (3, 45)), 1)  # ten images, with ties
    vectors[2] = rng(5).uniform(0, 1, 45)
    counts = bootstrap.image_counts(10, rng(1), draws=20)
    found = rdm.resampled_spearman([(0, 1), (2, 0)], vectors, counts)
    rows, columns = np.triu_indices(10, 1)
    for draw, of_image in enumerate(counts.astype(int)):
        weights = of_image[rows] * of_image[columns]
        for pair, (a, b) in enumerate([(0, 1), (2, 0)]):
            expected = spearmanr(np.repeat(vectors[a], weights), np.repeat(vectors[b], weights))[0]
            assert found[draw, pair] == pytest.approx(expected, abs=1e-10)


def test_all_images_once_give_the_scores_themselves():
    data = dissimilarities()
    ones = np.ones((1, 20))
    model = 1 - np.corrcoef(rng(8).standard_normal((20, 30)))
    np.testing.assert_allclose(
        rdm.resampled_subjects(model, data.rdms, ones)[0], rdm.compare(model, data.rdms).subjects
    )
    np.testing.assert_allclose(
        rdm.resampled_lower_bounds(data.rdms, ones)[0], rdm.lower_bounds(data.rdms), atol=1e-12
    )


def test_consistency_draws_resample_rows_of_the_signatures():
    truth = np.arange(40) % 4
    matrices = [i2n.without_truth(rng(i).standard_normal((40, 4)) + 1e3, truth) for i in range(3)]
    own, first, second = (m + 2 * rng(9).standard_normal((40, 4)) for m in matrices)
    counts = bootstrap.image_counts(40, rng(4), draws=5)
    found = bootstrap.consistency_draws(own, [(first, second)] * 2, counts)
    for draw, weights in enumerate(counts.astype(int)):
        a, b, c = (np.repeat(m, weights, axis=0) for m in (own, first, second))
        expected = i2n.correlate(a, b) / np.sqrt(i2n.correlate(b, c))
        assert found[draw] == pytest.approx(expected, abs=1e-8)


def test_draws_are_normalised_as_the_score_is():
    raw, ceiling = np.array([0.4, -0.4, 0.4]), np.array([0.8, 0.5, -0.1])
    for name in ("(r/c)^2", "r/c", "r^2/c"):
        found = normalise_draws(raw, ceiling, name)
        assert found[:2].tolist() == [normalise(0.4, 0.8, name)[0], normalise(-0.4, 0.5, name)[0]]
        assert np.isnan(found[2])
    assert normalise_draws(raw, ceiling, "none") is raw
    assert normalise_draws(raw, None, "r/c") is raw


FEATURES = rng(20).standard_normal((120, 30)).astype(np.float32)


def recording(units=16, seed=0, **changes):
    weights = rng(seed).standard_normal((30, units))
    own = rng(seed + 100).standard_normal((120, units))
    signal = FEATURES @ weights / np.sqrt(30) + own
    trials = signal.T[..., None] + rng(seed + 200).standard_normal((units, 120, 8))
    return Recording("toy", "V4", trials.astype(np.float32), stimuli(120), **changes)


def scored(benchmark, features=FEATURES, normalisation="r/c"):
    return benchmark.score(torch.from_numpy(np.ascontiguousarray(features, np.float32)), "l", normalisation)


def test_the_evidence_of_a_score_is_the_same_for_every_model_on_the_same_data():
    benchmark = Predictivity(recording())
    score = scored(benchmark)
    draws = score.evidence()
    assert {k: v.shape for k, v in draws.items()} == dict.fromkeys(("stimuli", "units", "both"), (1000,))
    for values in draws.values():
        assert np.median(values) == pytest.approx(score.score, abs=2 * values.std())
    assert draws["both"].std() > max(draws["stimuli"].std(), draws["units"].std())
    again = scored(Predictivity(recording())).evidence()
    np.testing.assert_array_equal(draws["both"], again["both"])
    doubled = scored(benchmark, 2 * FEATURES).evidence()
    np.testing.assert_allclose(draws["both"], doubled["both"], atol=1e-4)


def test_fewer_draws_are_the_first_of_all():
    few = FEATURES[:20]
    test, fit = labelled(80, 1), labelled(60, 2)
    counts = rng(0).multinomial(60, np.full(4, 0.25), 80)
    answers = rng(3).standard_normal((140, 6))
    for score in (
        scored(Predictivity(recording())),
        scored(Similarity(dissimilarities()), few),
        scored(TopK(test, "top", fit), answers),
        condensed(scored(Predictivity(recording()))),
    ):
        all_of_them, some = score.evidence(), score.evidence(7)
        assert set(some) == set(all_of_them)
        for source, draws in some.items():
            np.testing.assert_allclose(draws, all_of_them[source][:7], rtol=1e-9)
    people = ChoiceConsistency(Choices("people", counts, test, fit))
    chosen = np.full((80, 4), 0.25) + rng(1).uniform(0, 0.1, (80, 4))
    found = people.draws(people.chosen(chosen), 7), people.draws(people.chosen(chosen))
    np.testing.assert_allclose(found[0]["both"], found[1]["both"][:7])


def test_a_ceiling_is_resampled_with_the_score():
    benchmark = Predictivity(recording())
    ceiled, raw = scored(benchmark).evidence(), scored(benchmark, normalisation="r^2/c").evidence()
    ratio = ceiled["units"] ** 2 / raw["units"]  # (r/c)^2 / (r^2/c) = 1/c
    index = benchmark.unit_draws(16)[7]
    of_units = reliability.split_half_reliability(benchmark.data.trials[index])
    assert 1 / ratio[7] == pytest.approx(float(of_units.median(1).values.mean()), rel=0.02)


def test_without_a_ceiling_and_without_variation():
    single = recording()
    single = dataclasses.replace(single, trials=single.trials[..., :1])
    score = scored(Predictivity(single))
    assert np.median(score.evidence()["stimuli"]) == pytest.approx(score.raw, abs=0.1)
    assert scored(Predictivity(recording()), np.ones((120, 30))).evidence is None


def test_stimuli_of_a_group_move_the_score_together():
    groups = np.repeat([f"movie{i}" for i in range(12)], 10)
    apart, together = Predictivity(recording()), Predictivity(recording(groups=groups))
    assert together.image_counts[0].reshape(12, 10).std(1).max() == 0
    assert apart.image_counts[0].reshape(12, 10).std(1).max() > 0


def dissimilarities(subjects=6):
    base = 1 - np.corrcoef(FEATURES[:20])
    noisy = [base + 0.5 * np.triu(rng(i).uniform(0, 1, (20, 20)), 1) for i in range(subjects)]
    rdms = np.array([np.triu(r, 1) + np.triu(r, 1).T for r in noisy], np.float32)
    return Dissimilarities("voxels", "IT", rdms, stimuli(20))


def test_similarity_resamples_subjects_and_images():
    benchmark = Similarity(dissimilarities())
    score = scored(benchmark, FEATURES[:20])
    draws = score.evidence()
    assert set(draws) == {"stimuli", "units", "both"}
    subjects = benchmark.unit_draws(6)[3]
    ceiling = rdm.lower_bounds(benchmark.data.rdms)[subjects].mean()
    assert draws["units"][3] == pytest.approx(score.units[subjects].mean() / ceiling)
    one = Similarity(dataclasses.replace(benchmark.data, rdms=benchmark.data.rdms[:1]))
    alone = scored(one, FEATURES[:20])
    assert alone.ceiling is None
    assert np.isfinite(alone.evidence()["stimuli"]).all()


def labelled(n, seed):
    labels = rng(seed).integers(0, 4, n)
    return LabelledImages(stimuli(n, seed), labels, tuple("abcd"))


def test_behaviour_and_accuracy_resample_images():
    test, fit = labelled(80, 1), labelled(60, 2)
    features = rng(3).standard_normal((140, 6))
    features[np.arange(140), np.concatenate([fit.labels, test.labels])] += 1.5
    p = np.exp(features[60:, :4]) / np.exp(features[60:, :4]).sum(1, keepdims=True)
    counts = np.stack([rng(i).multinomial(60, row) for i, row in enumerate(p)])
    score = scored(ChoiceConsistency(Choices("people", counts, test, fit)), features)
    draws = score.evidence()
    assert set(draws) == {"stimuli", "both"}
    ceiling = score.raw / score.score
    assert draws["stimuli"].std() == pytest.approx(score.error / ceiling, rel=0.5)
    assert np.median(draws["stimuli"]) == pytest.approx(score.score, abs=0.05)
    top = scored(TopK(test, "top", fit), features)
    assert top.evidence()["stimuli"].std() == pytest.approx(top.error, rel=0.1)
