"""RandomResizedCrop and horizontal flip, drawn and applied for a whole batch at once.

Boxes follow the documented definition of torchvision's RandomResizedCrop (Szegedy et al. 2015): area
uniform in 8 to 100 % of the image, log aspect ratio uniform between 3/4 and 4/3, ten tries, then the
largest central crop of an allowed ratio. They are cut out of what is kept of an image: a square, or the whole
photograph with sides of its own (`data.images.keeping`).

Resizing is bilinear and antialiased. Images of one size are resized at once, as two matrix products for each,
which equals ``interpolate(crop, antialias=True)`` on every crop; photographs one by one, by Pillow, in bytes,
as torchvision does it with image files.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.core.stimuli import Stimuli
from wiringup.data.images.decoding import resize_to
from wiringup.models.preprocessing import IMAGENET, Preprocessing, standardise

SCALE = (0.08, 1.0)
RATIO = (3 / 4, 4 / 3)
TRIES = 10
WHITE = 255.0


def draw_boxes(n: int, height: int | Tensor, width: int | Tensor, generator: torch.Generator) -> Tensor:
    """Draw ``n`` crops of images of ``height`` x ``width`` px, of all or (n,) of each.

    Returns:
        int64 (n, 4): top, left, height, width in px.
    """
    height, width = (torch.as_tensor(side, dtype=torch.float64).view(-1, 1) for side in (height, width))
    area, ratio, vertical, horizontal = torch.rand(
        4, n, TRIES, generator=generator, dtype=torch.float64
    ).unbind()
    area = height * width * (SCALE[0] + (SCALE[1] - SCALE[0]) * area)
    ratio = torch.exp(math.log(RATIO[0]) + math.log(RATIO[1] / RATIO[0]) * ratio)
    w, h = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
    top, left = (vertical * (height - h + 1)).floor(), (horizontal * (width - w + 1)).floor()
    tried = torch.stack([top, left, h, w], dim=-1)
    first = fits.to(torch.uint8).argmax(1)
    boxes = tried[torch.arange(n), first]
    sides = zip(height.long().flatten().tolist(), width.long().flatten().tolist(), strict=True)
    central = torch.tensor([_central_box(*each) for each in sides], dtype=boxes.dtype)
    return torch.where(fits.any(1, keepdim=True), boxes, central).long()


def _central_box(height: int, width: int) -> tuple[int, int, int, int]:
    h, w = height, width
    if width / height < RATIO[0]:
        h = round(width / RATIO[0])
    elif width / height > RATIO[1]:
        w = round(height * RATIO[1])
    return (height - h) // 2, (width - w) // 2, h, w


def draw_flips(n: int, generator: torch.Generator) -> Tensor:
    """Draw which of ``n`` images are mirrored: bool (n,), each with probability one half."""
    return torch.rand(n, generator=generator) < 0.5


def crop_resize(
    pixels: Tensor, boxes: Tensor, flips: Tensor, size: int, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Cut every image's box out, scale it to ``size`` x ``size``, mirror it where asked.

    Args:
        pixels: (n, h, w, 3), uint8 or float.
        boxes: int64 (n, 4): top, left, height, width.
        flips: bool (n,).
        size: side of the result in px.
        dtype: of the factors of the products, which are summed in float32.

    Returns:
        float32 (n, 3, size, size) in the range of ``pixels``, channels-last in memory.
    """
    n, height, width, channels = pixels.shape
    top, left, box_height, box_width = boxes.to(pixels.device).T
    rows = _weights(top, box_height, height, size).to(dtype)
    columns = _weights(left, box_width, width, size).to(dtype)
    columns = torch.where(flips.to(pixels.device)[:, None, None], columns.flip(1), columns)
    x = torch.bmm(rows, pixels.to(dtype).reshape(n, height, width * channels))
    x = x.view(n, size, width, channels).permute(0, 3, 1, 2).reshape(n, channels * size, width)
    x = torch.bmm(x, columns.mT).view(n, channels, size, size)
    return x.float().contiguous(memory_format=torch.channels_last)


def _weights(start: Tensor, length: Tensor, source: int, size: int) -> Tensor:
    """Return (n, size, source): how much each source pixel gives to each pixel of the result."""
    start, length = start[:, None, None].float(), length[:, None, None].float()
    scale = length / size
    target = torch.arange(size, device=start.device).view(1, size, 1)
    pixel = torch.arange(source, device=start.device).view(1, 1, source) + 0.5
    distance = (pixel - (start + (target + 0.5) * scale)).abs() / scale.clamp(min=1)
    inside = (pixel > start) & (pixel < start + length)
    weights = (1 - distance).clamp_(min=0).mul_(inside)
    return weights / weights.sum(-1, keepdim=True)


def draw_crops(
    n: int,
    height: int | Tensor,
    width: int | Tensor,
    generator: torch.Generator,
    share: slice = slice(None),
) -> tuple[Tensor, Tensor]:
    """Draw the boxes and flips of a batch of ``n`` images, and return those of a ``share`` of it."""
    boxes, flips = draw_boxes(n, height, width, generator), draw_flips(n, generator)
    return boxes[share], flips[share]


def cut(stimuli: Stimuli, rows: NDArray[np.int64], boxes: Tensor, size: int) -> Tensor:
    """Return the boxes of some images, each cut out and scaled: uint8 (n, size, size, 3).

    Args:
        stimuli: the images, of any sides.
        rows: int64 (n,), which of them.
        boxes: int64 (n, 4): top, left, height, width in px.
        size: side of the result in px.
    """
    found = np.empty((len(rows), size, size, 3), np.uint8)
    for i, (image, box) in enumerate(zip(stimuli.each(rows), boxes.tolist(), strict=True)):
        top, left, height, width = box
        found[i] = resize_to(np.ascontiguousarray(image[top : top + height, left : left + width]), size, size)
    return torch.from_numpy(found)


def crop_and_flip(
    pixels: Tensor,
    boxes: Tensor | None,
    flips: Tensor,
    size: int,
    how: Preprocessing = IMAGENET,
    half: bool = False,
) -> Tensor:
    """Return the augmented, normalised images: uint8 (n, h, w, 3) -> float32 (n, 3, size, size).

    Args:
        pixels: the images.
        boxes: int64 (n, 4): top, left, height, width in px; None for what was `cut` already.
        flips: bool (n,).
        size: side of the result in px.
        how: mean and deviation of the colours; a crop is always resized bilinearly, and antialiased.
        half: whether crops are made in half precision, in which bytes are exact and weights good to 2^-12.
    """
    if boxes is None:
        mirrored = torch.where(flips[:, None, None, None], pixels.flip(2), pixels)
        return standardise(mirrored.permute(0, 3, 1, 2).float(), WHITE, how)
    dtype = torch.float16 if half else torch.float32
    return standardise(crop_resize(pixels, boxes, flips, size, dtype), WHITE, how)
