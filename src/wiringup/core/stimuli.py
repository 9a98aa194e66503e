"""A stack of images: the one form in which pictures pass from room to room."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wiringup.core.brief import Brief
from wiringup.core.checks import same_length
from wiringup.core.errors import InputError

GREY = 128

Rows = NDArray[np.int64] | NDArray[np.intp] | slice
_BLOCK = 1024  # images that are hashed at a time


@dataclass(frozen=True, eq=False)
class Stimuli:
    """Images of one size.

    Those who need only some at a time ask for them with `at`: images that lie in a file
    (`data.images.packed.PackedStimuli`) are then read a few at a time, and never all into memory. Whole
    photographs, which lie there with sides of their own, are no stack: they come with `each`.

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

    def __repr__(self) -> str:
        height, width = self.sides
        return f"{type(self).__name__}({len(self):,} images, {height} x {width} px)"

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width in px."""
        height, width = self.pixels.shape[1:3]
        return height, width

    @property
    def uniform(self) -> bool:
        """Whether all images have one size, so that they can be stacked."""
        return True

    @property
    def form(self) -> tuple[int | str, ...]:
        """What decides, beside the bytes of each image, what is shown: height and width in px."""
        return self.sides

    def sides_of(self, rows: Rows) -> NDArray[np.int64]:
        """Return height and width in px of some images: int64 (rows, 2)."""
        number = len(np.arange(len(self))[rows])
        return np.tile(np.array(self.sides, np.int64), (number, 1))

    def each(self, rows: Rows) -> Iterator[NDArray[np.uint8]]:
        """Yield the pixels of some images, one after the other: uint8 (height, width, 3)."""
        yield from self.at(rows)

    def at(self, rows: Rows) -> NDArray[np.uint8]:
        """Return the pixels of some images: uint8 (rows, height, width, 3)."""
        return self.pixels[rows]

    def take(self, index: NDArray[np.intp]) -> "Stimuli":
        """Return the images at ``index``, in that order."""
        return Stimuli(self.pixels[index], tuple(self.ids[i] for i in index))

    @property
    def image_sha256(self) -> NDArray[np.uint8]:
        """The SHA-256 of the pixels of each image (uint8, height x width x 3): uint8 (images, 32)."""
        hashes = [hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in self.pixels]
        return np.frombuffer(b"".join(hashes), np.uint8).reshape(len(self), 32)

    @cached_property
    def sha256(self) -> str:
        """The hash of the pixels and their order; names do not enter."""
        digest = hashlib.sha256(str((len(self), *self.sides, 3)).encode())
        for start in range(0, len(self), _BLOCK):
            digest.update(np.ascontiguousarray(self.at(slice(start, start + _BLOCK))).data)
        return digest.hexdigest()


def from_pixels(pixels: NDArray[np.uint8]) -> Stimuli:
    """Make `Stimuli` of (n, h, w) grey or (n, h, w, 3) colour pixels, numbering the images."""
    if pixels.ndim == 3:
        pixels = np.repeat(pixels[..., None], 3, axis=3)
    return Stimuli(pixels, tuple(f"image{i:05d}" for i in range(len(pixels))))


def on_screen(stimuli: Stimuli, degrees: float, field_of_view: float) -> Stimuli:
    """Show images at their true size to a model that sees ``field_of_view`` degrees.

    Brain-Score's rule: images that fill less are put, unscaled, at the centre of a grey canvas; of those
    that fill more, only the centre is seen. The new side is the old one times field_of_view / degrees.

    Args:
        stimuli: the images.
        degrees: width of the images in degrees of visual angle, as they were shown.
        field_of_view: width of what the model sees, in degrees.

    Raises:
        InputError: if an angle is not positive, or nothing would be left of the images.
    """
    if not (degrees > 0 and field_of_view > 0):
        raise InputError(f"Visual angles have to be positive; got {degrees} and {field_of_view} degrees.")
    if degrees == field_of_view:
        return stimuli
    n, *sides = stimuli.pixels.shape[:3]
    (height, down, top), (width, right, left) = (_span(side, field_of_view / degrees) for side in sides)
    canvas = np.full((n, height, width, 3), GREY, np.uint8)
    canvas[:, down, right] = stimuli.pixels[:, top, left]
    return Stimuli(canvas, stimuli.ids)


def _span(side: int, ratio: float) -> tuple[int, slice, slice]:
    """Return the length of a side of a canvas, which of it shows the image, and which of the image."""
    new = round(ratio * side)
    if new < 1:
        raise InputError(f"Nothing is left of images of {side} pixels at {ratio:.2g} times their side.")
    length, offset = min(side, new), round((new - side) / 2)
    added, cut = max(offset, 0), max(-offset, 0)
    return new, slice(added, added + length), slice(cut, cut + length)


@dataclass(frozen=True, eq=False)
class LabelledImages(Brief):
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
        """The hash of every image's own hash, of their order and sides, the labels and the class names.

        No pixel is read where the images lie in a file that keeps their hashes.
        """
        shape = [len(self), *self.stimuli.form]
        digest = hashlib.sha256(json.dumps([shape, self.classes]).encode())
        digest.update(np.ascontiguousarray(self.stimuli.image_sha256).data)
        digest.update(self.labels.astype("<i8").data)
        return digest.hexdigest()

    @cached_property
    def pixels_sha256(self) -> str:
        """The hash of all pixels in a row, the labels and the class names.

        Data sets and benchmarks name their images by it, and runs that were made before images had hashes of
        their own.
        """
        text = f"{self.stimuli.sha256}/{self.labels.tolist()}/{self.classes}"
        return hashlib.sha256(text.encode()).hexdigest()
