"""Images from a folder, a zip or an npz, decoded into one stack of pixels.

Files are taken in natural order (``image2`` before ``image10``). Hidden files, ``__MACOSX`` folders and
files that are no images are passed over, and a folder that wraps everything else is ignored. How an image
is decoded is said in `decoding`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import at_least
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.files import regular
from wiringup.core.stimuli import Stimuli, from_pixels
from wiringup.data.formats.arrays import check_room, read_npz, warn_of_unused
from wiringup.data.images.decoding import (
    Content,
    decode,
    dimensions,
    resize_to,
    side_by_side,
    square,
    warn_of,
)
from wiringup.data.images.names import unwrapped
from wiringup.data.images.pictures import open_pictures

Key = TypeVar("Key")


def read_stimuli(path: Path | str, size: int | None = None) -> Stimuli:
    """Read images without labels.

    Args:
        path: a folder or zip of image files, or an npz with one uint8 array (n, h, w[, 3]) and, if wanted,
            one array of text with the name of each image.
        size: side in pixels to which every image is resized (bilinear with antialiasing; the aspect is
            not kept). Without it all images need to have one size.

    Returns:
        The images in natural order of their names; ids are the names below any wrapping folder.

    Raises:
        MissingDataError: if there is nothing at ``path``.
        InputError: if there are no images, one cannot be read, or sizes differ and ``size`` is None.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise MissingDataError(f"There is no folder or file {path} to read images from.")
    if size is not None:
        at_least(size, 1, "The size of images in pixels")
    if not path.is_dir() and regular(path).suffix.lower() not in (".zip", ".npz"):
        raise InputError(f"{path} is neither a folder of images, nor a zip, nor an npz.")
    if path.suffix.lower() == ".npz" and not path.is_dir():
        return _from_npz(path, size)
    with open_pictures(path) as pictures:
        return Stimuli(decoded(pictures.file, pictures.names, size, path), tuple(unwrapped(pictures.names)))


def read_named(path: Path, names: Sequence[str], as_stored: bool = False) -> NDArray[np.uint8]:
    """Return the pixels of the images called ``names`` in a folder or zip, in this order.

    Args:
        path: the folder or zip.
        names: as they stand there.
        as_stored: as in `decoding.decode`.

    Raises:
        InputError: if one is not there, cannot be read, or their sizes differ.
    """
    with open_pictures(path) as pictures:
        absent = sorted(set(names) - set(pictures.names))
        if absent:
            raise InputError(f"{path} lacks {len(absent)} of {len(names)} images, such as {absent[0]!r}.")
        return decoded(pictures.file, names, None, path, as_stored)


def resized_and_cropped(stimuli: Stimuli, short: int, crop: int) -> Stimuli:
    """Return the centre ``crop`` x ``crop`` of images whose short side is first resized to ``short`` px.

    Bilinear with antialiasing, aspect kept, lengths rounded down and offsets to the nearest: torchvision's
    ``Resize(short)`` and ``CenterCrop(crop)``.

    Raises:
        InputError: if ``crop`` is larger than ``short``.
    """
    if crop > short:
        raise InputError(f"A short side of {short} px has no centre of {crop} px; resize to {crop} or more.")
    pixels = np.empty((len(stimuli), crop, crop, 3), np.uint8)
    for i, image in enumerate(stimuli.pixels):
        pixels[i] = square(image, short, crop)
    return Stimuli(pixels, stimuli.ids)


def decoded(
    read: Callable[[Key], tuple[Content, str]],
    keys: Sequence[Key],
    size: int | None,
    path: Path,
    as_stored: bool = False,
) -> NDArray[np.uint8]:
    """Return the pixels of images, which all have to have one size: uint8 (keys, height, width, 3).

    Args:
        read: returns the content of one image, and how messages call it.
        keys: which images.
        size: as in `read_stimuli`.
        path: where they are from, for messages.
        as_stored: as in `decoding.decode`.

    Raises:
        InputError: if there is none, one cannot be read, they differ in size, or do not fit the memory.
    """
    if not keys:
        raise InputError(f"No image of {path} was chosen.")
    first = decode(*read(keys[0]), size, as_stored=as_stored)
    check_room(f"{len(keys):,} images of {path}", len(keys) * first.nbytes)
    pixels = np.empty((len(keys), *first.shape), dtype=np.uint8)
    seen: list[str] = []

    def shown(content: Content, where: str) -> NDArray[np.uint8]:
        return decode(content, where, size, seen.append, as_stored)

    for row, image in enumerate(side_by_side(shown, map(read, keys))):
        if image.shape != first.shape:
            raise _sizes_differ([dimensions(*read(key), as_stored) for key in keys], path)
        pixels[row] = image
    warn_of(seen, len(keys))
    return pixels


def _sizes_differ(found: Sequence[tuple[int, int]], path: Path) -> InputError:
    sizes = Counter(found)
    listed = ", ".join(f"{w}x{h} ({n} images)" for (w, h), n in sizes.most_common(4))
    more = f" and {len(sizes) - 4} more" if len(sizes) > 4 else ""
    side = min(sizes.most_common(1)[0][0])
    return InputError(
        f"The images of {path} have different sizes: {listed}{more}. Pass the size in pixels to "
        f"which all are to be resized, for example --size {side}."
    )


def _from_npz(path: Path, size: int | None) -> Stimuli:
    """Read a stack of images; of the other arrays, the one that holds a text for each image names them."""
    arrays = read_npz(path)
    stimuli = from_pixels(_sized(stack_of(path, arrays), size))
    named = [key for key, array in arrays.items() if _names(array, len(stimuli))]
    rest = [
        key for key, a in arrays.items() if not (a.dtype == np.uint8 and a.ndim > 2) and key not in named[:1]
    ]
    warn_of_unused(path, rest)
    return stimuli if not named else Stimuli(stimuli.pixels, tuple(map(str, arrays[named[0]].tolist())))


def _names(array: NDArray[np.generic], n: int) -> bool:
    return array.dtype.kind == "U" and array.shape == (n,) and len(set(array.tolist())) == n


def stack_of(path: Path, arrays: dict[str, NDArray[np.generic]]) -> NDArray[np.uint8]:
    """Return the stack of images among the arrays of an npz; raise `InputError` unless there is one."""
    images = (a for a in arrays.values() if a.dtype == np.uint8)
    images = (a[..., 0] if a.ndim == 4 and a.shape[3] == 1 else a for a in images)  # one grey channel
    stacks = [a for a in images if a.ndim == 3 or (a.ndim == 4 and a.shape[3] == 3)]
    if len(stacks) == 1 and stacks[0].size:
        return stacks[0].astype(np.uint8, copy=False)
    found = ", ".join(f"{key} {a.dtype} {a.shape}" for key, a in arrays.items()) or "nothing"
    raise InputError(
        f"{path} has to hold exactly one stack of images, uint8 (images, height, width) or "
        f"(images, height, width, 3); it holds {found}."
    )


def _sized(pixels: NDArray[np.uint8], size: int | None) -> NDArray[np.uint8]:
    if size is None or pixels.shape[1:3] == (size, size):
        return pixels
    return np.stack([resize_to(image, size, size) for image in pixels])
