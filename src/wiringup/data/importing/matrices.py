"""Bring in anyone's own dissimilarity matrices: checked at the door, a benchmark by their name afterwards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wiringup.core.areas import AREAS
from wiringup.core.cautions import cautions
from wiringup.core.checks import one_of, same_length
from wiringup.core.errors import InputError
from wiringup.core.stimuli import Stimuli
from wiringup.data.formats.tables import Table, read_table
from wiringup.data.images.table import NONE, ColumnOptions
from wiringup.data.importing.recordings import is_stack, read_images
from wiringup.data.importing.storing import Imported, check_name, stored
from wiringup.data.measurements import Dissimilarities
from wiringup.data.recordings.ordering import Aligned, aligned
from wiringup.data.recordings.rdm_checks import Matrix, checked
from wiringup.data.recordings.rdm_files import read_matrices
from wiringup.data.recordings.responses import StoredResponses


def import_rdm(
    name: str,
    area: str,
    rdms: Sequence[Path],
    stimuli: Path,
    table: Path | None = None,
    filename: str | None = None,
    order: str | None = None,
    size: int | None = None,
    home: Path | None = None,
) -> Imported[Dissimilarities]:
    """Check dissimilarity matrices, store them below ``home/imported`` and return them.

    Args:
        name: what the set is to be called, see `storing.check_name`.
        area: V1, V2, V4 or IT.
        rdms: files of one or more subjects each, see `rdm_files.read_matrices`. Names of the images in them
            put them in order, each file for itself.
        stimuli: folder, zip or npz of the images.
        table: table with one row for each image, in the order of the matrices.
        filename: column of ``table`` that names the images' files; see `recordings.import_recordings`.
        order: "natural" or "plain" order of the images' names, where no file says which image is which.
        size: side in pixels to which images are resized; needed if they differ in size.
        home: the data folder; by default `data_home`.

    Raises:
        MissingDataError: if a file is not there.
        InputError: if anything does not fit, or the matrices are no dissimilarities; nothing is stored then.
        WiringupError: if the disk is full.
    """
    check_name(name)
    one_of(area, AREAS, "area")
    with cautions() as warnings:
        rows = None if table is None else read_table(table)
        images = read_images(stimuli, size, order)
        options = ColumnOptions(filename, NONE, NONE, order)
        each = [_read(Path(path), images, rows, options, is_stack(stimuli)) for path in rdms]
        exact = checked(
            np.concatenate([one.values for one in each]),
            [called for one in each for called in one.called],
            each[0].placed.stimuli.ids,
        )
    data = Dissimilarities(
        name=name,
        area=area,
        rdms=exact,
        stimuli=each[0].placed.stimuli,
        source=f"Imported from {', '.join(Path(p).name for p in rdms)} and {Path(stimuli).name}.",
        assumed=_once(assumption for one in each for assumption in one.placed.assumed),
    )
    how = ", ".join(_once(one.placed.order for one in each))
    files = {f"rdms {i + 1}": path for i, path in enumerate(rdms)} | {"stimuli": stimuli, "table": table}
    return stored(data, home, files, warnings, order=how)


@dataclass(frozen=True, eq=False)
class _File:
    """The matrices (subjects, images, images) of one file, in the order of the images that are ``placed``."""

    values: Matrix
    placed: Aligned
    called: list[str]


def _read(path: Path, images: Stimuli, table: Table | None, options: ColumnOptions, stack: bool) -> _File:
    """Read a file. Its rows are put in order as responses are: their numbers go through `aligned`."""
    n = len(images if table is None else table)
    found = read_matrices(path, n)
    numbered = StoredResponses(np.arange(n)[None, :, None], about=found.about, settled=True)
    placed = aligned(numbered, images, table, options, path, stack)
    if placed.responses.values.shape != (1, n, 1):
        raise InputError(f"{path} names an image more than once; matrices need one row for each image.")
    same_length(len(placed.stimuli), n, "The set of images", f"each matrix of {path}")
    rows = placed.responses.values[0, :, 0]
    several = len(found.values) > 1
    called = [f"{path.name}{f', matrix {i + 1},' if several else ''}" for i in range(len(found.values))]
    return _File(found.values[:, rows[:, None], rows], placed, called)


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
