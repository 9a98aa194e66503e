"""RSA, CKA and Procrustes against direct formulas, SciPy and rsatoolbox; invariances; chance; ceilings."""

import dataclasses
import itertools
import math
import warnings

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group, spearmanr

from wiringup.benchmarks.geometry import Geometry, whole
from wiringup.benchmarks.metrics.geometry import MEASURES, Cka, Procrustes, Rsa
from wiringup.benchmarks.metrics.gram import Features
from wiringup.benchmarks.metrics.reliability import half_splits
from wiringup.core.errors import InputError
from wiringup.core.stimuli import from_pixels
from wiringup.data.measurements import Recording

with warnings.catch_warnings():
    # rsatoolbox's own imports warn in ways that change from release to release
    warnings.simplefilter("ignore")
    import rsatoolbox

RANDOM = np.random.default_rng(0)
N, P, Q = 40, 90, 12
X = RANDOM.standard_normal((N, P)) * np.arange(1, P + 1) ** -0.4 + 2.0
Y = X[:, :8] @ RANDOM.standard_normal((8, Q)) + RANDOM.standard_normal((N, Q)) - 1.0
ALL = {"rsa": Rsa(), "cka": Cka(), "cka-biased": Cka(debiased=False), "procrustes": Procrustes()}


def compare(measure, x, y):
    matrices = (measure.matrix(Features(torch.from_numpy(np.ascontiguousarray(z)))) for z in (x, y))
    return measure.similarity(*matrices)


def test_cka_equals_its_formula_on_features():
    a, b = X - X.mean(0), Y - Y.mean(0)
    expected = np.linalg.norm(a.T @ b) ** 2 / np.linalg.norm(a.T @ a) / np.linalg.norm(b.T @ b)
    assert compare(ALL["cka-biased"], X, Y) == pytest.approx(expected, rel=1e-12)


def unbiased_hsic(k, m):
    """Song et al. 2012, equation 5."""
    n, one = len(k), np.ones(len(k))
    k, m = k - np.diag(k.diagonal()), m - np.diag(m.diagonal())
    total = (k * m).sum() + (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
    return (total - 2 / (n - 2) * one @ k @ m @ one) / (n * (n - 3))


def test_debiased_cka_equals_the_estimator_of_song():
    k, m = X @ X.T, Y @ Y.T  # not centred: the estimator takes care of that
    expected = unbiased_hsic(k, m) / math.sqrt(unbiased_hsic(k, k) * unbiased_hsic(m, m))
    assert compare(ALL["cka"], X, Y) == pytest.approx(expected, rel=1e-10)


def test_procrustes_equals_scipy_and_is_an_angle():
    a, b = X[:, :Q] - X[:, :Q].mean(0), Y - Y.mean(0)
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    rotation, overlap = orthogonal_procrustes(a, b)
    found = compare(ALL["procrustes"], X[:, :Q], Y)
    assert found == pytest.approx(1 - 2 * math.acos(overlap) / math.pi, abs=1e-9)
    assert found == pytest.approx(1 - 2 * math.acos((a @ rotation * b).sum()) / math.pi, abs=1e-9)
    a, b = X - X.mean(0), Y - Y.mean(0)  # with other numbers of features: the nuclear norm
    cosine = np.linalg.norm(a.T @ b, "nuc") / np.linalg.norm(a) / np.linalg.norm(b)
    assert compare(ALL["procrustes"], X, Y) == pytest.approx(1 - 2 * math.acos(cosine) / math.pi, abs=1e-9)


def test_rsa_equals_rsatoolbox():
    rdms = [rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(z), method="correlation") for z in (X, Y)]
    expected = rsatoolbox.rdm.compare(*rdms, method="spearman")[0, 0]
    assert compare(ALL["rsa"], X, Y) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("name", ALL)
def test_identity_scale_and_rotation(name):
    measure, value = ALL[name], compare(ALL[name], X, Y)
    # an arc cosine near 1 has half of the digits
    assert compare(measure, X, X) == pytest.approx(1, abs=1e-7)
    assert compare(measure, X, 3.7 * X) == pytest.approx(1, abs=1e-7)
    assert compare(measure, 3.7 * X, 0.2 * Y) == pytest.approx(value, abs=1e-9)
    assert compare(measure, Y, X) == pytest.approx(value, abs=1e-9)
    if name == "rsa":  # 1 - Pearson over features: permuted and shifted features are alike, rotated ones not
        assert compare(measure, X[:, ::-1] + 5, Y) == pytest.approx(value, abs=1e-9)
    else:
        turned = X @ ortho_group.rvs(P, random_state=1) + RANDOM.standard_normal(P)
        assert compare(measure, turned, Y) == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("name", ["rsa", "cka"])
