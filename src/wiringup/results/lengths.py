"""Trainings that differ in their length alone: one line of a figure instead of many."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wiringup.results.comparison import Comparison, ConditionScores

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
    kinds = [(_shared(labels), labels) for labels in _alike(own, cells)]
    taken = Counter([*own, *(line for line, _ in kinds)])
    called = {label: line for line, labels in kinds if line and taken[line] == 1 for label in labels}
    lines: dict[str, list[ConditionScores]] = {}
    for label, moments in own.items():
        line = called.get(label, label)
        there = lines.setdefault(line, [])
        there += [replace(m, label=line) for m in moments if m.epoch or all(other.epoch for other in there)]
    return [one for of in lines.values() for one in sorted(of, key=lambda m: m.epoch)]


def _alike(own: Mapping[str, Sequence[ConditionScores]], cells: Cells) -> list[list[str]]:
    """Return the labels of each kind of training that was scored at birth and end alone."""
    found: dict[str, list[str]] = {}
    for label, moments in own.items():
        if label in cells and len([m for m in moments if m.epoch]) == 1:
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
