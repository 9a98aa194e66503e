"""Convex solids, and where the parallel rays of an image meet a group of them.

Every solid is a quadric clipped by a box, both in the solid's own frame, so that one formula serves
ellipsoids, cylinders, boxes and paraboloids, and clipped pieces of them (hulls, domes, sails).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Floats64 = NDArray[np.float64]
Triple = tuple[float, float, float]

_ONES: Triple = (1.0, 1.0, 1.0)
_MINUS: Triple = (-1.0, -1.0, -1.0)
_TINY = 1e-4


def rotation(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """Return the (3, 3) rotation about y (yaw), then x (pitch), then z (roll); angles in degrees."""
    cy, cp, cr = np.cos(np.radians([yaw, pitch, roll]))
    sy, sp, sr = np.sin(np.radians([yaw, pitch, roll]))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)


@dataclass(frozen=True)
class Solid:
    """A quadric clipped by a box.

    It holds the points p whose own coordinates q = (R^T (p - centre)) / radii satisfy
    ``sum(curvature * q^2) + slope * q_y <= 1`` and ``low <= q <= high``.

    Attributes:
        centre, radii: in object units; x to the right, y up, z towards the viewer.
        turn: yaw, pitch, roll of the solid in degrees.
        colour: RGB in [0, 1].
        gloss: strength of the specular highlight.
    """

    centre: Triple
    radii: Triple
    colour: Triple
    turn: Triple = (0.0, 0.0, 0.0)
    curvature: Triple = _ONES
    slope: float = 0.0
    low: Triple = _MINUS
    high: Triple = _ONES
    gloss: float = 0.25

    @property
    def axes(self) -> NDArray[np.float64]:
        """The solid's half-axes in object units, as the columns of a (3, 3) array."""
        return np.asarray(rotation(*self.turn) * np.array(self.radii))

    @property
    def extremes(self) -> NDArray[np.float64]:
        """(6, 3) the ends of the clipped half-axes, in object units."""
        ends = np.concatenate([np.diag(self.low), np.diag(self.high)])
        return np.asarray(self.centre + ends @ self.axes.T)


def ellipsoid(
    centre: Triple,
    radii: Triple,
    colour: Triple,
    turn: Triple = (0.0, 0.0, 0.0),
    low: Triple = _MINUS,
    high: Triple = _ONES,
) -> Solid:
    """Return an ellipsoid, or the piece of it between ``low`` and ``high`` (in units of its radii)."""
    return Solid(centre, radii, colour, turn, low=low, high=high)


def box(centre: Triple, radii: Triple, colour: Triple, turn: Triple = (0.0, 0.0, 0.0)) -> Solid:
    """Return a box with half-sides ``radii``."""
    return Solid(centre, radii, colour, turn, curvature=(0.0, 0.0, 0.0), gloss=0.1)


def cylinder(centre: Triple, radii: Triple, colour: Triple, turn: Triple = (0.0, 0.0, 0.0)) -> Solid:
    """Return an elliptic cylinder along its own y axis, of half-length ``radii[1]``."""
    return Solid(centre, radii, colour, turn, curvature=(1.0, 0.0, 1.0))


def paraboloid(centre: Triple, radii: Triple, colour: Triple) -> Solid:
    """Return a paraboloid that stands on ``centre`` and rises to its tip at own y = ``radii[1]``."""
    upright, low = (0.0, 0.0, 0.0), (-1.0, 0.0, -1.0)
    return Solid(centre, radii, colour, upright, curvature=(1.0, 0.0, 1.0), slope=1.0, low=low)


@dataclass(frozen=True)
class Hits:
    """What the rays meet first.

    Attributes:
        hit: bool (rays,) whether a ray meets the object at all.
        normals: float32 (hits, 3) unit surface normals in camera coordinates, only of rays that hit.
        colours: float32 (hits, 3).
        gloss: float32 (hits,).
    """

    hit: NDArray[np.bool_]
    normals: Floats
    colours: Floats
    gloss: Floats


