"""BrainIO files: assemblies, as Brain-Score stores measurements, and stimulus sets, as it stores images.

An assembly is netCDF-4 with one variable of the dimensions ``presentation`` (x ``neuroid`` x ``time_bin``) in
any order; all else is a flat coordinate along one of them (the levels of an index, written one by one). A
stimulus set is a CSV with a row for each image, and a zip.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import one_of
from wiringup.core.errors import InputError
from wiringup.core.stimuli import Stimuli
from wiringup.data.formats.arrays import single_array
from wiringup.data.formats.hdf5 import along, open_netcdf
from wiringup.data.formats.tables import Table, read_table
from wiringup.data.formats.zips import open_zip
from wiringup.data.images.reading import read_named

PRESENTATION, NEUROID, TIME_BIN = "presentation", "neuroid", "time_bin"
_ORDER = (NEUROID, PRESENTATION, TIME_BIN)
_LARGEST_MIB = 64
_IDS = ("stimulus_id", "image_id")
_FILES = ("filename", "file", "image")

Coordinates = Mapping[str, NDArray[Any]]
Window = tuple[float, float]
"""Start and end, in ms after the onset of an image, of the time over which responses are averaged."""


@dataclass(frozen=True, eq=False)
class Presentations:
    """What was measured at each presentation of an image.

    Attributes:
        path: the file.
        values: float32 (neuroids, presentations) responses, or (presentations,) names of choices.
        coordinates: what is known about each presentation: name -> array (presentations,).
    """

    path: Path
    values: NDArray[Any]
    coordinates: Coordinates

    def coordinate(self, *names: str) -> NDArray[Any]:
        """Return the first of the coordinates ``names`` that is there; raise `InputError` if none is."""
        name = next((name for name in names if name in self.coordinates), names[0])
        return self.coordinates[one_of(name, self.coordinates, f"coordinate of {self.path.name}")]

    @property
    def ids(self) -> NDArray[np.str_]:
        """The stimulus that was shown, by the id that older files call ``image_id``."""
        return self.coordinate("stimulus_id", "image_id").astype(np.str_)


def read_responses(path: Path, region: str, window: Window) -> Presentations:
    """Read the responses of one region, averaged over a time window.

    Only the region's neuroids and the window's bins are read.

    Args:
        path: the netCDF file.
        region: value of the neuroids' coordinate ``region``.
        window: the time bins within it are averaged; they have to fill it without gaps.

    Raises:
        InputError: if netCDF cannot be read, or the region or the window is not in the file.
    """
    with open_netcdf(path) as dataset:
        name = single_array(dict(dataset.data_vars), path, "measurements")
        variable = dataset[name]
        if not {NEUROID, PRESENTATION} <= set(variable.dims) <= set(_ORDER):
            raise _dimensions(path, variable, f"{NEUROID}, {PRESENTATION} and perhaps {TIME_BIN}")
        units = _in_region(_coordinates(dataset, NEUROID, name), region, path)
        part = variable.isel({NEUROID: np.flatnonzero(units)})
        if TIME_BIN in variable.dims:
            bins = _in_window(_coordinates(dataset, TIME_BIN, name), window, path)
            part = part.isel({TIME_BIN: np.flatnonzero(bins)})
        return Presentations(path, _averaged(part), _coordinates(dataset, PRESENTATION, name))


def read_choices(path: Path) -> Presentations:
    """Read an assembly that holds one choice for each presentation.

    Raises:
        InputError: if netCDF cannot be read, or there is more than one value for each presentation.
    """
    with open_netcdf(path) as dataset:
        name = single_array(dict(dataset.data_vars), path, "measurements")
        if dataset[name].dims != (PRESENTATION,):
            raise _dimensions(path, dataset[name], PRESENTATION)
        return Presentations(path, _plain(dataset[name].values), _coordinates(dataset, PRESENTATION, name))


def _dimensions(path: Path, variable: Any, expected: str) -> InputError:
    return InputError(f"{path} has the dimensions {', '.join(map(str, variable.dims))}; expected {expected}.")


def _coordinates(dataset: Any, dimension: str, besides: str) -> dict[str, NDArray[Any]]:
    """Return every array along ``dimension`` but the data; ``choice_`` is ``choice`` if that is free."""
    found = along(dataset, dimension, besides)
    plain = {name: name.removesuffix("_") for name in found}
    return {
        name if name != plain[name] in found else plain[name]: _plain(values)
        for name, values in found.items()
    }


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Return text as numpy's text, whatever kind of string the file has, and numbers as they are."""
    if values.dtype.kind not in "OS":
        return values
    return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist()], np.str_)


