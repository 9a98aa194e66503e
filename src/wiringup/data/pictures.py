"""Single image files: where they lie (folder or zip), their bytes and their pixels."""

import contextlib
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wiringup.core.errors import InputError
from wiringup.core.files import sample_of

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
MOST_SAMPLED = 20_000
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, zipfile.BadZipFile)

Mark = tuple[int | str, ...]


@dataclass(frozen=True)
class Pictures:
    """The image files of one folder or zip, unopened.

    Attributes:
        path: the folder or zip.
        names: their names below ``path``, with forward slashes, in no particular order.
        content: returns the bytes of a name.
        mark: returns what changes when those bytes do: size and checksum from the directory of a zip; of a
            file, its size, the time of its last change and a sample of its bytes.
    """

    path: Path
    names: list[str]
    content: Callable[[str], bytes]
    mark: Callable[[str], Mark]

    def where(self, name: str) -> str:
        """Return how messages call the image ``name``."""
        return f"{name!r} in {self.path}" if self.path.is_file() else str(self.path / name)

    def read(self, name: str) -> bytes:
        """Return the bytes of ``name``; raise `InputError` if they cannot be read whole."""
        try:
            return self.content(name)
        # RuntimeError: the zip is encrypted; NotImplementedError: a compression that Python lacks.
        except (*_BROKEN, RuntimeError) as error:
            raise InputError(f"{self.where(name)} cannot be read ({error}).") from error


@contextlib.contextmanager
def open_pictures(path: Path) -> Iterator[Pictures]:
    """Yield the image files below a folder or in a zip.

    Raises:
        InputError: if ``path`` is no readable zip or holds no image.
    """
    with contextlib.ExitStack() as stack:
        if path.is_dir():
            pictures = _folder(path)
        else:
            archive = _open_zip(path, stack)
            pictures = Pictures(path, archive.namelist(), archive.read, lambda name: _checksum(archive, name))
        names = [name for name in pictures.names if _is_image(name)]
        if not names:
            raise InputError(f"{path} holds no images (looked for {', '.join(SUFFIXES)}).")
        yield replace(pictures, names=names)


def _open_zip(path: Path, stack: contextlib.ExitStack) -> zipfile.ZipFile:
    try:
        return stack.enter_context(zipfile.ZipFile(path))
    except zipfile.BadZipFile as error:
        raise InputError(f"{path} is not a readable zip ({error}); is the copy complete?") from error


