"""A stack of images: the one form in which pictures pass from room to room."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import same_length
from wiringup.core.errors import InputError


@dataclass(frozen=True, eq=False)
class Stimuli:
    """Images of one size, in memory.

    Attributes:
        pixels: uint8, (images, height, width, 3), RGB.
        ids: one name for each image.

    Raises:
        InputError: if the shape, the type or the number of ids is wrong.
    """

    pixels: NDArray[np.uint8]
    ids: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.pixels.ndim != 4 or self.pixels.shape[3] != 3 or self.pixels.dtype != np.uint8:
            raise InputError(
                "Stimuli have to be uint8 (images, height, width, 3); "
                f"got {self.pixels.dtype} {self.pixels.shape}."
            )
        same_length(len(self.ids), len(self.pixels), "ids", "the stack of images")

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, index: NDArray[np.intp]) -> "Stimuli":
        """Return the images at ``index``, in that order."""
        return Stimuli(self.pixels[index], tuple(self.ids[i] for i in index))

    @cached_property
    def sha256(self) -> str:
        """The hash of the pixels and their order; names do not enter."""
        digest = hashlib.sha256(str(self.pixels.shape).encode())
        digest.update(np.ascontiguousarray(self.pixels).data)
        return digest.hexdigest()


def from_pixels(pixels: NDArray[np.uint8], prefix: str = "image") -> Stimuli:
    """Make `Stimuli` of (n, h, w) grey or (n, h, w, 3) colour pixels, numbering the images."""
    if pixels.ndim == 3:
        pixels = np.repeat(pixels[..., None], 3, axis=3)
    return Stimuli(pixels, tuple(f"{prefix}{i:05d}" for i in range(len(pixels))))


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images with the class of each: what a network is trained, fitted or tested on.

    Attributes:
        stimuli: the images.
        labels: int64 (images,), an index into ``classes``.
        classes: names of the classes.
    """

    stimuli: Stimuli
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        same_length(len(self.labels), len(self.stimuli), "labels", "the stack of images")
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise InputError(
                f"Labels have to lie in 0 ... {len(self.classes) - 1}, an index into the classes."
            )

    def __len__(self) -> int:
        return len(self.stimuli)

    def take(self, index: NDArray[np.intp]) -> "LabelledImages":
        """Return the labelled images at ``index``, in that order."""
        return LabelledImages(self.stimuli.take(index), self.labels[index], self.classes)

    @cached_property
    def sha256(self) -> str:
        """The hash of pixels, labels and class names."""
        text = f"{self.stimuli.sha256}/{self.labels.tolist()}/{self.classes}"
        return hashlib.sha256(text.encode()).hexdigest()
