"""Labelled images as they lie in files, not yet decoded; the kind of source is seen from what is there.

A new kind is one function here and one line in `_opened`.
"""

import contextlib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cautions import caution
from wiringup.core.checks import at_least, listed
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.limits import RENDERED as MOST_RENDERED
from wiringup.core.spec import content_hash
from wiringup.core.stimuli import LabelledImages, Stimuli, from_pixels
from wiringup.data.formats.arrays import read_npz
from wiringup.data.images.cifar import FILES, is_cifar, read_cifar
from wiringup.data.images.decoding import Content
from wiringup.data.images.labels import SUFFIXES as TABLES
from wiringup.data.images.labels import class_by_table, images_beside, names_beside
from wiringup.data.images.names import (
    class_of_each,
    classes_of_numbers,
    in_natural_order,
    labels_of,
    unwrapped,
)
from wiringup.data.images.pictures import Pictures, open_pictures
from wiringup.data.images.reading import decoded, stack_of
from wiringup.data.images.shard_list import marks_of, samples_of
from wiringup.data.images.shards import is_shards, shard_paths
from wiringup.data.rendered import render
from wiringup.data.rendered.exemplars import CATEGORIES
from wiringup.data.rendered.scenes import RenderSpec, draw_latents

RENDERED = "rendered"
ALLOWED = (
    "a folder or zip of class folders; a table of image files and their classes (.csv, .tsv, .txt); "
    "an npz with images and labels; "
    f"binary files of CIFAR ({FILES}); "
    "WebDataset shards (a .tar, shard-{000..003}.tar, or a folder of .tar); "
    "rendered:N for N rendered objects"
)
_RENDERED_SIDE = 64
_LEVEL = 3  # of variation of rendered objects, as in the main study

Choose = Callable[[NDArray[np.int64]], NDArray[np.intp]]
"""Receives the label of every image and returns the index of those to read, in order."""