def test_independent_populations_are_at_zero(name):
    random = np.random.default_rng(2)
    drawn = [compare(ALL[name], *random.standard_normal((2, 30, 200))) for _ in range(60)]
    error = np.std(drawn) / len(drawn) ** 0.5
    assert error < 0.01 and abs(np.mean(drawn)) < 3 * error


def test_without_correction_independent_populations_look_alike_where_images_are_few():
    few, many = RANDOM.standard_normal((2, 30, 200)), RANDOM.standard_normal((2, 600, 6))
    for name in ("cka-biased", "procrustes"):
        assert compare(ALL[name], *few) > 0.5
    assert compare(ALL["cka-biased"], *many) < 0.02
    assert compare(ALL["procrustes"], *many) < 0.1


@pytest.mark.parametrize("name", ALL)
def test_a_population_that_does_not_vary_has_no_similarity(name):
    assert math.isnan(compare(ALL[name], np.ones((N, 5)), Y))


def test_refuses_too_few_images():
    with pytest.raises(InputError, match="at least 4"):
        compare(Cka(), X[:3], Y[:3])


def recording(repeats=8, noise=1.0, seed=3):
    random = np.random.default_rng(seed)
    images = from_pixels(random.integers(0, 256, (100, 6, 6), np.uint8))
    signal = random.standard_normal((100, 6)) @ random.standard_normal((6, 20)) + 10
    trials = signal.T[..., None] + noise * random.standard_normal((20, 100, repeats))
    return Recording("made", "V4", trials.astype(np.float32), images), signal


@pytest.mark.parametrize("name", MEASURES)
def test_benchmark_compares_all_images_at_once(name):
    data, signal = recording()
    benchmark = Geometry(data, measure=MEASURES[name])
    features = signal @ np.random.default_rng(5).standard_normal((20, 50))
    found = benchmark.score(torch.from_numpy(features), "layer", "r/c")
    means = data.trials.mean(2, dtype=np.float64).T
    assert found.raw == pytest.approx(compare(MEASURES[name], features, means), abs=1e-9)
    assert (found.n_units, found.units, found.metric) == (20, None, MEASURES[name].label)
    assert found.note.startswith("all images at once;") and "not extrapolated" in found.note
    shuffled = float(found.note.split("random order: ")[1].split(";")[0])
    assert shuffled < found.raw - 0.3


@pytest.mark.parametrize("name", MEASURES)
def test_on_folds_it_is_the_mean_over_the_test_images_of_each(name):
    data, signal = recording()
    benchmark = Geometry(data, measure=MEASURES[name], images="folds")
    features = signal @ np.random.default_rng(5).standard_normal((20, 50))
    found = benchmark.score(torch.from_numpy(features), "layer", "r/c")
    means = data.trials.mean(2, dtype=np.float64).T
    values = [compare(MEASURES[name], features[f.test], means[f.test]) for f in benchmark.folds.folds]
    assert found.raw == pytest.approx(np.mean(values), abs=1e-9)
    assert found.error == pytest.approx(np.std(values) / 10**0.5, abs=1e-9)
    assert found.metric == f"{MEASURES[name].label}-folds" and found.note.startswith("10 random splits;")
    with pytest.raises(InputError, match="Unknown choice of images 'most'"):
        Geometry(data, images="most")


@pytest.mark.parametrize("images", ["all", "folds"])
@pytest.mark.parametrize("name", MEASURES)
def test_ceiling_is_one_half_of_the_repeats_against_the_other(name, images):
    data, _ = recording(noise=3.0)
    benchmark = Geometry(data, measure=MEASURES[name], images=images)
    sets = [f.test for f in benchmark.folds.folds] if images == "folds" else [np.arange(100)]
    between = []
    for first, second in half_splits(8).astype(bool):
        a, b = (data.trials[:, :, half].mean(2, dtype=np.float64).T for half in (first, second))
        between.append(np.mean([compare(MEASURES[name], a[i], b[i]) for i in sets]))
    assert benchmark.ceiling.value == pytest.approx(np.mean(between), abs=1e-6)
    assert benchmark.ceiling.error == pytest.approx(np.std(between) / 10**0.5, abs=1e-6)
    noisier = Geometry(recording(noise=6.0)[0], measure=MEASURES[name], images=images)
    assert noisier.ceiling.value < benchmark.ceiling.value


