"""HMAX: alternating template matching and maximum, with templates sampled from images.

Riesenhuber & Poggio 1999 (Nat Neurosci 2:1019) in the form of Serre, Wolf, Bileschi, Riesenhuber & Poggio
2007 (IEEE PAMI 29:411), whose table 1 gives every constant of S1 and C1.

Conventions of ours, where the paper leaves a choice: images are continued by reflection beyond their
border; C1 windows and S2 patches lie wholly within their map; which layer stands for which area (`AREAS`).
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wiringup.core.areas import BEHAVIOR
from wiringup.core.checks import at_least
from wiringup.core.errors import InputError
from wiringup.core.seeds import numpy_stream
from wiringup.core.stimuli import Stimuli
from wiringup.models.preprocessing import preprocess
from wiringup.models.readout import NetworkSubject
from wiringup.models.references.luminance import Luminance

# fmt: off
FILTER_SIZES = (7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37)
SIGMAS = (2.8, 3.6, 4.5, 5.4, 6.3, 7.3, 8.2, 9.2, 10.2, 11.3, 12.3, 13.4, 14.6, 15.8, 17.0, 18.2)
WAVELENGTHS = (3.5, 4.6, 5.6, 6.8, 7.9, 9.1, 10.3, 11.5, 12.7, 14.1, 15.4, 16.8, 18.2, 19.7, 21.2, 22.8)
# fmt: on
POOLS = (8, 10, 12, 14, 16, 18, 20, 22)
"""Table 1 of Serre et al.: side, sigma and wavelength in px of the 16 scales; C1 window of the 8 bands."""
ASPECT = 0.3
ORIENTATIONS = 4
SCALES = 2  # in each band
PATCH_SIZES = (4, 8, 12, 16)
PATCHES_OF_EACH_SIZE = 250  # a thousand features in all, as in the paper
SAMPLED_BAND = 1  # filters of 11 and 13 px: the authors' released code samples its patches there
SMALLEST = POOLS[SAMPLED_BAND] + (max(PATCH_SIZES) - 1) * POOLS[SAMPLED_BAND] // 2
"""Side in px of the smallest image whose sampled band holds the largest patch."""
BATCH = 16

AREAS: Mapping[str, str] = {"V1": "C1", "V2": "C2.4", "V4": "C2.8", "IT": "C2", BEHAVIOR: "C2"}
"""Our convention: V1 is C1 (complex cells); receptive fields grow with the patch, so V2 and V4 are the
units with patches of 4 and 8; IT and behaviour are all units. All of C2 is blind to position."""


def gabors(size: int, sigma: float, wavelength: float) -> Tensor:
    """Return the S1 filters of one scale, float32 (orientations, 1, size, size): mean 0, norm 1.

    F(x, y) = exp(-(u^2 + aspect^2 v^2) / (2 sigma^2)) cos(2 pi u / wavelength), with
    u = x cos(theta) + y sin(theta), v = y cos(theta) - x sin(theta), theta = 0, 45, 90, 135 degrees.
    """
    axis = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    theta = torch.arange(ORIENTATIONS, dtype=torch.float64).view(-1, 1, 1) * math.pi / ORIENTATIONS
    u = x * theta.cos() + y * theta.sin()
    v = y * theta.cos() - x * theta.sin()
    envelope = (-(u**2 + (ASPECT * v) ** 2) / (2 * sigma**2)).exp()
    filters: Tensor = envelope * (2 * math.pi * u / wavelength).cos()
    filters -= filters.mean((1, 2), keepdim=True)
    filters = filters / filters.norm(dim=(1, 2), keepdim=True)
    return filters.float().unsqueeze(1)


class S1(nn.Module):
    """Simple cells. A pass calls it once for each band, so ``S1@3`` reads out the fourth band."""

    def __init__(self) -> None:
        super().__init__()
        for size, sigma, wavelength in zip(FILTER_SIZES, SIGMAS, WAVELENGTHS, strict=True):
            self.register_buffer(f"gabor{size}", gabors(size, sigma, wavelength))

    def forward(self, grey: Tensor, band: int) -> Tensor:
        """Map (n, 1, h, w) to (n, scales * orientations, h, w) of a band, between 0 and 1.

        |filter * image| / norm of the image under the filter: the cosine of the angle between the two.
        """
        sizes = FILTER_SIZES[SCALES * band : SCALES * (band + 1)]
        return torch.cat([self._scale(grey, size) for size in sizes], 1)

    def _scale(self, grey: Tensor, size: int) -> Tensor:
        padded = F.pad(grey, (size // 2,) * 4, mode="reflect")
        norm = box_sum(padded.square(), size).clamp_min(0).sqrt()
        response: Tensor = F.conv2d(padded, self.get_buffer(f"gabor{size}")).abs()
        return torch.where(norm > 0, response / norm, 0.0)


def box_sum(maps: Tensor, side: int) -> Tensor:
    """Return the sum over every window of ``side`` x ``side``: (n, 1, h - side + 1, w - side + 1)."""
    rows = F.avg_pool2d(maps, (side, 1), stride=1)  # one axis after the other: a box is separable
    return F.avg_pool2d(rows, (1, side), stride=1) * side**2


def c1(s1: S1, grey: Tensor, band: int) -> Tensor:
    """Return C1 of a band, (n, orientations, rows, columns): the maximum over scales and positions.

    Windows overlap by half.
    """
    over_scales = s1(grey, band).unflatten(1, (SCALES, ORIENTATIONS)).amax(1)
    return F.max_pool2d(over_scales, POOLS[band], POOLS[band] // 2)


class Prototypes(nn.Module):
    """S2 and C2 units of one patch size: the best match of each patch anywhere and in any band.

    S2 = exp(-beta |X - P|^2), C2 = max S2, with beta = 1 / (2 (size/4)^2): the paper leaves beta open; this
    is the choice of Mutch & Lowe 2006 (CVPR), by which large patches are tuned as broadly as small ones.

    Args:
        patches: (units, orientations, size, size), taken from C1.
    """

    patches: Tensor
    beta: Tensor

    def __init__(self, patches: Tensor) -> None:
        super().__init__()
        self.size = patches.shape[-1]
        self.register_buffer("patches", patches)
        self.register_buffer("beta", torch.tensor(0.5 * (4 / self.size) ** 2))

    def forward(self, bands: Sequence[Tensor]) -> Tensor:
        """Map C1 of all bands to C2 (n, units); bands too small for the patches are passed over."""
        fitting = [band for band in bands if min(band.shape[-2:]) >= self.size]
        nearest = torch.stack([self.distances(band).amin((2, 3)) for band in fitting])
        return (-self.beta * nearest.amin(0)).exp()

    def distances(self, band: Tensor) -> Tensor:
        """Return |X - P|^2 (n, units, rows, columns), as |X|^2 - 2 X.P + |P|^2."""
        here = box_sum(band.square().sum(1, keepdim=True), self.size)
        there = self.patches.square().sum((1, 2, 3)).view(-1, 1, 1)
        return (here - 2 * F.conv2d(band, self.patches) + there).clamp_min(0)


class C2(nn.Module):
    """All C2 units; those with patches of n x n are the submodule called ``n``."""

    def __init__(self, patches: Mapping[int, Tensor]) -> None:
        super().__init__()
        for size, of_size in patches.items():
            self.add_module(str(size), Prototypes(of_size))

    def forward(self, bands: Sequence[Tensor]) -> Tensor:
        """Map C1 of all bands to (n, units), by patch size."""
        return torch.cat([units(bands) for units in self.children()], 1)


class HMAX(nn.Module):
    """S1, C1, S2 and C2; layers to read out are ``S1@band``, ``C1``, ``C2`` and ``C2.4`` ... ``C2.16``.

    Args:
        patches: patch size -> patches, as from `sample_patches`.
    """

    def __init__(self, patches: Mapping[int, Tensor]) -> None:
        super().__init__()
        self.grey = Luminance()
        self.S1 = S1()
        self.C1 = nn.Identity()
        self.C2 = C2(patches)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, 3, h, w), as `preprocessing.preprocess` makes them, to C2 (n, units)."""
        grey = self.grey(x)
        bands = [c1(self.S1, grey, band) for band in range(len(POOLS))]
        self.C1(torch.cat([band.flatten(1) for band in bands], 1))
        features: Tensor = self.C2(bands)
        return features


