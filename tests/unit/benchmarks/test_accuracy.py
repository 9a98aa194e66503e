"""Accuracy: the right class among the first k, and images shown by a named protocol."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from wiringup.benchmarks.accuracy import TopK, rank
from wiringup.benchmarks.benchmark import evaluate
from wiringup.core.errors import InputError
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.data.images.reading import resized_and_cropped
from wiringup.models.readout import PixelSubject

RANDOM = np.random.default_rng(0)


def labelled(n, seed, height=4, width=4):
    """The class is a bright row."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(n) % 4)
    bright = 60.0 * (np.arange(height) * 4 // height == labels[:, None])[..., None]
    pixels = np.clip(bright + random.normal(90, 50, (n, height, width)), 0, 255).astype(np.uint8)
    return LabelledImages(from_pixels(pixels), labels, tuple("abcd"))


TEST, FIT = labelled(120, 1), labelled(200, 2)


def test_by_decoder():
    (found,) = evaluate(PixelSubject(4), [TopK(TEST, "decoded", FIT)])
    assert found.metric == "top-1-decoder" and found.raw > 0.7
    assert (found.score, found.ceiling, found.normalisation) == (found.raw, 1.0, "r/c")
    assert found.error == pytest.approx(np.sqrt(found.raw * (1 - found.raw) / 120))
    assert found.note == "whole images, squashed to the input size"


def test_by_logits():
    logits = torch.nn.functional.one_hot(torch.from_numpy(TEST.labels), 4).float()
    logits[:30] = torch.eye(4)[(torch.from_numpy(TEST.labels[:30]) + 1) % 4]
    assert TopK(TEST, "own").score(logits, "logits").raw == 0.75
    with pytest.raises(InputError, match=r"'pixels' has 48 features, but logits for 4 classes .* --layer"):
        evaluate(PixelSubject(4), [TopK(TEST, "own")])


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_top_k_is_the_sorted_list(k):
    logits = RANDOM.standard_normal((120, 4))
    first = np.argsort(-logits, 1)[:, :k]
    expected = np.mean([label in row for label, row in zip(TEST.labels, first, strict=True)])
    found = TopK(TEST, "own", k=k).score(torch.from_numpy(logits), "logits")
    assert found.raw == pytest.approx(expected) and found.metric == f"top-{k}-logits"


def test_equal_scores_are_no_free_lunch():
    np.testing.assert_array_equal(rank(np.zeros((4, 4)), np.arange(4)), np.arange(4))
    scores = RANDOM.integers(0, 3, (200, 4)).astype(float)
    labels = RANDOM.integers(0, 4, 200)
    np.testing.assert_array_equal(rank(scores, labels) == 0, scores.argmax(1) == labels)


@pytest.mark.parametrize(("height", "width"), [(40, 60), (61, 37), (20, 20)])
def test_resized_and_cropped_as_torch_does(height, width):
    smooth = RANDOM.integers(0, 256, (3, 10, 10, 3)).astype(np.float32)
    large = interpolate(torch.from_numpy(smooth).permute(0, 3, 1, 2), (height, width), mode="bicubic")
    stimuli = from_pixels(large.clamp(0, 255).byte().permute(0, 2, 3, 1).numpy())
    found = resized_and_cropped(stimuli, 32, 28)
    sides = (32, int(32 * width / height)) if height <= width else (int(32 * height / width), 32)
    x = torch.from_numpy(stimuli.pixels).permute(0, 3, 1, 2).float()
    resized = interpolate(x, sides, mode="bilinear", antialias=True, align_corners=False)
    top, left = (round((s - 28) / 2) for s in sides)
    expected = resized[:, :, top : top + 28, left : left + 28].permute(0, 2, 3, 1)
    assert found.pixels.shape == (3, 28, 28, 3) and found.ids == stimuli.ids
    np.testing.assert_allclose(found.pixels, expected, atol=1.01)


def test_a_protocol_decides_what_is_shown_and_is_named():
    wide, fit = labelled(60, 3, 16, 32), labelled(60, 4, 16, 32)
    squashed = TopK(wide, "wide", fit)
    cropped = TopK(wide, "wide", fit, protocol="resize8-crop7")
    assert squashed.stimuli.pixels.shape == (120, 16, 32, 3)
    assert cropped.stimuli.pixels.shape == (120, 7, 7, 3)
    assert cropped.metric == "top-1-decoder-resize8-crop7" and cropped.sha256 != squashed.sha256
    (found,) = evaluate(PixelSubject(7), [cropped])
    assert "resize8-crop7: short side resized, centre cropped" in found.note and found.raw > 0.5


@pytest.mark.parametrize("protocol", ["crop224", "resize256", "resize0-crop0", "Squash"])
def test_refuses_unknown_protocols(protocol):
    with pytest.raises(InputError, match=f"Unknown protocol '{protocol}'.*resize256-crop224"):
        TopK(TEST, "own", protocol=protocol)


def test_refuses_to_crop_more_than_there_is():
    with pytest.raises(InputError, match="short side of 8 px has no centre of 9 px"):
        _ = TopK(TEST, "own", protocol="resize8-crop9").stimuli