def _in_region(coordinates: Coordinates, region: str, path: Path) -> NDArray[np.bool_]:
    if "region" not in coordinates:
        raise InputError(f"{path} does not say to which region its neuroids belong (no coordinate region).")
    regions = coordinates["region"]
    one_of(region, set(regions.tolist()), f"region of {path.name}")
    return np.asarray(regions == region)


def _in_window(coordinates: Coordinates, window: Window, path: Path) -> NDArray[np.bool_]:
    if not {"time_bin_start", "time_bin_end"} <= coordinates.keys():
        raise InputError(f"{path} does not say when its time bins start and end.")
    start, end = coordinates["time_bin_start"], coordinates["time_bin_end"]
    inside = (start >= window[0]) & (end <= window[1])
    order = np.argsort(start[inside], kind="stable")
    if not np.array_equal([*start[inside][order], window[1]], [window[0], *end[inside][order]]):
        raise InputError(
            f"{path} has no time bins that fill {window[0]:g} to {window[1]:g} ms without gaps; its "
            f"{len(start)} bins lie between {start.min():g} and {end.max():g} ms."
        )
    return np.asarray(inside)


def _averaged(variable: Any) -> NDArray[np.float32]:
    """Return the mean over time bins, float32 (neuroids, presentations); a single bin as precise as it is."""
    order = [dimension for dimension in _ORDER if dimension in variable.dims]
    values = np.ascontiguousarray(variable.transpose(*order).values)
    if values.ndim == 3:
        values = values[:, :, 0] if values.shape[2] == 1 else values.mean(2, dtype=np.float64)
    return values.astype(np.float32, copy=False)


@dataclass(frozen=True, eq=False)
class StimulusSet:
    """What is known about images whose files are in a zip; pixels are read when they are asked for.

    Attributes:
        table: the CSV.
        archive: the zip, which holds exactly the files of the table.
        ids: the stimulus id of each row.
        files: the name in the zip of each row.
    """

    table: Table
    archive: Path
    ids: tuple[str, ...]
    files: tuple[str, ...]

    def images(self, rows: NDArray[np.intp]) -> Stimuli:
        """Return the images of ``rows``, in that order; raise `InputError` if one cannot be read.

        They are decoded as stored, neither turned nor laid on grey, as Brain-Score's own loader does it: its
        scores were made with such pixels.
        """
        names = [self.files[row] for row in rows]
        return Stimuli(read_named(self.archive, names, as_stored=True), tuple(self.ids[row] for row in rows))


def open_stimulus_set(table: Path, archive: Path) -> StimulusSet:
    """Read a CSV and check its zip, of which nothing is ever unpacked to disk.

    Args:
        table: with the columns ``stimulus_id`` (in older files ``image_id``) and ``filename``.
        archive: the zip.

    Raises:
        MissingDataError: if the CSV is not there.
        InputError: if ids are missing or not unique, or the zip does not hold exactly the files of the CSV.
    """
    rows = read_table(table)
    named = [next((c for c in names if c in rows.columns), None) for names in (_IDS, _FILES)]
    if None in named:
        raise InputError(
            f"{table} needs the columns stimulus_id (or image_id) and filename; it has "
            f"{', '.join(rows.columns)}."
        )
    ids, files = (rows.column(str(name)).tolist() for name in named)
    if len(set(ids)) < len(rows):
        raise InputError(f"{table} lists a stimulus id more than once.")
    _check_members(archive, files)
    return StimulusSet(rows, archive, tuple(ids), tuple(files))


def _check_members(archive: Path, files: list[str]) -> None:
    with open_zip(archive) as opened:
        members = [member for member in opened.infolist() if not member.is_dir()]
    names = {member.filename for member in members}
    huge = (member.filename for member in members if member.file_size > _LARGEST_MIB << 20)
    _refuse(archive, "lead out of the archive", filter(_leads_out, names))
    _refuse(archive, "are missing from it", set(files) - names)
    _refuse(archive, "are not in the stimulus set", names - set(files))
    _refuse(archive, f"have more than {_LARGEST_MIB} MiB", huge)


def _refuse(archive: Path, why: str, names: Iterable[str]) -> None:
    found = sorted(names)
    if found:
        raise InputError(
            f"{archive} is not the zip of its CSV: {len(found)} files {why}, such as {found[0]!r}. Fetch it "
            "again, or from another source."
        )


def _leads_out(name: str) -> bool:
    parts = {*PurePosixPath(name).parts, *PureWindowsPath(name).parts}
    return ".." in parts or PurePosixPath(name).is_absolute() or bool(PureWindowsPath(name).anchor)
