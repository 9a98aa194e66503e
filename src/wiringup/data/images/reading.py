"""Images from a folder, a zip or an npz, decoded into one stack of pixels.

Files are taken in natural order (``image2`` before ``image10``). Hidden files, ``__MACOSX`` folders and
files that are no images are passed over, and a folder that wraps everything else is ignored. How an image
is decoded is said in `decoding`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cautions import caution
from wiringup.core.checks import at_least, listed
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.files import regular
from wiringup.core.stimuli import LabelledImages, Stimuli, from_pixels
from wiringup.data.formats.arrays import check_room, read_npz
from wiringup.data.images.decoding import decode, dimensions, resize, side_by_side, square, warn_of
from wiringup.data.images.names import (
    class_of_each,
    classes_of_numbers,
    in_natural_order,
    labels_of,
    unwrapped,
)
from wiringup.data.images.pictures import Pictures, open_pictures

Choose = Callable[[NDArray[np.int64]], NDArray[np.intp]]
"""Receives the label of every image and returns the index of those to read, in order."""


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
    path = _checked(path, size)
    if path.suffix.lower() == ".npz":
        return _from_npz(path, size)
    with open_pictures(path) as pictures:
        names = in_natural_order(pictures.names)
        return Stimuli(_read(pictures, names, size), tuple(unwrapped(names)))


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
        return _read(pictures, list(names), None, as_stored=as_stored)


def read_labelled(
    path: Path | str,
    size: int | None = None,
    classes: Sequence[str] | None = None,
    choose: Choose | None = None,
) -> LabelledImages:
    """Read images with the class of each.

    Args:
        path: a folder or zip with one folder of images for each class, or an npz with one uint8 array
            (n, h, w[, 3]), integers ``labels`` (n,) and, if wanted, names ``classes`` which they count;
            without them, each number that occurs is the name of a class.
        size: as in `read_stimuli`.
        classes: names of the classes in the order in which labels count them; by default the folders'
            names in natural order.
        choose: picks the images to decode by their labels; by default all.

    Raises:
        MissingDataError: if there is nothing at ``path``.
        InputError: as `read_stimuli`, and if there are no class folders, or one that is not in ``classes``.
    """
    path = _checked(path, size)
    if path.suffix.lower() == ".npz":
        return _labelled_npz(path, size, classes, choose)
    with open_pictures(path) as pictures:
        names = in_natural_order(pictures.names)
        ids = unwrapped(names)
        folders = class_of_each(path, ids)
        order = tuple(classes) if classes is not None else tuple(dict.fromkeys(folders))
        labels = labels_of(folders, order)
        index = np.arange(len(names)) if choose is None else choose(labels)
        pixels = _read(pictures, [names[i] for i in index], size)
        stimuli = Stimuli(pixels, tuple(ids[i] for i in index))
    return LabelledImages(stimuli, labels[index], order)


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


def _checked(path: Path | str, size: int | None) -> Path:
    path = Path(path).expanduser()
    if not path.exists():
        raise MissingDataError(f"There is no folder or file {path} to read images from.")
    if size is not None:
        at_least(size, 1, "The size of images in pixels")
    if path.is_dir():
        return path
    if path.suffix.lower() not in (".zip", ".npz"):
        raise InputError(f"{path} is neither a folder of images, nor a zip, nor an npz.")
    return regular(path)


def _read(
    pictures: Pictures,
    names: list[str],
    size: int | None,
    as_stored: bool = False,
) -> NDArray[np.uint8]:
    """Decode ``names``; all must have the shape of the first."""
    if not names:
        raise InputError(f"No image of {pictures.path} was chosen.")
    first = decode(pictures.read(names[0]), pictures.where(names[0]), size, as_stored=as_stored)
    check_room(f"{len(names):,} images of {pictures.path}", len(names) * first.nbytes)
    pixels = np.empty((len(names), *first.shape), dtype=np.uint8)
    seen: list[str] = []

    def decoded(content: bytes, where: str) -> NDArray[np.uint8]:
        return decode(content, where, size, seen.append, as_stored)

    files = ((pictures.read(name), pictures.where(name)) for name in names)
    for row, image in enumerate(side_by_side(decoded, files)):
        if image.shape != first.shape:
            raise _sizes_differ(pictures, names, as_stored)
        pixels[row] = image
    warn_of(seen, len(names))
    return pixels


def _sizes_differ(pictures: Pictures, names: list[str], as_stored: bool) -> InputError:
    sizes = Counter(dimensions(pictures.read(name), pictures.where(name), as_stored) for name in names)
    listed = ", ".join(f"{w}x{h} ({n} images)" for (w, h), n in sizes.most_common(4))
    more = f" and {len(sizes) - 4} more" if len(sizes) > 4 else ""
    side = min(sizes.most_common(1)[0][0])
    return InputError(
        f"The images of {pictures.path} have different sizes: {listed}{more}. Pass the size in pixels to "
        f"which all are to be resized, for example --size {side}."
    )


def _from_npz(path: Path, size: int | None) -> Stimuli:
    """Read a stack of images; of the other arrays, the one that holds a text for each image names them."""
    arrays = read_npz(path)
    stimuli = from_pixels(_sized(_stack_of(path, arrays), size))
    named = [key for key, array in arrays.items() if _names(array, len(stimuli))]
    rest = [
        key for key, a in arrays.items() if not (a.dtype == np.uint8 and a.ndim > 2) and key not in named[:1]
    ]
    if rest:
        caution(f"{path.name} holds more, which was not used: {listed(rest)}.")
    return stimuli if not named else Stimuli(stimuli.pixels, tuple(map(str, arrays[named[0]].tolist())))


def _names(array: NDArray[np.generic], n: int) -> bool:
    return array.dtype.kind == "U" and array.shape == (n,) and len(set(array.tolist())) == n


def _stack_of(path: Path, arrays: dict[str, NDArray[np.generic]]) -> NDArray[np.uint8]:
    images = (_without_grey_axis(a) for a in arrays.values() if a.dtype == np.uint8)
    stacks = [a for a in images if a.ndim == 3 or (a.ndim == 4 and a.shape[3] == 3)]
    if len(stacks) == 1 and stacks[0].size:
        return stacks[0].astype(np.uint8, copy=False)
    found = ", ".join(f"{key} {a.dtype} {a.shape}" for key, a in arrays.items()) or "nothing"
    raise InputError(
        f"{path} has to hold exactly one stack of images, uint8 (images, height, width) or "
        f"(images, height, width, 3); it holds {found}."
    )


def _without_grey_axis(array: NDArray[np.generic]) -> NDArray[np.generic]:
    return array[..., 0] if array.ndim == 4 and array.shape[3] == 1 else array


def _sized(pixels: NDArray[np.uint8], size: int | None) -> NDArray[np.uint8]:
    if size is None or pixels.shape[1:3] == (size, size):
        return pixels
    return np.stack([resize(image, size) for image in pixels])


def _labelled_npz(
    path: Path, size: int | None, classes: Sequence[str] | None, choose: Choose | None
) -> LabelledImages:
    arrays = read_npz(path)
    labels = arrays.pop("labels", None)
    if labels is None or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(f"{path} has to hold integers 'labels', one for each image, beside the images.")
    names = arrays.pop("classes", None)
    if classes is None and names is not None:
        classes = [str(name) for name in names.tolist()]
    if classes is None:
        classes, labels = classes_of_numbers(labels)
    stimuli = from_pixels(_stack_of(path, arrays))
    labelled = LabelledImages(stimuli, labels.astype(np.int64), tuple(classes))
    if choose is not None:
        labelled = labelled.take(choose(labelled.labels))
    if size is None:
        return labelled
    sized = Stimuli(_sized(labelled.stimuli.pixels, size), labelled.stimuli.ids)
    return LabelledImages(sized, labelled.labels, labelled.classes)