@pytest.mark.parametrize("images", ["all", "folds"])
@pytest.mark.parametrize("name", MEASURES)
def test_halves_that_agree_by_chance_are_no_ceiling(name, images):
    random, kept = np.random.default_rng(5), 0
    for _ in range(20):
        trials = random.standard_normal((8, 100, 2)).astype(np.float32)
        benchmark = Geometry(
            dataclasses.replace(recording()[0], trials=trials), measure=MEASURES[name], images=images
        )
        told = benchmark.compare(Features(torch.from_numpy(random.standard_normal((100, 4))))).note
        kept += benchmark.ceiling is not None
        assert ("within chance" in told) == (benchmark.ceiling is None)
    assert kept <= 3


def test_single_repeats_have_no_ceiling():
    data, signal = recording(repeats=1)
    found = Geometry(data).score(torch.from_numpy(signal), "layer")
    assert (found.ceiling, found.normalisation) == (None, "none") and "no noise ceiling" in found.note


def test_rsa_of_a_recording_equals_rsatoolbox_and_scipy():
    data, signal = recording()
    found = Geometry(data).score(torch.from_numpy(signal[:, :7]), "layer")
    both = signal[:, :7], data.trials.mean(2, dtype=np.float64).T
    rdms = [1 - np.corrcoef(z) for z in both]
    expected = spearmanr(*(z[np.triu_indices(100, 1)] for z in rdms)).statistic
    assert found.raw == pytest.approx(expected, abs=1e-9)
    made = [rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(z), method="correlation") for z in both]
    assert found.raw == pytest.approx(rsatoolbox.rdm.compare(*made, method="spearman")[0, 0], abs=1e-9)


