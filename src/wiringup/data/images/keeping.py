"""What is kept of an image in the store: a square that was cut out of it, or the whole of it.

- ``squares``: the short side is resized to N px and the square in the middle cut out, as plain pixels. All
  have one size, so that batches are read without decoding.
- ``raw``: the whole image, its short side at most N px, as plain pixels.
- ``jpeg:QUALITY``: the same, as a JPEG. A JPEG that is upright, in RGB or grey and no larger is kept byte for
  byte, and loses nothing; all others are written anew with that quality (Pillow's, 1 to 95).

Whole images are never enlarged, and their aspect is kept: random crops and the crop of the middle are cut out
of what the photographer saw.
"""

import hashlib
import io
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiringup.core.errors import InputError
from wiringup.data.images.decoding import Content, Seen, photograph, squared

KINDS = SQUARES, RAW, JPEG = "squares", "raw", "jpeg"
QUALITY = 90
BEST = 95
ALLOWED = f"{SQUARES}, {RAW}, {JPEG} (of quality {QUALITY}) or {JPEG}:1 ... {JPEG}:{BEST}"


@dataclass(frozen=True)
class Keeping:
    """What is kept of images, and how.

    Attributes:
        kind: `SQUARES`, `RAW` or `JPEG`.
        quality: of a JPEG; 0 for the others.
    """

    kind: str = SQUARES
    quality: int = 0

    @classmethod
    def parse(cls, text: str) -> "Keeping":
        """Return what `ALLOWED` words mean.

        Raises:
            InputError: for other words.
        """
        kind, _, quality = text.partition(":")
        if kind == JPEG and re.fullmatch(r"[0-9]{1,2}", quality or str(QUALITY)):
            number = int(quality or QUALITY)
            if 1 <= number <= BEST:
                return cls(JPEG, number)
        elif text in (SQUARES, RAW):
            return cls(text)
        raise InputError(f"Images cannot be kept as {text!r}; allowed are {ALLOWED}.")

    def __str__(self) -> str:
        return f"{self.kind}:{self.quality}" if self.quality else self.kind

    @property
    def whole(self) -> bool:
        """Whether the whole image is kept, whatever its aspect."""
        return self.kind != SQUARES

    def expected_bytes(self, side: int) -> int:
        """Return about how many bytes are kept of an image: of squares exactly, of a photograph by 4:3.

        A JPEG of a photograph takes some 0.3 bytes a pixel at quality 90; `estimate` measures it.
        """
        pixels = side**2 * 4 // 3 if self.whole else side**2
        return pixels * 3 // 10 if self.kind == JPEG else pixels * 3

    def described(self, side: int) -> str:
        """Return in words what is kept, with a side of so many px."""
        if not self.whole:
            return f"kept as {side} px squares"
        how = f"JPEG of quality {self.quality}" if self.quality else "plain pixels"
        return f"kept whole (short side at most {side} px, {how})"

    def stored(self, content: Content, where: str, side: int, seen: Seen) -> "Stored":
        """Return what is kept of one image.

        Args:
            content: its file, or its pixels.
            where: how messages call it.
            side: in px, see the module.
            seen: receives what is special about it.

        Raises:
            InputError: as `decoding.decode`.
        """
        if not self.whole:
            return Stored.of(squared(content, where, side, seen))
        pixels, as_it_is = photograph(content, where, side, seen)
        if self.kind == RAW:
            return Stored.of(pixels)
        kept = content if as_it_is and isinstance(content, bytes) else _encoded(pixels, self.quality)
        return Stored(kept, *pixels.shape[:2])


@dataclass(frozen=True)
class Stored:
    """The bytes that are kept of an image, and the height and width in px of what they show."""

    content: bytes
    height: int
    width: int

    @classmethod
    def of(cls, pixels: NDArray[np.uint8]) -> "Stored":
        """Return plain pixels (height, width, 3)."""
        return cls(pixels.tobytes(), *pixels.shape[:2])

    @property
    def sha256(self) -> bytes:
        """The hash of the bytes."""
        return hashlib.sha256(self.content).digest()


def _encoded(pixels: NDArray[np.uint8], quality: int) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return stream.getvalue()
