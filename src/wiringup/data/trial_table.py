"""A table of trials of a behavioural task, however its columns are spelled."""

from dataclasses import dataclass
from pathlib import Path

from wiringup.core.errors import InputError
from wiringup.data.tables import Table, read_table

SPELLINGS = {
    "image": ("image", "stimulus_id", "image_id", "imagename", "image_name", "filename", "file", "stimulus"),
    "sample": ("sample_obj", "sample", "truth", "category", "label", "object", "true_class"),
    "distractor": ("dist_obj", "distractor", "distractor_obj", "dist"),
    "choice": ("choice", "choice_", "response", "object_response", "answer"),
    "subject": (
        "subject",
        "subj",
        "subject_id",
        "worker",
        "workerid",
        "worker_id",
        "participant",
        "observer",
    ),
}
"""How a column may be called, whatever the case of its letters; the first that is there counts."""


@dataclass(frozen=True)
class Sheet:
    """The trials as they stand in the table, one entry for each; a column that is not there is None."""

    path: Path
    image: list[str]
    choice: list[str]
    sample: list[str] | None
    distractor: list[str] | None
    subject: list[str] | None

    def where(self, row: int) -> str:
        """Return how messages call the trial in ``row``, counted from 0 below the column names."""
        return f"{self.path}, line {row + 2}"


def read_sheet(path: Path) -> Sheet:
    """Read a CSV of trials.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it is no CSV, or lacks a column, with the spellings that are understood.
    """
    table = read_table(path)
    image, choice, sample, distractor, subject = (
        column_of(table, what) for what in ("image", "choice", "sample", "distractor", "subject")
    )
    if image is None or choice is None:
        raise InputError(
            f"{table.path} needs a column for the image and one for the choice of each trial. "
            f"{spellings_of(table, 'image', 'choice')}"
        )
    if distractor is None and subject is None:
        raise InputError(
            f"{table.path} has neither a column of distractors (a task with two alternatives) nor one that "
            f"says who judged (choices among all classes). {spellings_of(table, 'distractor', 'subject')}"
        )
    return Sheet(table.path, image, choice, sample, distractor, subject)


def column_of(table: Table, what: str) -> list[str] | None:
    """Return the column for ``what`` (a key of `SPELLINGS`), or None."""
    columns = {name.casefold(): name for name in table.columns}
    found = next((columns[spelling] for spelling in SPELLINGS[what] if spelling in columns), None)
    return None if found is None else table.columns[found]


def spellings_of(table: Table, *wanted: str) -> str:
    """Return a sentence on the columns that a table has, and on those that are understood."""
    spellings = "; ".join(f"{what}: {', '.join(SPELLINGS[what])}" for what in wanted)
    return f"It has {', '.join(table.columns)}; names that are understood are {spellings}."
