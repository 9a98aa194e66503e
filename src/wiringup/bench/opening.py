"""A made-up folder in the shape of ImageNet, and what it costs to open, pack and hold it, by its size."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from wiringup.core.seeds import numpy_stream

CLASSES = 1000
SIDES = (
    ((500, 375), 0.5), ((375, 500), 0.17), ((500, 333), 0.12), ((333, 500), 0.04), ((500, 500), 0.03),
    ((640, 480), 0.04), ((250, 250), 0.02), ((160, 120), 0.02), ((1024, 768), 0.03), ((1600, 1200), 0.02),
    ((2592, 1944), 0.01),
)  # fmt: skip
"""(Width, height) in px and their share: most are 500 px long, some small and a few large, as in ImageNet."""

_CONTENTS = 300  # pictures that are drawn; every file is one of them with a comment of its own
_GRAIN = 125  # px between independent values: as coarse as can be, so that 100,000 files fit a small disk
_QUALITY = 20


def imagenet_like(folder: Path, n: int, seed: int = 0) -> Path:
    """Write ``n`` JPEG files in class folders, named and mixed in size as ImageNet's are; return ``folder``.

    The files are small (2 to 3 KB, the few large ones up to 80; ImageNet's have 110) and without detail, so
    that decoding one costs less than a photograph of its size. `_CONTENTS` pictures are drawn; files that
    show the same one differ by the number in their comment.

    Args:
        folder: where.
        n: how many.
        seed: of sizes and contents.
    """
    stream = numpy_stream(seed, "ImageNet-like")
    contents = _contents(stream)
    shown = stream.integers(len(contents), size=n)
    for label in range(min(CLASSES, n)):
        (folder / _name(label)).mkdir(parents=True, exist_ok=True)
    for i, which in enumerate(shown.tolist()):
        name = _name(i % CLASSES)
        start, rest = contents[which]
        text = f"{i:010d}".encode()
        comment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
        (folder / name / f"{name}_{i * 7 % 100_003}.JPEG").write_bytes(start + comment + rest)
    return folder


def _name(label: int) -> str:
    return f"n{1_440_764 + 15_013 * label:08d}"


def _contents(stream: np.random.Generator) -> list[tuple[bytes, bytes]]:
    """Return JPEG files, each in two parts between which a comment may stand."""
    sides, shares = zip(*SIDES, strict=True)
    numbers = np.maximum(1, np.round(np.array(shares) * _CONTENTS)).astype(int)
    return [_drawn(side, stream) for side, number in zip(sides, numbers, strict=True) for _ in range(number)]


def _drawn(side: tuple[int, int], stream: np.random.Generator) -> tuple[bytes, bytes]:
    width, height = side
    coarse = stream.integers(0, 256, (-(-height // _GRAIN), -(-width // _GRAIN), 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(side, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue()[:2], buffer.getvalue()[2:]
