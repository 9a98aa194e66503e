"""Simulated V1, V2 and V4: cells with divisive normalisation, and second-order stages on V1 maps."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wiringup.data.simulated.maps import (
    ARRAY_DEGREES,
    CHANNELS,
    COARSE,
    FREQUENCIES,
    GRID,
    ORIENTATIONS,
    SEMISATURATION,
    Floats,
    Maps,
    gaussian,
)

_HIGHEST = 0.35  # cycles per pixel of the grid: what it can carry for every orientation
_SELF = 1.0  # weight of a cell's own energy in its normalisation
_AXIS = (np.arange(COARSE) + 0.5) / COARSE * 2 - 1
_HALF = COARSE // 2
_V2_SATURATION = 0.1
_V4_SATURATION = 0.3
_TINY = 1e-3


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
    from scipy.stats import truncnorm  # takes a second to import

    lowest, highest = np.log2(0.5), np.log2(_HIGHEST * GRID / degrees)
    octaves = truncnorm(lowest - 1, highest - 1, loc=1).ppf(rng.uniform(size=units))
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


def _windows(x: NDArray[np.float64], y: NDArray[np.float64], width: NDArray[np.float64]) -> Floats:
    """(units, COARSE, COARSE) Gaussian windows of sum 1 at (right, up), in units of half the field."""
    columns = np.exp(-((_AXIS - x[:, None]) ** 2) / (2 * width[:, None] ** 2))
    rows = np.exp(-((-_AXIS - y[:, None]) ** 2) / (2 * width[:, None] ** 2))
    window = rows[:, :, None] * columns[:, None, :]
    return np.asarray(window / window.sum(axis=(1, 2), keepdims=True)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class V2Units:
    """Cells driven by two V1 channels, and more so where the two go up and down together.

    Attributes:
        first, second: (units,) channels of `maps.Maps.amplitude`.
        shift: (units, 2) rows and columns of the maps between the two.
        x, y, width: (units,) receptive field (right, up, sigma) in units of half the field of view.
        gain: (units,) weight of the correlation.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    shift: NDArray[np.intp]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    width: NDArray[np.float64]
    gain: NDArray[np.float64]

    @cached_property
    def _field(self) -> Floats:
        return _windows(self.x, self.y, self.width)

    def correlation(self, maps: Maps) -> tuple[Floats, Floats]:
        """Return energy (geometric mean) and correlation of two channels in each field, (units, images).

        These are the cross-position, cross-orientation and cross-scale magnitude correlations of
        Portilla & Simoncelli (2000), which distinguish a texture from noise of the same spectrum.
        """
        one, two = (np.empty((len(self.x), len(maps.pool)), dtype=np.float32) for _ in range(2))
        for u, field in enumerate(self._field):
            a = maps.amplitude[:, self.first[u]]
            down, right = self.shift[u]
            b = np.roll(maps.amplitude[:, self.second[u]], (-down, -right), axis=(1, 2))
            mean_a, mean_b, mean_ab, mean_aa, mean_bb = (
                np.tensordot(f, field, axes=2) for f in (a, b, a * b, a * a, b * b)
            )
            spread = np.sqrt(np.maximum((mean_aa - mean_a**2) * (mean_bb - mean_b**2), 0))
            one[u] = np.sqrt(mean_aa * mean_bb)
            two[u] = (mean_ab - mean_a * mean_b) / (spread + _TINY)
        return one, two

    def drive(self, maps: Maps) -> Floats:
        """Return float32 (units, images): rectified, normalised drive of texture-sensitive cells.

        R = energy * [1 + gain * correlation]+ / (s + energy of all channels in the field), in the spirit
        of Freeman, Ziemba, Heeger, Simoncelli & Movshon (2013).
        """
        energy, correlation = self.correlation(maps)
        all_channels = np.tensordot(self._field, (maps.amplitude**2).mean(axis=1), axes=((1, 2), (1, 2)))
        drive = energy * np.maximum(1 + self.gain[:, None] * correlation, 0)
        return np.asarray(drive / (_V2_SATURATION + all_channels), dtype=np.float32)


def draw_v2(units: int, degrees: float, rng: np.random.Generator) -> V2Units:
    """Draw V2 cells: pairs of channels that differ in position, orientation or scale.

    Receptive fields have a sigma of about 0.7 degrees, twice that of V1 or more (Gattass, Gross &
    Sandell 1981). A third of the units compares positions along one channel, a third two orientations
    and a third two scales.
    """
    kind = rng.permutation(units) % 3
    scale = rng.integers(0, len(FREQUENCIES), units)
    orientation = rng.integers(0, ORIENTATIONS, units)
    turn = np.where(kind == 1, rng.integers(1, ORIENTATIONS, units), 0)
    other = np.where(kind == 2, (scale + rng.integers(1, len(FREQUENCIES), units)) % len(FREQUENCIES), scale)
    x, y = rng.uniform(-1, 1, (2, units)) * ARRAY_DEGREES * 2 / degrees
    angle, reach = rng.uniform(0, 2 * np.pi, units), np.where(kind == 0, rng.uniform(1.5, 3.5, units), 0)
    shift = np.rint(np.stack([reach * np.sin(angle), reach * np.cos(angle)], axis=1)).astype(np.intp)
    return V2Units(
        first=scale * ORIENTATIONS + orientation,
        second=other * ORIENTATIONS + (orientation + turn) % ORIENTATIONS,
        shift=shift,
        x=x,
        y=y,
        width=np.exp(0.2 * rng.standard_normal(units)) * 0.7 / (degrees / 2),
        gain=rng.uniform(1.5, 4.0, units),
    )


