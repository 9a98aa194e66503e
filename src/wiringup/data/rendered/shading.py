"""Light on surfaces: ambient, Lambertian and a specular highlight (Blinn 1977)."""

import numpy as np
from numpy.typing import NDArray

from wiringup.data.rendered.shapes import Floats, Hits

_AMBIENT = 0.34
_SKY = 0.14
_DIFFUSE = 0.72
_SHININESS = 24


def direction(azimuth: float, elevation: float) -> NDArray[np.float32]:
    """Return the unit vector towards a light, (x right, y up, z to the viewer); angles in degrees.

    Azimuth 0 is the viewer's side, positive to the right.
    """
    a, e = np.radians([azimuth, elevation])
    return np.array([np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)], dtype=np.float32)


def shade(hits: Hits, light: NDArray[np.float32]) -> Floats:
    """Return the colours (hits, 3) in [0, 1] of lit surface points; the sky lights them from above."""
    half = light + np.array([0, 0, 1], dtype=np.float32)
    half /= np.linalg.norm(half)
    diffuse = np.maximum(hits.normals @ light, 0)
    glint = hits.gloss * np.maximum(hits.normals @ half, 0) ** _SHININESS
    lit = _AMBIENT + _SKY * hits.normals[:, 1] + _DIFFUSE * diffuse
    return np.asarray(np.clip(hits.colours * lit[:, None] + glint[:, None], 0, 1), dtype=np.float32)
