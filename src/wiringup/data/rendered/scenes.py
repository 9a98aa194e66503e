"""What is in each image: the specification of a rendered set, and the latent variables it stands for."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import at_least
from wiringup.core.errors import InputError
from wiringup.core.seeds import derive, numpy_stream
from wiringup.data.rendered.exemplars import CATEGORIES, EXEMPLARS

Latents = dict[str, NDArray[np.float64] | NDArray[np.int64]]


@dataclass(frozen=True)
class Variation:
    """How much the view of an object changes from image to image.

    Attributes:
        position: largest displacement of the centre, in units of half the image.
        scale: sizes lie between 1/scale and scale, log-uniformly.
        yaw: largest turn about the vertical, in degrees.
        tilt: largest pitch (towards the viewer) and roll (in the image plane), in degrees.
        light: largest change of the light's azimuth and elevation, in degrees.
    """

    position: float
    scale: float
    yaw: float
    tilt: float
    light: float


LEVELS: Mapping[int, Variation] = {
    0: Variation(0.0, 1.0, 0.0, 0.0, 15.0),
    3: Variation(0.25, 1.3, 45.0, 25.0, 30.0),
    6: Variation(0.5, 1.6, 90.0, 50.0, 45.0),
}
"""None, medium and high variation, numbered as in HvM (Majaj et al. 2015). The light varies here too."""


@dataclass(frozen=True)
class RenderSpec:
    """Names a rendered image set. Image i depends on every field but ``images``.

    A smaller set is therefore the beginning of a larger one.

    Attributes:
        images: how many.
        size: height and width in pixels, at least 16.
        level: 0, 3 or 6: no, medium or high variation of position, size and pose.
        seed: of views and backgrounds; the 64 objects are always the same.
        split: a name that keeps sets apart ("train", "test", ...); they share objects, not images.

    Raises:
        InputError: for an unknown level, no images or too small a size.
    """

    images: int
    size: int = 64
    level: int = 6
    seed: int = 0
    split: str = "train"

    def __post_init__(self) -> None:
        at_least(self.images, 1, "The number of rendered images")
        at_least(self.size, 16, "The size of rendered images in pixels")
        if self.level not in LEVELS:
            raise InputError(f"Unknown level of variation {self.level!r}. Allowed: 0 (none), 3, 6 (high).")


def _objects(spec: RenderSpec) -> NDArray[np.int64]:
    """(images, 2) category and exemplar; every run of 8 images has each category, every 64 each object."""
    kinds, order = len(CATEGORIES), []
    for block in range(-(-spec.images // (kinds * EXEMPLARS))):
        rng = numpy_stream(spec.seed, "rendered", spec.split, spec.level, "order", block)
        exemplars = rng.permuted(np.tile(np.arange(EXEMPLARS), (kinds, 1)), axis=1)
        for turn in range(EXEMPLARS):
            categories = rng.permutation(kinds)
            order.append(np.stack([categories, exemplars[categories, turn]], axis=1))
    return np.concatenate(order)[: spec.images].astype(np.int64)


def draw_latents(spec: RenderSpec) -> Latents:
    """Return the latent variables of every image of ``spec``, each an array (images,), without rendering.

    ``x``, ``y`` (right, up; units of half the image), ``size`` (1 = canonical), ``yaw``, ``pitch``,
    ``roll`` (degrees from the canonical view), ``light_azimuth``, ``light_elevation`` (degrees) as
    float64; ``category``, ``exemplar``, ``object`` (category * 8 + exemplar) and ``background`` as int64.
    """
    view = LEVELS[spec.level]
    where = ("rendered", spec.split, spec.level)
    streams = (numpy_stream(spec.seed, *where, "view", i) for i in range(spec.images))
    u = np.stack([stream.uniform(-1, 1, 8) for stream in streams], axis=1)
    category, exemplar = _objects(spec).T
    return {
        "x": view.position * u[0],
        "y": view.position * u[1],
        "size": view.scale ** u[2],
        "yaw": view.yaw * u[3],
        "pitch": view.tilt * u[4],
        "roll": view.tilt * u[5],
        "light_azimuth": -25 + view.light * u[6],
        "light_elevation": 40 + view.light * u[7],
        "category": category,
        "exemplar": exemplar,
        "object": category * EXEMPLARS + exemplar,
        "background": np.array([derive(spec.seed, *where, "background", i) for i in range(spec.images)]),
    }
