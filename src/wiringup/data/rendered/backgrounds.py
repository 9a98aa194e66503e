"""Backgrounds with the amplitude spectrum of natural scenes and random phases, in colour."""

from functools import cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

_OPPONENT = np.array([[1.0, 1.0, 1.0], [0.6, 0.0, -0.6], [0.3, -0.6, 0.3]])
"""Rows: achromatic, yellow-blue and red-green axes of RGB. Along them natural scenes vary
independently, and much more in the first (Ruderman, Cronin & Chiao 1998)."""
_STRENGTH = np.array([0.13, 0.05, 0.03])


@cache
def _frequency(size: int) -> NDArray[np.float32]:
    radius = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    radius[0, 0] = np.inf
    return np.asarray(radius, dtype=np.float32)


def noise(size: int, exponent: float, rng: np.random.Generator, fields: int = 1) -> NDArray[np.float32]:
    """Return (fields, size, size) of mean 0 and variance 1, amplitude 1/f^``exponent``, random phases.

    Source: amplitude spectra of natural scenes fall as 1/f^alpha, alpha near 1 (Field 1987; Torralba &
    Oliva 2003).
    """
    white = rng.standard_normal((fields, size, size), dtype=np.float32)
    spectrum = scipy.fft.rfft2(white) * _frequency(size) ** np.float32(-exponent)
    pink = scipy.fft.irfft2(spectrum, s=(size, size))
    return np.asarray(pink / pink.std(axis=(1, 2), keepdims=True))


def background(size: int, identity: int) -> NDArray[np.float32]:
    """Return background number ``identity``: float32 (size, size, 3) in [0, 1].

    Mean colour, contrast and the slope of the spectrum (1.0 to 1.5) vary between backgrounds.
    """
    rng = np.random.default_rng(identity)
    exponent = rng.uniform(1.0, 1.5)
    mean = 0.45 + 0.1 * rng.standard_normal() + 0.04 * rng.standard_normal(3)
    strength = _STRENGTH * rng.uniform(0.6, 1.4)
    axes = (strength[:, None] * _OPPONENT).astype(np.float32)
    fields = noise(size, exponent, rng, fields=3)
    image = np.tensordot(fields, axes, axes=(0, 0)) + mean.astype(np.float32)
    return np.asarray(np.clip(image, 0.0, 1.0), dtype=np.float32)