def test_few_images_need_no_folds():
    data, signal = recording()
    few = dataclasses.replace(data, trials=data.trials[:, :12], stimuli=data.stimuli.take(np.arange(12)))
    found = Geometry(few, measure=Cka()).score(torch.from_numpy(signal[:12]), "layer")
    assert found.raw == pytest.approx(compare(Cka(), signal[:12], few.trials.mean(2).T), abs=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_resampled_images_with_one_copy_of_each_are_the_images(name):
    matrices = [ALL[name].matrix(Features(torch.from_numpy(z))) for z in (X, Y)]
    found = ALL[name].resampled(*matrices, np.ones((2, N)))
    assert found == pytest.approx([compare(ALL[name], X, Y)] * 2, abs=1e-9)


@pytest.mark.parametrize("name", ["cka-biased", "procrustes"])
def test_resampled_images_are_the_images_written_out(name):
    counts = np.random.default_rng(8).multinomial(N, np.full(N, 1 / N), 3)
    matrices = [ALL[name].matrix(Features(torch.from_numpy(z))) for z in (X, Y)]
    written = [compare(ALL[name], *(np.repeat(z, c, axis=0) for z in (X, Y))) for c in counts]
    assert ALL[name].resampled(*matrices, counts.astype(float)) == pytest.approx(written, abs=1e-9)


def test_resampled_debiased_cka_is_a_sum_over_different_images():
    w = np.array([2.0, 0, 1, 3, 1, 1])
    k, m = (z[:6] @ z[:6].T for z in (X, Y))

    def hsic(k, m):
        fours = list(itertools.permutations(range(6), 4))
        weights = [w[list(four)].prod() for four in fours]
        terms = [k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in fours]
        return np.dot(weights, terms)

    expected = hsic(k, m) / math.sqrt(hsic(k, k) * hsic(m, m))
    found = Cka().resampled(torch.from_numpy(k), torch.from_numpy(m), w[None])
    assert found == pytest.approx([expected], abs=1e-9)


@pytest.mark.parametrize("name", MEASURES)
def test_error_is_the_spread_over_recordings_of_other_images(name):
    """The deviation over resamples of a recording's images is about that over recordings of others."""
    random, values, errors = np.random.default_rng(9), [], []
    mixing, reading = random.standard_normal((6, 20)), random.standard_normal((6, 12))
    for _ in range(40):
        images = from_pixels(random.integers(0, 256, (60, 6, 6), np.uint8))
        latent = random.standard_normal((60, 6))
        trials = (latent @ mixing + 2 * random.standard_normal((60, 20))).T[..., None]
        made = Recording("made", "V4", trials.astype(np.float32), images)
        found = Geometry(made, measure=MEASURES[name]).score(
            torch.from_numpy(latent @ reading + random.standard_normal((60, 12))), "layer"
        )
        values.append(found.raw)
        errors.append(found.error)
    assert 0.6 < np.mean(errors) / np.std(values, ddof=1) < 1.7


def test_error_resamples_groups_of_near_copies_together():
    random = np.random.default_rng(4)
    latent = np.repeat(random.standard_normal((10, 6)), 10, axis=0)  # ten pictures, ten times each
    trials = (latent @ random.standard_normal((6, 20)) + random.standard_normal((100, 20))).T[..., None]
    data = dataclasses.replace(recording()[0], trials=trials.astype(np.float32))
    grouped = dataclasses.replace(data, groups=np.repeat(np.arange(10).astype(str), 10))
    features = torch.from_numpy(latent + 0.5 * random.standard_normal((100, 6)))
    single, together = (Geometry(d).score(features, "layer") for d in (data, grouped))
    assert together.raw == single.raw and together.error > 1.5 * single.error


def test_images_without_a_place_are_left_out_and_told():
    data, signal = recording()
    trials = data.trials.copy()
    trials[:, 3] = np.nan  # never shown
    trials[:, 7] = 5.0  # the same of all units: no pattern to correlate
    kept = np.delete(np.arange(100), [3, 7])
    gappy = dataclasses.replace(data, trials=trials)
    found = Geometry(gappy).score(torch.from_numpy(signal), "layer")
    means = data.trials.mean(2, dtype=np.float64).T
    assert found.raw == pytest.approx(compare(Rsa(), signal[kept], means[kept]), abs=1e-9)
    assert "all images at once (2 left out: no response, or the same of all units)" in found.note
    assert found.ceiling is not None
    assert "(1 left out" in Geometry(gappy, measure=Cka()).score(torch.from_numpy(signal), "layer").note


def test_missing_responses_are_at_their_units_mean():
    responses = torch.tensor([[1.0, math.nan], [3.0, math.nan], [math.nan, math.nan]])
    torch.testing.assert_close(whole(responses).values, torch.tensor([[1.0, 0], [3, 0], [2, 0]]))
    data, signal = recording()
    trials = data.trials.copy()
    trials[np.random.default_rng(0).random(trials.shape) < 0.3] = np.nan
    trials[4, :20] = np.nan
    for measure in MEASURES.values():
        complete, gappy = (
            Geometry(d, measure=measure).score(torch.from_numpy(signal), "x").raw
            for d in (data, dataclasses.replace(data, trials=trials))
        )
        assert gappy == pytest.approx(complete, abs=0.08)


def test_a_constant_layer_scores_zero_with_a_note():
    data, _ = recording()
    alike = np.tile(np.random.default_rng(6).standard_normal(50), (100, 1))  # one pattern for all images
    for measure in MEASURES.values():
        for features in (np.ones((100, 5)), alike):
            found = Geometry(data, measure=measure).score(torch.from_numpy(features), "layer")
            assert found.raw == 0 and "constant" in found.note


@pytest.mark.parametrize("images", ["all", "folds"])
@pytest.mark.parametrize("name", MEASURES)
def test_a_recording_in_which_nothing_varies_has_no_score(name, images):
    data, signal = recording()
    levels = np.random.default_rng(6).standard_normal(20)[:, None, None]
    for trials in (np.full_like(data.trials, 3), np.broadcast_to(levels, data.trials.shape)):
        still = dataclasses.replace(data, trials=trials.astype(np.float32))
        found = Geometry(still, measure=MEASURES[name], images=images).score(torch.from_numpy(signal), "x")
        assert math.isnan(found.raw) and math.isnan(found.score) and math.isnan(found.error)
        assert (found.ceiling, found.evidence, found.normalisation) == (None, None, "none")
        assert found.note.startswith("no score: fewer than 4 images to which the recorded responses differ")


@pytest.mark.parametrize("name", MEASURES)
def test_scores_do_not_depend_on_the_unit_of_features(name):
    data, signal = recording()
    features = torch.from_numpy(signal @ np.random.default_rng(5).standard_normal((20, 50))).float()
    features /= features.abs().max()
    benchmark = Geometry(data, measure=MEASURES[name])
    plain = benchmark.score(features, "layer")
    for unit in (3.4e38, 1e25, 1e-30):
        found = benchmark.score(features * unit, "layer")
        assert (found.raw, found.error) == pytest.approx((plain.raw, plain.error), abs=1e-6)
    with pytest.raises(InputError, match=r"reach 1e\+200: their products overflow"):
        benchmark.score(features.double() * 1e200, "layer")


def test_hash_follows_measure_and_images():
    data, _ = recording()
    made = [Geometry(data, measure=m, images=i) for m in ALL.values() for i in ("all", "folds")]
    assert len({b.sha256 for b in made}) == 2 * len(ALL)
