"""V2 and V4 cells against textures, noise of the same spectrum, and curved contours."""

import numpy as np
import pytest

from wiringup.data.simulated.early import V4Units, draw_v2, draw_v4
from wiringup.data.simulated.maps import CHANNELS, GRID, Maps


def textures(n, plane):
    """Sparse oriented strokes in a common direction, as in bark or straw; contrast in -1 ... 1."""
    rng = np.random.default_rng(4)
    images = np.zeros((n, GRID, GRID))
    for image in images:
        direction = rng.uniform(0, np.pi)
        for x, y in rng.uniform(-1, 1, (25, 2)):
            angle = direction + rng.normal(0, 0.3)
            dx, dy = plane[0] - x, plane[1] - y
            across, along = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
            image += rng.choice([-1, 1]) * np.exp(-((across / 0.04) ** 2) - (along / 0.25) ** 2)
    return 0.5 * np.clip(images, -1, 1)


def scrambled(images):
    """The same amplitude spectra with random phases."""
    phases = np.angle(np.fft.fft2(np.random.default_rng(5).standard_normal(images.shape)))
    return np.fft.ifft2(np.abs(np.fft.fft2(images)) * np.exp(1j * phases)).real


def test_v2_prefers_texture_to_noise_of_the_same_spectrum(plane, look):
    images = textures(20, plane)
    noise = scrambled(images)
    np.testing.assert_allclose(
        noise.std(axis=(1, 2)),
        np.sqrt((images**2).mean(axis=(1, 2)) - images.mean(axis=(1, 2)) ** 2),
        rtol=1e-6,
    )
    units = draw_v2(80, 8.0, np.random.default_rng(0))
    for_texture, for_noise = units.drive(look(images)).mean(axis=1), units.drive(look(noise)).mean(axis=1)
    modulation = (for_texture - for_noise) / (for_texture + for_noise)
    assert modulation.mean() > 0.06
    assert (modulation > 0).mean() > 0.6
    _, correlation = units.correlation(look(images))
    _, chance = units.correlation(look(noise))
    assert correlation.mean() > chance.mean() + 0.1


def test_v2_correlation_is_that_of_the_windowed_channels():
    rng = np.random.default_rng(1)
    amplitude = rng.uniform(size=(3, CHANNELS, 32, 32)).astype(np.float32)
    maps = Maps(np.zeros((3, GRID, GRID), np.float32), amplitude, np.zeros((3, 32, 32), np.float32))
    units = draw_v2(12, 8.0, rng)
    _, correlation = units.correlation(maps)
    for u in range(12):
        row, column = units.shift[u]
        a, b = amplitude[2, units.first[u]].ravel(), amplitude[2, units.second[u]]
        b = np.roll(b, (-row, -column), (0, 1)).ravel()
        covariance = np.cov(a, b, aweights=units._field[u].ravel(), ddof=0)
        expected = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
        assert correlation[u, 2] == pytest.approx(expected, abs=0.015)


def test_v2_pairs_differ_in_position_orientation_or_scale():
    units = draw_v2(300, 8.0, np.random.default_rng(2))
    moved = np.hypot(*units.shift.T) > 0
    turned = (units.first % 8) != (units.second % 8)
    rescaled = (units.first // 8) != (units.second // 8)
    np.testing.assert_array_equal(moved.astype(int) + turned + rescaled, 1)
    assert [k.sum() for k in (moved, turned, rescaled)] == [100, 100, 100]


ANGLES = np.array([[-0.7, 0.0, 0.7]])


def arc_cell(tolerance=0.12):
    """Wants a convex contour on the right: tangents of a circle around the centre."""
    return V4Units(
        x=np.zeros(1),
        y=np.zeros(1),
        part_x=0.3 * np.cos(ANGLES),
        part_y=0.3 * np.sin(ANGLES),
        orientation=ANGLES,
        scale=np.array([1]),
        width=np.array([0.1]),
        tolerance=np.array([tolerance]),
    )


def patches(plane, places, normals, centre=(0.0, 0.0)):
    """Gabor patches at angles ``places`` of a ring, with the given normals."""
    image = np.zeros((GRID, GRID))
    for place, normal in zip(places, normals, strict=True):
        dx = plane[0] - centre[0] - 0.3 * np.cos(place)
        dy = plane[1] - centre[1] - 0.3 * np.sin(place)
        across = dx * np.cos(normal) + dy * np.sin(normal)
        image += np.exp(-(dx**2 + dy**2) / (2 * 0.08**2)) * np.cos(8 * np.pi * across)
    return 0.8 * image


def test_v4_wants_all_pieces_of_its_contour(plane, look):
    a = ANGLES[0]
    whole = patches(plane, a, a)
    two = [patches(plane, np.delete(a, i), np.delete(a, i)) for i in range(3)]
    opposite = patches(plane, a + np.pi, a)
    radial = patches(plane, a, a + np.pi / 2)
    r = arc_cell().drive(look([whole, *two, opposite, radial]))[0]
    assert r[1:4].max() < 0.75 * r[0]
    assert r[4] < 0.3 * r[0]
    assert r[5] < 0.5 * r[0]


def test_v4_tolerates_small_displacements_only(plane, look):
    a = ANGLES[0]
    near = [(0.15, 0.0), (-0.15, 0.0), (0.0, 0.15), (0.0, -0.15)]
    maps = look([patches(plane, a, a, shift) for shift in ((0.0, 0.0), (0.5, 0.0), *near)])
    tolerant, rigid = (arc_cell(t).drive(maps)[0] for t in (0.12, 0.0))
    assert tolerant[2:].mean() > 0.7 * tolerant[0]
    assert tolerant[1] < 0.35 * tolerant[0]
    assert tolerant[2:].mean() / tolerant[0] > 1.1 * rigid[2:].mean() / rigid[0]


def test_v4_fields_are_larger_than_those_of_v2_and_inside_the_view():
    v2, v4 = (draw(200, 8.0, np.random.default_rng(3)) for draw in (draw_v2, draw_v4))
    extent = np.hypot(v4.part_x, v4.part_y).max(axis=1) + 2 * v4.width + v4.tolerance
    assert np.median(extent) > 1.2 * np.median(2 * v2.width)
    assert (np.abs(v4.x[:, None] + v4.part_x) < 1).all()
