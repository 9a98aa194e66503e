"""A table of trials of a behavioural task, however its columns are spelled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wiringup.core.cautions import caution
from wiringup.core.checks import listed
from wiringup.core.errors import InputError, MissingDataError
from wiringup.data.formats.tables import Table, read_table
from wiringup.data.images.names import in_natural_order, matched
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

_CORRECT = ("correct", "is correct", "accuracy", "acc", "corr")
_FLAGS = dict.fromkeys(("1", "1.0", "true", "yes", "correct"), True) | dict.fromkeys(
    ("0", "0.0", "false", "no", "incorrect", "wrong"), False
)


@dataclass(frozen=True)
class Trials:
    """The trials as they stand in one table or several, one entry for each; a column not there is None.

    Attributes:
        path: the table, or the folder or the first of several.
        parts: each table, with its number of trials.
        correct: what the table says itself on whether a choice was right; None where it does not.
        unused: columns that nothing was taken from.
    """

    path: Path
    image: list[str]
    choice: list[str]
    sample: list[str] | None
    distractor: list[str] | None
    subject: list[str] | None
    parts: tuple[tuple[Path, int], ...] = ()
    correct: list[bool | None] | None = None
    unused: tuple[str, ...] = ()

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
        found = read_trial_table(files[0])
        _warn_of_unused([found])
        return found
    tables = [read_trial_table(file, nameless=file.stem) for file in files]
    image, choice, sample, distractor, subject = (_joined(tables, what) for what in COLUMNS)
    subjects = list(dict.fromkeys(subject or []))
    caution(f"{len(files)} tables of {len(subjects)} subjects: {listed(subjects, 12)}.")
    _warn_of_unused(tables)
    parts = tuple((table.path, len(table.image)) for table in tables)
    flags = [table.correct or [None] * len(table.image) for table in tables]
    correct = [flag for those in flags for flag in those]
    return Trials(Path(paths[0]), image or [], choice or [], sample, distractor, subject, parts, correct)


def _warn_of_unused(tables: Sequence[Trials]) -> None:
    unused = list(dict.fromkeys(name for table in tables for name in table.unused))
    if unused:
        caution(f"Columns of the trials that were not used: {listed([repr(name) for name in unused], 12)}.")


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
    columns = {what: _name_of(table, what) for what in COLUMNS}
    if nameless is None:
        columns["subject"] = _varying_subject(table, columns["subject"])
    _check_columns(table, columns, nameless)
    image, choice, sample, distractor, subject = (
        None if name is None else table.columns[name] for name in columns.values()
    )
    if subject is None and nameless is not None:
        subject = [nameless] * len(table)
        caution("Tables without a column for the subject are one subject's each, called as the file.")
    flags = _flags(table)
    used = {*columns.values(), *flags}
    unused = tuple(name for name in table.columns if name not in used and not table.is_index(name))
    parts, correct = ((table.path, len(table)),), next(iter(flags.values()), None)
    return Trials(table.path, image or [], choice or [], sample, distractor, subject, parts, correct, unused)


def _check_columns(table: Table, columns: Mapping[str, str | None], nameless: str | None) -> None:
    if columns["image"] is None or columns["choice"] is None:
        raise InputError(
            f"{table.path} needs a column for the image and one for the choice of each trial. "
            f"{spellings_of(table, 'image', 'choice')}"
        )
    subject = columns["subject"]
    if columns["distractor"] is None and subject is None and nameless is None:
        raise InputError(
            f"{table.path} has neither a column of distractors (a task with two alternatives) nor one that "
            f"says who judged (choices among all classes). {spellings_of(table, 'distractor', 'subject')}"
        )
    if subject is not None and "" in table.columns[subject]:
        raise InputError(
            f"{table.path}, line {table.columns[subject].index('') + 2}: {subject!r}, which says who judged, "
            "is empty. Fill it in, or leave out the line."
        )


def column_of(table: Table, what: str) -> list[str] | None:
    """Return the column for ``what`` (a key of `SPELLINGS`), or None; raises as `read_trial_table`."""
    name = _name_of(table, what)
    return None if name is None else table.columns[name]


def _name_of(table: Table, what: str) -> str | None:
    """Return the first column that is spelled like ``what``, if no other contradicts it."""
    found = table.find(*SPELLINGS[what])
    if not found:
        return None
    first, *others = found
    for other in others:
        row = _contradiction(table.columns[first], table.columns[other], what)
        if row is not None:
            one, two = (table.columns[name][row] for name in (first, other))
            called = "true class" if what == "sample" else what
            raise InputError(
                f"{table.path} has two columns that say the {called} of each row, and they disagree: in line "
                f"{row + 2}, {first!r} is {one!r} and {other!r} is {two!r}. Remove or rename the wrong one."
            )
    return first


def _contradiction(one: list[str], two: list[str], what: str) -> int | None:
    """Return the first row in which two columns in the same words differ; other words may mean other things.

    Numbers of images may be anything (a rank, a trial), and subjects may have two names each.
    """
    numbered = any(text.isdecimal() for text in (*one, *two))
    if (what == "image" and numbered) or (what == "subject" and _one_to_one(one, two)):
        return None
    ours, theirs = (list(dict.fromkeys(filter(None, texts))) for texts in (one, two))
    places = matched(theirs, ours)
    known = {name: ours[i] for name, i in zip(theirs, places, strict=True) if i is not None}
    if 2 * len(known) < min(len(ours), len(theirs)):
        return None
    rows = enumerate(zip(one, two, strict=True))
    return next((row for row, (a, b) in rows if a and known.get(b, a) != a), None)


def _flags(table: Table) -> dict[str, list[bool | None]]:
    """Return the first column that says of each choice whether it was correct, by its name."""
    for name in table.find(*_CORRECT):
        texts = [text.casefold() for text in table.columns[name]]
        if {*texts} - {""} <= _FLAGS.keys():
            return {name: [_FLAGS.get(text) for text in texts]}
    return {}


def _one_to_one(one: list[str], two: list[str]) -> bool:
    return len(set(one)) == len(set(two)) == len(set(zip(one, two, strict=True)))


def _varying_subject(table: Table, first: str | None) -> str | None:
    """Return the column that tells subjects apart, where the usual one calls all of them alike."""
    if first is None or len(set(table.columns[first])) > 1:
        return first
    found = [name for name in table.find(*SPELLINGS["subject"]) if len(set(table.columns[name])) > 1]
    if not found:
        return first
    caution(f"{first!r} is {table.columns[first][0]!r} in all rows; {found[0]!r} was taken for who judged.")
    return found[0]


def spellings_of(table: Table, *wanted: str) -> str:
    """Return a sentence on the columns that a table has, and on those that are understood."""
    spellings = "; ".join(f"{what}: {', '.join(SPELLINGS[what])}" for what in wanted)
    return f"It has {', '.join(table.columns)}; names that are understood are {spellings}."
