"""The Gabor function, its encoding, its fit to known kernels and sampling from a mixture."""

import math

import numpy as np
import pytest
import torch

from wiringup.birth.gabor import canonical, decode, encode, gabor
from wiringup.birth.gabor_fit import fit_gabors
from wiringup.birth.gabor_layers import GaborLayer
from wiringup.birth.genome import Genome
from wiringup.core.errors import InputError
from wiringup.core.seeds import numpy_stream, torch_stream


def random_gabors(n, seed=0):
    """Gabors (n, 8) with at least most of a cycle under the envelope, so that they have a frequency."""
    rng = numpy_stream(seed)
    columns = ((0.15, 0.4), (0, np.pi), (1.5, 2.5), (1.5, 2.5), (-np.pi, np.pi), (-1, 1), (-1, 1), (0.5, 2))
    return np.stack([rng.uniform(low, high, n) for low, high in columns], -1)


def draw(parameters, size=7):
    return gabor(torch.from_numpy(parameters), size)


def test_values_are_those_of_the_formula():
    f, theta, sx, sy, phase, xc, yc, s = random_gabors(1)[0]
    kernel = draw(np.array([[f, theta, sx, sy, phase, xc, yc, s]]))[0]
    for row in range(7):
        for column in range(7):
            x, y = column - 3 - xc, row - 3 - yc
            a = x * math.cos(theta) + y * math.sin(theta)
            b = -x * math.sin(theta) + y * math.cos(theta)
            g = s * math.exp(-0.5 * (a**2 / sx**2 + b**2 / sy**2)) / (2 * math.pi * sx * sy)
            assert kernel[row, column] == pytest.approx(g * math.cos(2 * math.pi * f * a + phase), abs=1e-12)


def test_canonical_and_encoded_parameters_draw_the_same_kernels():
    rng = numpy_stream(5)
    parameters = random_gabors(60)
    parameters[:, 1] += np.pi * rng.integers(-3, 4, 60)
    parameters[:, 4] += 2 * np.pi * rng.integers(-2, 3, 60)
    parameters[::2, 7] *= -1
    kernels = draw(parameters)
    tidy = canonical(parameters)
    assert (tidy[:, 1] >= 0).all() and (tidy[:, 1] < np.pi).all() and (tidy[:, 7] >= 0).all()
    assert torch.allclose(draw(tidy), kernels, atol=1e-12)
    vectors = encode(parameters.reshape(20, 3, 8))
    assert vectors.shape == (20, 30)
    again = gabor(decode(torch.from_numpy(vectors)), 7)
    assert torch.allclose(again.flatten(0, 1), kernels, atol=1e-12)


def test_resized_gabors_keep_their_shape():
    parameters = random_gabors(20)
    small, large = (gabor(torch.from_numpy(parameters), size, 7) for size in (7, 21))
    assert torch.allclose(large[:, 1::3, 1::3], small, atol=1e-12)


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_known_gabors_are_recovered_from_noisy_kernels(noise):
    parameters = random_gabors(100)
    kernels = draw(parameters)
    rms = kernels.square().mean((1, 2), keepdim=True).sqrt()
    white = torch.randn(kernels.shape, generator=torch_stream(0), dtype=torch.float64)
    found = fit_gabors(kernels + noise * rms * white, 40)
    frequency = np.abs(found[:, 0] / parameters[:, 0] - 1)
    theta = np.abs((found[:, 1] - parameters[:, 1] + np.pi / 2) % np.pi - np.pi / 2)
    assert np.quantile(frequency, 0.97) < 0.02
    assert np.degrees(theta).max() < 2
    unexplained = (draw(found) - kernels).square().mean((1, 2)) / rms[:, 0, 0] ** 2
    assert unexplained.max() < max(1e-3, noise**2)
    assert found[:, 8] == pytest.approx(
        (draw(found) - kernels - noise * rms * white).square().mean((1, 2)).numpy(), abs=1e-12
    )


def test_scale_of_the_kernels_does_not_matter_and_silence_is_no_fault():
    kernels = draw(random_gabors(3))
    found = fit_gabors(torch.cat([1e-4 * kernels, torch.zeros(1, 7, 7, dtype=torch.float64)]), 40)
    assert draw(found)[:3] == pytest.approx(1e-4 * kernels.numpy(), abs=1e-6)
    assert np.isfinite(found).all()
    assert draw(found)[3].abs().max() < 1e-12


