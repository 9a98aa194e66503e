"""RandomResizedCrop as its documentation says it, crop by crop."""

import math

import numpy as np


def documented_box(height: int, width: int, stream: np.random.Generator) -> tuple[int, int, int, int]:
    """One crop, drawn word by word as the documentation of RandomResizedCrop says."""
    for _ in range(10):
        area = height * width * stream.uniform(0.08, 1.0)
        ratio = math.exp(stream.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return int(stream.integers(0, height - h + 1)), int(stream.integers(0, width - w + 1)), h, w
    if width / height < 3 / 4:
        w, h = width, round(width / (3 / 4))
    elif width / height > 4 / 3:
        w, h = round(height * (4 / 3)), height
    else:
        w, h = width, height
    return (height - h) // 2, (width - w) // 2, h, w
