"""BrainIO stimulus sets, as Brain-Score stores images: a CSV with a row for each, and a zip."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
from numpy.typing import NDArray

from wiringup.core.errors import InputError
from wiringup.core.stimuli import Stimuli
from wiringup.data.formats.tables import Table, read_table
from wiringup.data.formats.zips import open_zip
from wiringup.data.images.reading import read_named

_LARGEST_MIB = 64
_IDS = ("stimulus_id", "image_id")
_FILES = ("filename", "file", "image")


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
