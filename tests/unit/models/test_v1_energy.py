import math

import numpy as np
import pytest
import torch

from wiringup.core.areas import SCORED
from wiringup.core.errors import InputError
from wiringup.core.stimuli import from_pixels
from wiringup.models.preprocessing import preprocess
from wiringup.models.readout import NetworkSubject
from wiringup.models.references.luminance import Luminance
from wiringup.models.references.v1_energy import SIGMA, V1Energy, v1_energy

SIZE = 64
FREQUENCIES = (2, 4, 8, 16)


def grating(frequency: float, theta: float = 0.0, phase: float = 0.0, contrast: float = 1.0) -> torch.Tensor:
    """(size, size): ``theta`` is the direction of the normal, counter-clockwise from the right."""
    axis = (torch.arange(SIZE, dtype=torch.float64) + 0.5) / SIZE
    up, right = torch.meshgrid(-axis, axis, indexing="ij")
    across = right * math.cos(theta) + up * math.sin(theta)
    return (contrast * torch.cos(2 * math.pi * frequency * across + phase)).float()


def look(model: V1Energy, images: list[torch.Tensor]) -> torch.Tensor:
    """Linear responses (n, orientations, rows, columns) of the pairs that prefer 8 cycles per image."""
    return model.pairs(torch.stack(images), 8)


def normalised(semisaturation: float, images: list[torch.Tensor]) -> torch.Tensor:
    """Complex cells (n, orientations, 8, 8) that prefer 8 cycles per image, by the whole model."""
    model = V1Energy(SIZE, FREQUENCIES, semisaturation=semisaturation)
    model.grey = torch.nn.Identity()  # contrasts are given exactly, not as 8-bit pixels
    values = model((torch.stack(images).unsqueeze(1) + 1) / 2)
    start = 8 * (2**2 + 4**2)
    return values[:, start : start + 8 * 8**2].unflatten(1, (8, 8, 8))


@pytest.fixture(scope="module")
def model() -> V1Energy:
    return V1Energy(SIZE, FREQUENCIES)


def test_every_cell_equals_its_definition_in_plain_loops():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    model = V1Energy(16, (2, 4), orientations=3, semisaturation=0.3)
    subject = NetworkSubject("v1", model, {}, 16)
    got = subject.responses(from_pixels(pixels), ["simple", "complex"])
    contrast = 2 * Luminance()(preprocess(pixels, 16))[1, 0].double().numpy() - 1
    simple, complex_ = naive_cells(contrast, (2, 4), 3, 0.3)
    np.testing.assert_allclose(got["simple"][1], simple, atol=1e-6)
    np.testing.assert_allclose(got["complex"][1], complex_, atol=1e-6)


