import math

import numpy as np
import pytest
import torch

from wiringup.core.errors import InputError
from wiringup.core.stimuli import Stimuli, from_pixels
from wiringup.models.preprocessing import preprocess
from wiringup.models.readout import NetworkSubject
from wiringup.models.references.hmax import (
    AREAS,
    FILTER_SIZES,
    HMAX,
    POOLS,
    S1,
    SIGMAS,
    SMALLEST,
    WAVELENGTHS,
    Prototypes,
    c1,
    gabors,
    hmax,
    sample_patches,
)
from wiringup.models.references.luminance import Luminance

SIZE = 26  # C1 of 5 x 5 down to 1 x 1


def noise(n: int, size: int, seed: int = 0) -> Stimuli:
    return from_pixels(np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8))


def blobs(n: int, size: int, shift: int = 0) -> Stimuli:
    """Grey images with one patterned square each, the square moved to the right by ``shift`` px."""
    rng = np.random.default_rng(4)
    pixels = np.full((n, size, size), 128, np.uint8)
    for image in pixels:
        image[30:62, 24 + shift : 56 + shift] = np.kron(rng.integers(0, 256, (4, 4)), np.ones((8, 8)))
    return from_pixels(pixels)


def grey(stimuli: Stimuli) -> torch.Tensor:
    return Luminance()(preprocess(stimuli.pixels, stimuli.pixels.shape[1]))


def test_grey_is_luma_of_the_original_pixels():
    stimuli = noise(2, 8)
    expected = stimuli.pixels @ np.array([0.299, 0.587, 0.114]) / 255
    np.testing.assert_allclose(grey(stimuli)[:, 0].numpy(), expected, atol=1e-6)


def test_the_published_constants_follow_the_rule_of_the_authors_code():
    """wavelength = 2 size / d with d = 4, 3.95, ...; sigma = .8 wavelength; the table rounds both to .1."""
    wavelengths = 2 * np.array(FILTER_SIZES) / (4 - 0.05 * np.arange(16))
    rounded = np.round(wavelengths, 1)
    assert rounded[8] == 12.8
    rounded[8] = 12.7  # so in the table: 12.78, cut instead of rounded
    np.testing.assert_allclose(WAVELENGTHS, rounded)
    np.testing.assert_allclose(SIGMAS, np.round(0.8 * wavelengths, 1))
    assert list(POOLS) == [8, 10, 12, 14, 16, 18, 20, 22]


def naive_gabor(size: int, sigma: float, wavelength: float, theta: float) -> np.ndarray:
    half, out = size // 2, np.zeros((size, size))
    for row in range(size):
        for column in range(size):
            x, y = column - half, row - half
            u = x * np.cos(theta) + y * np.sin(theta)
            v = -x * np.sin(theta) + y * np.cos(theta)
            out[row, column] = np.exp(-(u**2 + 0.3**2 * v**2) / (2 * sigma**2)) * np.cos(
                2 * np.pi * u / wavelength
            )
    out -= out.mean()
    return out / np.sqrt((out**2).sum())


