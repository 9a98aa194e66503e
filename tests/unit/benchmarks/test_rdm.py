"""RDMs, their comparison and noise ceilings against rsatoolbox and scipy."""

import warnings

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from wiringup.benchmarks.geometry import Similarity
from wiringup.benchmarks.metrics import rdm
from wiringup.core.errors import InputError
from wiringup.core.stimuli import from_pixels
from wiringup.data.measurements import Dissimilarities

with warnings.catch_warnings():
    # rsatoolbox's own imports warn in ways that change from release to release
    warnings.simplefilter("ignore")
    import rsatoolbox

RANDOM = np.random.default_rng(0)
FEATURES = (RANDOM.standard_normal((20, 300)) + 50.0).astype(np.float32)


def subjects(n=5):
    base = pdist(RANDOM.standard_normal((20, 6)))
    noisy = [squareform(base + RANDOM.uniform(0, 3, len(base))) for _ in range(n)]
    return np.round(np.array(noisy), 1).astype(np.float32)  # rounding makes ties


SUBJECTS = subjects()


def toolbox(matrices):
    return rsatoolbox.rdm.RDMs(np.asarray(matrices, np.float64))


def test_rdm_equals_rsatoolbox():
    found = rdm.correlation_distance(torch.from_numpy(FEATURES)).numpy()
    data = rsatoolbox.data.Dataset(FEATURES.astype(np.float64))
    expected = rsatoolbox.rdm.calc_rdm(data, method="correlation").get_matrices()[0]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_array_equal(found.diagonal(), 0)


def test_comparison_equals_rsatoolbox():
    model = rdm.correlation_distance(torch.from_numpy(FEATURES)).numpy()
    found = rdm.compare(model, SUBJECTS)
    expected = rsatoolbox.rdm.compare(toolbox([model]), toolbox(SUBJECTS), method="spearman")[0]
    np.testing.assert_allclose(found.subjects, expected, atol=1e-12)
    np.testing.assert_allclose(found.value, expected.mean())
    np.testing.assert_allclose(found.error, expected.std(ddof=1) / np.sqrt(5))


def test_noise_ceiling_equals_rsatoolbox():
    found = rdm.noise_ceiling(SUBJECTS)
    expected = rsatoolbox.inference.boot_noise_ceiling(toolbox(SUBJECTS), method="spearman")
    np.testing.assert_allclose((found.value, found.upper), expected, atol=1e-10)
    assert found.value < found.upper


def test_a_constant_image_makes_the_comparison_undefined():
    features = torch.from_numpy(FEATURES.copy())
    features[4] = 0.3
    model = rdm.correlation_distance(features)
    assert bool(model[4, :4].isnan().all())
    assert np.isnan(rdm.compare(model.numpy(), SUBJECTS).value)


def test_one_subject_has_no_noise_ceiling():
    assert rdm.noise_ceiling(SUBJECTS[:1]) is None


def test_refuses_dissimilarities_with_nan():
    broken = SUBJECTS.copy()
    broken[0, 1, 2] = np.nan
    with pytest.raises(InputError, match="leave out the images"):
        rdm.noise_ceiling(broken)


@pytest.mark.parametrize("unit", [1e36, 1e25, 1e-30])
def test_rdm_does_not_depend_on_the_unit_of_features(unit):
    plain = rdm.correlation_distance(torch.from_numpy(FEATURES))
    torch.testing.assert_close(
        rdm.correlation_distance(torch.from_numpy(FEATURES) * unit), plain, rtol=1e-5, atol=1e-5
    )
    assert not bool(rdm.correlation_distance(torch.from_numpy(FEATURES) * unit).isnan().any())


def test_images_with_one_pattern_are_at_distance_0():
    features = torch.from_numpy(FEATURES.copy())
    features[4] = features[9] * 1.0
    assert rdm.correlation_distance(features)[4, 9] == 0


def test_a_subject_who_finds_all_images_alike_leaves_no_score():
    images = from_pixels(np.random.default_rng(0).integers(0, 256, (20, 4, 4), np.uint8))
    rdms = SUBJECTS.copy()
    rdms[2] = 1 - np.eye(20)
    found = Similarity(Dissimilarities("d", "IT", rdms, images)).score(torch.from_numpy(FEATURES), "x")
    assert np.isnan([found.raw, found.score, found.error]).all()
    assert found.note == "no score: all dissimilarities of subject 2 are equal"