@dataclass(frozen=True, eq=False)
class V4Units:
    """Cells that want three pieces of a curved contour at once, within a larger field.

    Attributes:
        x, y: (units,) centre of the receptive field (right, up) in units of half the field of view.
        part_x, part_y: (units, 3) places of the pieces, relative to the centre.
        orientation: (units, 3) of each piece's normal, radians.
        scale: (units,) which of `maps.FREQUENCIES`.
        width: (units,) sigma over which a piece is pooled.
        tolerance: (units,) distance by which the whole may move.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    part_x: NDArray[np.float64]
    part_y: NDArray[np.float64]
    orientation: NDArray[np.float64]
    scale: NDArray[np.intp]
    width: NDArray[np.float64]
    tolerance: NDArray[np.float64]

    @cached_property
    def _channels(self) -> Floats:
        """(units, 3, CHANNELS) weights of a piece on orientations and neighbouring scales, of sum 1."""
        angles = np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS
        tuning = np.exp(2.5 * (np.cos(2 * (angles - self.orientation[..., None])) - 1))
        scales = gaussian(np.arange(float(len(FREQUENCIES))), self.scale[:, None].astype(float), 0.5)
        weights = (scales[:, None, :, None] * tuning[:, :, None, :]).reshape(*tuning.shape[:2], CHANNELS)
        return np.asarray(weights / weights.sum(axis=2, keepdims=True)).astype(np.float32)

    def _pieces(self, coarse: Floats, right: float, up: float) -> Floats:
        """(units, 3, images): each piece's input when the whole is moved by (right, up) tolerances."""
        x = self.x[:, None] + self.part_x + (right * self.tolerance)[:, None]
        y = self.y[:, None] + self.part_y + (up * self.tolerance)[:, None]
        width = np.broadcast_to(self.width[:, None], x.shape).ravel()
        fields = _windows(x.ravel(), y.ravel(), width).reshape(-1, _HALF, 2, _HALF, 2).sum(axis=(2, 4))
        weights = self._channels.reshape(-1, CHANNELS, 1) * fields.reshape(len(fields), 1, -1)
        inputs = weights.reshape(len(fields), -1) @ coarse.reshape(len(coarse), -1).T
        return np.asarray(inputs.reshape(*x.shape, -1))

    def drive(self, maps: Maps) -> Floats:
        """Return float32 (units, images): conjunctions of curvature, pooled over position, normalised.

        The pieces multiply (all have to be there), as in models of V4 cells tuned to convex and concave
        contour at an angle around the object (Pasupathy & Connor 2001; Cadieu et al. 2007).
        """
        n = len(maps.pool)
        coarse = maps.amplitude.reshape(n, CHANNELS, _HALF, 2, _HALF, 2).mean(axis=(3, 5))
        moves = ((0.0, 0.0), (-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0))
        conjunctions = [self._pieces(coarse, *move).prod(axis=1) ** 2 for move in moves]
        pooled = np.mean(conjunctions, axis=0) ** (1 / 3)
        field = _windows(self.x, self.y, self.width + 2 * self.tolerance)
        everything = np.tensordot(field, (maps.amplitude**2).mean(axis=1), axes=((1, 2), (1, 2)))
        return np.asarray(pooled / (_V4_SATURATION**2 + everything), dtype=np.float32)


def draw_v4(units: int, degrees: float, rng: np.random.Generator) -> V4Units:
    """Draw V4 cells: convex or concave arcs at any angle around the centre.

    The pieces lie 0.6 to 1.4 degrees from the centre, so that receptive fields are about 3 to 4 degrees
    wide (Desimone & Schein 1987).
    """
    degree = 2 / degrees
    where, bend = rng.uniform(0, 2 * np.pi, units), rng.uniform(-1.2, 1.2, units)
    step = np.array([-1.0, 0.0, 1.0]) * rng.uniform(0.4, 1.0, units)[:, None]
    angle = where[:, None] + step
    radius = rng.uniform(0.6, 1.4, units)[:, None] * degree
    x, y = rng.uniform(-1, 1, (2, units)) * ARRAY_DEGREES * 2 / degrees
    return V4Units(
        x=x,
        y=y,
        part_x=radius * np.cos(angle),
        part_y=radius * np.sin(angle),
        orientation=where[:, None] + step * (1 + bend[:, None]),
        scale=rng.integers(0, len(FREQUENCIES), units),
        width=rng.uniform(0.3, 0.5, units) * degree,
        tolerance=rng.uniform(0.3, 0.6, units) * degree,
    )
