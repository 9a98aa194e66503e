"""Brain match as a percentage of a reference, with its spread over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiringup.core.areas import SCORED
from wiringup.core.errors import InputError
from wiringup.results.record import MEAN, Point, Record

COLUMNS = (*SCORED, MEAN)


@dataclass(frozen=True)
class Spread:
    """Mean, standard deviation (n - 1) and number of the values of several seeds."""

    mean: float
    sd: float
    n: int


@dataclass(frozen=True)
class Moment:
    """The same moment of all seeds of one condition.

    Attributes:
        match: area or "mean" -> brain match over seeds.
        percent: area or "mean" -> the same as a percentage of the reference.
        seeds: area or "mean" -> percentage of each seed.
    """

    label: str
    epoch: float
    updates: float
    synaptic_updates: float
    trained: int
    top1: Spread
    match: dict[str, Spread]
    percent: dict[str, Spread]
    seeds: dict[str, list[float]]


def spread(values: Sequence[float]) -> Spread:
    """Return mean and standard deviation; the deviation of a single value is NaN, not 0."""
    array: NDArray[np.float64] = np.asarray(values, dtype=float)
    sd = float(array.std(ddof=1)) if len(array) > 1 else float("nan")
    return Spread(float(array.mean()), sd, len(array))


def moments(records: Sequence[Record], reference: str) -> list[Moment]:
    """Return every scored moment of every condition, averaged over seeds, in the order of ``records``.

    Percentages are of the mean over seeds of the last moment of the runs labelled ``reference``: a ratio
    of means, which two noisy reference seeds disturb less than a mean of ratios.

    Raises:
        InputError: if no record has the label ``reference``, or seeds were scored at different moments.
    """
    base = _reference(records, reference)
    labels = list(dict.fromkeys(r.label for r in records))
    return [m for label in labels for m in _condition([r for r in records if r.label == label], base)]


def _reference(records: Sequence[Record], label: str) -> dict[str, float]:
    last = [r.last for r in records if r.label == label]
    if not last:
        raise InputError(f"No run is labelled {label!r}, so there is nothing to take percentages of.")
    return {a: float(np.mean([p.match[a] for p in last])) for a in last[0].match}


def _condition(records: Sequence[Record], base: dict[str, float]) -> list[Moment]:
    epochs = {tuple(p.epoch for p in r.points) for r in records}
    if len(epochs) != 1:
        raise InputError(f"The seeds of {records[0].label!r} were scored at different moments: {epochs}.")
    return [_moment(records, [r.points[i] for r in records], base) for i in range(len(epochs.pop()))]


def _moment(records: Sequence[Record], points: Sequence[Point], base: dict[str, float]) -> Moment:
    areas = [a for a in COLUMNS if a in points[0].match]
    seeds = {a: [100 * p.match[a] / base[a] for p in points] for a in areas}
    return Moment(
        label=records[0].label,
        epoch=points[0].epoch,
        updates=float(np.mean([p.updates for p in points])),
        synaptic_updates=float(np.mean([p.synaptic_updates for p in points])),
        trained=records[0].synapses["trained"],
        top1=spread([np.nan if p.top1 is None else p.top1 for p in points]),
        match={a: spread([p.match[a] for p in points]) for a in areas},
        percent={a: spread(seeds[a]) for a in areas},
        seeds=seeds,
    )