@dataclass(frozen=True)
class ImageSource:
    """Labelled images that can be read one by one.

    Attributes:
        ids: one name for each image.
        labels: int64 (images,), an index into ``classes``.
        classes: names of the classes.
        marks: returns what `fingerprint` is made of.
        read: returns the content of an image by its number.
        where: returns how messages call an image.
    """

    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    marks: Callable[[], Iterable[Any]]
    read: Callable[[int], Content]
    where: Callable[[int], str]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what decides the images, their order and their labels; not of where they lie.

        It holds the pixels of an npz and of CIFAR, the checksums of a zip, and of files in folders and
        shards sizes, times and samples.
        """
        digest = hashlib.sha256()
        for mark in self.marks():
            digest.update(mark if isinstance(mark, bytes) else json.dumps(mark).encode())
        return digest.hexdigest()


def read_labelled(
    path: Path | str,
    size: int | None = None,
    classes: Sequence[str] | None = None,
    choose: Choose | None = None,
) -> LabelledImages:
    """Read images with the class of each into memory.

    Args:
        path: one of `ALLOWED`.
        size: side in pixels to which every image is resized (bilinear with antialiasing; the aspect is
            not kept). Without it all images need to have one size.
        classes: the same classes in the order in which labels are to count them.
        choose: picks the images to decode by their labels; by default all.

    Raises:
        MissingDataError: if there is nothing at ``path``.
        InputError: as `open_source`; if an image cannot be read, sizes differ and ``size`` is None, or there
            is a class that is not in ``classes``.
    """
    with open_source(path, size) as source:
        order = source.classes if classes is None else tuple(classes)
        labels = labels_of([source.classes[label] for label in source.labels], order)
        index = np.arange(len(source)) if choose is None else choose(labels)
        pixels = decoded(lambda i: (source.read(i), source.where(i)), index.tolist(), size, Path(path))
        stimuli = Stimuli(pixels, tuple(source.ids[i] for i in index))
    return LabelledImages(stimuli, labels[index], order)


@contextlib.contextmanager
def open_source(path: Path | str, size: int | None = None) -> Iterator[ImageSource]:
    """Yield the labelled images at ``path``.

    Args:
        path: one of `ALLOWED`.
        size: side in px at which they are wanted: rendered objects are drawn at it, or at 64.

    Raises:
        MissingDataError: if there is nothing at ``path``.
        InputError: if it is none of what is allowed, or its names or labels cannot be used.
    """
    if size is not None:
        at_least(size, 1, "The size of images in pixels")
    name = str(path)
    path = Path(path).expanduser()
    with contextlib.ExitStack() as stack:
        if name.partition(":")[0] == RENDERED and not _exists(path):
            yield _rendered(name, size or _RENDERED_SIDE)
        else:
            yield _opened(path, stack)


def _opened(path: Path, stack: contextlib.ExitStack) -> ImageSource:
    if "{" not in str(path) and not _exists(path):
        raise MissingDataError(
            f"There is no folder or file {path} to read images from. Allowed are {ALLOWED}."
        )
    if is_cifar(path):
        return _in_memory(read_cifar(path), path)
    if is_shards(path):
        return _shards(path)
    if path.suffix.lower() == ".npz":
        return _in_memory(_npz(path), path)
    if path.is_dir() or path.suffix.lower() == ".zip":
        return _class_folders(stack.enter_context(open_pictures(path)))
    if path.suffix.lower() in TABLES:
        try:
            pictures = stack.enter_context(open_pictures(images_beside(path), names_beside(path)))
        except InputError as error:
            raise InputError(
                f"{path} could be a table of images, but: {error} Allowed are {ALLOWED}."
            ) from error
        return _tabled(path, pictures)
    packed_up = path.suffix.lower() in (".gz", ".tgz", ".bz2", ".xz")
    hint = "Unpack it first. " if packed_up else ""
    raise InputError(f"{path} is nothing that images can be read from. {hint}Allowed are {ALLOWED}.")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # no system has such a name
        return False


def _class_folders(pictures: Pictures) -> ImageSource:
    names = pictures.names
    ids = tuple(unwrapped(names))
    folders = class_of_each(pictures.path, ids)
    classes = tuple(dict.fromkeys(folders))
    return ImageSource(
        ids,
        labels_of(folders, classes),
        classes,
        lambda: [ids, *pictures.marks()],
        lambda i: pictures.read(names[i]),
        lambda i: pictures.where(names[i]),
    )


def _tabled(path: Path, pictures: Pictures) -> ImageSource:
    found = class_by_table(path, pictures.names)
    names = [pictures.names[place] for place in found]
    classes = tuple(in_natural_order(sorted(set(found.values()))))
    return ImageSource(
        tuple(names),
        labels_of(list(found.values()), classes),
        classes,
        lambda: [list(found.items()), pictures.names, *pictures.marks()],
        lambda i: pictures.read(names[i]),
        lambda i: pictures.where(names[i]),
    )


def _shards(path: Path) -> ImageSource:
    shards = shard_paths(path)
    samples, unused = samples_of(shards)
    found = [sample.label for sample in samples]
    numbers = {label for label in found if isinstance(label, int)}
    if numbers:  # which are names too: nothing is counted up to them
        classes = tuple(str(number) for number in sorted(numbers))
    else:
        classes = tuple(in_natural_order(sorted({str(label) for label in found})))
    _warn_of_unused(path, unused)
    stems = {shard: shard.stem for shard in shards}
    ids = tuple(f"{stems[sample.shard]}/{sample.key}" for sample in samples)
    return ImageSource(
        ids,
        labels_of([str(label) for label in found], classes),
        classes,
        lambda: marks_of(shards, samples),
        lambda i: samples[i].read(),
        lambda i: samples[i].where,
    )


def _warn_of_unused(path: Path, unused: Counter[str]) -> None:
    number = unused.total()
    if number:
        endings = listed([f"{ending} ({n:,})" for ending, n in unused.most_common() if n])
        caution(f"{number:,} files in {path} are no image or label of a sample and are not used: {endings}.")


def _in_memory(images: LabelledImages, path: Path) -> ImageSource:
    stimuli = images.stimuli
    return ImageSource(
        stimuli.ids,
        images.labels,
        images.classes,
        lambda: [images.sha256],
        lambda i: stimuli.pixels[i],
        lambda i: f"{stimuli.ids[i]} of {path}",
    )


def _npz(path: Path) -> LabelledImages:
    """Return a stack of images with their ``labels``, which count ``classes`` or are their names."""
    arrays = read_npz(path)
    labels = arrays.pop("labels", None)
    if labels is None or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(f"{path} has to hold integers 'labels', one for each image, beside the images.")
    names = arrays.pop("classes", None)
    if names is None:
        classes, labels = classes_of_numbers(labels)
    else:
        classes = tuple(str(name) for name in names.tolist())
    stimuli = from_pixels(stack_of(path, arrays))
    return LabelledImages(stimuli, labels.astype(np.int64), classes)


def _rendered(name: str, size: int) -> ImageSource:
    number = name.partition(":")[2]
    if not re.fullmatch(r"[0-9]{1,18}", number):
        raise InputError(f"{name!r} does not say how many objects to render; write {RENDERED}:2000.")
    if int(number) > MOST_RENDERED:
        raise InputError(f"{name} asks for {int(number):,} objects; at most {MOST_RENDERED:,} are rendered.")
    spec = RenderSpec(int(number), size, _LEVEL)
    latents = draw_latents(spec)
    return ImageSource(
        tuple(f"{RENDERED}-{i:06d}" for i in range(spec.images)),
        latents["category"].astype(np.int64),
        CATEGORIES,
        lambda: [RENDERED, content_hash(spec), render.renderer()],
        lambda i: render.draw({key: values[i] for key, values in latents.items()}, size),
        lambda i: f"rendered object {i}",
    )
