"""Published scores of models: the points of other studies, read from the files that `fetch` brings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wiringup.core.checks import one_of
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.home import data_home
from wiringup.data.formats.tables import Table
from wiringup.data.sources.addresses import find_source
from wiringup.data.sources.fetch import check_whole, fetch_command

PAPER, SCALING = "paper-scores", "scaling-scores"
AREAS = ("V1", "V2", "V4", "IT", "behavior")


@dataclass(frozen=True)
class PublishedPoint:
    """One model at one moment, as published.

    Attributes:
        study: `PAPER` or `SCALING`.
        model: what its authors call it.
        birth, plasticity: as this package calls them; None where there is no birth, or nothing learns.
        variant: what else tells it from other models of that birth and plasticity, as in "lr 0.01".
        images: distinct labelled images to learn from.
        updates: labelled images seen.
        trained: synapses that learn; None where it is not known.
        match: area -> ceiled score; an area without one is not there.
        top1: fraction of ImageNet's validation images, or None.
    """

    study: str
    model: str
    architecture: str
    birth: str | None
    plasticity: str | None
    variant: str
    seed: int
    images: int
    epoch: float
    updates: int
    trained: int | None
    match: Mapping[str, float]
    top1: float | None = None

    @property
    def mean(self) -> float | None:
        """The brain match: the mean of all five scores; None where one of them is missing."""
        found = [self.match[area] for area in AREAS if area in self.match]
        return sum(found) / len(found) if len(found) == len(AREAS) else None


def published_points(study: str, home: Path | None = None) -> list[PublishedPoint]:
    """Return every point of a study.

    Args:
        study: `PAPER` or `SCALING`.
        home: the data folder; by default `data_home`.

    Raises:
        InputError: if there is no such study, or its files are damaged or not understood.
        MissingDataError: if they are not there, with the command that brings them.
    """
    from wiringup.data.sources import paper_scores, scaling_scores

    readers: Mapping[str, tuple[Callable[[Path], list[PublishedPoint]], ...]] = {
        PAPER: (paper_scores.condensed, paper_scores.original),
        SCALING: (scaling_scores.condensed, scaling_scores.original),
    }
    condensed, original = readers[one_of(study, readers, "study of published scores")]
    home = data_home() if home is None else home
    source, folder = find_source(study), home / study
    check_whole(study, home)
    for files, read in ((source.condensed, condensed), (source.files, original)):
        if all((folder / file.name).is_file() for file in files):
            return read(folder)
    raise MissingDataError(
        f"The published scores {study} are not there: no {' and '.join(f.name for f in source.files)} in "
        f"{folder}. Run: {fetch_command(source)} (or, with a copy of them in a folder, "
        f"wiringup fetch {study} --from DIR)."
    )


def scores_of(table: Table, row: int) -> dict[str, float]:
    """Return area -> score of one row of a table with a column for each area; empty cells are left out."""
    return {area: value for area in AREAS if (value := number(table.columns[area][row])) is not None}


def number(text: str) -> float | None:
    """Return the number in a cell, or None if it is empty; raise `InputError` if it is something else."""
    try:
        return float(text) if text else None
    except ValueError as error:
        raise InputError(f"{text!r} is no number.") from error
