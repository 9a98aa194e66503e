"""Bring in anyone's own recordings: checked at the door, stored whole, a data set by its name afterwards."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.core.areas import AREAS
from wiringup.core.checks import one_of
from wiringup.core.errors import InputError
from wiringup.core.files import sha256_of
from wiringup.core.home import data_home
from wiringup.core.stimuli import Stimuli
from wiringup.data.catalog import PUBLISHED
from wiringup.data.image_table import IDS, Asked, Order, Property, columns_note, group_of, label_of, order_of
from wiringup.data.images import read_stimuli
from wiringup.data.matching import matched
from wiringup.data.near_copies import near_copy_warnings
from wiringup.data.recordings import Recording
from wiringup.data.responses import Responses, read_responses
from wiringup.data.sources import SOURCES
from wiringup.data.store import save_set
from wiringup.data.tables import Table, read_table

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")


@dataclass(frozen=True, eq=False)
class Imported:
    """The outcome of an import.

    Attributes:
        recording: what was stored.
        folder: where.
        warnings: sentences that the user should read.
    """

    recording: Recording
    folder: Path
    warnings: tuple[str, ...]


def import_recordings(
    name: str,
    area: str,
    responses: Path,
    stimuli: Path,
    table: Path | None = None,
    group: str | None = None,
    label: str | None = None,
    filename: str | None = None,
    missing: float | None = None,
    size: int | None = None,
    home: Path | None = None,
) -> Imported:
    """Check recordings, store them below ``home/imported`` and return them.

    Args:
        name: what the set is to be called: letters, digits, dot, hyphen, underscore.
        area: V1, V2, V4 or IT.
        responses: .npy, .npz, MATLAB or netCDF, units x images or units x images x repeats; NaN = missing.
        stimuli: folder, zip or npz of the images, in the order of the responses.
        table: table with one row for each image. A column that names the images' files puts the stimuli in
            its order, and leaves out those that it does not name.
        group: column of ``table`` whose images are near-copies and never split between folds; by default one
            that is spelled like it (`image_table.GROUPS`). ``"none"`` for no column, here and below.
        label: column of ``table`` by which folds are stratified; by default as `image_table.LABELS`.
        filename: column of ``table`` that names the files; by default as `image_table.FILES`, or any column
            of text whose values name all images.
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
    asked = Asked(filename, group, label)
    rows = _read_table_if_named(table, asked)
    found = read_responses(responses)
    shown: list[str] = []
    images = read_stimuli(stimuli, size, say=shown.append)
    order = Order() if rows is None else order_of(rows, images, filename)
    images = images if order.rows is None else images.take(order.rows)
    found, notes = _in_stimulus_order(found, images, rows)
    _check_counts(found, len(images), rows)
    groups = Property() if rows is None else group_of(rows, group)
    labels = Property() if rows is None else label_of(rows, label)
    if rows is not None:
        uses: dict[str, Sequence[str]] = {
            "order": order.columns,
            "groups": groups.columns,
            "labels": labels.columns,
        }
        uses["ids"] = rows.find(*IDS)[:1] if found.image_ids is not None else []
        notes = (*rows.notes, columns_note(rows, uses), *notes)
    trials, more = _clean(found.values, missing)
    recording = Recording(
        name=name,
        area=area,
        trials=trials,
        stimuli=images,
        groups=groups.values,
        labels=labels.values,
        source=f"Imported from {Path(responses).name} and {Path(stimuli).name}.",
    )
    files = {"responses": responses, "stimuli": stimuli, "table": table}
    provenance = provenance_of(files)
    warnings = (*shown, *notes, *more, *near_copy_warnings(recording))
    folder = save_set(
        recording,
        data_home() if home is None else home,
        provenance | {"missing": missing, "warnings": warnings},
    )
    return Imported(recording, folder, warnings)


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


