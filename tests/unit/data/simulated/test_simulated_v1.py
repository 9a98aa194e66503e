"""V1 cells and maps against gratings."""

import numpy as np
import pytest

from wiringup.core.stimuli import from_pixels
from wiringup.data.simulated.early import V1Units, draw_v1
from wiringup.data.simulated.maps import FREQUENCIES, GRID, ORIENTATIONS, contrast, maps_of

PHASES = np.linspace(0, 2 * np.pi, 16, endpoint=False)


def cell(*, complex_cell, frequency=8.0, orientation=0.6, phase=0.9, x=0.1, y=-0.2):
    one = [np.array([v]) for v in (frequency, orientation, phase, 0.42, 0.5, x, y)]
    return V1Units(*one, complex=np.array([complex_cell]))


def test_contrast_is_luminance_about_mid_grey():
    colours = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=np.uint8)
    pixels = np.broadcast_to(colours[:, None, None], (5, 32, 32, 3)).copy()
    values = contrast(from_pixels(pixels))
    assert values.shape == (5, GRID, GRID)
    expected = [-1, 1, 2 * 0.2126 - 1, 2 * 0.7152 - 1, 2 * 0.0722 - 1]  # Rec. 709
    np.testing.assert_allclose(values[:, 5, 5], expected, atol=1e-5)


def test_images_of_another_size_give_the_same_field_of_view(grating, stimuli_of):
    image = grating(2, 0.3)[None]
    large = np.repeat(np.repeat(image, 2, axis=1), 2, axis=2)
    np.testing.assert_allclose(contrast(stimuli_of(large)), contrast(stimuli_of(image)), atol=0.05)


def test_every_channel_prefers_its_own_grating(grating, look):
    gratings = [grating(f, np.pi * k / ORIENTATIONS) for f in FREQUENCIES for k in range(ORIENTATIONS)]
    mean = look(gratings).amplitude.mean(axis=(2, 3))
    np.testing.assert_array_equal(mean.argmax(axis=1), np.arange(len(gratings)))


def test_maps_of_chunks_are_those_of_the_images_alone(grating, stimuli_of):
    images = np.stack([grating(4, 0.1 * i) for i in range(53)])
    chunks = list(maps_of(stimuli_of(images)))
    assert [len(c.pool) for c in chunks] == [50, 3]
    (alone,) = maps_of(stimuli_of(images[51:52]))
    np.testing.assert_allclose(chunks[1].amplitude[1], alone.amplitude[0], atol=1e-5)


def test_a_complex_cell_prefers_its_orientation_and_frequency(grating, look):
    unit = cell(complex_cell=True)
    orientations = 0.6 + np.linspace(-np.pi / 2, np.pi / 2, 33)
    tuning = unit.drive(look([grating(8, o) for o in orientations]))[0]
    assert tuning.argmax() == 16
    assert tuning[[0, -1]].max() < 0.05 * tuning.max()
    frequencies = 8 * 2.0 ** np.linspace(-2, 1.5, 29)
    tuning = unit.drive(look([grating(f, 0.6) for f in frequencies]))[0]
    assert frequencies[tuning.argmax()] == pytest.approx(8, rel=0.2)


def test_complex_cells_ignore_phase_and_simple_cells_do_not(grating, look):
    maps = look([grating(8, 0.6, p) for p in PHASES])
    steady, modulated = (cell(complex_cell=c).drive(maps)[0] for c in (True, False))
    assert np.ptp(steady) < 0.06 * steady.mean()
    assert np.ptp(modulated) > 0.9 * modulated.max()
    assert (modulated < 0.05 * modulated.max()).sum() >= 6  # half-rectified
    here = 8 * np.pi * (0.1 * np.cos(0.6) - 0.2 * np.sin(0.6))
    preferred = (0.9 - here) % (2 * np.pi)  # the cosine's phase at the receptive field's centre
    distance = np.angle(np.exp(1j * (PHASES[modulated.argmax()] - preferred)))
    assert abs(distance) <= np.pi / 16 + 0.05


def test_linear_stage_has_unit_gain_and_no_response_to_grey(grating, look):
    unit = cell(complex_cell=True, x=0.0, y=0.0)
    pair = np.abs(
        look([grating(8, 0.6), np.full((GRID, GRID), 0.7)]).contrast.reshape(2, -1) @ unit._templates
    )
    assert pair[0, 0] == pytest.approx(1, abs=0.03)
    assert pair[1, 0] < 1e-5


def test_responses_grow_as_energy_and_saturate(grating, look):
    contrasts = np.array([0.02, 0.04, 0.25, 0.5, 1.0])
    r = cell(complex_cell=True).drive(look([grating(8, 0.6, contrast=c) for c in contrasts]))[0]
    assert (np.diff(r) > 0).all()
    assert 3.0 < r[1] / r[0] < 4.2  # quadratic far below semi-saturation
    assert r[4] / r[3] < 1.05


def test_a_mask_of_another_orientation_suppresses(grating, look):
    test, mask = grating(8, 0.6, contrast=0.4), grating(8, 0.6 + np.pi / 2, contrast=0.4)
    alone, masked, mask_only = cell(complex_cell=True).drive(look([test, test + mask, mask]))[0]
    assert masked < 0.95 * alone
    assert mask_only < 0.05 * alone


def test_a_cell_sees_only_its_receptive_field(grating, plane, look):
    far = (np.hypot(plane[0] - 0.1, plane[1] + 0.2) > 0.45) * grating(8, 0.6)
    near = (np.hypot(plane[0] - 0.1, plane[1] + 0.2) <= 0.45) * grating(8, 0.6)
    outside, inside = cell(complex_cell=True).drive(look([far, near]))[0]
    assert outside < 0.02 * inside


def test_drawn_cells_have_the_published_statistics():
    units = draw_v1(4000, 8.0, np.random.default_rng(0))
    degrees = units.frequency / 8
    assert degrees.min() >= 0.5 and degrees.max() <= 2.8
    bandwidth = np.log2(
        (units.nx * np.pi + np.sqrt(np.log(2) / 2)) / (units.nx * np.pi - np.sqrt(np.log(2) / 2))
    )
    assert np.median(bandwidth) == pytest.approx(1.4, abs=0.03)
    assert np.median(units.ny / units.nx) == pytest.approx(1.2, abs=0.03)
    assert units.complex.mean() == 0.5
    counts = np.histogram(units.orientation, 4, (0, np.pi))[0]
    assert counts.min() > 900
