"""One point of a study of published scores, and what its readers share."""

from collections.abc import Mapping
from dataclasses import dataclass

from wiringup.core.errors import InputError
from wiringup.data.formats.tables import Table

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


def scores_of(table: Table, row: int) -> dict[str, float]:
    """Return area -> score of one row of a table with a column for each area; empty cells are left out."""
    return {area: value for area in AREAS if (value := number(table.columns[area][row])) is not None}


def number(text: str) -> float | None:
    """Return the number in a cell, or None if it is empty; raise `InputError` if it is something else."""
    try:
        return float(text) if text else None
    except ValueError as error:
        raise InputError(f"{text!r} is no number.") from error
