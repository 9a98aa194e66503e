"""How often each class was chosen for each image, as a file holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cautions import caution
from wiringup.core.checks import listed
from wiringup.core.errors import InputError
from wiringup.data.behavior.trials import SPELLINGS, TABLES
from wiringup.data.formats.arrays import read_npy, read_npz, single_array, warn_of_unused
from wiringup.data.formats.tables import UNNAMED, Table, is_count, read_table
from wiringup.data.images.table import FILES, IDS

COUNTS, CLASSES = "counts", "classes"
IMAGES = ("images", "image", "filenames", "filename", "ids", "image_ids", "image_id", "stimulus_id")
TRUTH = ("labels", "label", "truth", "category", "categories")
"""Names of arrays in an npz; of several the first that is there counts."""

_ROUNDED = 3  # percent that whole percentages of one image may miss or exceed 100 by
MOST = 10**9
"""Choices for one image: hypergeometric draws take no more."""


@dataclass(frozen=True, eq=False)
class CountTable:
    """What a file of counts holds.

    Attributes:
        path: the file.
        counts: int64 (images, classes).
        classes: name of each column.
        image: name of the image of each row; None where the file does not say.
        sample: name of its true class; None where the file does not say.
    """

    path: Path
    counts: NDArray[np.int64]
    classes: tuple[str, ...]
    image: list[str] | None
    sample: list[str] | None

    def where(self, row: int) -> str:
        """Return how messages call a row, counted from 0."""
        return f"{self.path}, row {row + 1} of the counts"


def read_counts(path: Path, classes: Sequence[str] | None = None) -> CountTable:
    """Read counts from a table of text, npy or npz.

    Args:
        path: a table with a column for the image and one for each class (and, if wanted, one for the true
            class); or an array (images, classes), in an npz as ``counts`` beside ``classes`` and ``images``.
        classes: names of the columns to take, from a table; of all columns in their order, for an array
            without ``classes``.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it is none of these, a number is no count, or names are missing.
    """
    path = Path(path).expanduser()
    match path.suffix.lower():
        case ".npy":
            return _from_arrays({COUNTS: read_npy(path)}, path, classes)
        case ".npz":
            return _from_arrays(read_npz(path), path, classes)
        case suffix if suffix in TABLES:
            return _from_table(read_table(path), classes)
    raise InputError(f"{path} is none of {', '.join(TABLES)}, .npy and .npz; save the counts as one of them.")


def _from_table(table: Table, classes: Sequence[str] | None) -> CountTable:
    image, truth = _image_column(table), next(iter(table.find(*SPELLINGS["sample"])), None)
    rest = [name for name in table.columns if name not in (image, truth) and not table.is_index(name)]
    absent = [name for name in classes or () if name not in rest]
    if absent:
        raise InputError(
            f"{table.path} has no column for the class {absent[0]!r}; it has {listed(rest, 12)}."
        )
    taken = tuple(rest if classes is None else classes)
    columns = [_numbers(table, name) for name in taken]
    if len(taken) < 2:
        raise InputError(
            f"{table.path} needs a column for each class, two at least, beside that of the image."
        )
    counts = np.stack(columns, 1)
    _check_no_sum(table.path, counts, taken)
    warn_of_unused(table.path, [name for name in rest if name not in taken])
    true = None if truth is None else table.columns[truth]
    return CountTable(table.path, _checked(counts, table.path), taken, table.columns[image], true)


def _image_column(table: Table) -> str:
    for name in table.find(*FILES, *IDS):
        return name
    first = next(iter(table.columns))
    if first.startswith(UNNAMED) and not is_count(table.columns[first]):
        return first
    raise InputError(
        f"{table.path} needs a column that names the image of each row (filename, image ...), beside one for "
        f"each class. It has {listed(list(table.columns), 12)}."
    )


def _numbers(table: Table, name: str) -> NDArray[np.float64]:
    values = np.full(len(table), np.nan)
    for row, text in enumerate(table.columns[name]):
        try:
            values[row] = float(text)
        except ValueError as error:
            raise InputError(
                f"{table.path}: column {name!r} is taken for a class, but holds {text!r} in row {row + 1}, "
                "which is no count. Remove it, or name the columns of the classes with --classes FILE."
            ) from error
    return values


def _check_no_sum(path: Path, counts: NDArray[Any], classes: Sequence[str]) -> None:
    total = counts.sum(1)
    for i, name in enumerate(classes):
        if len(classes) > 2 and counts[:, i].any() and (2 * counts[:, i] == total).all():
            raise InputError(
                f"{path}: column {name!r} is the sum of all others, so it is no class. Remove it, or name "
                "the columns of the classes with --classes FILE."
            )


def _from_arrays(arrays: Mapping[str, NDArray[Any]], path: Path, classes: Sequence[str] | None) -> CountTable:
    numeric = {name: array for name, array in arrays.items() if array.dtype.kind in "iufb"}
    used = single_array(numeric, path, COUNTS)
    counts = arrays[used]
    found = {what: next((n for n in names if n in arrays), "") for what, names in
             {"classes": (CLASSES,), "images": IMAGES, "truth": TRUTH}.items()}  # fmt: skip
    named = classes if classes is not None else _texts(arrays, found["classes"], path)
    if named is None:
        raise InputError(
            f"{path} does not say which class each column counts: give --classes FILE (one name a line, in "
            "the order of the columns), or an npz with the array 'classes'."
        )
    _check_matrix(counts, len(named), path)
    images, truth = _texts(arrays, found["images"], path), _texts(arrays, found["truth"], path)
    if truth is not None and arrays[found["truth"]].dtype.kind in "iu":
        truth = _by_number(arrays[found["truth"]], named, path)
    for what, names in (("images", images), ("true classes", truth)):
        if names is not None and len(names) != len(counts):
            raise InputError(f"{path} has {len(counts)} rows of counts, but {len(names)} {what}.")
    warn_of_unused(path, [name for name in arrays if name not in {used, *found.values()}])
    return CountTable(path, _checked(counts, path), tuple(named), images, truth)


def _texts(arrays: Mapping[str, NDArray[Any]], name: str, path: Path) -> list[str] | None:
    if not name:
        return None
    array = arrays[name]
    if array.ndim != 1 or array.dtype.kind not in "USiu":
        raise InputError(f"{path}: {name!r} has to be a list of names.")
    return [value.decode() if isinstance(value, bytes) else str(value) for value in array.tolist()]


def _by_number(labels: NDArray[Any], classes: Sequence[str], path: Path) -> list[str]:
    if set(map(str, labels.tolist())) <= set(classes):
        return [str(label) for label in labels.tolist()]
    if labels.min() < 0 or labels.max() >= len(classes):
        raise InputError(f"{path}: true classes have to be names, or numbers in 0 ... {len(classes) - 1}.")
    return [classes[label] for label in labels.tolist()]


def _check_matrix(counts: NDArray[Any], n_classes: int, path: Path) -> None:
    if counts.ndim == 2 and counts.shape[1] == n_classes and counts.dtype.kind in "iufb" and len(counts):
        return
    turned = counts.ndim == 2 and counts.shape[0] == n_classes
    hint = " This looks like classes x images; turn it round." if turned else ""
    raise InputError(
        f"{path} holds {counts.dtype} {counts.shape}, but counts have to be images x {n_classes} "
        f"classes.{hint}"
    )


def _checked(counts: NDArray[Any], path: Path) -> NDArray[np.int64]:
    wide = counts.astype(np.float64)
    wrong = ~((wide >= 0) & (wide == np.floor(wide)) & (wide < MOST))
    if wrong.any():
        row, column = map(int, np.argwhere(wrong)[0])
        value = wide[row, column]
        hint = "Counts are whole numbers, 0 or more."
        if np.allclose(wide.sum(1), 1, atol=0.01) or np.allclose(wide.sum(1), 100, atol=1):
            hint = (
                "These look like proportions: a noise ceiling needs the counts themselves, how often each "
                "class was chosen for each image."
            )
        raise InputError(
            f"{path} holds {value:g} in row {row + 1}, column {column + 1} of the counts. {hint}"
        )
    found: NDArray[np.int64] = wide.astype(np.int64)
    total = found.sum(1)
    if (total >= MOST).any():
        raise InputError(f"{path} has images with {MOST:,} choices or more; are these counts?")
    if total.any() and (np.abs(total[total > 0] - 100) <= _ROUNDED).all():
        caution(
            f"{path.name} has close to 100 choices of every image. If these are percentages, give the counts "
            "themselves: the noise ceiling comes of their number, and would be too high."
        )
    return found
