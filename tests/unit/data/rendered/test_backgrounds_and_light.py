"""Spectra of the backgrounds; light against the formulas."""

import numpy as np
import pytest

from wiringup.data.rendered.backgrounds import background, noise
from wiringup.data.rendered.render import direction, shade
from wiringup.data.rendered.shapes import Hits


@pytest.mark.parametrize("exponent", [0.8, 1.0, 1.4])
def test_amplitude_falls_as_a_power_of_frequency(exponent):
    fields = noise(64, exponent, np.random.default_rng(0), fields=200)
    power = (np.abs(np.fft.fft2(fields)) ** 2).mean(axis=0)
    frequency = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64)[None])
    use = (frequency > 0.03) & (frequency < 0.5)
    slope = np.polyfit(np.log(frequency[use]), np.log(power[use]) / 2, 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.02)


def test_fields_are_standardised_independent_and_of_random_phase():
    fields = noise(64, 1.0, np.random.default_rng(1), fields=3)
    np.testing.assert_allclose(fields.mean(axis=(1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(fields.std(axis=(1, 2)), 1, atol=1e-5)
    assert np.abs(np.corrcoef(fields.reshape(3, -1)) - np.eye(3)).max() < 0.5
    phases = np.angle(np.fft.fft2(noise(64, 1.0, np.random.default_rng(2), fields=400))[:, 2, 3])
    assert abs(np.exp(1j * phases).mean()) < 0.15


def test_backgrounds_are_named_by_their_number():
    one, again, other = background(48, 7), background(48, 7), background(48, 8)
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).mean() > 0.05
    assert one.dtype == np.float32 and one.shape == (48, 48, 3)
    assert one.min() >= 0 and one.max() <= 1


def test_backgrounds_vary_more_in_luminance_than_in_colour():
    images = np.stack([background(32, i) for i in range(50)])
    images = images - images.mean(axis=(1, 2), keepdims=True)
    grey = images.mean(axis=-1)
    assert grey.var() > 3 * (images - grey[..., None]).var(axis=(1, 2)).mean()


@pytest.mark.parametrize(
    ("azimuth", "elevation", "expected"),
    [(0, 0, (0, 0, 1)), (90, 0, (1, 0, 0)), (0, 90, (0, 1, 0)), (-90, 0, (-1, 0, 0))],
)
def test_light_comes_from_where_it_is_said_to(azimuth, elevation, expected):
    np.testing.assert_allclose(direction(azimuth, elevation), expected, atol=1e-6)


def surface(*normals, gloss=0.0):
    n = np.array(normals, dtype=np.float32)
    ones = np.ones(len(n), dtype=np.float32)
    return Hits(ones.astype(bool), n, np.full((len(n), 3), 0.4, dtype=np.float32), gloss * ones)


def test_diffuse_light_follows_lamberts_cosine_and_never_darkens():
    light = direction(90, 0)
    angles = np.radians([0, 60, 90, 120])
    lit = shade(surface(*np.stack([np.cos(angles), 0 * angles, np.sin(angles)], axis=1)), light)[:, 0]
    assert (lit[1] - lit[2]) / (lit[0] - lit[2]) == pytest.approx(0.5, abs=1e-5)
    assert lit[3] == pytest.approx(lit[2])
    assert lit[2] > 0


def test_the_highlight_lies_halfway_between_light_and_viewer():
    light = direction(80, 0)
    angles = np.radians(np.arange(0, 90))
    normals = np.stack([np.sin(angles), 0 * angles, np.cos(angles)], axis=1)
    glint = shade(surface(*normals, gloss=0.3), light) - shade(surface(*normals), light)
    assert np.argmax(glint[:, 0]) == 40
    assert glint.max() == pytest.approx(0.3, abs=1e-5)
