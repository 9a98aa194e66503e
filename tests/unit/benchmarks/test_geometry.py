"""RSA, CKA and Procrustes against direct formulas, SciPy and rsatoolbox; invariances; chance; ceilings."""

import dataclasses
import math
import warnings

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group, spearmanr

from wiringup.benchmarks.geometry import MEASURES, Cka, Geometry, Procrustes, Rsa, whole
from wiringup.benchmarks.metrics.gram import Features
from wiringup.benchmarks.metrics.reliability import half_splits
from wiringup.core.errors import InputError
from wiringup.core.stimuli import from_pixels
from wiringup.data.recordings import Recording

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
def test_benchmark_is_the_mean_over_test_images_of_each_fold(name):
    data, signal = recording()
    benchmark = Geometry(data, measure=MEASURES[name])
    features = signal @ np.random.default_rng(5).standard_normal((20, 50))
    found = benchmark.score(torch.from_numpy(features), "layer", "r/c")
    means = data.trials.mean(2, dtype=np.float64).T
    values = [compare(MEASURES[name], features[f.test], means[f.test]) for f in benchmark.folds.folds]
    assert found.raw == pytest.approx(np.mean(values), abs=1e-9)
    assert found.error == pytest.approx(np.std(values) / 10**0.5, abs=1e-9)
    assert (found.n_units, found.units, found.metric) == (20, None, MEASURES[name].label)
    assert "not extrapolated" in found.note
    shuffled = float(found.note.split("random order: ")[1].split(";")[0])
    assert shuffled < found.raw - 0.3


@pytest.mark.parametrize("name", MEASURES)
def test_ceiling_is_one_half_of_the_repeats_against_the_other(name):
    data, _ = recording(noise=3.0)
    benchmark = Geometry(data, measure=MEASURES[name])
    between = []
    for first, second in half_splits(8).astype(bool):
        a, b = (data.trials[:, :, half].mean(2, dtype=np.float64).T for half in (first, second))
        between.append(
            np.mean([compare(MEASURES[name], a[f.test], b[f.test]) for f in benchmark.folds.folds])
        )
    assert benchmark.ceiling.value == pytest.approx(np.mean(between), abs=1e-6)
    assert benchmark.ceiling.error == pytest.approx(np.std(between) / 10**0.5, abs=1e-6)
    noisier = Geometry(recording(noise=6.0)[0], measure=MEASURES[name])
    assert noisier.ceiling.value < benchmark.ceiling.value


@pytest.mark.parametrize("images", ["test", "all"])
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


def test_all_images_at_once():
    data, signal = recording()
    benchmark = Geometry(data, images="all")
    found = benchmark.score(torch.from_numpy(signal[:, :7]), "layer")
    rdms = [1 - np.corrcoef(z) for z in (signal[:, :7], data.trials.mean(2, dtype=np.float64).T)]
    expected = spearmanr(*(z[np.triu_indices(100, 1)] for z in rdms)).statistic
    assert found.raw == pytest.approx(expected, abs=1e-9)
    assert math.isnan(found.error) and found.metric == "rsa-spearman-all"
    with pytest.raises(InputError, match="Unknown choice of images 'most'"):
        Geometry(data, images="most")


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
    for measure in MEASURES.values():
        found = Geometry(data, measure=measure).score(torch.ones(100, 5), "layer")
        assert found.raw == 0 and "constant" in found.note


def test_hash_follows_measure_and_images():
    data, _ = recording()
    made = [Geometry(data, measure=m) for m in ALL.values()] + [Geometry(data, images="all")]
    assert len({b.sha256 for b in made}) == len(ALL) + 1
