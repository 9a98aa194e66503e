"""How images become the input of a network: size, interpolation, crop, mean and deviation of the colours."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from wiringup.core.ahead import THREADS, ahead
from wiringup.core.checks import one_of
from wiringup.core.errors import InputError
from wiringup.core.stimuli import Rows, Stimuli

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet mean and standard deviation of the colour channels, in [0, 1]."""

INTERPOLATIONS = ("bilinear", "bicubic")
Colours = tuple[float, float, float]


@dataclass(frozen=True)
class Preprocessing:
    """What happens to an image on its way to a network; the default is that of the networks trained here.

    Attributes:
        mean: of red, green and blue, where colours are 0 to 1.
        std: their standard deviations.
        interpolation: bilinear or bicubic.
        antialias: whether images are smoothed before they are made smaller.
        crop: None: the whole image, squashed to a square (as Brain-Score does). A fraction: the short side is
            resized to the network's input size over this, and the square in the middle is cut out.

    Raises:
        InputError: naming what is out of range.
    """

    mean: Colours = MEAN
    std: Colours = STD
    interpolation: str = "bilinear"
    antialias: bool = True
    crop: float | None = None

    def __post_init__(self) -> None:
        one_of(self.interpolation, INTERPOLATIONS, "interpolation")
        for name in ("mean", "std"):  # an address does not depend on the type of a number
            object.__setattr__(self, name, tuple(map(float, getattr(self, name))))
        if self.crop is not None:
            object.__setattr__(self, "crop", float(self.crop))
        numbers = [*self.mean, *self.std]
        if len(self.mean) != 3 or len(self.std) != 3 or not all(map(math.isfinite, numbers)):
            raise InputError("Mean and deviation are three numbers each, for red, green and blue.")
        if not all(value > 0 for value in self.std):
            raise InputError(f"The deviation of a colour has to be above 0; got {self.std}.")
        if not all(0 <= value <= 1 for value in self.mean) or max(self.std) > 1:
            raise InputError(
                f"Mean {self.mean} and deviation {self.std} are not of colours from 0 to 1; if they are of "
                "colours from 0 to 255, divide them by 255."
            )
        if self.crop is not None and not 0 < self.crop <= 1:
            raise InputError(f"A crop is a fraction of the image, above 0 and at most 1; got {self.crop}.")

    def short_side(self, size: int) -> int:
        """Return the length in px to which the short side is resized before ``size`` px are cut out."""
        return math.floor(size / (self.crop or 1) + 1e-6)  # a fraction such as 224 / 256 gives 256 again

    def describe(self, size: int) -> str:
        """Return in words how an image becomes a square of ``size`` px."""
        how = "" if self.interpolation == "bilinear" else f" ({self.interpolation})"
        if self.crop is None:
            return f"squashed to {size} px{how}"
        return f"resize {self.short_side(size)}{how} + centre crop {size}"


IMAGENET = Preprocessing()
"""Bilinear, antialiased, aspect not kept (as Brain-Score does); ImageNet mean and deviation."""

CENTRE = 224 / 256
"""The crop by which networks of ImageNet are tested: Resize(256) and CenterCrop(224)."""


def preprocess(
    pixels: np.ndarray | Tensor,
    size: int,
    how: Preprocessing = IMAGENET,
    device: torch.device | None = None,
) -> Tensor:
    """Map uint8 (n, h, w, 3) to normalised float32 (n, 3, size, size), as the network was trained.

    The result is on ``device``, by default where the pixels are. A CUDA card is sent bytes and does the rest.
    """
    x = pixels if isinstance(pixels, Tensor) else torch.from_numpy(np.ascontiguousarray(pixels))
    if device is not None and device.type == "cuda":
        x = x.to(device)
    x = x.permute(0, 3, 1, 2).float().div_(255)
    if how.crop is None:
        x = _resized(x, size, size, how)
    else:
        short = how.short_side(size)
        height, width = (short * side // min(x.shape[-2:]) for side in x.shape[-2:])
        x = _resized(x, height, width, how)
        top, left = (round((side - size) / 2) for side in x.shape[-2:])
        x = x[..., top : top + size, left : left + size]
    return standardise(x.contiguous(memory_format=torch.channels_last), how=how).to(device or x.device)


def network_input(
    stimuli: Stimuli,
    rows: Rows,
    size: int,
    how: Preprocessing = IMAGENET,
    threads: int = 0,
    device: torch.device | None = None,
) -> Tensor:
    """Return some images as a network sees them (`preprocess`); photographs are decoded one by one.

    Args:
        stimuli: the images, of one size or each of its own.
        rows: which of them.
        size: side of the network's input in px.
        how: what happens to an image on its way to it.
        threads: that decode photographs; 0 decodes in the caller's.
        device: as in `preprocess`.
    """
    if stimuli.uniform:
        return preprocess(stimuli.at(rows), size, how, device)
    images = ahead(
        lambda row: preprocess(next(stimuli.each(row))[None], size, how, device),
        np.arange(len(stimuli))[rows, None],
        threads,
    )
    none = torch.empty(0, 3, size, size, device=device)
    return torch.cat([none, *images]).contiguous(memory_format=torch.channels_last)


def _resized(x: Tensor, height: int, width: int, how: Preprocessing) -> Tensor:
    if x.shape[-2:] == (height, width):
        return x
    resized = nn.functional.interpolate(
        x, (height, width), mode=how.interpolation, antialias=how.antialias, align_corners=False
    )
    return resized if how.interpolation == "bilinear" else resized.clamp_(0, 1)  # bicubic overshoots


def standardise(x: Tensor, scale: float = 1.0, how: Preprocessing = IMAGENET) -> Tensor:
    """Map channels-last (n, 3, h, w) from 0 ... ``scale`` to colours of mean 0 and deviation 1, in place.

    Row by row, with the three means and deviations repeated along it: per channel it takes five times as
    long.
    """
    n, channels, height, width = x.shape
    rows = x.permute(0, 2, 3, 1).reshape(n, height, width * channels)
    mean, std = (_along(values, scale, width, x.device) for values in (how.mean, how.std))
    return rows.sub_(mean).div_(std).view(n, height, width, channels).permute(0, 3, 1, 2)


@lru_cache
def _along(values: Colours, scale: float, width: int, device: torch.device) -> Tensor:
    """Return three numbers, repeated along a row; made once, as a card has to wait for what is sent to it."""
    with torch.inference_mode(False):  # others may take gradients through it
        return torch.tensor(values, device=device).mul(scale).repeat(width)


def batches(
    stimuli: Stimuli, size: int, batch: int, how: Preprocessing = IMAGENET, device: torch.device | None = None
) -> Iterator[tuple[slice, Tensor]]:
    """Yield the images as a network sees them (`preprocess`), ``batch`` at a time, with their rows."""
    for start in range(0, len(stimuli), batch):
        rows = slice(start, start + batch)
        yield rows, network_input(stimuli, rows, size, how, THREADS, device)
