"""From pixels to normalised V1 maps: the common input of the simulated V1, V2 and V4 populations.

The field of view is sampled at `GRID` points across, whatever the size of the image, so that receptive
fields are a property of the unit and not of the picture.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.fft
import torch
from numpy.typing import NDArray

from wiringup.core.stimuli import Stimuli

Floats = NDArray[np.float32]

GRID = 64
COARSE = 32
ORIENTATIONS = 8
FREQUENCIES = (4.0, 8.0, 16.0)
"""Preferred frequencies of the maps in cycles per field of view: 0.5, 1 and 2 per degree at 8 degrees."""
CHANNELS = len(FREQUENCIES) * ORIENTATIONS
SEMISATURATION = 0.08

ARRAY_DEGREES = 0.6
"""How far from the centre of gaze receptive fields of one recording scatter: an electrode array samples a
small patch of the visual field, not all of it."""

_LUMINANCE = (0.2126, 0.7152, 0.0722)  # Rec. 709
_OCTAVES = 1.4
_DEGREES = 40.0
_MARGIN = 16
_SURROUND = 2.5
_CHUNK = 50


def contrast(stimuli: Stimuli) -> Floats:
    """Return luminance as contrast about mid-grey, -1 ... 1: float32 (images, GRID, GRID).

    Other sizes are resampled bilinearly with antialiasing; the aspect is not kept.
    """
    grey = np.tensordot(stimuli.pixels, np.array(_LUMINANCE, dtype=np.float32), axes=(3, 0)) / 127.5 - 1
    if grey.shape[1:] == (GRID, GRID):
        return grey.astype(np.float32)
    image = torch.from_numpy(np.ascontiguousarray(grey, dtype=np.float32))[:, None]
    small = torch.nn.functional.interpolate(image, size=(GRID, GRID), mode="bilinear", antialias=True)
    return np.asarray(small[:, 0].numpy())


@dataclass(frozen=True, eq=False)
class Maps:
    """What V1 as a whole makes of a few images.

    Attributes:
        contrast: float32 (images, GRID, GRID).
        amplitude: float32 (images, CHANNELS, COARSE, COARSE), the normalised amplitude of complex cells;
            channel = frequency * ORIENTATIONS + orientation.
        pool: float32 (images, COARSE, COARSE), the energy by which V1 units are divided.
    """

    contrast: Floats
    amplitude: Floats
    pool: Floats


def maps_of(stimuli: Stimuli) -> Iterator[Maps]:
    """Yield the maps of consecutive chunks of the images, so that memory stays small."""
    for start in range(0, len(stimuli), _CHUNK):
        yield _maps(contrast(stimuli.take(np.arange(start, min(start + _CHUNK, len(stimuli))))))


def _maps(images: Floats) -> Maps:
    """Energy of quadrature pairs, divided by the energy of all channels nearby (Heeger 1992)."""
    n = len(images)
    padded = np.pad(images, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)), mode="symmetric")
    spectrum = scipy.fft.fft2(padded)
    energy = np.empty((n, CHANNELS, COARSE, COARSE), dtype=np.float32)
    inner = slice(_MARGIN, _MARGIN + GRID)
    for channel, transfer in enumerate(_bank()):
        pair = scipy.fft.ifft2(spectrum * transfer)[:, inner, inner]
        fine = pair.real**2 + pair.imag**2
        energy[:, channel] = fine.reshape(n, COARSE, 2, COARSE, 2).mean(axis=(2, 4))
    pool = _blur(energy.mean(axis=1))
    return Maps(images, np.sqrt(energy / (SEMISATURATION**2 + pool)[:, None]), pool)


@cache
def _bank() -> Floats:
    """(CHANNELS, size, size) transfer functions of analytic filters: their output is a quadrature pair.

    Log-Gaussian in frequency and Gaussian in orientation. Full widths at half height are the medians
    of macaque V1: 1.4 octaves (De Valois, Albrecht & Thorell 1982) and 40 degrees (De Valois, Yund &
    Hepler 1982). A grating of contrast 1 and the preferred frequency has amplitude 1.
    """
    size = GRID + 2 * _MARGIN
    fy, fx = np.meshgrid(-np.fft.fftfreq(size) * GRID, np.fft.fftfreq(size) * GRID, indexing="ij")
    radius, angle = np.hypot(fx, fy), np.arctan2(fy, fx)
    radius[0, 0] = 1e-9
    spread = _OCTAVES * np.log(2) / np.sqrt(8 * np.log(2))
    width = np.radians(_DEGREES) / np.sqrt(8 * np.log(2))
    bank = []
    for frequency in FREQUENCIES:
        radial = np.exp(-(np.log(radius / frequency) ** 2) / (2 * spread**2))
        for k in range(ORIENTATIONS):
            off = np.angle(np.exp(1j * (angle - np.pi * k / ORIENTATIONS)))
            bank.append(2 * radial * np.exp(-(off**2) / (2 * width**2)))
    return np.array(bank, dtype=np.float32)


@cache
def _blurring() -> Floats:
    return gaussian(np.arange(float(COARSE))[:, None], np.arange(float(COARSE)), _SURROUND)


def _blur(field: Floats) -> Floats:
    weights = _blurring() / _blurring().sum(axis=1, keepdims=True)
    return np.asarray(weights @ field @ weights.T)


def gaussian(x: NDArray[np.float64], centre: NDArray[np.float64], width: float) -> Floats:
    """Return exp(-(x - centre)^2 / (2 width^2)), not normalised."""
    return np.asarray(np.exp(-((x - centre) ** 2) / (2 * width**2)), dtype=np.float32)
