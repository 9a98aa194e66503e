"""Brain match as a percentage of a reference, with its spread over seeds.

One rule decides what is shown: an area in which the reference itself is at chance (see `at_chance`) says
nothing of any condition. It has no percentages, no panel in a figure, and no part in the mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
        norms: how BatchNorm behaved that did not learn.
        match: area -> brain match over seeds; "mean" -> over the areas in ``percent``.
        percent: area or "mean" -> the same as a percentage of the reference, for areas in which the reference
            is above chance. If there is none, all areas are here, as NaN.
        shown: area or "mean" -> what a figure shows of each seed: the percentage, or the brain match
            itself where there are no percentages.
        spent: synaptic updates so far, as a percentage of all that the reference spends.
    """

    label: str
    epoch: float
    updates: float
    synaptic_updates: float
    trained: int
    norms: str
    top1: Spread
    match: dict[str, Spread]
    percent: dict[str, Spread]
    shown: dict[str, list[float]]
    spent: float = float("nan")

    def has_percent(self, area: str) -> bool:
        """Return whether there are percentages in ``area``: not if the reference is at chance everywhere."""
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
    above chance, percentages would be noise divided by noise: such areas are left out, of the mean too.

    Raises:
        InputError: if no record has the label ``reference``, or seeds were scored at different moments.
    """
    last = _last(records, reference)
    areas, chance = _areas(last), at_chance(last)
    kept = [a for a in areas if a not in chance] or areas
    base = {a: _mean([_match(p, kept)[a] for p in last]) for a in (*kept, MEAN)}
    if len(chance) == len(areas):
        base = dict.fromkeys(base, float("nan"))
    whole = _mean([p.synaptic_updates for p in last])
    labels = list(dict.fromkeys(r.label for r in records))
    found = [m for label in labels for m in _condition([r for r in records if r.label == label], base)]
    return [replace(m, spent=100 * m.synaptic_updates / whole) for m in found] if whole else found


def at_chance(points: Sequence[Point]) -> dict[str, tuple[float, float]]:
    """Return the areas in which raw scores are, on average, within two standard errors of zero.

    Returns:
        area -> (raw score, standard error), means over ``points`` and over the area's benchmarks.
    """
    found = {}
    for area in _areas(points):
        scores = [s for p in points for s in p.scores if s.area == area and not np.isnan(s.raw)]
        raw, error = _mean([s.raw for s in scores]), _mean([s.error for s in scores])
        if raw <= 2 * error:
            found[area] = raw, error
    return found


def told_at_chance(records: Sequence[Record], reference: str) -> str:
    """Return the sentence that says where the reference is at chance, and what follows; "" if nowhere."""
    last = _last(records, reference)
    chance = at_chance(last)
    if not chance:
        return ""
    named = ", ".join(f"{area} (raw {raw:.3f}, error {error:.3f})" for area, (raw, error) in chance.items())
    because = f"the reference itself is within two standard errors of zero: {named}"
    if len(chance) == len(_areas(last)):
        return f"There are no percentages, because {because}. Scores are shown as they are."
    return f"Left out of percentages, mean and figure, because {because}."


def told_norms(moments: Sequence[Moment]) -> str:
    """Return the sentence that says how BatchNorm behaved that did not learn, and where otherwise."""
    labels: dict[str, list[str]] = {}
    for moment in moments:
        labels.setdefault(moment.norms, []).append(moment.label)
    most, *others = sorted(labels, key=lambda norms: -len(set(labels[norms])))
    but = "".join(f"; {norms} in {', '.join(dict.fromkeys(labels[norms]))}" for norms in others)
    return f"BatchNorm that does not learn (norms): {most}{but}."


def _last(records: Sequence[Record], label: str) -> list[Point]:
    last = [r.last for r in records if r.label == label]
    if not last:
        raise InputError(f"No run is labelled {label!r}, so there is nothing to take percentages of.")
    return last


def _areas(points: Sequence[Point]) -> list[str]:
    return [a for a in SCORED if a in points[0].match]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _match(point: Point, averaged: Sequence[str]) -> dict[str, float]:
    """Return the brain match in every area, and the mean over those that are ``averaged``."""
    return {a: point.match[a] for a in _areas([point])} | {MEAN: _mean([point.match[a] for a in averaged])}


def _condition(records: Sequence[Record], base: Mapping[str, float]) -> list[Moment]:
    epochs = {tuple(p.epoch for p in r.points) for r in records}
    if len(epochs) != 1:
        raise InputError(f"The seeds of {records[0].label!r} were scored at different moments: {epochs}.")
    return [_moment(records, [r.points[i] for r in records], base) for i in range(len(epochs.pop()))]


def _moment(records: Sequence[Record], points: Sequence[Point], base: Mapping[str, float]) -> Moment:
    each = [_match(p, [a for a in base if a != MEAN]) for p in points]
    match = {a: [values[a] for values in each] for a in each[0]}
    percent = {a: [100 * v / base[a] for v in match[a]] for a in base}
    return Moment(
        label=records[0].label,
        epoch=points[0].epoch,
        updates=float(np.mean([p.updates for p in points])),
        synaptic_updates=float(np.mean([p.synaptic_updates for p in points])),
        trained=records[0].synapses["trained"],
        norms=records[0].norms,
        top1=spread([np.nan if p.top1 is None else p.top1 for p in points]),
        match={a: spread(v) for a, v in match.items()},
        percent={a: spread(v) for a, v in percent.items()},
        shown={a: percent[a] if np.isfinite(base[a]) else match[a] for a in base},
    )
