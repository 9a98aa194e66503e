"""A table of images: which column names the files, which says what belongs together, which is a label.

Columns are recognised by their spelling, file names also by their values: a column of text that names every
image is one, whatever it is called.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cautions import caution
from wiringup.core.checks import listed
from wiringup.core.errors import InputError
from wiringup.core.stimuli import Stimuli
from wiringup.data.formats.tables import Table, is_count, plain
from wiringup.data.images.names import matched, names_most, places_of

NONE = "none"
"""Instead of the name of a column: no column is to be taken."""

FILES = (
    "filename", "file", "image", "image name", "image file name", "image file", "image path",
    "image filepath", "file path", "path", "fname", "img", "img name", "img file", "img path", "stimulus",
    "stimulus name",
    "stimulus file", "stimulus filename", "stimulus file name", "stimulus path", "stim", "stim name",
    "stim file", "stim path", "picture", "picture name", "photo",
)  # fmt: skip
IDS = tuple(
    f"{what} {kind}"
    for kind in ("id", "index", "idx", "number", "num", "nr", "no")
    for what in ("stimulus", "image", "stim", "img", "file", "picture", "photo")
)
GROUPS = (
    "group", "groups", "group id", "group name", "movie", "movie id", "movie name", "video", "video id",
    "video name", "clip", "clip id", "clip name", "film", "scene", "scene id", "scene name", "sequence",
    "sequence id",
)  # fmt: skip
LABELS = (
    "label", "labels", "label name", "image label", "object", "object name", "object id", "category",
    "category name", "object category", "class", "class name", "class id", "texture type",
)  # fmt: skip
"""Spellings of columns, whatever their case and separators; of several the first that is there counts."""


@dataclass(frozen=True)
class ColumnOptions:
    """What the user says about order, groups and labels.

    Attributes:
        filename: column that names the files; None for the usual spellings, `NONE` for no column.
        group: column of groups, likewise.
        label: column of labels, likewise.
        order: "natural" or "plain" order of the images' names, for where nothing in the files decides; None
            to assume the natural one.
    """

    filename: str | None = None
    group: str | None = None
    label: str | None = None
    order: str | None = None


@dataclass(frozen=True, eq=False)
class Order:
    """Which image each row of a table is about.

    Attributes:
        rows: int (rows,) index of the image; None if the table does not say.
        columns: the columns that say so; all of them agree.
    """

    rows: NDArray[np.intp] | None = None
    columns: tuple[str, ...] = ()


def order_of(table: Table, stimuli: Stimuli, column: str | None) -> Order:
    """Return which image each row is about.

    Raises:
        InputError: if two columns name the images and disagree, or a column that is asked for or spelled like
            one of file names does not name them; if the first line names an image as all others do.
    """
    for name, values in table.columns.items():
        if None not in matched([name, *values], stimuli.ids):
            raise InputError(
                f"The first line of {table.path} names the image {name!r}, where names of columns belong. "
                "Put a line above it, such as filename,group."
            )
    if column == NONE:
        return Order()
    if column is not None:
        return Order(_named(table, stimuli, column), (table.resolve(column),))
    sure = [name for name in table.columns if _is_text(table, name) or _spelled_as_file(table, name)]
    for names in (sure, table.find(*FILES, *IDS)):
        if (order := _agreed(table, names, stimuli)).rows is not None:
            return order
    meant = [name for name in table.find(*FILES) if not is_count(table.columns[name])]
    for name in (*meant, *(name for name in table.columns if names_most(table.columns[name], stimuli.ids))):
        _named(table, stimuli, name)
    return Order()


def _is_text(table: Table, name: str) -> bool:
    # Numbers may be anything (a rank, a frame), unless the column says that they are images.
    return not any(value.isdecimal() for value in table.columns[name])


def _spelled_as_file(table: Table, name: str) -> bool:
    return name in table.find(*FILES) and not is_count(table.columns[name])


def _agreed(table: Table, names: Sequence[str], stimuli: Stimuli) -> Order:
    """Return the order by those columns among ``names`` that name a different image in every row."""
    found = {name: matched(table.columns[name], stimuli.ids) for name in names}
    naming = {
        name: np.array(index, np.intp)
        for name, index in found.items()
        if None not in index and len(set(index)) == len(index)
    }
    if not naming:
        return Order()
    first, *others = naming
    for other in others:
        if (naming[other] != naming[first]).any():
            raise _contradiction(table, first, other, stimuli, naming)
    return Order(naming[first], tuple(naming))


def _named(table: Table, stimuli: Stimuli, name: str) -> NDArray[np.intp]:
    files = table.column(name).tolist()
    try:
        index = places_of(files, stimuli, table.path)
    except InputError as error:
        raise InputError(
            f"{error} They stand in column {table.resolve(name)!r}; give --filename COLUMN if another one "
            f"names the images, or --filename {NONE} if none does and the rows stand in the images' order."
        ) from error
    if len(set(index)) < len(index):
        raise InputError(f"{table.path} names an image more than once; it needs one row for each image.")
    return np.array(index, np.intp)


def _contradiction(
    table: Table, first: str, other: str, stimuli: Stimuli, naming: dict[str, NDArray[np.intp]]
) -> InputError:
    row = int((naming[first] != naming[other]).argmax())
    one, two = (stimuli.ids[naming[name][row]] for name in (first, other))
    return InputError(
        f"{table.path} names the images in two columns that disagree: in row {row + 1}, {first!r} is {one!r} "
        f"and {other!r} is {two!r}. Say which one counts: --filename {first!r} or --filename {other!r}."
    )


@dataclass(frozen=True, eq=False)
class Property:
    """Values of a column, one for each row, and the column; None and () where there is none."""

    values: NDArray[np.str_] | None = None
    columns: tuple[str, ...] = ()


def group_of(table: Table, column: str | None) -> Property:
    """Return what says which images belong together.

    Raises:
        InputError: if the column that is asked for is not there, a cell is empty, or two columns could be
            meant and group the images differently.
    """
    if column is not None:
        return _property(table, column)
    found = [name for name in table.find(*GROUPS) if len(set(table.columns[name])) > 1]
    if found and plain(found[0]) not in ("group", "groups"):
        parts = {name: _partition(table.columns[name]) for name in found}
        other = next((name for name in found if parts[name] != parts[found[0]]), None)
        if other is not None:
            raise InputError(
                f"{table.path} has two columns that could say which images belong together, {found[0]!r} and "
                f"{other!r}, and they differ. Name one: --group {found[0]!r} (or --group {NONE})."
            )
    return _property(table, found[0]) if found else Property()


def label_of(table: Table, column: str | None) -> Property:
    """Return the labels by which folds are balanced: the column asked for, or the first usual one.

    Raises:
        InputError: if the column that is asked for is not there, or a cell is empty.
    """
    found = table.find(*LABELS) if column is None else [column]
    return _property(table, found[0]) if found else Property()


def _property(table: Table, name: str) -> Property:
    if name == NONE:
        return Property()
    values = [unicodedata.normalize("NFC", value) for value in table.column(name).tolist()]
    return Property(np.array(values), (table.resolve(name),))


def _partition(values: Sequence[str]) -> list[int]:
    """Return values numbered in the order in which they appear."""
    place: dict[str, int] = {}
    return [place.setdefault(value, len(place)) for value in values]


def warn_of_columns(table: Table, uses: Mapping[str, Sequence[str]]) -> None:
    """Give a caution on which column was used for what, and which were not.

    Args:
        table: the table.
        uses: what was taken ("order", "groups" ...) -> the columns that it was taken from.
    """
    used = {name for names in uses.values() for name in names}
    rest = [repr(name) for name in table.columns if name not in used and not table.is_index(name)]
    said = [f"{what} from {', '.join(map(repr, names))}" for what, names in uses.items() if names]
    if rest:
        said.append(f"not used: {listed(rest)}")
    if said:
        caution(f"{table.path.name}: {'; '.join(said)}.")


def refuse_unused(table: Table, uses: Mapping[str, Sequence[str]]) -> None:
    """Raise `InputError` if nothing of a table was used."""
    if not any(uses.values()):
        raise InputError(
            f"Nothing of {table.path} would be used: no column of it ({listed(list(table.columns))}) names "
            "the images or is spelled like one of groups or labels. Say what they are with --filename, "
            "--group or --label, or leave the table out."
        )