class Body:
    """A group of solids, centred and scaled into the unit sphere, ready for ray casting."""

    def __init__(self, solids: Sequence[Solid]) -> None:
        self.solids = tuple(solids)

    @cached_property
    def _placement(self) -> tuple[NDArray[np.float64], float]:
        extremes = np.concatenate([s.extremes for s in self.solids])
        middle = (extremes.min(axis=0) + extremes.max(axis=0)) / 2
        return middle, float(np.linalg.norm(extremes - middle, axis=1).max())

    @cached_property
    def _frames(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(solids, 3, 3) maps from body to own coordinates, and (solids, 3) offsets."""
        middle, radius = self._placement
        inverse = np.linalg.inv(np.stack([s.axes for s in self.solids]))
        centres = np.array([s.centre for s in self.solids]) - middle
        return inverse * radius, -np.einsum("nij,nj->ni", inverse, centres)

    @cached_property
    def _forms(self) -> dict[str, Floats]:
        names = ("curvature", "slope", "low", "high", "colour", "gloss")
        return {n: np.array([getattr(s, n) for s in self.solids], dtype=np.float32) for n in names}

    def cast(self, pose: NDArray[np.float64], u: Floats, v: Floats) -> Hits:
        """Meet the body, turned by ``pose``, with rays parallel to the viewing axis.

        Args:
            pose: (3, 3) rotation from body to camera coordinates.
            u: (rays,) horizontal position of the rays, in units of the body's radius.
            v: (rays,) vertical position, up.
        """
        frames, offsets = self._frames
        own = frames @ pose.T
        start = np.concatenate([own[:, :, :2], offsets[:, :, None]], axis=2)
        along = np.where(np.abs(own[:, :, 2]) < _TINY, _TINY, own[:, :, 2])
        rays = np.stack([u, v, np.ones_like(u)])
        depths = self._depths(start, along, rays)
        front = depths.min(axis=1)
        solid = front.argmax(axis=0)
        hit = front.max(axis=0) > -np.inf
        ray = np.flatnonzero(hit)
        solid = solid[ray]
        point = np.einsum("rij,jr->ri", start[solid], rays[:, ray])
        point += along[solid] * front[solid, ray][:, None]
        face = depths[solid, :, ray].argmin(axis=1)
        normals = np.einsum("rij,ri->rj", own[solid], self._gradient(solid, point, face, along[solid]))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + _TINY
        return Hits(
            hit, normals.astype(np.float32), self._forms["colour"][solid], self._forms["gloss"][solid]
        )

    def _depths(self, start: Floats64, along: Floats64, rays: Floats) -> Floats:
        """(solids, 4, rays): where each ray leaves the quadric and the three slabs; -inf if it misses.

        The nearest of the four is the visible point: the viewer looks down from large depths. On a ray
        (u, v) the own coordinates are ``start @ (u, v, 1) + along * depth``, so all coefficients of the
        equation in depth are polynomials in u and v, and are found by small matrix products.
        """
        square, linear, level = self._quadric(start, along)
        u, v, one = rays
        half = _times(linear, rays)
        inside = half**2 - square * _times(level, np.stack([u * u, u * v, v * v, u, v, one]))
        root = np.sqrt(np.maximum(inside, 0))
        leave = np.empty((len(start), 4, rays.shape[1]), dtype=np.float32)
        leave[:, 0] = (root - half) / square
        leave[:, 1:] = _times(self._slab(start, along, "high", "low"), rays)
        enter = _times(self._slab(start, along, "low", "high"), rays).max(axis=1)
        enter = np.maximum(enter, (-root - half) / square)
        missed = (inside < 0) | (enter > leave.min(axis=1))
        leave[:, 0][missed] = -np.inf
        return leave

    def _quadric(self, start: Floats64, along: Floats64) -> tuple[Floats, Floats64, Floats64]:
        """Coefficients of depth^2 (solids, 1), half that of depth (solids, 3), and the rest (solids, 6)."""
        curvature, slope = self._forms["curvature"], self._forms["slope"]
        square = np.einsum("nk,nk->n", curvature, along**2)[:, None] + _TINY
        linear = np.einsum("nk,nkj->nj", curvature * along, start)
        linear[:, 2] += slope * along[:, 1] / 2
        form = np.einsum("nk,nki,nkj->nij", curvature, start, start)
        form[:, 2] += slope[:, None] * start[:, 1]
        form[:, 2, 2] -= 1
        form += form.transpose(0, 2, 1)
        form[:, [0, 1, 2], [0, 1, 2]] /= 2
        return square.astype(np.float32), linear, form[:, [0, 0, 1, 0, 1, 2], [0, 1, 1, 2, 2, 2]]

    def _slab(self, start: Floats64, along: Floats64, ahead: str, behind: str) -> Floats64:
        """(solids, 3, 3) where a ray crosses one bound of each slab: along the axis, or against it."""
        coefficients = -start / along[:, :, None]
        bound = np.where(along > 0, self._forms[ahead], self._forms[behind])
        coefficients[:, :, 2] += bound / along
        return np.asarray(coefficients)

    def _gradient(
        self, solid: NDArray[np.intp], point: Floats64, face: NDArray[np.intp], along: Floats64
    ) -> Floats64:
        """(hits, 3) outward gradient in own coordinates: of the quadric (face 0) or of slab face - 1."""
        gradient = 2 * self._forms["curvature"][solid] * point
        gradient[:, 1] += self._forms["slope"][solid]
        flat = np.flatnonzero(face > 0)
        axis = face[flat] - 1
        gradient[flat] = 0
        gradient[flat, axis] = np.sign(along[flat, axis])
        return np.asarray(gradient)


def _times(coefficients: Floats64, rays: Floats) -> Floats:
    return np.asarray(coefficients.astype(np.float32) @ rays)