def _folder(path: Path) -> Pictures:
    names = _files_below(path)
    sampled = set(sorted(names)[:: -(-len(names) // MOST_SAMPLED) or 1])
    return Pictures(
        path, names, lambda name: (path / name).read_bytes(), lambda name: _mark(path / name, name in sampled)
    )


def _mark(file: Path, sampled: bool) -> Mark:
    """Return size, time and, where it is to be ``sampled``, sample of a file.

    Size and time alone are no mark: what was unpacked from a reproducible archive has equal times, and
    bitmaps have equal sizes. For 4,000 files the samples take 0.3 s where the system has them in memory, and
    some 1.7 s from disk (two cores, busy); of more than `MOST_SAMPLED` files, that many are sampled.
    """
    try:
        with file.open("rb", buffering=0) as stream:
            about = os.fstat(stream.fileno())
            sample = sample_of(stream, 0, about.st_size) if sampled else ""
            return about.st_size, about.st_mtime_ns, sample
    except OSError:
        return ("unreadable",)  # who reads the image is told; nothing is kept of it


def _checksum(archive: zipfile.ZipFile, name: str) -> Mark:
    about = archive.getinfo(name)
    return about.file_size, about.CRC


def _files_below(folder: Path) -> list[str]:
    found = (Path(top, file) for top, _, files in os.walk(folder, followlinks=True) for file in files)
    return [file.relative_to(folder).as_posix() for file in found]


def _is_image(name: str) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
    return not hidden and name.lower().endswith(SUFFIXES)


def decode(content: bytes, where: str, size: int | None) -> NDArray[np.uint8]:
    """Return the RGB pixels (height, width, 3) of an image file, resized to ``size`` if given.

    Transparency is dropped, as Brain-Score's loader does. A JPEG much larger than ``size`` is decoded at
    a reduced scale of at least twice ``size``, which is faster and hardly changes the result.

    Raises:
        InputError: naming ``where``, if the file is damaged or has more than 8 bits a channel.
    """
    with _opened(content, where) as image:
        return _to_size(_loaded(image, where, size), size)


def squared(content: bytes | NDArray[np.uint8], where: str, size: int) -> NDArray[np.uint8]:
    """Return RGB pixels (size, size, 3): short side resized to ``size``, centre cut out; see `square`.

    Args:
        content: an image file, decoded as by `decode`, or RGB pixels (height, width, 3).
        where: how messages call it.
        size: side of the result in px.

    Raises:
        InputError: as `decode`.
    """
    if isinstance(content, np.ndarray):
        return square(content, size, size)
    with _opened(content, where) as image:
        height, width = _short_sides(image.height, image.width, size)
        return _centre(_to_sides(_loaded(image, where, size), (width, height)), size)


def square(pixels: NDArray[np.uint8], short: int, crop: int) -> NDArray[np.uint8]:
    """Resize the short side of RGB ``pixels`` (h, w, 3) to ``short`` px and cut out the centre.

    Bilinear with antialiasing, aspect kept, lengths rounded down and offsets to the nearest: torchvision's
    ``Resize(short)`` and ``CenterCrop(crop)``.
    """
    return _centre(resize_to(pixels, *_short_sides(pixels.shape[0], pixels.shape[1], short)), crop)


def _short_sides(height: int, width: int, short: int) -> tuple[int, int]:
    least = min(height, width)
    return short * height // least, short * width // least


def _centre(pixels: NDArray[np.uint8], crop: int) -> NDArray[np.uint8]:
    top, left = (round((side - crop) / 2) for side in pixels.shape[:2])
    return pixels[top : top + crop, left : left + crop]


def dimensions(content: bytes, where: str) -> tuple[int, int]:
    """Return the (width, height) of an image file from its header; raise `InputError` if it has none."""
    with _opened(content, where) as image:
        return image.size


def resize(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize RGB ``pixels`` (height, width, 3) to ``size`` x ``size``, bilinear with antialiasing."""
    return resize_to(pixels, size, size)


def resize_to(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize RGB ``pixels`` (h, w, 3) to ``height`` x ``width``, bilinear with antialiasing."""
    from PIL import Image

    return _to_sides(Image.fromarray(pixels), (width, height))


@contextlib.contextmanager
def _opened(content: bytes, where: str) -> Iterator["Image.Image"]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            yield image
    except InputError:
        raise
    except (*_BROKEN, Image.DecompressionBombError) as error:
        # Pillow names the buffer it was given where it does not know the format.
        reason = "format not recognised" if "BytesIO" in str(error) else str(error)
        raise InputError(f"{where} is not a readable image ({reason}); replace or remove it.") from error


def _loaded(image: "Image.Image", where: str, size: int | None) -> "Image.Image":
    if image.mode.startswith(("I", "F")):
        raise InputError(f"{where} has more than 8 bits a channel; convert it to 8 bits first.")
    if size is not None:
        image.draft(None, (2 * size, 2 * size))
    return _rgb(image)


def _rgb(image: "Image.Image") -> "Image.Image":
    # Pillow warns when a palette with transparency goes to RGB in one step.
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def _to_size(image: "Image.Image", size: int | None) -> NDArray[np.uint8]:
    return _to_sides(image, image.size if size is None else (size, size))


def _to_sides(image: "Image.Image", sides: tuple[int, int]) -> NDArray[np.uint8]:
    from PIL import Image

    if image.size != sides:
        image = image.resize(sides, Image.Resampling.BILINEAR)
    return np.asarray(image)
