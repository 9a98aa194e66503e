"""A table of trials of a behavioural task, however its columns are spelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wiringup.core.cautions import caution
from wiringup.core.checks import listed
from wiringup.core.errors import InputError, MissingDataError
from wiringup.data.formats.tables import Table, read_table
from wiringup.data.images.names import in_natural_order
from wiringup.data.images.table import FILES, IDS

TABLES = (".csv", ".tsv", ".txt")
"""How the tables in a folder may end."""

SPELLINGS = {
    "image": (*FILES, *IDS),
    "sample": (
        "sample obj", "sample", "truth", "category", "label", "object", "true class", "true label",
        "ground truth", "correct answer", "object name", "class",
    ),
    "distractor": ("dist obj", "distractor", "distractor obj", "dist"),
    "choice": ("choice", "response", "object response", "answer", "chosen", "response category"),
    "subject": (
        "subject", "subj", "subject id", "worker", "worker id", "participant", "participant id", "observer",
        "observer id",
    ),
}  # fmt: skip
"""How a column may be called, whatever its case and separators; the first that is there counts."""

COLUMNS = ("image", "choice", "sample", "distractor", "subject")


@dataclass(frozen=True)
class Trials:
    """The trials as they stand in one table or several, one entry for each; a column not there is None.

    Attributes:
        path: the table, or the folder or the first of several.
        parts: each table, with its number of trials.
    """

    path: Path
    image: list[str]
    choice: list[str]
    sample: list[str] | None
    distractor: list[str] | None
    subject: list[str] | None
    parts: tuple[tuple[Path, int], ...] = ()

    def where(self, row: int) -> str:
        """Return how messages call the trial in ``row``, counted from 0 below the column names."""
        for path, trials in self.parts:
            if row < trials:
                return f"{path}, line {row + 2}"
            row -= trials
        return f"{self.path}, line {row + 2}"


def read_trials(paths: Sequence[Path]) -> Trials:
    """Read tables of trials: files, or the tables in a folder. A table without a subject is one subject's.

    Raises:
        MissingDataError: if there is no such file, or no table in a folder.
        InputError: if one is no table, lacks a column, or they have different columns.
    """
    files = [file for path in paths for file in _tables_at(Path(path).expanduser())]
    if len(set(files)) < len(files):
        twice = next(file for file in files if files.count(file) > 1)
        raise InputError(f"{twice} is given twice; each table of trials counts once.")
    if len(files) == 1:
        return read_trial_table(files[0])
    tables = [read_trial_table(file, nameless=file.stem) for file in files]
    image, choice, sample, distractor, subject = (_joined(tables, what) for what in COLUMNS)
    subjects = list(dict.fromkeys(subject or []))
    caution(f"{len(files)} tables of {len(subjects)} subjects: {listed(subjects, 12)}.")
    parts = tuple((table.path, len(table.image)) for table in tables)
    return Trials(Path(paths[0]), image or [], choice or [], sample, distractor, subject, parts)


def _tables_at(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    tables = [p.name for p in path.iterdir() if p.suffix.lower() in TABLES and not p.name.startswith(".")]
    found = [path / name for name in in_natural_order(tables)]
    if not found:
        raise MissingDataError(f"There is no table ({', '.join(TABLES)}) in the folder {path}.")
    return found


def _joined(tables: Sequence[Trials], what: str) -> list[str] | None:
    columns: list[list[str] | None] = [getattr(table, what) for table in tables]
    lacking = [table.path for table, column in zip(tables, columns, strict=True) if column is None]
    if 0 < len(lacking) < len(tables):
        having = next(table.path for table in tables if table.path not in lacking)
        raise InputError(
            f"{lacking[0]} has no column for the {what} of each trial, but {having} has one (such as "
            f"{SPELLINGS[what][0]!r}): import them apart, or add the column."
        )
    return None if lacking else [value for column in columns for value in column or []]


def read_trial_table(path: Path, nameless: str | None = None) -> Trials:
    """Read a table of trials.

    Args:
        path: the table.
        nameless: the subject, if the table does not say it.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it is no table, or lacks a column, with the spellings that are understood.
    """
    table = read_table(path)
    image, choice, sample, distractor, subject = (column_of(table, what) for what in COLUMNS)
    if image is None or choice is None:
        raise InputError(
            f"{table.path} needs a column for the image and one for the choice of each trial. "
            f"{spellings_of(table, 'image', 'choice')}"
        )
    if subject is None and nameless is not None:
        subject = [nameless] * len(table)
        caution("Tables without a column for the subject are one subject's each, called as the file.")
    if distractor is None and subject is None:
        raise InputError(
            f"{table.path} has neither a column of distractors (a task with two alternatives) nor one that "
            f"says who judged (choices among all classes). {spellings_of(table, 'distractor', 'subject')}"
        )
    parts = ((table.path, len(table)),)
    return Trials(table.path, image, choice, sample, distractor, subject, parts)


def column_of(table: Table, what: str) -> list[str] | None:
    """Return the column for ``what`` (a key of `SPELLINGS`), or None."""
    found = table.find(*SPELLINGS[what])
    return table.columns[found[0]] if found else None


def spellings_of(table: Table, *wanted: str) -> str:
    """Return a sentence on the columns that a table has, and on those that are understood."""
    spellings = "; ".join(f"{what}: {', '.join(SPELLINGS[what])}" for what in wanted)
    return f"It has {', '.join(table.columns)}; names that are understood are {spellings}."
