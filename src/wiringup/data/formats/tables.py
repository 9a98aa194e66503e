"""Tables of text, as spreadsheets, PsychoPy and pandas write them: CSV with a line of column names."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cautions import caution
from wiringup.core.checks import one_of
from wiringup.core.errors import InputError
from wiringup.core.files import read_bounded
from wiringup.core.limits import TABLE_BYTES

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_QUOTED = re.compile(r'"[^"]*"')
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_WHOLE = re.compile(r"(\d+)(?:\.0*)?")
UNNAMED = "Unnamed: "
"""What pandas calls a column without a name, before its number."""


def plain(name: str) -> str:
    """Return the name of a column without case and separators: 'Image File Name' is 'imagefilename'."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def spelled(names: Iterable[str], spellings: Sequence[str]) -> list[str]:
    """Return those of ``names`` that are spelled so, or in the plural, in the order of ``spellings``.

    Case and separators do not count (see `plain`).
    """
    own = {name: plain(name) for name in names}
    forms = {wanted: _numbers_of(plain(wanted)) for wanted in spellings}
    return list(
        dict.fromkeys(name for wanted in spellings for name, form in own.items() if form in forms[wanted])
    )


def _numbers_of(form: str) -> tuple[str, ...]:
    """Return a word as it is, and in the plural."""
    irregular = {"index": "indices", "stimulus": "stimuli"}
    end = next((end for end in irregular if form.endswith(end)), "")
    return (form, form + "s", *([form.removesuffix(end) + irregular[end]] if end else []))


def as_whole(values: Sequence[str]) -> list[str]:
    """Return whole numbers as integers, if all values are: pandas writes 84.0 in a column that had gaps."""
    numbers = [number[1] for value in values if (number := _WHOLE.fullmatch(value))]
    return numbers if len(numbers) == len(values) else list(values)


def is_permutation(values: Sequence[str]) -> bool:
    """Return whether values number their places, from 0 or 1, in another order than they stand in."""
    numbers = sorted(int(value) for value in values if value.isdecimal())
    whole = len(numbers) == len(values) > 1 and numbers[0] in (0, 1)
    return whole and numbers == list(range(numbers[0], numbers[0] + len(values))) and not is_count(values)


def is_count(values: Sequence[str]) -> bool:
    """Return whether values only count their places, from 0 or 1: they are positions and name nothing."""
    return any(list(values) == [str(i) for i in range(start, start + len(values))] for start in (0, 1))


@dataclass(frozen=True)
class Table:
    """A table with one row for each image or trial.

    Attributes:
        path: the file.
        columns: values of each column, from top to bottom.
    """

    path: Path
    columns: dict[str, list[str]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def is_index(self, name: str) -> bool:
        """Return whether a column is one that pandas adds: without a name, it counts the rows or is empty."""
        values = self.columns[name]
        return name.startswith(UNNAMED) and (is_count(values) or not any(values))

    def find(self, *spellings: str) -> list[str]:
        """Return the columns that are spelled so, as `spelled`."""
        return spelled(self.columns, spellings)

    def resolve(self, name: str) -> str:
        """Return the column that is called ``name``, or the only one spelled like it; else `InputError`."""
        alike = self.find(name)
        if name in self.columns or len(alike) != 1:
            return one_of(name, self.columns, f"column of {self.path.name}")
        return alike[0]

    def column(self, name: str) -> NDArray[np.str_]:
        """Return a column without empty cells; raise `InputError` if it is not there or has gaps."""
        name = self.resolve(name)
        for row, value in enumerate(self.columns[name], start=2):
            if not value:
                raise InputError(f"{self.path} has an empty cell in column {name!r}, line {row}.")
        return np.array(self.columns[name])


def read_table(path: Path) -> Table:
    """Read a table whose cells are parted by commas, semicolons, tabs or pipes.

    UTF-8 and UTF-16 are told apart; what is neither is read as Windows-1252 (which holds Latin-1), with
    a caution. Columns without a name are called as pandas calls them; lines without content are passed over.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it is no text, is empty, has lines of different lengths, two columns of one name, or
            could be parted in two ways.
    """
    path = Path(path).expanduser()
    text = _decoded(path)
    delimiter, skipped = _delimiter(text, path)
    lines = _parted(text, delimiter, path)[skipped:]
    if not lines:
        raise InputError(f"{path} is empty; it needs a line of column names and one line for each image.")
    (_, header), *rows = lines
    if not rows:
        raise InputError(f"{path} needs a line of column names and one line for each image.")
    for number, row in rows:
        if len(row) != len(header):
            raise InputError(
                f"{path}, line {number}, has {len(row)} cells, but there are {len(header)} column names."
            )
    names = [name or f"{UNNAMED}{i}" for i, name in enumerate(header)]
    for name, times in Counter(names).items():
        if times > 1:
            raise InputError(f"{path} has {times} columns called {name!r}; rename all but one.")
    return Table(path, {name: [row[i] for _, row in rows] for i, name in enumerate(names)})


def _decoded(path: Path) -> str:
    raw = read_bounded(path, TABLE_BYTES, "table")
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), None) or _unmarked(raw)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if _CONTROL.search(text):
        raise InputError(
            f"{path} cannot be read as a CSV: its bytes are text in none of UTF-8, UTF-16 and Windows-1252 "
            "(Latin-1). Save it as CSV in UTF-8."
        )
    if encoding == "cp1252":
        caution(
            f"{path.name} is not UTF-8 and was read as Windows-1252 (Latin-1). If its letters look wrong, "
            "save it as UTF-8."
        )
    return text


def _unmarked(raw: bytes) -> str:
    """Return the likely encoding of a file without a byte-order mark."""
    if b"\0" in raw:  # delimiters and line ends of UTF-16 have a zero as their upper byte
        return "utf-16-be" if b"\0" in raw[::2] else "utf-16-le"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _parted(text: str, delimiter: str, path: Path) -> list[tuple[int, list[str]]]:
    """Return the cells of every line that is not blank, with its number."""
    stream = io.StringIO(text, newline="")
    reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in line]) for line in reader]
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}, cannot be read as a CSV ({error}).") from error
    return [(number, cells) for number, cells in lines if any(cells)]


def _delimiter(text: str, path: Path) -> tuple[str, int]:
    """Return what parts the cells, and how many lines (Excel's ``sep=;``) say nothing else."""
    bare = [line for line in _QUOTED.sub('"', text).splitlines() if line.strip()]
    if bare and (said := re.fullmatch(r"sep=([,;\t|])\s*", bare[0])):
        return said[1], 1
    # One name above lines that could all be parted: refused later for the number of cells.
    there = [d for d in _DELIMITERS if d in "".join(bare[:1])]
    there = there or [d for d in _DELIMITERS if bare[1:] and all(d in line for line in bare[1:])]
    several = there if len(there) > 1 else []
    widths = {d: {len(cells) for _, cells in _parted(text, d, path)} for d in several}
    even = [d for d, found in widths.items() if len(found) == 1]
    if len(even) > 1:
        names = " or ".join(_DELIMITERS[d] for d in even)
        raise InputError(f"{path} could be parted at every {names}; save it with one of them alone.")
    return (even or there or [","])[0], 0
