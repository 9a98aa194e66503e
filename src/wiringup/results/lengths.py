"""Trainings that differ in their length alone: points of one line, or one curve, instead of many.

A training cannot be ended before its schedule ends; what less of it gives is told by shorter ones.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from wiringup.core.checks import did_you_mean
from wiringup.core.errors import InputError
from wiringup.results.comparison import Comparison, ConditionScores
from wiringup.results.curves import Curve
from wiringup.results.labels import DISTILLED, SHORT, genome_kind
from wiringup.results.table import Row

Lines = Mapping[str, str]
"""Label of a condition -> what its line is called."""

log = logging.getLogger(__name__)

JOINED = "Own lines join the ends of trainings of different length, each with its own schedule."
"""To be said where lines are shared."""


@dataclass
class _Scored:
    """A condition: the training of every seed's run, the epochs at which it was scored, and a row of it."""

    row: Row
    trainings: dict[int, str | None] = field(default_factory=dict)
    epochs: set[float] = field(default_factory=set)


def lines(table: Sequence[Row]) -> dict[str, str]:
    """Return what the line of every condition is called: itself, or what it shares with others.

    Conditions share a line if their runs, seed by seed, are of one training (see `labels.training`), all were
    scored at birth and end alone, and no two end at the same epoch.

    Args:
        table: see `results.table.rows`.
    """
    found: dict[str, _Scored] = {}
    for row in table:
        if row.get("label") is not None and row.get("epoch") is not None:
            one = found.setdefault(row["label"], _Scored(row))
            one.trainings[row["seed"]] = row.get("training")
            one.epochs |= {row["epoch"]} - {0}
    alike: dict[tuple[tuple[int, str | None], ...], list[str]] = {}
    for label, one in found.items():
        if all(one.trainings.values()):
            alike.setdefault(tuple(sorted(one.trainings.items())), []).append(label)
    joint = [labels for labels in alike.values() if _one_line([found[x] for x in labels])]
    names = _names([[found[x].row for x in labels] for labels in joint], found)
    shared = {label: name for labels, name in zip(joint, names, strict=True) for label in labels}
    return {label: shared.get(label, label) for label in found}


def _one_line(conditions: Sequence[_Scored]) -> bool:
    ends = {max(one.epochs, default=0.0) for one in conditions}
    brief = all(len(one.epochs) == 1 for one in conditions)
    return brief and len(ends) == len(conditions) > 1


def _names(groups: Sequence[Sequence[Row]], labels: Mapping[str, object]) -> list[str]:
    """Return a name for each line: birth and set, with the images where those are several, or a label."""
    others = {*labels} - {row["label"] for rows in groups for row in rows}
    for name in (_condition, _with_images):
        found = [name(rows[0]) for rows in groups]
        if len({*found}) == len(found) and not others & {*found}:
            return found
    return [max(rows, key=lambda row: row.get("epochs") or 0)["label"] for rows in groups]


def _condition(row: Row) -> str:
    birth, learns = str(row.get("birth")), row.get("plasticity")
    distilled = " (distilled)" if genome_kind(row) == DISTILLED else ""
    return SHORT.get(birth, birth) + distilled + (", all" if learns == "all" else f" + {learns}")


def _with_images(row: Row) -> str:
    return f"{_condition(row)}, {row.get('n_images') or 0:,} images"


def by_length(comparison: Comparison, called: Lines) -> list[ConditionScores]:
    """Return the moments of a comparison under the names of their lines: one birth, and all ends."""
    found: dict[str, list[ConditionScores]] = {}
    for one in comparison.moments:
        there = found.setdefault(called.get(one.label, one.label), [])
        if one.epoch or all(other.epoch for other in there):
            there.append(one)
    return [
        replace(one, label=line) for line, of in found.items() for one in sorted(of, key=lambda m: m.epoch)
    ]


def joined(curves: Mapping[str, Curve], called: Lines) -> dict[str, Curve]:
    """Return the curves of a study, those of one line as one."""
    groups: dict[str, list[Curve]] = {}
    for label, curve in curves.items():
        groups.setdefault(called.get(label, label), []).append(curve)
    return {line: of[0] if len(of) == 1 else _through(line, of) for line, of in groups.items()}


def _through(label: str, curves: Sequence[Curve]) -> Curve:
    """Return the curve through one birth and the ends of several, shortest first."""
    by_end = sorted(curves, key=lambda c: c.costs["epoch"][-1])
    born = next((c for c in by_end if c.costs["epoch"][0] == 0), None)
    parts = [*([(born, 0)] if born else []), *((curve, len(curve.samples) - 1) for curve in by_end)]
    return Curve(
        label,
        by_end[-1].seeds,
        {name: np.array([curve.costs[name][i] for curve, i in parts]) for name in by_end[-1].costs},
        [curve.samples[i] for curve, i in parts],
        any(curve.simulated for curve in curves),
        drawn_as=by_end[-1].label,
    )


def named(name: str, conditions: Mapping[str, Curve], lines_of: Mapping[str, Curve]) -> Curve:
    """Return the curve that a name means: a condition, a line, or the beginning of the names of lines.

    Of several lines that begin with it, up to a comma, the one that saw most images is meant; that is said.

    Args:
        name: as in "WC + critical".
        conditions: label -> curve.
        lines_of: see `joined`.

    Raises:
        InputError: if there is none, or several saw as many.
    """
    if found := conditions.get(name) or lines_of.get(name):
        return found
    begun = sorted((c for c in lines_of.values() if c.label.startswith(f"{name},")), key=_seen)
    if not begun or _seen(begun[-1]) in map(_seen, begun[:-1]):
        told = [repr(one.label) for one in begun] or [*map(repr, lines_of)]
        raise InputError(
            f"No condition is called {name!r}.{did_you_mean(name, [*lines_of, *conditions])} There are: "
            f"{', '.join(told)}."
        )
    if begun[:-1]:
        log.info("%r is taken for %r, the longest of %d lines.", name, begun[-1].label, len(begun))
    return begun[-1]


def _seen(curve: Curve) -> float:
    return float(curve.costs["updates"][-1])
