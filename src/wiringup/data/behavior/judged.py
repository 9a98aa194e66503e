"""Images that people judged: which of the files they are, and the true class of each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cautions import caution
from wiringup.core.checks import did_you_mean, listed
from wiringup.core.errors import InputError
from wiringup.core.stimuli import Stimuli
from wiringup.data.behavior.prefixes import places_beyond_prefixes
from wiringup.data.behavior.trials import column_of, spellings_of
from wiringup.data.formats.tables import read_table
from wiringup.data.images.matching import matched

SAME = "same"
"""Stands for the judged images themselves, as images to fit a decoder on."""

Indices = NDArray[np.int64]


def judged_images(names: Sequence[str], stimuli: Stimuli, path: Path, rows: str) -> tuple[Stimuli, Indices]:
    """Find the images that a table names.

    Args:
        names: of images, as the table calls them in each of its rows.
        stimuli: all images.
        path: of the table.
        rows: what its rows are, for messages: "trial".

    Returns:
        the images that are named, in the order of the files, and int64 (rows,), which of them each row of the
        table is about.

    Raises:
        InputError: if a name means no image, or it cannot be told which.
    """
    distinct = list(dict.fromkeys(names))
    place = dict(zip(distinct, places_beyond_prefixes(distinct, stimuli, path), strict=True))
    used, image = np.unique([place[name] for name in names], return_inverse=True)
    unused = len(stimuli) - len(used)
    if unused:
        caution(f"{unused} images occur in no {rows} and were left out.")
    return stimuli.take(used), image.astype(np.int64)


def labels_of_images(path: Path, images: Stimuli) -> list[str]:
    """Return the class of each image, from a table with a column for the image and one for its class.

    Raises:
        InputError: if a column or a class is missing.
    """
    table = read_table(path)
    names, classes = column_of(table, "image"), column_of(table, "sample")
    if names is None or classes is None:
        known = spellings_of(table, "image", "sample")
        raise InputError(f"{table.path} needs a column for the image and one for its class. {known}")
    place = matched(list(images.ids), tuple(names))
    missing = [i for i, row in zip(images.ids, place, strict=True) if row is None]
    if missing:
        raise InputError(f"{table.path} has no class for {len(missing)} images, such as {missing[0]!r}.")
    return [classes[row] for row in place if row is not None]


def indexed(path: Path, what: str, names: Sequence[str], classes: tuple[str, ...]) -> Indices:
    """Return int64 (names,): the index of each name in ``classes``.

    Raises:
        InputError: naming ``path`` and ``what``, with the closest class, if a name is none of them.
    """
    place = {name: i for i, name in enumerate(classes)}
    unknown = [name for name in names if name not in place]
    if unknown:
        raise InputError(
            f"{path}: the {what} {unknown[0]!r} is none of the {len(classes)} classes "
            f"({listed(classes, 12)}).{did_you_mean(unknown[0], classes)}"
        )
    return np.array([place[name] for name in names], dtype=np.int64)
