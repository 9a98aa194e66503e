"""Trainings that differ in their length alone: points of one line, or one curve, instead of many."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wiringup.results.comparison import Comparison, ConditionScores
from wiringup.results.curves import Curve

Cells = Mapping[str, Mapping[str, Any]]
"""Label -> its birth, plasticity, images, epochs, ..., as a recipe's document holds them."""


def by_length(comparison: Comparison, cells: Cells) -> list[ConditionScores]:
    """Return the moments of a comparison, those of trainings of one kind under one label.

    Trainings that differ in their length alone, and were scored at birth and end alone, are points of one
    line: one birth and all ends. It is called by what their names have in common, and they stay apart where
    that is nothing, or another's name.
    """
    own: dict[str, list[ConditionScores]] = {}
    for one in comparison.moments:
        own.setdefault(one.label, []).append(one)
    called = _lines({label: [m.epoch for m in moments] for label, moments in own.items()}, cells)
    lines: dict[str, list[ConditionScores]] = {}
    for label, moments in own.items():
        there = lines.setdefault(called[label], [])
        born = any(not other.epoch for other in there)
        there += [replace(m, label=called[label]) for m in moments if m.epoch or not born]
    return [one for of in lines.values() for one in sorted(of, key=lambda m: m.epoch)]


def joined(curves: Mapping[str, Curve], cells: Cells) -> dict[str, Curve]:
    """Return the curves of a study, those of trainings of one kind and of the same seeds as one curve.

    A training cannot be ended earlier than its schedule says; what less of it gives is told by shorter ones.
    """
    called = _lines({label: [float(e) for e in of.costs["epoch"]] for label, of in curves.items()}, cells)
    groups: dict[str, list[Curve]] = {}
    for label, curve in curves.items():
        groups.setdefault(called[label], []).append(curve)
    found: dict[str, Curve] = {}
    for line, of in groups.items():
        whole = {line: _through(line, of)} if len(of) > 1 and len({c.seeds for c in of}) == 1 else {}
        found |= whole or {curve.label: curve for curve in of}
    return found


def _through(label: str, curves: Sequence[Curve]) -> Curve:
    """Return the curve through one birth and the ends of several, shortest first."""
    by_end = sorted(curves, key=lambda c: c.costs["epoch"][-1])
    born = next((c for c in by_end if c.costs["epoch"][0] == 0), None)
    parts = [*([(born, 0)] if born else []), *((curve, len(curve.samples) - 1) for curve in by_end)]
    return Curve(
        label,
        by_end[0].seeds,
        {name: np.array([curve.costs[name][i] for curve, i in parts]) for name in by_end[0].costs},
        [curve.samples[i] for curve, i in parts],
        any(curve.simulated for curve in curves),
    )


def _lines(epochs: Mapping[str, Sequence[float]], cells: Cells) -> dict[str, str]:
    """Return label -> what its line is called: itself, or what is shared with others of its kind."""
    kinds = [(_shared(labels), labels) for labels in _alike(epochs, cells)]
    taken = Counter([*epochs, *(line for line, _ in kinds)])
    lines = {label: line for line, labels in kinds if line and taken[line] == 1 for label in labels}
    return {label: lines.get(label, label) for label in epochs}


def _alike(epochs: Mapping[str, Sequence[float]], cells: Cells) -> list[list[str]]:
    """Return the labels of each kind of training that was scored at birth and end alone."""
    found: dict[str, list[str]] = {}
    for label, scored in epochs.items():
        if label in cells and len([epoch for epoch in scored if epoch]) == 1:
            kind = {name: value for name, value in cells[label].items() if name not in ("name", "epochs")}
            found.setdefault(repr(sorted(kind.items())), []).append(label)
    return [labels for labels in found.values() if len(labels) > 1]


def _shared(labels: Sequence[str]) -> str:
    """Return the words with which all labels begin; "" if there are none."""
    words = [label.split() for label in labels]
    same = 0
    for first, *others in zip(*words, strict=False):
        if any(other.rstrip(",") != first.rstrip(",") for other in others):
            break
        same += 1
    return " ".join(words[0][:same]).rstrip(", ").removesuffix(" x")