def _read_table_if_named(table: Path | None, asked: Asked) -> Table | None:
    if table is not None:
        return read_table(table)
    for what, column in vars(asked).items():
        if column is not None:
            raise InputError(f"The {what} column {column!r} needs a table (CSV) that it is a column of.")
    return None


def _in_stimulus_order(
    found: Responses, stimuli: Stimuli, table: Table | None
) -> tuple[Responses, tuple[str, ...]]:
    """Put responses whose images have names in the order of the stimuli."""
    if found.image_ids is None:
        return found, ()
    ids = table.find(*IDS)[:1] if table is not None else []
    names = tuple(table.column(ids[0]).tolist()) if table is not None and ids else stimuli.ids
    index = matched(list(names), found.image_ids)
    if None not in index and len(set(index)) == len(index) == len(found.image_ids):
        order = np.array(index, dtype=np.intp)
        return Responses(found.values[:, order], names, named_axes=True), ()
    if len(found.image_ids) != len(names):
        return found, ()
    called = f"The responses call their images like {found.image_ids[0]!r}, the stimuli like {names[0]!r}"
    remedy = "give a table with the columns filename and stimulus_id."
    if found.gathered or any(i is not None for i in index):
        raise InputError(f"{called}: they cannot all be matched by name; {remedy}")
    return found, (f"{called}: they were matched by position. If that is wrong, {remedy}",)


def _check_counts(found: Responses, n_stimuli: int, table: Table | None) -> None:
    shape = found.values.shape
    if table is not None and len(table) != n_stimuli:
        raise InputError(f"{table.path} has {len(table)} rows, but there are {n_stimuli} stimuli.")
    if shape[1] != n_stimuli:
        raise InputError(
            f"The responses are to {shape[1]} images (shape {shape}: units x images x repeats), but "
            f"there are {n_stimuli} stimuli.{_looks_swapped(found, n_stimuli)}"
        )


def _looks_swapped(found: Responses, n_stimuli: int) -> str:
    if found.named_axes:
        return ""
    units, _, repeats = found.values.shape
    if units == n_stimuli:
        return " This looks like images x units; pass units x images."
    if repeats == n_stimuli:
        return " This looks like units x repeats x images; pass units x images x repeats."
    return ""


def _clean(values: NDArray[np.generic], missing: float | None) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return float32 trials with NaN where missing, without units that have no trial, and warnings."""
    wide = values.astype(np.float64)
    warnings = []
    if missing is not None:
        coded = wide == missing
        wide[coded] = np.nan
        if not coded.any():
            warnings.append(f"The code {missing:g} for missing trials does not occur in the responses.")
    _check_finite(wide)
    silent = np.isnan(wide).all(axis=(1, 2))
    if silent.all():
        raise InputError("Every response is missing; nothing is left to import.")
    if silent.any():
        listed = ", ".join(map(str, np.flatnonzero(silent)[:10]))
        warnings.append(f"{silent.sum()} units have no response at all and were left out (rows {listed}).")
    trials = wide[~silent].astype(np.float32)
    unseen = int(np.isnan(trials).all(axis=(0, 2)).sum())
    if unseen:
        warnings.append(f"{unseen} images have no response of any unit; they are kept, but cannot be scored.")
    return trials, tuple(warnings)


def _check_finite(wide: NDArray[np.float64]) -> None:
    bad = np.abs(wide) > np.finfo(np.float32).max
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"{bad.sum()} responses are infinite or beyond the range of float32, the first at (unit, image, "
            f"repeat) {first}. Mark missing trials with NaN or with a code, and rescale huge values."
        )


def provenance_of(files: Mapping[str, Path | None]) -> dict[str, dict[str, str]]:
    """Return name and hash of the files that a data set was made of, by what they are."""
    return {what: _provenance(Path(path)) for what, path in files.items() if path is not None}


def _provenance(path: Path) -> dict[str, str]:
    path = path.expanduser()
    return {"file": path.name} | ({"sha256": sha256_of(path)} if path.is_file() else {})
