"""Pictures to train on: smooth noise in class folders, as JPEG files and in memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from wiringup.core.seeds import numpy_stream
from wiringup.core.stimuli import LabelledImages, from_pixels

CLASSES = 40
GRAIN = 8  # px between independent values: as smooth as a photograph, so that files have a usual size
QUALITY = 90
FORMAT = "JPEG"


@dataclass(frozen=True)
class Pictures:
    """The same pictures twice.

    Attributes:
        paths: of the files.
        data: decoded, in memory.
    """

    paths: tuple[Path, ...]
    data: LabelledImages


def draw(folder: Path, n: int, side: int) -> Pictures:
    """Write ``n`` JPEG files of ``side`` px into ``folder``, and return them with what they decode to."""
    stream = numpy_stream(0, "pictures", side)
    labels = np.arange(n, dtype=np.int64) % CLASSES
    paths, pixels = [], np.empty((n, side, side, 3), np.uint8)
    for i in range(n):
        coarse = stream.integers(0, 256, (side // GRAIN, side // GRAIN, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        paths.append(folder / f"class{labels[i]:02d}" / f"{i:05d}.jpg")
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        image.save(paths[-1], FORMAT, quality=QUALITY)
        with Image.open(paths[-1], formats=[FORMAT]) as decoded:
            pixels[i] = np.asarray(decoded)
    names = tuple(f"class{i:02d}" for i in range(CLASSES))
    return Pictures(tuple(paths), LabelledImages(from_pixels(pixels), labels, names))
