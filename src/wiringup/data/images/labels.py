"""A table that says the class of every image, for images that are not sorted into class folders.

It has a line of column names, one column that names the files and one of classes, in the usual spellings
(`table.FILES`, `LABELS`), as in ``filename,class``. The images lie in the folder or the zip that is called
like the table (``val.csv`` beside ``val``), or else beside the table and below. The validation table of
ImageNet at Kaggle (``ImageId,PredictionString``) is one: of what was predicted the first word is the class.
"""

import logging
from pathlib import Path, PurePosixPath

from wiringup.core.cautions import caution
from wiringup.core.checks import listed
from wiringup.core.errors import InputError
from wiringup.data.formats.tables import Table, read_table
from wiringup.data.images.decoding import SUFFIXES as IMAGES
from wiringup.data.images.names import in_natural_order, matched
from wiringup.data.images.table import FILES, IDS
from wiringup.data.images.table import LABELS as USUAL

SUFFIXES = (".csv", ".tsv", ".txt")
PREDICTED = "prediction string"
LABELS = (*USUAL, "synset", "synset id", "wnid", "wordnet id", PREDICTED)

log = logging.getLogger(__name__)


def images_beside(path: Path) -> Path:
    """Return the folder or zip in which the images of a table lie."""
    called_alike = path.with_suffix("")
    if called_alike.is_dir():
        return called_alike
    zipped = path.with_suffix(".zip")
    return zipped if zipped.is_file() else path.parent


def names_beside(path: Path) -> list[str] | None:
    """Return the image files that a table names by their paths; None if they have to be looked for.

    Raises:
        InputError: as `class_by_table`.
    """
    if images_beside(path) != path.parent:
        return None
    table = read_table(path)
    written = table.columns[_column(table, (*FILES, *IDS), "names the files", FILES)]
    names = dict.fromkeys(str(PurePosixPath(name.replace("\\", "/"))) for name in written)
    there = [name for name in names if name.lower().endswith(IMAGES) and (path.parent / name).is_file()]
    if len(there) == len(names) or (there and all("/" in name for name in names)):
        return in_natural_order(there)
    log.info("Looking for the images that %s names in %s and all folders below ...", path.name, path.parent)
    return None


def class_by_table(path: Path, names: list[str]) -> dict[int, str]:
    """Return the class of each image that a table names, by the image's place in ``names``, in that order.

    Raises:
        InputError: if no column names the images, or says classes; if a row has no class, or names an image
            that is not there, or that another row names.
    """
    table = read_table(path)
    files = _column(table, (*FILES, *IDS), "names the files", FILES)
    classes = _column(table, LABELS, "says the class of each", LABELS)
    places = matched(table.columns[files], names)
    if None in places:
        lost = [name for name, place in zip(table.columns[files], places, strict=True) if place is None]
        raise InputError(
            f"{path} names {len(lost):,} images that are not in {images_beside(path)}: {listed(lost, 4)}."
        )
    found = dict(sorted(zip((p for p in places if p is not None), _labels(table, classes), strict=True)))
    if len(found) < len(table):
        raise InputError(f"{path} names {len(table) - len(found):,} images twice; each needs one row.")
    if len(found) < len(names):
        caution(f"{len(names) - len(found):,} of {len(names):,} images are not in {path.name}, and not used.")
    return found


def _labels(table: Table, column: str) -> list[str]:
    values: list[str] = table.column(column).tolist()
    return [value.split()[0] for value in values] if table.find(PREDICTED) == [column] else values


def _column(table: Table, spellings: tuple[str, ...], does: str, shown: tuple[str, ...]) -> str:
    found = table.find(*spellings)
    if len(found) == 1:
        return found[0]
    told = (
        f"{listed(found)} could be it; rename all but one" if found else f"call it {listed(shown[:3])}, say"
    )
    raise InputError(
        f"{table.path} needs one column that {does}: {told}. It has {listed(list(table.columns))}; the first "
        "line has to be one of column names, as in filename,class."
    )
