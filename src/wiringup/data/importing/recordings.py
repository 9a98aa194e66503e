"""Bring in anyone's own recordings and dissimilarity matrices: checked at the door, stored whole."""

import math
import shlex
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
from wiringup.data.images.reading import read_stimuli
from wiringup.data.images.table import NONE, ColumnOptions
from wiringup.data.importing.storing import Imported, check_name, stored
from wiringup.data.measurements import Dissimilarities, Recording
from wiringup.data.recordings.cleaning import axes_assumed, cleaned, in_area, looks_swapped
from wiringup.data.recordings.near_copies import warn_of_near_copies
from wiringup.data.recordings.ordering import Aligned, aligned
from wiringup.data.recordings.rdm_checks import Matrix, checked, looks_like_matrices
from wiringup.data.recordings.rdm_files import read_matrices
from wiringup.data.recordings.responses import StoredResponses, parse_axes, read_responses, warn_of_unused


def import_recordings(
    name: str,
    area: str,
    responses: Path,
    stimuli: Path,
    table: Path | None = None,
    group: str | None = None,
    label: str | None = None,
    filename: str | None = None,
    order: str | None = None,
    axes: str | None = None,
    missing: float | None = None,
    size: int | None = None,
    home: Path | None = None,
) -> Imported[Recording]:
    """Check recordings, store them below ``home/imported`` and return them.

    Args:
        name: what the set is to be called: letters, digits, dot, hyphen, underscore.
        area: V1, V2, V4 or IT.
        responses: .npy, .npz, MATLAB or netCDF, units x images or units x images x repeats; NaN = missing.
            Names of the images beside them put them in order.
        stimuli: folder, zip or npz of the images.
        table: table with one row for each image. A column that names the images' files puts the stimuli in
            its order, and leaves out those that it does not name.
        group: column of ``table`` whose images are near-copies and never split between folds; by default one
            that is spelled like it (`images.table.GROUPS`). ``"none"`` for no column, here and below.
        label: column of ``table`` by which folds are stratified; by default as `images.table.LABELS`.
        filename: column of ``table`` that names the files; by default as `images.table.FILES`, or any column
            of text whose values name all images. Without a table: what stands beside the responses.
        order: "natural" or "plain" (string) order of the images' names, in which the responses stand where no
            file says which image is which; by default natural, with a note where plain order differs.
        axes: what the axes of the responses are, such as ``"images,units"``, where the file does not name
            them; by default ``"units,images,repeats"``, with a note where they could be others.
        missing: a number that stands for a missing trial, beside NaN.
        size: side in pixels to which images are resized; needed if they differ in size.
        home: the data folder; by default `data_home`.

    Raises:
        MissingDataError: if a file is not there.
        InputError: if anything does not fit; nothing is stored then.
        WiringupError: if the disk is full.
    """
    check_name(name)
    one_of(area, AREAS, "area")
    options = ColumnOptions(filename, group, label, order)
    with cautions() as warnings:
        rows = None if table is None else read_table(table)
        found = read_responses(responses, None if axes is None else parse_axes(axes))
        if looks_like_matrices(found.values):
            raise _are_matrices(name, area, responses, stimuli, table, filename, order, size)
        images = _read_images(stimuli, size, order)
        one = aligned(found, images, rows, options, Path(responses), _is_stack(stimuli))
        _check_counts(one.responses, len(one.stimuli), rows)
        turned = axes_assumed(one.responses, len(one.stimuli))
        warn_of_unused(Path(responses), one.responses.unused)
        clean = cleaned(in_area(one.responses, area), missing)
        recording = Recording(
            name=name,
            area=area,
            trials=clean.values,
            stimuli=one.stimuli,
            groups=one.groups.values,
            labels=one.labels.values,
            source=f"Imported from {Path(responses).name} and {Path(stimuli).name}.",
            unit_ids=clean.unit_ids,
            assumed=(*one.assumed, *(["the axes are units x images x repeats"] if turned else [])),
        )
        warn_of_near_copies(recording)
    files = {"responses": responses, "stimuli": stimuli, "table": table}
    code = missing if missing is None or math.isfinite(missing) else str(missing)  # JSON has no NaN
    return stored(recording, home, files, warnings, order=one.order, axes=axes, missing=code)


def _is_stack(stimuli: Path) -> bool:
    """Return whether images come as one stack, which has an order of its own."""
    return Path(stimuli).suffix.lower() == ".npz"


def _read_images(path: Path, size: int | None, order: str | None) -> Stimuli:
    """Return the images in the natural order of their names, or in that of a stack."""
    if order is not None and _is_stack(path):
        raise InputError(f"{path} holds one stack, whose order is its own; leave out --order.")
    return read_stimuli(path, size)


def _are_matrices(
    name: str, area: str, rdms: Path, stimuli: Path, table: Path | None, *more: str | int | None
) -> InputError:
    """Return the error that names the command for dissimilarity matrices, with its arguments."""
    wanted: dict[str, object] = {"name": name, "area": area, "rdms": rdms, "stimuli": stimuli, "table": table}
    wanted |= dict(zip(("filename", "order", "size"), more, strict=True))
    options = [
        part for key, value in wanted.items() if value is not None for part in (f"--{key}", str(value))
    ]
    return InputError(
        f"{rdms} is square, symmetric and 0 on the diagonal: these are dissimilarity matrices, not "
        f"responses. Import them with: wiringup import rdm {shlex.join(options)}"
    )


def _check_counts(found: StoredResponses, n_stimuli: int, table: Table | None) -> None:
    shape = found.values.shape
    if table is not None and len(table) != n_stimuli:
        raise InputError(f"{table.path} has {len(table)} rows, but there are {n_stimuli} stimuli.")
    if shape[1] != n_stimuli:
        raise InputError(
            f"The responses are to {shape[1]} images (shape {shape}: units x images x repeats), but "
            f"there are {n_stimuli} stimuli.{looks_swapped(found, n_stimuli)}"
        )


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
        name: as in `import_recordings`, as all that is not named here.
        area: V1, V2, V4 or IT.
        rdms: files of one or more subjects each, see `rdm_files.read_matrices`. Names of the images in them
            put them in order, each file for itself.
        stimuli: folder, zip or npz of the images.
        table: table with one row for each image, in the order of the matrices.
        filename: as in `import_recordings`.
        order: as in `import_recordings`.
        size: as in `import_recordings`.
        home: the data folder; by default `data_home`.

    Raises:
        MissingDataError, WiringupError: as `import_recordings`.
        InputError: also if the matrices are no dissimilarities.
    """
    check_name(name)
    one_of(area, AREAS, "area")
    with cautions() as warnings:
        rows = None if table is None else read_table(table)
        images = _read_images(stimuli, size, order)
        options = ColumnOptions(filename, NONE, NONE, order)
        each = [_read(Path(path), images, rows, options, _is_stack(stimuli)) for path in rdms]
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
