"""Exact principal components against scikit-learn's full SVD."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from wiringup.benchmarks.metrics import pca
from wiringup.benchmarks.reduced import Reduced
from wiringup.core.errors import InputError
from wiringup.core.stimuli import from_pixels
from wiringup.models.readout import PixelSubject

RANDOM = np.random.default_rng(0)
FIT = (RANDOM.standard_normal((40, 300)) * np.arange(1, 301) ** -0.5 + 7).astype(np.float32)
OTHER = (RANDOM.standard_normal((15, 300)) + 7).astype(np.float32)


@pytest.mark.parametrize("components", [5, 39])
def test_equals_scikit_learn_up_to_sign(components):
    found = pca.fit(torch.from_numpy(FIT), components)
    peer = PCA(components, svd_solver="full").fit(FIT.astype(np.float64))
    np.testing.assert_allclose(found.explained_variance, peer.explained_variance_, rtol=1e-10)
    expected = peer.transform(FIT.astype(np.float64))
    signs = np.sign((found.scores.numpy() * expected).sum(0))
    np.testing.assert_allclose(found.scores, expected * signs, atol=1e-10)
    transformed = found.transform(torch.from_numpy(OTHER), block=64).numpy()
    np.testing.assert_allclose(transformed, peer.transform(OTHER.astype(np.float64)) * signs, atol=1e-9)


def test_the_images_it_was_fitted_on_are_transformed_to_their_scores():
    found = pca.fit(torch.from_numpy(FIT), 10)
    torch.testing.assert_close(found.transform(torch.from_numpy(FIT)), found.scores, atol=1e-9, rtol=0)


def test_signs_do_not_depend_on_the_solver():
    found = pca.fit(torch.from_numpy(FIT), 10)
    mirrored = pca.fit(torch.from_numpy(FIT[:, ::-1].copy()), 10)
    torch.testing.assert_close(found.left, mirrored.left, atol=1e-8, rtol=0)
    top = found.left.abs().argmax(0)
    assert bool((found.left.gather(0, top[None]) > 0).all())


def test_no_more_components_than_the_data_have():
    assert pca.fit(torch.from_numpy(FIT), 1000).singular.shape == (39,)
    flat = torch.from_numpy(FIT[:, :1]) @ torch.ones(1, 50)
    assert pca.fit(flat).scores.shape == (40, 1)


def test_what_cannot_be_reduced_is_refused():
    with pytest.raises(InputError, match="nothing varies"):
        pca.fit(torch.ones(10, 5))
    with pytest.raises(InputError, match="number of images to fit a PCA on is 1"):
        pca.fit(torch.ones(1, 5))
    with pytest.raises(InputError, match="number of components is 0"):
        pca.fit(torch.from_numpy(FIT), 0)
    with pytest.raises(InputError, match="NaN or infinite"):
        pca.fit(torch.full((4, 5), float("nan")))
    with pytest.raises(InputError, match="fitted on 300 features; these responses have 299"):
        pca.fit(torch.from_numpy(FIT)).transform(torch.from_numpy(OTHER[:, 1:]))


def test_a_reduced_subject_answers_with_components():
    shown, other = (from_pixels(RANDOM.integers(0, 256, (n, 4, 4), np.uint8)) for n in (30, 20))
    pixels = PixelSubject(4)
    own = Reduced(pixels, components=6)
    found = own.responses(shown, ["pixels"])["pixels"]
    whole = pixels.responses(shown, ["pixels"])["pixels"]
    torch.testing.assert_close(found, pca.fit(whole, 6).scores.float())
    given = Reduced(pixels, other, 6)
    fitted = pca.fit(pixels.responses(other, ["pixels"])["pixels"], 6)
    torch.testing.assert_close(given.responses(shown, ["pixels"])["pixels"], fitted.transform(whole).float())
    assert (given.name, given.layer_for("V4")) == ("pixels", "pixels")
    assert len({own.identity, given.identity, pixels.identity, Reduced(pixels, other, 7).identity}) == 4
