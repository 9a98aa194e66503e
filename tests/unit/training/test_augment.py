"""The augmentation against its documented definition, and against PyTorch's resize of each crop."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn.functional import interpolate

from documented_crops import documented_box
from wiringup.core.seeds import numpy_stream, torch_stream
from wiringup.models.preprocessing import preprocess, standardise
from wiringup.training.augment import crop_and_flip, crop_resize, draw_boxes, draw_crops, draw_flips

N = 4000


@pytest.mark.parametrize(("height", "width"), [(64, 64), (40, 75), (90, 30)])
def test_boxes_have_the_documented_distribution(height, width):
    boxes = draw_boxes(N, height, width, torch_stream(0, "boxes")).numpy()
    stream = numpy_stream(1, "documented")
    peer = np.array([documented_box(height, width, stream) for _ in range(N)])
    top, left, h, w = boxes.T
    assert (top >= 0).all() and (left >= 0).all() and (h > 0).all() and (w > 0).all()
    assert (top + h <= height).all() and (left + w <= width).all()
    for ours, documented in zip(
        [*boxes.T, h * w, h / w, top / (height - h + 1), left / (width - w + 1)],
        [
            *peer.T,
            peer[:, 2] * peer[:, 3],
            peer[:, 2] / peer[:, 3],
            peer[:, 0] / (height - peer[:, 2] + 1),
            peer[:, 1] / (width - peer[:, 3] + 1),
        ],
        strict=True,
    ):
        assert stats.ks_2samp(ours, documented).pvalue > 1e-3


@pytest.mark.parametrize(("height", "width"), [(64, 64), (40, 75)])
def test_area_and_shape_have_the_documented_joint_distribution(height, width):
    """Each may be right alone and wrong together: chi-square of the table area x shape x corner."""
    boxes = draw_boxes(N, height, width, torch_stream(3, "boxes")).numpy()
    stream = numpy_stream(4, "documented")
    peer = np.array([documented_box(height, width, stream) for _ in range(N)])
    tables = []
    for top, left, h, w in (boxes.T, peer.T):
        area, shape = h * w / (height * width), np.log(h / w)
        corner = 2 * (top * 2 > height - h) + (left * 2 > width - w)
        edges = [np.array([0, 0.2, 0.4, 0.6, 1.1]), np.array([-1, -0.15, 0.15, 1]), np.arange(5) - 0.5]
        tables.append(np.histogramdd(np.stack([area, shape, corner], 1), edges)[0].ravel())
    counts = np.array(tables)
    assert counts.sum() == 2 * N
    assert stats.chi2_contingency(counts[:, counts.sum(0) > 0]).pvalue > 1e-3


@pytest.mark.parametrize(("height", "width", "box"), [(8, 200, (0, 94, 8, 11)), (200, 9, (94, 0, 12, 9))])
def test_extreme_shapes_fall_back_to_the_central_crop(height, width, box):
    boxes = draw_boxes(200, height, width, torch_stream(0, "boxes"))
    assert (boxes == torch.tensor(box)).all(1).float().mean() > 0.2


@pytest.mark.parametrize("size", [24, 64, 100])
def test_every_crop_is_resized_as_pytorch_does(size):
    stream = torch_stream(0, "resize")
    pixels = torch.randint(0, 256, (12, 50, 70, 3), generator=stream, dtype=torch.uint8)
    boxes, flips = draw_boxes(12, 50, 70, stream), draw_flips(12, stream)
    assert flips.any() and not flips.all()
    x = crop_resize(pixels, boxes, flips, size)
    assert x.shape == (12, 3, size, size) and x.is_contiguous(memory_format=torch.channels_last)
    for image, (top, left, h, w), flip, ours in zip(pixels, boxes.tolist(), flips, x, strict=True):
        crop = image[top : top + h, left : left + w].permute(2, 0, 1)[None].float()
        peer = interpolate(crop, (size, size), mode="bilinear", antialias=True, align_corners=False)[0]
        torch.testing.assert_close(ours, peer.flip(2) if flip else peer, rtol=1e-5, atol=2e-3)


def test_whole_image_without_flip_is_what_evaluation_sees():
    pixels = torch.randint(0, 256, (5, 40, 40, 3), generator=torch_stream(0), dtype=torch.uint8)
    whole = torch.tensor([[0, 0, 40, 40]]).expand(5, 4)
    x = standardise(crop_resize(pixels, whole, torch.zeros(5, dtype=torch.bool), 32), 255)
    torch.testing.assert_close(x, preprocess(pixels.numpy(), 32), rtol=1e-5, atol=2e-5)


def test_half_of_the_images_are_mirrored():
    assert stats.binomtest(int(draw_flips(N, torch_stream(5)).sum()), N).pvalue > 1e-3


def test_augmentation_is_decided_by_its_generator():
    pixels = torch.randint(0, 256, (6, 32, 32, 3), generator=torch_stream(0), dtype=torch.uint8)
    drawn = (draw_crops(6, 32, 32, torch_stream(seed)) for seed in (1, 1, 2))
    once, again, other = (crop_and_flip(pixels, *crops, 32) for crops in drawn)
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