def naive_cells(image: np.ndarray, frequencies, orientations: int, semisaturation: float):
    """Cells one by one: 2-D Gabors, and the pool of a place from the energies of every frequency there."""
    linear = {
        (f, o, i, j): naive_linear(image, f, o * np.pi / orientations, (i + 0.5) / f, (j + 0.5) / f)
        for f in frequencies
        for o, i, j in np.ndindex(orientations, f, f)
    }

    def gain(f: int, i: int, j: int) -> float:
        pool = 0.0
        for (g, _, row, column), pair in linear.items():
            if g >= f and (row * f // g, column * f // g) == (i, j):  # finer: the mean over the place
                pool += abs(pair) ** 2 * (f / g) ** 2
            elif g < f and (i * g // f, j * g // f) == (row, column):  # coarser: shared by the place
                pool += abs(pair) ** 2
        return 1 / np.sqrt(1 + pool / semisaturation**2)

    simple, complex_ = [], []
    for f in frequencies:
        keys = list(np.ndindex(orientations, f, f))
        for turn in range(4):
            drive = [(linear[f, *k] * (-1j) ** turn).real for k in keys]
            simple += [max(d, 0.0) * gain(f, *k[1:]) for d, k in zip(drive, keys, strict=True)]
        complex_ += [abs(linear[f, *k]) * gain(f, *k[1:]) for k in keys]
    return simple, complex_


def naive_linear(image: np.ndarray, f: int, theta: float, row: float, column: float) -> complex:
    size, sigma = len(image), SIGMA / f
    envelope, wave = np.zeros((size, size)), np.zeros((size, size), complex)
    for p, q in np.ndindex(size, size):
        up, right = row - (p + 0.5) / size, (q + 0.5) / size - column
        envelope[p, q] = np.exp(-(up**2 + right**2) / (2 * sigma**2))
        wave[p, q] = np.exp(2j * np.pi * f * (right * np.cos(theta) + up * np.sin(theta)))
    envelope /= envelope.sum()
    gabor = envelope * wave
    gabor -= envelope * gabor.sum()
    return 2 * (gabor * image).sum()


def test_complex_cells_ignore_phase_and_simple_cells_follow_it(model):
    phases = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    pair = look(model, [grating(8, phase=p) for p in phases])[:, 0, 3, 4]
    at_centre = phases + 2 * np.pi * 8 * (4 + 0.5) / 8
    np.testing.assert_allclose(pair.abs(), 1, atol=5e-3)
    np.testing.assert_allclose(pair.real, np.cos(at_centre), atol=5e-3)
    np.testing.assert_allclose(pair.imag, -np.sin(at_centre), atol=5e-3)


def test_cells_are_tuned_to_their_orientation_and_frequency(model):
    angles = np.arange(8) * np.pi / 8
    by_angle = look(model, [grating(8, theta) for theta in angles]).abs()[:, :, 4, 4]
    assert torch.equal(by_angle.argmax(0), torch.arange(8))
    frequencies = np.array([5.0, 6, 7, 8, 9, 10, 11, 13])
    tuning = look(model, [grating(f) for f in frequencies]).abs()[:, 0, 4, 4]
    width = 8 / (2 * np.pi * SIGMA)  # of a Gaussian of sigma SIGMA / 8 images, in cycles per image
    expected = np.exp(-((frequencies - 8) ** 2) / (2 * width**2))
    np.testing.assert_allclose(tuning, expected, atol=0.02)


def test_the_bandwidth_is_1_4_octaves():
    half_width = np.sqrt(2 * np.log(2)) / (2 * np.pi * SIGMA)  # in units of the preferred frequency
    assert np.log2((1 + half_width) / (1 - half_width)) == pytest.approx(1.4)


def test_uniform_images_give_nothing(model):
    for level in (-1.0, 0.3):
        pairs = model.pairs(torch.full((1, SIZE, SIZE), level), 2)
        torch.testing.assert_close(pairs, torch.zeros_like(pairs), atol=1e-5, rtol=0)


def test_normalisation_saturates_with_contrast_as_heeger_has_it():
    contrasts = [0.01, 0.05, 0.2, 0.5, 1.0]
    images = [grating(8, contrast=c) for c in contrasts]
    plain = normalised(math.inf, images)[:, 0, 4, 4]
    torch.testing.assert_close(plain / plain[-1], torch.tensor(contrasts), rtol=1e-3, atol=0)
    curve = normalised(0.1, images)[:, 0, 4, 4]
    pool = (plain[-1] / curve[-1]).square().sub(1) * 0.1**2  # of the full-contrast grating
    expected = [c * plain[-1] / math.sqrt(1 + pool * c**2 / 0.1**2) for c in contrasts]
    torch.testing.assert_close(curve, torch.tensor(expected), rtol=1e-3, atol=0)
    assert 2 < pool < 4  # the cell's own energy and that of its neighbours in orientation and frequency
    assert curve[-1] / curve[-2] < 1.03


def test_a_mask_that_a_cell_does_not_see_suppresses_it():
    """Cross-orientation suppression: the reason for a pool."""
    preferred, mask = grating(8, contrast=0.3), grating(8, math.pi / 2, contrast=0.3)
    for semisaturation, suppressed in ((0.1, True), (math.inf, False)):
        alone, both = normalised(semisaturation, [preferred, preferred + mask])[:, 0, 4, 4]
        assert bool(both < 0.9 * alone) is suppressed


def test_as_a_subject_every_area_reads_complex_cells():
    subject = v1_energy(SIZE)
    images = from_pixels(np.random.default_rng(1).integers(0, 256, (2, 20, 20, 3), dtype=np.uint8))
    got = subject.responses(images, [*(subject.layer_for(a) for a in SCORED), "complex", "simple"])
    cells = 8 * sum(f**2 for f in FREQUENCIES)
    assert all(torch.equal(got[area], got["complex"]) for area in SCORED)
    assert (got["complex"].shape[1], got["simple"].shape[1]) == (cells, 4 * cells)


def test_identity_follows_the_parameters():
    assert v1_energy(SIZE).identity == v1_energy(SIZE).identity
    assert v1_energy(SIZE).identity != v1_energy(SIZE, semisaturation=math.inf).identity
    assert v1_energy(SIZE).identity != v1_energy(80).identity


def test_frequencies_the_image_does_not_carry_are_left_out_or_refused():
    assert v1_energy(47).module.frequencies == (2, 4, 8)
    with pytest.raises(InputError, match="16 cycles per image need at least 48 px; got 47"):
        V1Energy(47, (8, 16))
    with pytest.raises(InputError, match="at least 6"):
        v1_energy(5)
