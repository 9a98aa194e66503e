"""Bring in anyone's own recordings and dissimilarity matrices: checked at the door, stored whole."""

import math
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated

import numpy as np
from tyro.conf import arg

from wiringup.core.areas import AREAS
from wiringup.core.cautions import cautions
from wiringup.core.checks import one_of, same_length
from wiringup.core.errors import InputError
from wiringup.core.stimuli import Stimuli
from wiringup.data.formats.arrays import warn_of_unused
from wiringup.data.formats.tables import Table, read_table
from wiringup.data.images.reading import read_stimuli
from wiringup.data.images.table import NONE, ColumnOptions
from wiringup.data.importing.storing import Imported, check_name, stored
from wiringup.data.measurements import Dissimilarities, Recording
from wiringup.data.recordings.cleaning import axes_assumed, cleaned, in_area, looks_swapped
from wiringup.data.recordings.near_copies import warn_of_near_copies
from wiringup.data.recordings.ordering import Aligned, aligned
from wiringup.data.recordings.rdms import (
    Matrix,
    checked,
    looks_like_matrices,
    read_matrices,
    similarities_assumed,
)
from wiringup.data.recordings.repeats import copies_assumed, zeros_assumed
from wiringup.data.recordings.responses import StoredResponses, parse_axes, read_responses

Name = Annotated[str, arg(metavar="NAME")]
Area = Annotated[str, arg(metavar="AREA")]
Images = Annotated[Path, arg(metavar="DIR|ZIP|NPZ")]
CSV = Annotated[Path | None, arg(metavar="CSV")]
Column = Annotated[str | None, arg(metavar="COLUMN")]
NameOrder = Annotated[str | None, arg(metavar="natural|plain")]
Side = Annotated[int | None, arg(metavar="PX")]


