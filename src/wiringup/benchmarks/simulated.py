"""The simulated ventral stream as benchmarks: data with known ground truth that have to be nowhere."""

from collections.abc import Mapping
from functools import lru_cache

from wiringup.core.areas import BEHAVIOR, SCORED
from wiringup.data.measurements import Choices, DataSet, Recording
from wiringup.data.rendered.render import RenderedScenes, render
from wiringup.data.rendered.scenes import RenderSpec
from wiringup.data.simulated.stream import SimulatedStream

SIMULATED: Mapping[str, str] = {f"simulated.{area}": area for area in SCORED}
"""Simulated data sets, each a benchmark by the same name -> the area."""

SIZE = 64
"""Side in px at which the images are rendered unless another is asked for."""

LEVEL = 3  # of variation: hard for pixels, learnable from two thousand images
_SEED = 2022  # one simulated animal, whatever the seed of the models that are compared with it
_UNITS = 60
_DEGREES = 4.0  # of visual angle: texture-sized images, in which V1 fields are not lost
_IMAGES = 400  # shown to the animal, and as many are judged
_FIT_IMAGES = 480
_JUDGED_LEVEL = 6  # observers make no errors to be compared with on easier images
_JUDGEMENTS = 20  # of each observer on each image


def simulated_data(name: str, size: int = SIZE) -> DataSet:
    """Return a simulated recording, or simulated choices, on images of ``size`` px; made once in a process.

    Args:
        name: a key of `SIMULATED`.
        size: side of the images in px.
    """
    area = SIMULATED[name]
    return _choices(size) if area == BEHAVIOR else _recordings(size)[area]


@lru_cache(maxsize=2)
def _recordings(size: int) -> dict[str, Recording]:
    return _stream().recordings(_scenes(_IMAGES, size, LEVEL, "brain"))


@lru_cache(maxsize=2)
def _choices(size: int) -> Choices:
    judged, fit = (
        _scenes(n, size, _JUDGED_LEVEL, split) for n, split in ((_IMAGES, "judged"), (_FIT_IMAGES, "fit"))
    )
    return _stream().choices(judged, fit)


@lru_cache(maxsize=1)
def _stream() -> SimulatedStream:
    return SimulatedStream(_SEED, units=_UNITS, degrees=_DEGREES, trials=_JUDGEMENTS)


def _scenes(images: int, size: int, level: int, split: str) -> RenderedScenes:
    return render(RenderSpec(images, size, level, split=split))
