"""Bring in anyone's own recordings: checked at the door, stored whole, a data set by its name afterwards."""

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wiringup.core.areas import AREAS
from wiringup.core.checks import listed, one_of
from wiringup.core.errors import InputError
from wiringup.core.files import sha256_of
from wiringup.core.home import data_home
from wiringup.core.stimuli import Stimuli
from wiringup.data.formats.tables import Table, read_table
from wiringup.data.images.reading import read_stimuli
from wiringup.data.images.table import Asked
from wiringup.data.measurements import Recording
from wiringup.data.recordings.cleaning import axes_notes, cleaned, in_area, looks_swapped
from wiringup.data.recordings.near_copies import near_copy_warnings
from wiringup.data.recordings.ordering import arranged
from wiringup.data.recordings.rdm_checks import looks_like_matrices
from wiringup.data.recordings.responses import Responses, parse_axes, read_responses
from wiringup.data.sources.addresses import SOURCES
from wiringup.data.sources.catalog import PUBLISHED
from wiringup.data.sources.imported import save_set

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")


@dataclass(frozen=True, eq=False)
class Imported:
    """The outcome of an import.

    Attributes:
        recording: what was stored.
        folder: where.
        warnings: sentences that the user should read.
        order: where the order of the images comes from, in words.
    """

    recording: Recording
    folder: Path
    warnings: tuple[str, ...]
    order: str


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
) -> Imported:
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
    asked = Asked(filename, group, label, order)
    rows = None if table is None else read_table(table)
    found = read_responses(responses, None if axes is None else parse_axes(axes))
    if looks_like_matrices(found.values):
        raise _are_matrices(name, area, responses, stimuli, table, filename, order, size)
    images, shown = read_images(stimuli, size, order)
    one = arranged(found, images, rows, asked, Path(responses), is_stack(stimuli))
    _check_counts(one.responses, len(one.stimuli), rows)
    turned = axes_notes(one.responses, len(one.stimuli))
    here, of_area = in_area(one.responses, area)
    clean, more = cleaned(here, missing)
    recording = Recording(
        name=name,
        area=area,
        trials=clean.values,
        stimuli=one.stimuli,
        groups=one.groups.values,
        labels=one.labels.values,
        source=f"Imported from {Path(responses).name} and {Path(stimuli).name}.",
        unit_ids=clean.unit_ids,
        assumed=(*one.assumed, *("the axes are units x images x repeats" for _ in turned)),
    )
    notes = (*one.notes, *turned, *_unused(one.responses, responses), *of_area, *more)
    warnings = (*shown, *notes, *near_copy_warnings(recording))
    files = provenance_of({"responses": responses, "stimuli": stimuli, "table": table})
    code = missing if missing is None or math.isfinite(missing) else str(missing)  # JSON has no NaN
    facts = {"order": one.order, "axes": axes, "missing": code, "warnings": warnings}
    folder = save_set(recording, data_home() if home is None else home, files | facts)
    return Imported(recording, folder, warnings, one.order)


def check_name(name: str) -> None:
    """Raise `InputError` unless a data set of one's own may have this name."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot name a data set: use 1 to 64 letters, digits, dots, hyphens and underscores, "
            "with a letter or digit first and no dot last."
        )
    taken = {known.casefold() for known in (*PUBLISHED, *SOURCES)}
    if name.casefold() in taken:
        raise InputError(f"{name!r} is the name of a published data set; choose another name.")


def is_stack(stimuli: Path) -> bool:
    """Return whether images come as one stack, which has an order of its own."""
    return Path(stimuli).suffix.lower() == ".npz"


def read_images(path: Path, size: int | None, order: str | None) -> tuple[Stimuli, tuple[str, ...]]:
    """Return the images in the natural order of their names, and notes on what was done to them.

    Raises:
        InputError: if ``order`` is given for a stack, whose order is its own; also as
            `images.reading.read_stimuli`.
    """
    notes: list[str] = []
    images = read_stimuli(path, size, say=notes.append)
    if order is not None and is_stack(path):
        raise InputError(f"{path} holds one stack, whose order is its own; leave out --order.")
    return images, tuple(notes)


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


def _check_counts(found: Responses, n_stimuli: int, table: Table | None) -> None:
    shape = found.values.shape
    if table is not None and len(table) != n_stimuli:
        raise InputError(f"{table.path} has {len(table)} rows, but there are {n_stimuli} stimuli.")
    if shape[1] != n_stimuli:
        raise InputError(
            f"The responses are to {shape[1]} images (shape {shape}: units x images x repeats), but "
            f"there are {n_stimuli} stimuli.{looks_swapped(found, n_stimuli)}"
        )


def _unused(found: Responses, path: Path) -> tuple[str, ...]:
    if not found.unused:
        return ()
    return (f"{Path(path).name} holds more, which was not used: {listed(found.unused)}.",)


def provenance_of(files: Mapping[str, Path | None]) -> dict[str, dict[str, str]]:
    """Return name and hash of the files that a data set was made of, by what they are."""
    return {what: _provenance(Path(path)) for what, path in files.items() if path is not None}


def _provenance(path: Path) -> dict[str, str]:
    path = path.expanduser()
    return {"file": path.name} | ({"sha256": sha256_of(path)} if path.is_file() else {})
