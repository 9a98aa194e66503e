"""The pixels of one image file, upright, in colour, on grey, at a size.

The rule, for every reader of images:

- Only the formats of `FORMATS` are opened, whatever a file is called.
- An image is turned upright as its EXIF orientation says.
- What is transparent is laid on grey (`core.stimuli.GREY`).
- Of several frames the first counts.
- It has at most `core.limits.PIXELS` pixels and one side at most `core.limits.ASPECT` times the other.

`warn_of` says of a set of images what the rule did to how many. One reader goes by another rule: images of
Brain-Score are decoded `as_stored`, as its own loader does it (neither turned nor laid on grey).
"""

import contextlib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from threading import Condition
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from wiringup.core.ahead import ahead
from wiringup.core.cautions import caution
from wiringup.core.errors import InputError, WiringupError
from wiringup.core.limits import ASPECT, PICTURES_BYTES, most_pixels
from wiringup.core.stimuli import GREY

if TYPE_CHECKING:
    from PIL import Image

FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jfif", ".jpe"),
    "PNG": (".png",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "PPM": (".ppm", ".pgm"),
}
"""The formats that are opened, as Pillow calls them, and how their files end."""
SUFFIXES = tuple(suffix for suffixes in FORMATS.values() for suffix in suffixes)

TURNED, TRANSPARENT, FRAMES = "turned", "transparent", "frames"
_CHANGES = {
    TURNED: ("is turned", "are turned", " upright, as the EXIF orientation says"),
    TRANSPARENT: ("is transparent", "are transparent", f" in part; what is behind is grey ({GREY})"),
    FRAMES: ("has several frames", "have several frames", "; the first is used"),
}

Content = bytes | NDArray[np.uint8]
"""An image file, or RGB pixels (height, width, 3)."""

Seen = Callable[[str], None]
"""Receives `TURNED`, `TRANSPARENT` or `FRAMES` for an image of which it is true; from several threads."""

File = TypeVar("File")
Shown = TypeVar("Shown")

AHEAD = 256  # images that are read before they are needed
_BLOCK = 1 << 26  # bytes; above 32 MB the C library takes and returns each block by itself


def side_by_side(show: Callable[[File, str], Shown], files: Iterable[tuple[File, str]]) -> Iterator[Shown]:
    """Yield ``show`` of the content and name of each file: read in order, decoded in threads.

    At most `AHEAD` files wait in memory, and of large ones only some.
    """

    def weight(file: tuple[File, str]) -> float:
        return max(len(file[0]) if isinstance(file[0], bytes) else 0, PICTURES_BYTES / AHEAD)

    return ahead(lambda file: show(*file), files, limit=PICTURES_BYTES, weigh=weight)


class _Room:
    """Pixels that all threads may decode at a time: as many as the largest image has."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._taken = 0

    @contextlib.contextmanager
    def taken(self, pixels: int, most: int) -> Iterator[None]:
        """Wait until there is room for an image, and keep it while the block runs."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + pixels <= most)
            self._taken += pixels
        try:
            yield
        finally:
            with self._changed:
                self._taken -= pixels
                self._changed.notify_all()


_ROOM = _Room()


@cache
def _give_memory_back() -> None:
    """Let Pillow take large images in blocks that return to the system as soon as an image is closed.

    In blocks of 16 MB, as it takes them by itself, they stay with the thread that decoded: four images of 120
    megapixels, decoded one after another by four threads, took 2.9 GB instead of 1.2.
    """
    from PIL import Image

    Image.core.set_block_size(_BLOCK)  # type: ignore[attr-defined]  # Pillow documents it, without types


def warn_of(seen: Sequence[str], images: int) -> None:
    """Give cautions on what the rule did, given what `Seen` received for a set of ``images``."""
    counts = Counter(seen)
    for what, (one, many, how) in _CHANGES.items():
        if counts[what]:
            caution(f"{counts[what]:,} of {images:,} images {one if counts[what] == 1 else many}{how}.")