def test_published_fits_are_gabors_centred_in_the_kernel(shared):
    """Their energy lies in the middle of 7 x 7 px when the centre is counted from there, not the corner."""
    layer = Genome.load(shared / "reference" / "weight_compression_published.json").layers["V1.conv1"]
    energy = gabor(torch.from_numpy(layer.fits), 7).square().sum((0, 1))
    grid = torch.arange(7.0, dtype=torch.float64) - 3
    middle = torch.stack([(energy.sum(d) * grid).sum() / energy.sum() for d in (0, 1)])
    assert middle.abs().max() < 0.6
    assert energy[1:6, 1:6].sum() / energy.sum() > 0.75


def test_published_fits_are_recovered_from_their_kernels(shared):
    layer = Genome.load(shared / "reference" / "weight_compression_published.json").layers["V1.conv1"]
    kernels = gabor(torch.from_numpy(layer.fits[:24]), 7)
    again = gabor(torch.from_numpy(GaborLayer.fit(kernels, torch_stream(0)).fits), 7)
    unexplained = (again - kernels).square().mean((2, 3)) / kernels.square().mean((2, 3))
    assert unexplained.max() < 0.005


def coupled_layer(filters=64):
    """A layer whose colour channels share their orientation, with scale growing with frequency."""
    parameters = np.repeat(random_gabors(filters)[:, None], 3, axis=1)
    parameters[..., 1] = np.where(np.arange(filters) % 2, 0.2, 1.4)[:, None] + 0.05 * parameters[..., 5]
    parameters[..., 7] = 4 * parameters[..., 0]
    return GaborLayer(7, np.concatenate([parameters, np.zeros((filters, 3, 1))], -1))


def test_sampled_filters_share_the_statistics_of_the_fitted_ones():
    layer = coupled_layer()
    weight = layer.sample(torch.Size((2000, 3, 7, 7)), torch_stream(0))
    fitted = gabor(torch.from_numpy(layer.fits), 7)
    assert weight.dtype == torch.float32 and weight.shape == (2000, 3, 7, 7)
    assert weight.std() == pytest.approx(fitted.std().item(), rel=0.15)
    similar = torch.nn.functional.cosine_similarity(weight[:, 0].flatten(1), weight[:, 1].flatten(1))
    assert similar.median() > 0.8  # colours of a filter are drawn together
    other = torch.nn.functional.cosine_similarity(weight[:-1, 0].flatten(1), weight[1:, 0].flatten(1))
    assert other.median().abs() < 0.2


def test_samples_stay_within_the_fitted_range(monkeypatch):
    layer = coupled_layer(20)
    seen = []
    monkeypatch.setattr(
        "wiringup.birth.gabor_layers.gabor",
        lambda parameters, *sizes: seen.append(parameters) or gabor(parameters, *sizes),
    )
    layer.sample(torch.Size((3000, 3, 7, 7)), torch_stream(0))
    for column in (0, 2, 3, 5, 6, 7):
        drawn, fitted = seen[0][..., column], layer.fits[..., column]
        assert drawn.min() >= fitted.min() - 1e-12 and drawn.max() <= fitted.max() + 1e-12


def test_seed_decides_and_other_sizes_are_drawn():
    layer = coupled_layer(12)
    first, again, other = (layer.sample(torch.Size((16, 3, 7, 7)), torch_stream(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    large = layer.sample(torch.Size((16, 3, 21, 21)), torch_stream(0))
    assert torch.allclose(large[:, :, 1::3, 1::3], first, atol=1e-6)


def test_refusals():
    with pytest.raises(InputError, match=r"weights \(out, 3, k, k\).*got \(8, 4, 7, 7\)"):
        coupled_layer(12).sample(torch.Size((8, 4, 7, 7)), torch_stream(0))
    with pytest.raises(InputError, match=r"with k from 3; got \(8, 3, 1, 1\)"):
        GaborLayer.fit(torch.zeros(8, 3, 1, 1), torch_stream(0))
