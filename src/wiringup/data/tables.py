"""The table beside a recording: one row for each image."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import one_of
from wiringup.core.errors import InputError, MissingDataError

_FILE_COLUMNS = ("filename", "file", "image")
_ID_COLUMNS = ("stimulus_id", "image_id")


@dataclass(frozen=True)
class Table:
    """A CSV with one row for each image.

    Attributes:
        path: the file.
        columns: values of each column, from top to bottom.
    """

    path: Path
    columns: dict[str, list[str]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def column(self, name: str) -> NDArray[np.str_]:
        """Return a column without empty cells; raise `InputError` if it is not there or has gaps."""
        values = self.columns[one_of(name, self.columns, f"column of {self.path.name}")]
        for row, value in enumerate(values, start=2):
            if not value:
                raise InputError(f"{self.path} has an empty cell in column {name!r}, line {row}.")
        return np.array(values)

    def named_or_usual(self, name: str | None, usual: str) -> NDArray[np.str_] | None:
        """Return the column ``name``; where none is named, the one called ``usual`` if there is one."""
        if name is None and usual not in self.columns:
            return None
        return self.column(usual if name is None else name)

    @property
    def files(self) -> list[str] | None:
        """The images' file names, if a column is called filename, file or image."""
        return self._first(_FILE_COLUMNS)

    @property
    def ids(self) -> list[str] | None:
        """The images' ids, if a column is called stimulus_id or image_id."""
        return self._first(_ID_COLUMNS)

    def _first(self, names: tuple[str, ...]) -> list[str] | None:
        found = next((name for name in names if name in self.columns), None)
        return None if found is None else self.column(found).tolist()


def read_table(path: Path) -> Table:
    """Read a CSV with a line of column names.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it is no UTF-8 text, is empty, or has lines of different lengths.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise MissingDataError(f"There is no table {path}.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = [line for line in csv.reader(stream) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a CSV in UTF-8 ({error}).") from error
    if len(lines) < 2:
        raise InputError(f"{path} needs a line of column names and one line for each image.")
    header, *rows = lines
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(
                f"{path}, line {number}, has {len(row)} cells, but there are {len(header)} column names."
            )
    return Table(path, {name.strip(): [row[i].strip() for row in rows] for i, name in enumerate(header)})