def decode(
    content: Content, where: str, size: int | None, seen: Seen | None = None, as_stored: bool = False
) -> NDArray[np.uint8]:
    """Return the RGB pixels (height, width, 3) of an image file, resized to ``size`` if given.

    A JPEG much larger than ``size`` is decoded at a reduced scale of at least twice ``size``, which is faster
    and hardly changes the result.

    Args:
        content: the bytes of the file; pixels are resized alone.
        where: how messages call it.
        size: side of the result in px; the aspect is not kept.
        seen: receives what is special about the image.
        as_stored: neither turn it nor lay it on grey; colours under transparency are then shown.

    Raises:
        InputError: naming ``where``, if the file is damaged, too large or too narrow, of no format that is
            opened, or has more than 8 bits a channel.
    """
    if isinstance(content, np.ndarray):
        return content if size is None else resize_to(content, size, size)

    def shown(image: "Image.Image") -> NDArray[np.uint8]:
        upright, sides = _loaded(image, where, size, seen, as_stored)
        return _to_sides(upright, sides if size is None else (size, size))

    with _opened(content, where) as image:
        return shown(image)  # whose own images are gone when others are let in


def squared(content: Content, where: str, size: int, seen: Seen | None = None) -> NDArray[np.uint8]:
    """Return RGB pixels (size, size, 3): short side resized to ``size``, centre cut out; see `square`.

    Args:
        content: as in `decode`.
        where: how messages call it.
        size: side of the result in px.
        seen: as in `decode`.

    Raises:
        InputError: as `decode`.
    """
    if isinstance(content, np.ndarray):
        return square(content, size, size)

    def shown(image: "Image.Image") -> NDArray[np.uint8]:
        upright, (width, height) = _loaded(image, where, size, seen)
        height, width = _short_sides(height, width, size)
        return _centre(_to_sides(upright, (width, height)), size)

    with _opened(content, where) as image:
        return shown(image)


def photograph(
    content: Content, where: str, short: int, seen: Seen | None = None
) -> tuple[NDArray[np.uint8], bool]:
    """Return the RGB pixels (height, width, 3) of a whole image whose short side is at most ``short`` px.

    A larger image is resized (bilinear with antialiasing, aspect kept, lengths rounded down); none is
    enlarged.

    Args:
        content: as in `decode`.
        where: how messages call it.
        short: of the result, in px.
        seen: as in `decode`.

    Returns:
        The pixels; and whether they are what any reader of JPEGs shows of the file as it is.

    Raises:
        InputError: as `decode`.
    """
    if isinstance(content, np.ndarray):
        height, width = content.shape[:2]
        return resize_to(content, *_at_most(height, width, short)), False

    def shown(image: "Image.Image") -> tuple[NDArray[np.uint8], bool]:
        said: list[str] = []
        plain = image.format == "JPEG" and image.mode in ("RGB", "L")
        upright, (width, height) = _loaded(image, where, short, said.append)
        if seen is not None:
            for what in said:
                seen(what)
        sides = _at_most(height, width, short)
        return _to_sides(upright, sides[::-1]), plain and not said and sides == (height, width)

    with _opened(content, where) as image:
        return shown(image)


def _at_most(height: int, width: int, short: int) -> tuple[int, int]:
    return (height, width) if min(height, width) <= short else _short_sides(height, width, short)


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


def dimensions(content: Content, where: str, as_stored: bool = False) -> tuple[int, int]:
    """Return the (width, height) of an image as `decode` shows it; raise `InputError` as `decode`."""
    if isinstance(content, np.ndarray):
        return content.shape[1], content.shape[0]
    with _opened(content, where) as image:
        return _loaded(image, where, 1, None, as_stored)[1]