def import_recordings(
    name: Name,
    area: Area,
    responses: Annotated[Path, arg(metavar="FILE")],
    stimuli: Images,
    table: CSV = None,
    group: Column = None,
    label: Column = None,
    filename: Column = None,
    order: NameOrder = None,
    axes: Annotated[str | None, arg(metavar="AXES")] = None,
    missing: Annotated[float | None, arg(metavar="CODE")] = None,
    size: Side = None,
    home: Path | None = None,
) -> Imported[Recording]:
    """Check recordings, store them below ``home/imported`` and return them.

    Args:
        name: The benchmark will have this name: letters, digits, dot, hyphen, underscore.
        area: V1, V2, V4 or IT.
        responses: .npy, .npz, MATLAB (.mat) or netCDF: units x images, or units x images x repeats; NaN is
            missing. Several populations in one .npz are pooled. Names of the images beside the responses put
            them in order.
        stimuli: The images. Where no file says which is which, the data stand in the natural order of their
            names (2 before 10); see --order.
        table: One row for each image, in the order of the data: its file (and group, label). Images that it
            does not name are left out.
        group: Images of one group (a movie) are never split between folds. By default a column that is
            spelled like it; "none", as for every column: none.
        label: Folds are balanced by this column. By default one that is spelled like it.
        filename: The column that names the image files. By default one that is spelled like it, or whose
            values name all images. Without a table: what stands beside the responses.
        order: Order of the data where no file says it: 2 before 10 (natural, with a note where that makes a
            difference), or as text is sorted (10, 2).
        axes: What the axes of the responses are, as in images,units,repeats, where the file does not name
            them. By default units,images,repeats, with a note where they could be others.
        missing: The value that marks a missing trial, beside NaN.
        size: Resize the images to this side; needed if they differ in size.
        home: The data folder; by default `data_home`.

    Raises:
        MissingDataError: if a file is not there.
        InputError: if anything does not fit; nothing is stored then.
        WiringupError: if the disk is full.
    """
    check_name(name, home)
    one_of(area, AREAS, "area")
    options = ColumnOptions(filename, group, label, order)
    with cautions() as warnings:
        rows = None if table is None else read_table(table)
        found = read_responses(responses, None if axes is None else parse_axes(axes))
        if looks_like_matrices(found.values):
            raise _are_matrices(
                name=name, area=area, rdms=responses, stimuli=stimuli, table=table, filename=filename,
                order=order, size=size,
            )  # fmt: skip
        images = _read_images(stimuli, size, order)
        one = aligned(found, images, rows, options, Path(responses), _is_stack(stimuli))
        _check_counts(one.responses, len(one.stimuli), rows)
        assumed = {"the axes are units x images x repeats": axes_assumed(one.responses, len(one.stimuli))}
        warn_of_unused(Path(responses), one.responses.unused)
        clean = cleaned(in_area(one.responses, area), missing)
        assumed["responses of 0 in all units are no missing repeats"] = zeros_assumed(clean.values)
        assumed["repeats that are all equal are trials"] = copies_assumed(clean.values)
        recording = Recording(
            name=name,
            area=area,
            trials=clean.values,
            stimuli=one.stimuli,
            groups=one.groups.values,
            labels=one.labels.values,
            source=f"Imported from {Path(responses).name} and {Path(stimuli).name}.",
            unit_ids=clean.unit_ids,
            assumed=(*one.assumed, *(text for text, holds in assumed.items() if holds)),
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


def _are_matrices(**options: object) -> InputError:
    """Return the error that names the command for dissimilarity matrices, with its options."""
    wanted = ((f"--{name}", str(value)) for name, value in options.items() if value is not None)
    return InputError(
        f"{options['rdms']} is square, symmetric and 0 on the diagonal: these are dissimilarity matrices, "
        f"not responses. Import them with: wiringup import rdm {shlex.join(chain(*wanted))}"
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
    name: Name,
    area: Area,
    rdms: Annotated[Sequence[Path], arg(metavar="FILE [FILE ...]")],
    stimuli: Images,
    table: CSV = None,
    filename: Column = None,
    order: NameOrder = None,
    size: Side = None,
    home: Path | None = None,
) -> Imported[Dissimilarities]:
    """Check dissimilarity matrices, store them below ``home/imported`` and return them.

    Args:
        name: The benchmark will be called NAME.AREA-rsa.
        area: V1, V2, V4 or IT.
        rdms: .npy, .npz, MATLAB (.mat) or rsatoolbox's HDF5, of one or more subjects each: subjects x images
            x images, images x images x subjects, or condensed (subjects x pairs, upper triangle row by row).
            Names of the images in a file put it in order.
        stimuli: The images; as for recordings.
        table: One row for each image, in the order of the matrices.
        filename: The column that names the image files; as for recordings.
        order: Order of the matrices where no file says it; as for recordings.
        size: Resize the images to this side; needed if they differ in size.
        home: The data folder; by default `data_home`.

    Raises:
        MissingDataError, WiringupError: as `import_recordings`.
        InputError: also if the matrices are no dissimilarities.
    """
    check_name(name, home)
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
        odd = ["no matrix holds similarities"] if similarities_assumed(exact) else []
    data = Dissimilarities(
        name=name,
        area=area,
        rdms=exact,
        stimuli=each[0].placed.stimuli,
        source=f"Imported from {', '.join(Path(p).name for p in rdms)} and {Path(stimuli).name}.",
        assumed=_once((*(assumption for one in each for assumption in one.placed.assumed), *odd)),
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
    values, about = read_matrices(path, n)
    numbered = StoredResponses(np.arange(n)[None, :, None], about=about, settled=True)
    placed = aligned(numbered, images, table, options, path, stack)
    if placed.responses.values.shape != (1, n, 1):
        raise InputError(f"{path} names an image more than once; matrices need one row for each image.")
    same_length(len(placed.stimuli), n, "The set of images", f"each matrix of {path}")
    rows = placed.responses.values[0, :, 0]
    several = len(values) > 1
    called = [f"{path.name}{f', matrix {i + 1},' if several else ''}" for i in range(len(values))]
    return _File(values[:, rows[:, None], rows], placed, called)


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
