"""A V1 front from published physiology alone: Gabors with the statistics of recorded cells.

No trained network is in it. The cells are those of VOneNet (Dapello et al. 2020, "Simulating a primary visual
cortex at the front of CNNs improves robustness to image perturbations"), from which the counts are taken as
facts; they are of macaque simple and complex cells near the fovea.

What is kept of physiology is the linear filter. What is not: colour (filters are achromatic, since the cells
were measured with luminance gratings), complex cells, divisive normalisation and noise.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from wiringup.birth.distributions import kaiming_std
from wiringup.birth.gabor import gabor

PIXELS_PER_DEGREE = 28.0
"""An image of 224 px spans 8 degrees, as in VOneNet; of 64 px 2.3 degrees."""

FREQUENCY_EDGES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.2)  # cycles/degree
FREQUENCY_CELLS = (4, 4, 8, 25, 32, 26, 28, 12, 8)
"""Preferred spatial frequencies. De Valois, Albrecht & Thorell 1982 (Vision Res 22:545)."""

ORIENTATION_EDGES = (-22.5, 22.5, 67.5, 112.5, 157.5)  # degrees, of the carrier, from horizontal
ORIENTATION_CELLS = (66, 49, 77, 54)
"""Preferred orientations; 58 % are cardinal. De Valois, Yund & Hepler 1982 (Vision Res 22:531)."""

WIDTH_EDGES = (-1.0, -0.76, -0.52, -0.28, -0.04, 0.2)  # log10 of wavelengths
WIDTH_CELLS = ((2, 0, 1, 0, 0), (8, 9, 4, 1, 0), (1, 2, 19, 17, 3), (0, 0, 1, 7, 4), (0, 0, 0, 0, 0))
"""Standard deviations of the envelope along (rows) and across the carrier (columns), in wavelengths: n_x and
n_y. Blobs are round and small, elongated fields have more stripes. Ringach 2002 (J Neurophysiol 88:455)."""

FREQUENCY_WIDTH_CORRELATION = 0.75
"""Of the ranks of frequency and n_x (as normal scores). Schiller, Finlay & Volman 1976 (J Neurophysiol
39:1288, 1334), as VOneNet has it."""

N_PARAMETERS = len(FREQUENCY_CELLS) + len(ORIENTATION_CELLS) + sum(map(len, WIDTH_CELLS)) + 2
"""The counts, the correlation and the field of view (not the edges of bins, which are a choice)."""


def physiological_gabors(shape: Sequence[int], generator: Generator) -> Tensor:
    """Draw filters (out, colours, k, k), each a Gabor of one cell, the same in all colours.

    Frequencies are drawn from those of which a kernel holds half a cycle or more (of 7 px: from 2
    cycles/degree, 72 % of the cells): kernels cannot hold coarser cells. Gabors stand in the middle of the
    kernel and are cut at its borders; each has the root mean square of `kaiming_normal`.
    """
    cells = torch.from_numpy(draw_cells(shape[0], generator, lowest=PIXELS_PER_DEGREE / (2 * shape[2])))
    frequency, theta, along, across, phase = cells.unbind(-1)
    frequency = frequency / PIXELS_PER_DEGREE
    zero = torch.zeros_like(frequency)
    sigmas = (along / frequency, across / frequency)
    parameters = torch.stack([frequency, theta, *sigmas, phase, zero, zero, zero + 1], -1)
    filters = gabor(parameters, shape[2])
    rms = filters.square().mean((1, 2), keepdim=True).sqrt()
    return (filters / rms * kaiming_std(shape))[:, None].expand(tuple(shape)).float()


def draw_cells(n: int, generator: Generator, lowest: float = 0.0) -> NDArray[np.float64]:
    """Draw ``n`` cells: (n, 5) frequency (cycles/degree), orientation (rad), n_x, n_y, phase (rad).

    Within a bin, orientations are uniform, frequencies and widths uniform in their logarithm; phases are
    uniform.

    Args:
        n: number of cells.
        generator: the random stream.
        lowest: of the frequencies, in cycles/degree; none is drawn below.
    """
    normals = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    r = FREQUENCY_WIDTH_CORRELATION
    scores = torch.stack([normals[:, 0], r * normals[:, 0] + math.sqrt(1 - r * r) * normals[:, 1]], -1)
    frequency_rank, width_rank = (0.5 * (1 + torch.erf(scores / math.sqrt(2)))).numpy().T
    orientation_rank, across_rank, turn = torch.rand(3, n, generator=generator, dtype=torch.float64).numpy()
    frequency = _log_frequency(frequency_rank, lowest)
    widths = np.array(WIDTH_CELLS)
    along = _quantile(width_rank, WIDTH_EDGES, widths.sum(1))
    rows = np.searchsorted(np.cumsum(widths.sum(1)) / widths.sum(), width_rank, side="right")
    pairs = zip(across_rank, rows, strict=True)
    across = np.array([_quantile(rank, WIDTH_EDGES, widths[row]) for rank, row in pairs])
    orientation = np.radians(_quantile(orientation_rank, ORIENTATION_EDGES, ORIENTATION_CELLS))
    return np.stack([2**frequency, orientation, 10**along, 10**across, 2 * np.pi * turn], -1)


def _log_frequency(rank: NDArray[np.float64], lowest: float) -> NDArray[np.float64]:
    """Return the frequencies (log2) at ranks in (0, 1) among those from ``lowest``."""
    edges = np.log2(FREQUENCY_EDGES)
    shares = np.concatenate([[0], np.cumsum(FREQUENCY_CELLS)]) / sum(FREQUENCY_CELLS)
    below = float(np.interp(np.log2(max(lowest, FREQUENCY_EDGES[0])), edges, shares))
    return np.asarray(np.interp(below + (1 - below) * rank, shares, edges))


def _quantile(rank: Any, edges: Sequence[float], cells: Any) -> NDArray[np.float64]:
    """Return the values at ranks in (0, 1) of a histogram, uniform within its bins."""
    shares = np.concatenate([[0], np.cumsum(cells)]) / np.sum(cells)
    return np.asarray(np.interp(rank, shares, edges))