def resize_to(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize RGB ``pixels`` (h, w, 3) to ``height`` x ``width``, bilinear with antialiasing."""
    from PIL import Image

    return _to_sides(Image.fromarray(pixels), (width, height))


@contextlib.contextmanager
def _opened(content: bytes, where: str) -> Iterator["Image.Image"]:
    from PIL import Image

    _give_memory_back()
    try:
        with Image.open(io.BytesIO(content), formats=tuple(FORMATS)) as image:
            most = most_pixels()
            _check_sides(image.size, where, most)
            with _ROOM.taken(image.width * image.height, most), contextlib.closing(image):
                yield image
    except WiringupError:
        raise
    except Exception as error:  # other bytes end Pillow's readers in whatever way they happen to
        # Pillow names the buffer it was given where it does not know the format.
        reason = f"none of {', '.join(FORMATS)}" if "BytesIO" in str(error) else str(error)
        raise InputError(f"{where} is not a readable image ({reason}); replace or remove it.") from error


def _check_sides(sides: tuple[int, int], where: str, most: int) -> None:
    width, height = sides
    if min(sides) < 1 or width * height > most:
        raise InputError(
            f"{where} has {width:,} x {height:,} pixels; {most / 1e6:g} million are allowed. Reduce "
            "it first, or set WIRINGUP_MEGAPIXELS to more."
        )
    if max(sides) > ASPECT * min(sides):
        raise InputError(
            f"{where} has {width:,} x {height:,} pixels; the long side may be {ASPECT} times the short one. "
            "Cut it, or put it on a canvas."
        )


def _is_deep(image: "Image.Image") -> bool:
    """Return whether Pillow would cut 16 bits a channel to 8: it does so, without a word, in colour."""
    deep = (";16" in str(tile.args) or _greatest(tile.args) > 255 for tile in getattr(image, "tile", ()))
    return any(deep)


def _greatest(args: object) -> int:
    """Return the greatest value that a pixel of a PPM may have, as its decoder is told; 0 for other files."""
    return args[1] if isinstance(args, tuple) and len(args) == 2 and isinstance(args[1], int) else 0


def _loaded(
    image: "Image.Image", where: str, size: int | None, seen: Seen | None, as_stored: bool = False
) -> tuple["Image.Image", tuple[int, int]]:
    """Return an image in RGB by the rule of the module, and the (width, height) that it has unreduced."""
    if image.mode.startswith(("I", "F")) or _is_deep(image):
        raise InputError(f"{where} has more than 8 bits a channel; convert it to 8 bits first.")
    see = seen or (lambda _what: None)
    if getattr(image, "is_animated", False):
        see(FRAMES)
    full = image.size
    reduced = size is not None and image.draft(None, (2 * size, 2 * size)) is not None
    image.load()
    full = full if reduced else image.size  # Pillow turns a TIFF when it is loaded
    if as_stored:
        return _rgb(image), full
    lying = image.size
    if _turned(image):
        see(TURNED)
        full = full if image.size == lying else full[::-1]
    return _on_grey(image, see), full


def _turned(image: "Image.Image") -> bool:
    """Turn an image upright as its EXIF says; return whether it had to be."""
    from PIL import ExifTags, ImageOps

    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:  # EXIF that cannot be read is common, and says nothing
        return False
    return orientation in range(2, 9)


def _on_grey(image: "Image.Image", see: Seen) -> "Image.Image":
    from PIL import Image

    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return _in(image, "RGB")
    image = _in(image, "RGBA")
    alpha = image.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return image.convert("RGB")
    see(TRANSPARENT)
    canvas = Image.new("RGB", image.size, (GREY, GREY, GREY))
    canvas.paste(image, mask=alpha)
    return canvas


def _in(image: "Image.Image", mode: str) -> "Image.Image":
    return image if image.mode == mode else image.convert(mode)  # which would copy it all the same


def _rgb(image: "Image.Image") -> "Image.Image":
    # Pillow warns when a palette with transparency goes to RGB in one step.
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def _to_sides(image: "Image.Image", sides: tuple[int, int]) -> NDArray[np.uint8]:
    from PIL import Image

    if image.size != sides:
        image = image.resize(sides, Image.Resampling.BILINEAR)
    return np.asarray(image)
