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
        percent: area or "mean" -> the same as a percentage of the reference; NaN where the reference
            itself is at chance.
        shown: area or "mean" -> what a figure shows of each seed: the percentage, or the brain match
            itself where there are no percentages.
    """

    label: str
    epoch: float
    updates: float
    synaptic_updates: float
    trained: int
    top1: Spread
    match: dict[str, Spread]
    percent: dict[str, Spread]
    shown: dict[str, list[float]]

    def has_percent(self, area: str) -> bool:
        """Return whether the reference is above chance in ``area``."""
        return bool(np.isfinite(self.percent[area].mean))


def spread(values: Sequence[float]) -> Spread:
    """Return mean and standard deviation; the deviation of a single value is NaN, not 0."""
    array: NDArray[np.float64] = np.asarray(values, dtype=float)
    sd = float(array.std(ddof=1)) if len(array) > 1 else float("nan")
    return Spread(float(array.mean()), sd, len(array))


def moments(records: Sequence[Record], reference: str) -> list[Moment]:
    """Return every scored moment of every condition, averaged over seeds, in the order of ``records``.

    Percentages are of the mean over seeds of the last moment of the runs labelled ``reference``: a ratio
    of means, which two noisy reference seeds disturb less than a mean of ratios. Where that mean is not
    above chance (see `at_chance`), percentages would be noise divided by noise: they are NaN.

    Raises:
        InputError: if no record has the label ``reference``, or seeds were scored at different moments.
    """
    base = _reference(records, reference)
    labels = list(dict.fromkeys(r.label for r in records))
    return [m for label in labels for m in _condition([r for r in records if r.label == label], base)]


def at_chance(points: Sequence[Point], area: str) -> bool:
    """Return whether the raw scores of ``area`` are, on average, within two standard errors of zero."""
    scores = [s for p in points for s in p.scores if s.area == area]
    return bool(scores) and bool(np.mean([s.raw for s in scores]) <= 2 * np.mean([s.error for s in scores]))


def _reference(records: Sequence[Record], label: str) -> dict[str, float]:
    last = [r.last for r in records if r.label == label]
    if not last:
        raise InputError(f"No run is labelled {label!r}, so there is nothing to take percentages of.")
    return {
        area: float("nan") if at_chance(last, area) else float(np.mean([p.match[area] for p in last]))
        for area in last[0].match
    }


def _condition(records: Sequence[Record], base: dict[str, float]) -> list[Moment]:
    epochs = {tuple(p.epoch for p in r.points) for r in records}
    if len(epochs) != 1:
        raise InputError(f"The seeds of {records[0].label!r} were scored at different moments: {epochs}.")
    return [_moment(records, [r.points[i] for r in records], base) for i in range(len(epochs.pop()))]


def _moment(records: Sequence[Record], points: Sequence[Point], base: dict[str, float]) -> Moment:
    areas = [a for a in COLUMNS if a in points[0].match]
    match = {a: [p.match[a] for p in points] for a in areas}
    percent = {a: [100 * v / base[a] for v in match[a]] for a in areas}
    return Moment(
        label=records[0].label,
        epoch=points[0].epoch,
        updates=float(np.mean([p.updates for p in points])),
        synaptic_updates=float(np.mean([p.synaptic_updates for p in points])),
        trained=records[0].synapses["trained"],
        top1=spread([np.nan if p.top1 is None else p.top1 for p in points]),
        match={a: spread(match[a]) for a in areas},
        percent={a: spread(percent[a]) for a in areas},
        shown={a: percent[a] if np.isfinite(base[a]) else match[a] for a in areas},
    )
