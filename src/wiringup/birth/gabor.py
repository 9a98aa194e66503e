"""The Gabor function, and its parameters as a vector.

Source: Geiger et al. 2022, methods, "weight compression" of the first layer.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GABOR_COLUMNS = (
    "frequency",
    "theta",
    "sigma_x",
    "sigma_y",
    "phase",
    "centre_x",
    "centre_y",
    "scale",
    "fit_error",
)
"""The columns of a Gabor fit: cycles/px, rad, px, px, rad, px, px, weight units, mean squared error.

The centre is counted from the middle of the kernel. ``fit_error`` is a record and decides nothing.
"""

PLAIN = (0, 2, 3, 5, 6, 7)  # columns of a fit that are no angles: frequency, sigmas, centre, scale
CODE = 10  # parameters of one encoded Gabor


def gabor(parameters: Tensor, size: int, fitted_size: int | None = None) -> Tensor:
    """Return Gabors as kernels (..., size, size); rows are y, columns x.

    g(x, y) = s exp(-(x'^2 / sx^2 + y'^2 / sy^2) / 2) / (2 pi sx sy) cos(2 pi f x' + phase), with x' along
    the carrier and y' across it, turned by theta about the centre.

    Args:
        parameters: (..., 8 or more): frequency (cycles/px), theta (rad), sigma_x, sigma_y (px), phase (rad),
            centre_x, centre_y (px from the middle of the kernel), scale.
        size: side of the kernel to draw.
        fitted_size: side of the kernel that the pixel units belong to, if another: the Gabor is resized
            with the kernel.
    """
    frequency, theta, sigma_x, sigma_y, phase, centre_x, centre_y, scale = (
        column[..., None, None] for column in parameters[..., :8].unbind(-1)
    )
    grid = torch.arange(size, dtype=parameters.dtype) - (size - 1) / 2
    grid = grid * ((fitted_size or size) / size)
    x, y = grid[None, :] - centre_x, grid[:, None] - centre_y
    along = x * theta.cos() + y * theta.sin()
    across = y * theta.cos() - x * theta.sin()
    envelope = torch.exp(-0.5 * ((along / sigma_x) ** 2 + (across / sigma_y) ** 2))
    carrier = torch.cos(2 * math.pi * frequency * along + phase)
    return scale * envelope * carrier / (2 * math.pi * sigma_x * sigma_y)


def canonical(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the same Gabors (..., 8 or more) with scale >= 0, theta in [0, pi) and phase in [-pi, pi).

    A half turn of theta reverses the carrier, so the phase changes its sign with it.
    """
    out = parameters.copy()
    theta, phase, scale = parameters[..., 1], parameters[..., 4], parameters[..., 7]
    half_turns = np.floor(theta / np.pi)
    out[..., 1] = theta - half_turns * np.pi
    phase = np.where(half_turns % 2 == 0, phase, -phase) + np.where(scale < 0, np.pi, 0)
    out[..., 4] = (phase + np.pi) % (2 * np.pi) - np.pi
    out[..., 7] = np.abs(scale)
    return out


def encode(fits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map fits (filters, colours, 8 or more) to vectors (filters, colours * 10).

    Orientation becomes sin and cos of 2 theta, phase sin and cos, so that neighbours in angle are
    neighbours as vectors; the colour channels of a filter stand side by side.
    """
    fits = canonical(fits)
    theta, phase = fits[..., 1], fits[..., 4]
    angles = np.stack([np.sin(2 * theta), np.cos(2 * theta), np.sin(phase), np.cos(phase)], -1)
    return np.concatenate([fits[..., PLAIN], angles], -1).reshape(len(fits), -1)


def decode(vectors: Tensor) -> Tensor:
    """Map vectors (filters, colours * 10) to parameters (filters, colours, 8): the inverse of `encode`."""
    codes = vectors.reshape(len(vectors), -1, CODE)
    frequency, sigma_x, sigma_y, x, y, scale, sin2, cos2, sin1, cos1 = codes.unbind(-1)
    theta = (torch.atan2(sin2, cos2) / 2) % math.pi
    return torch.stack([frequency, theta, sigma_x, sigma_y, torch.atan2(sin1, cos1), x, y, scale], -1)