def naive_s1(image: np.ndarray, scale: int, orientation: int) -> np.ndarray:
    size = FILTER_SIZES[scale]
    kernel = naive_gabor(size, SIGMAS[scale], WAVELENGTHS[scale], orientation * np.pi / 4)
    padded = np.pad(image, size // 2, mode="reflect")
    out = np.zeros_like(image)
    for row, column in np.ndindex(image.shape):
        window = padded[row : row + size, column : column + size]
        out[row, column] = abs((window * kernel).sum()) / np.sqrt((window**2).sum())
    return out


def naive_c1(image: np.ndarray, band: int) -> np.ndarray:
    side = POOLS[band]
    positions = range(0, len(image) - side + 1, side // 2)
    out = np.zeros((4, len(positions), len(positions)))
    for orientation in range(4):
        scales = [naive_s1(image, 2 * band + k, orientation) for k in (0, 1)]
        for i, row in enumerate(positions):
            for j, column in enumerate(positions):
                windows = [s[row : row + side, column : column + side] for s in scales]
                out[orientation, i, j] = np.max(windows)
    return out


def naive_c2(bands: list[np.ndarray], patch: np.ndarray) -> float:
    n = patch.shape[-1]
    best = 0.0
    for band in bands:
        for row in range(band.shape[1] - n + 1):
            for column in range(band.shape[2] - n + 1):
                distance = ((band[:, row : row + n, column : column + n] - patch) ** 2).sum()
                best = max(best, np.exp(-distance / (2 * (n / 4) ** 2)))
    return best


def test_every_layer_equals_its_definition_in_plain_loops():
    stimuli = noise(1, SIZE)
    patches = {n: torch.rand(3, 4, n, n, generator=torch.Generator().manual_seed(n)) for n in (2, 3)}
    subject = NetworkSubject("hmax", HMAX(patches), AREAS, SIZE)
    got = subject.responses(stimuli, ["S1", "S1@7", "C1", "C2", "C2.2"])
    image = grey(stimuli)[0, 0].double().numpy()
    for layer, band in (("S1", 0), ("S1@7", 7)):
        expected = [naive_s1(image, 2 * band + k, o) for k in (0, 1) for o in range(4)]
        np.testing.assert_allclose(got[layer][0], np.ravel(expected), atol=1e-5)
    bands = [naive_c1(image, band) for band in range(8)]
    np.testing.assert_allclose(got["C1"][0], np.concatenate([b.ravel() for b in bands]), atol=1e-5)
    c2 = [naive_c2(bands, p.double().numpy()) for n in (2, 3) for p in patches[n]]
    np.testing.assert_allclose(got["C2"][0], c2, rtol=1e-5)
    assert torch.equal(got["C2.2"], got["C2"][:, :3])


def test_filters_answer_most_to_their_own_orientation_and_never_to_uniform_images():
    filters = gabors(15, 6.3, 7.9)
    torch.testing.assert_close(filters.sum((1, 2, 3)), torch.zeros(4), atol=1e-6, rtol=0)
    axis = torch.arange(64) - 32.0
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    s1 = S1()
    for k in range(4):
        across = x * math.cos(k * math.pi / 4) + y * math.sin(k * math.pi / 4)
        grating = 0.5 + 0.4 * torch.cos(2 * math.pi * across / 7.9)
        answers = s1(grating[None, None], 2).unflatten(1, (2, 4))[0, 0].amax((1, 2))
        assert int(answers.argmax()) == k
    uniform = s1(torch.stack([torch.zeros(1, 64, 64), torch.full((1, 64, 64), 0.7)]), 2)
    torch.testing.assert_close(uniform, torch.zeros_like(uniform), atol=1e-6, rtol=0)


def test_responses_do_not_change_when_the_image_dims():
    image = torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(S1()(image, 0), S1()(0.3 * image, 0), rtol=1e-4, atol=1e-6)


def test_patches_are_pieces_of_c1_of_the_given_images():
    images = noise(3, 60)
    patches = sample_patches(images, 60, each=5, seed=1, patch_sizes=(4,))[4]
    band = c1(S1(), grey(images), 1)
    pieces = band.unfold(2, 4, 1).unfold(3, 4, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, 4, 4, 4)
    nearest = torch.cdist(patches.flatten(1), pieces.flatten(1)).amin(1)
    torch.testing.assert_close(nearest, torch.zeros(5), atol=1e-3, rtol=0)
    assert len(patches.flatten(1).unique(dim=0)) > 1


def test_a_unit_answers_1_to_the_image_its_patch_was_cut_from():
    images = noise(1, SMALLEST)
    subject = hmax(images, SMALLEST, each=3)
    answers = subject.responses(images, ["C2"])["C2"]
    torch.testing.assert_close(answers, torch.ones(1, 12), atol=1e-4, rtol=0)
    assert float(subject.responses(noise(1, SMALLEST, seed=1), ["C2"])["C2"].max()) < 0.999


def test_c2_tolerates_translation_that_changes_c1():
    subject = hmax(noise(2, 96), 96, each=10)
    here, there = (subject.responses(blobs(3, 96, shift), ["C1", "C2"]) for shift in (0, 12))
    moved = {k: (here[k] - there[k]).norm() / (here[k] - here[k].mean(0)).norm() for k in here}
    assert moved["C1"] > 1
    assert moved["C2"] < 0.5


def test_the_seed_decides_the_patches_and_so_the_identity():
    images = noise(4, 90)
    one, again, other = (hmax(images, 90, seed, each=2) for seed in (0, 0, 1))
    assert one.identity == again.identity != other.identity
    assert one.identity != hmax(noise(4, 90, seed=9), 90, 0, each=2).identity


def test_areas_are_read_out_by_name():
    subject = hmax(noise(2, 90), 90, each=2)
    got = subject.responses(noise(3, 90), [*AREAS, *AREAS.values()])
    assert AREAS == {"V1": "C1", "V2": "C2.4", "V4": "C2.8", "IT": "C2", "behavior": "C2"}
    assert torch.equal(torch.cat([got["V2"], got["V4"]], 1), got["IT"][:, :4])
    for area, layer in AREAS.items():
        assert subject.layer_for(area) == area
        assert torch.equal(got[area], got[layer])


def test_bands_too_small_for_a_patch_are_passed_over():
    large, small = torch.rand(2, 4, 6, 6), torch.rand(2, 4, 3, 3)
    units = Prototypes(torch.rand(5, 4, 4, 4))
    torch.testing.assert_close(units([large, small]), units([large]))


def test_too_small_images_are_refused_with_the_size_that_would_do():
    with pytest.raises(InputError, match=r"needs images of at least 85 px; got 64"):
        hmax(noise(1, 64), 64)
    with pytest.raises(InputError, match="number of images to sample patches from is 0"):
        hmax(noise(0, 90), 90)
