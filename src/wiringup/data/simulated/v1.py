"""Simulated V1: simple and complex cells with divisive normalisation."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from wiringup.data.simulated.maps import ARRAY_DEGREES, COARSE, GRID, SEMISATURATION, Floats, Maps

_HIGHEST = 0.35  # cycles per pixel of the grid: what it can carry for every orientation

_SELF = 1.0  # weight of a cell's own energy in its normalisation


@dataclass(frozen=True, eq=False)
class V1Units:
    """Gabor cells, each attribute (units,).

    Attributes:
        frequency: preferred spatial frequency in cycles per field of view.
        orientation: of the preferred grating's normal, in radians, counter-clockwise from the right.
        phase: of the cosine at the centre, in radians (simple cells only).
        nx, ny: width and length of the Gaussian envelope (sigma), in wavelengths (Ringach 2002).
        x, y: receptive-field centre (right, up) in units of half the field of view.
        complex: True for complex cells.
    """

    frequency: NDArray[np.float64]
    orientation: NDArray[np.float64]
    phase: NDArray[np.float64]
    nx: NDArray[np.float64]
    ny: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    complex: NDArray[np.bool_]

    @cached_property
    def _templates(self) -> NDArray[np.complex64]:
        """(GRID * GRID, units): even (real) and odd (imaginary) Gabors without response to grey.

        Scaled so that a grating of contrast 1 at the preferred frequency has amplitude 1.
        """
        axis = (np.arange(GRID) + 0.5) / GRID * 2 - 1
        right, up = np.meshgrid(axis, -axis)
        dx, dy = right[..., None] - self.x, up[..., None] - self.y
        across = dx * np.cos(self.orientation) + dy * np.sin(self.orientation)
        along = dy * np.cos(self.orientation) - dx * np.sin(self.orientation)
        cycles = self.frequency / 2  # per unit of x: the field is two units wide
        envelope = np.exp(-(((across / self.nx) ** 2 + (along / self.ny) ** 2) * cycles**2 / 2))
        envelope /= envelope.sum(axis=(0, 1))
        wave = np.exp(1j * (2 * np.pi * cycles * across + self.phase))
        wave -= (envelope * wave).sum(axis=(0, 1))
        return np.asarray((2 * envelope * wave).reshape(GRID * GRID, -1), dtype=np.complex64)

    @cached_property
    def _cell(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        return nearest(self.x, self.y)

    def drive(self, maps: Maps) -> Floats:
        """Return float32 (units, images): energy or squared half-rectified response, normalised.

        R = L / (s^2 + pool + w * E): Heeger (1992), with the energy model of Adelson & Bergen (1985) for
        complex cells. The pool is the energy of all channels nearby; E is the cell's own, by which
        responses saturate even where a single grating is shown.
        """
        pair = maps.contrast.reshape(len(maps.contrast), -1) @ self._templates
        energy = np.abs(pair) ** 2
        used = np.where(self.complex, energy, np.maximum(pair.real, 0) ** 2)
        row, column = self._cell
        pool = maps.pool[:, row, column] + _SELF * energy
        return np.asarray((used / (SEMISATURATION**2 + pool)).T)


def nearest(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the row and column of the maps at positions (right, up), units of half the field."""
    column, row = (np.clip(((p + 1) / 2 * COARSE).astype(np.intp), 0, COARSE - 1) for p in (x, -y))
    return row, column


def draw_v1(units: int, degrees: float, rng: np.random.Generator) -> V1Units:
    """Draw V1 cells from published statistics of macaque foveal and parafoveal cells.

    Frequency: log-normal, median 2 cycles per degree, deviation 1 octave, from 0.5 to what the grid
    carries; bandwidth: median 1.4 octaves, with a wide spread, which gives nx (both after De Valois,
    Albrecht & Thorell 1982); the envelope a little longer than wide, ny / nx about 1.2 (Ringach 2002);
    as many simple as complex cells. Log-normal forms are our summary of the published histograms.
    """
    lowest, highest = np.log2(0.5), np.log2(_HIGHEST * GRID / degrees)
    octaves = scipy.stats.truncnorm(lowest - 1, highest - 1, loc=1).ppf(rng.uniform(size=units))
    bandwidth = 2 ** np.clip(1.4 + 0.4 * rng.standard_normal(units), 0.7, 2.5)
    nx = np.sqrt(np.log(2) / 2) / np.pi * (bandwidth + 1) / (bandwidth - 1)
    x, y = rng.uniform(-1, 1, (2, units)) * ARRAY_DEGREES * 2 / degrees
    return V1Units(
        frequency=2**octaves * degrees,
        orientation=rng.uniform(0, np.pi, units),
        phase=rng.uniform(0, 2 * np.pi, units),
        nx=nx,
        ny=nx * 1.2 * np.exp(0.25 * rng.standard_normal(units)),
        x=x,
        y=y,
        complex=rng.permutation(units) % 2 == 0,
    )
