"""From latent variables to pixels: one object, lit, in front of a background."""

import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from wiringup.core import seeds
from wiringup.core.ahead import ahead
from wiringup.core.brief import Brief
from wiringup.core.cache import limit_asked
from wiringup.core.files import sha256_of
from wiringup.core.home import cache_home
from wiringup.core.kept_arrays import ArrayCache
from wiringup.core.progress import task
from wiringup.core.spec import content_hash
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.rendered.backgrounds import background
from wiringup.data.rendered.exemplars import CATEGORIES, body
from wiringup.data.rendered.scenes import Latents, RenderSpec, draw_latents
from wiringup.data.rendered.shapes import Floats, Hits, rotation

_THREADS = min(4, os.cpu_count() or 1)  # numpy computes beside them; more would wait for the interpreter
_RADIUS = 0.62  # of an object of size 1, in units of half the image
_SAMPLES = 2  # per pixel and direction: smooth edges
_AMBIENT = 0.34
_SKY = 0.14
_DIFFUSE = 0.72
_SHININESS = 24
_CANONICAL = rotation(-32, 23, 0)  # a three-quarter view from above


@dataclass(frozen=True, eq=False)
class RenderedScenes(Brief):
    """A rendered set: labelled images, and what was in each of them.

    Attributes:
        images: the pixels, labelled by category.
        latents: see `scenes.draw_latents`.
    """

    images: LabelledImages
    latents: Latents

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: NDArray[np.intp]) -> "RenderedScenes":
        """Return the scenes at ``index``, in that order."""
        return RenderedScenes(self.images.take(index), {k: v[index] for k, v in self.latents.items()})


def render(spec: RenderSpec) -> RenderedScenes:
    """Render the images of ``spec``.

    Every image is computed by itself, so that its pixels do not depend on how many others there are, nor on
    the threads that draw them. They are kept between runs: other processors may differ in single bits of
    them, but a study whose machines share a cache folder has one set of images.
    """
    latents = draw_latents(spec)
    pixels = default_cache().load(content_hash([repr(spec), renderer()]), lambda: _pixels(spec, latents))
    name = f"rendered-v{spec.level}-{spec.split}{spec.seed}"
    stimuli = Stimuli(pixels, tuple(f"{name}-{i:06d}" for i in range(spec.images)))
    labels = latents["category"].astype(np.int64)
    return RenderedScenes(LabelledImages(stimuli, labels, CATEGORIES), latents)


def default_cache() -> ArrayCache:
    """Return the renderings in the cache folder (`core.home.cache_home`); ``$WIRINGUP_CACHE_GB`` limits them.

    Raises:
        InputError: if the limit is no number of GB.
    """
    return ArrayCache(cache_home() / "rendered", limit_asked())


@cache
def renderer() -> str:
    """Return a hash of what decides pixels beside a spec: the code that renders, and its libraries."""
    files = [*sorted(Path(__file__).parent.glob("*.py")), Path(seeds.__file__)]
    return content_hash([*map(sha256_of, files), np.__version__, scipy.__version__, platform.machine()])


def _pixels(spec: RenderSpec, latents: Latents) -> NDArray[np.uint8]:
    def drawn(i: int) -> NDArray[np.uint8]:
        return draw({name: values[i] for name, values in latents.items()}, spec.size)

    pixels = np.empty((spec.images, spec.size, spec.size, 3), dtype=np.uint8)
    with task("render", spec.images, "objects rendered") as finished:
        for i, image in enumerate(ahead(drawn, range(spec.images), _THREADS)):
            pixels[i] = image
            finished(i + 1)
    return pixels


def draw(view: dict[str, np.float64 | np.int64], size: int) -> NDArray[np.uint8]:
    """Draw one scene from its latent variables: uint8 (size, size, 3)."""
    image = background(size, int(view["background"]))
    radius = _RADIUS * float(view["size"])
    rows = _span(-float(view["y"]), radius, size)
    columns = _span(float(view["x"]), radius, size)
    u, v = np.meshgrid(
        (_samples(columns, size) - view["x"]) / radius, (-_samples(rows, size) - view["y"]) / radius
    )
    colour, cover = _object(view, u.astype(np.float32), v.astype(np.float32))
    image[rows, columns] = image[rows, columns] * (1 - cover) + colour
    return (image * 255 + 0.5).astype(np.uint8)


def _span(centre: float, radius: float, size: int) -> slice:
    """The pixels that an object can touch along one axis."""
    first = int(np.floor((centre - radius + 1) / 2 * size))
    last = int(np.ceil((centre + radius + 1) / 2 * size))
    return slice(max(first, 0), min(last, size))


def _samples(pixels: slice, size: int) -> NDArray[np.float64]:
    index = np.arange(pixels.start * _SAMPLES, pixels.stop * _SAMPLES)
    return (index + 0.5) / (size * _SAMPLES) * 2 - 1


def _object(view: dict[str, np.float64 | np.int64], u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Colour times coverage (h, w, 3) and coverage (h, w, 1), averaged over each pixel's samples."""
    pose = rotation(float(view["yaw"]), float(view["pitch"]), float(view["roll"])) @ _CANONICAL
    hits = body(int(view["category"]), int(view["exemplar"])).cast(pose, u.ravel(), v.ravel())
    layer = np.zeros((u.size, 4), dtype=np.float32)
    light = direction(float(view["light_azimuth"]), float(view["light_elevation"]))
    layer[hits.hit, :3] = shade(hits, light)
    layer[hits.hit, 3] = 1
    h, w = u.shape[0] // _SAMPLES, u.shape[1] // _SAMPLES
    means = layer.reshape(h, _SAMPLES, w, _SAMPLES, 4).mean(axis=(1, 3))
    return means[..., :3], means[..., 3:]


def direction(azimuth: float, elevation: float) -> NDArray[np.float32]:
    """Return the unit vector towards a light, (x right, y up, z to the viewer); angles in degrees.

    Azimuth 0 is the viewer's side, positive to the right.
    """
    a, e = np.radians([azimuth, elevation])
    return np.array([np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)], dtype=np.float32)


def shade(hits: Hits, light: NDArray[np.float32]) -> Floats:
    """Return the colours (hits, 3) in [0, 1] of lit surface points; the sky lights them from above.

    Ambient and Lambertian light, and a specular highlight (Blinn 1977).
    """
    half = light + np.array([0, 0, 1], dtype=np.float32)
    half /= np.linalg.norm(half)
    diffuse = np.maximum(hits.normals @ light, 0)
    glint = hits.gloss * np.maximum(hits.normals @ half, 0) ** _SHININESS
    lit = _AMBIENT + _SKY * hits.normals[:, 1] + _DIFFUSE * diffuse
    return np.asarray(np.clip(hits.colours * lit[:, None] + glint[:, None], 0, 1), dtype=np.float32)