@torch.inference_mode()
def sample_patches(
    images: Stimuli, size: int, each: int, seed: int, patch_sizes: Sequence[int] = PATCH_SIZES
) -> dict[int, Tensor]:
    """Cut patches out of C1 of images at random, all orientations together.

    Args:
        images: what the patches are taken from, at ``size`` px.
        size: side of the images in px.
        each: number of patches of each size.
        seed: of image and position of each patch.
        patch_sizes: sides of the patches, in C1 units.

    Returns:
        Patch size -> float32 (each, orientations, side, side).
    """
    grey, s1 = Luminance(), S1()
    starts = range(0, len(images), BATCH)
    pixels = (preprocess(images.pixels[i : i + BATCH], size) for i in starts)
    maps = torch.cat([c1(s1, grey(x), SAMPLED_BAND) for x in pixels])
    return {side: _cut(maps, side, each, seed) for side in patch_sizes}


def _cut(maps: Tensor, side: int, each: int, seed: int) -> Tensor:
    rng = numpy_stream(seed, "hmax patches", side)
    last = maps.shape[-1] - side
    image, row, column = (rng.integers(0, n, each) for n in (len(maps), last + 1, last + 1))
    return torch.stack(
        [maps[i, :, r : r + side, c : c + side] for i, r, c in zip(image, row, column, strict=True)]
    )


def hmax(images: Stimuli, size: int, seed: int = 0, each: int = PATCHES_OF_EACH_SIZE) -> NetworkSubject:
    """Return HMAX as a subject.

    Args:
        images: what its patches are sampled from; never images it is going to be scored on.
        size: side of its input in px, at least `SMALLEST`.
        seed: of the sampled patches.
        each: number of patches of each size.

    Raises:
        InputError: if the input is too small for the largest patches, or there is no image.
    """
    if size < SMALLEST:
        raise InputError(
            f"HMAX with patches of {max(PATCH_SIZES)} needs images of at least {SMALLEST} px; got {size}. "
            f"Use --size 112, say."
        )
    at_least(len(images), 1, "the number of images to sample patches from")
    at_least(each, 1, "the number of patches of each size")
    return NetworkSubject("hmax", HMAX(sample_patches(images, size, each, seed)), AREAS, size, batch=BATCH)
