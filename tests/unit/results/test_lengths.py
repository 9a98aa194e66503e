"""Trainings that differ in their length alone are one line; nothing else is."""

from dataclasses import replace

import pytest

from made_records import make_record
from wiringup.results.comparison import compare
from wiringup.results.curves import curves
from wiringup.results.lengths import by_length, joined
from wiringup.results.table import rows

CELL = {"birth": "kaiming_normal", "plasticity": "all", "images": 100}


def ended(label, *values):
    """A training scored at birth and at its end, after as many epochs as there are further values."""
    record = make_record(label, 0, *values)
    return replace(record, points=(record.points[0], record.points[-1]))


def lines(records, cells):
    found = {}
    for one in by_length(compare(rows(records), records[0].label), cells):
        found.setdefault(one.label, []).append(one.epoch)
    return found


def test_trainings_of_one_kind_are_one_line_with_one_birth():
    labels = ("KN, all (reference)", "KN, all, 100 images x 1 epochs", "KN, all, updates of critical")
    records = [ended(label, 0.2, *[0.5] * epochs) for label, epochs in zip(labels, (3, 1, 2), strict=True)]
    cells = {r.label: {**CELL, "name": r.label, "epochs": r.last.epoch} for r in records}
    assert lines(records, cells) == {"KN, all": [0, 1, 2, 3]}
    cells[labels[1]] = {**cells[labels[1]], "images": 50}
    assert lines(records, cells) == {"KN, all": [0, 2, 3], labels[1]: [0, 1]}
    assert lines(records, {}) == {labels[0]: [0, 3], labels[1]: [0, 1], labels[2]: [0, 2]}


def test_what_was_scored_in_between_is_a_line_of_its_own():
    records = [make_record("WC x 3 epochs", 0, 0.2, 0.3, 0.4, 0.5), ended("WC x 1 epochs", 0.2, 0.4)]
    cells = {r.label: {**CELL, "epochs": r.last.epoch} for r in records}
    assert lines(records, cells) == {"WC x 3 epochs": [0, 1, 2, 3], "WC x 1 epochs": [0, 1]}


@pytest.mark.parametrize("others", [("short", "long"), ("KN a, 1", "KN a, 2"), ("KN a", "KN b")])
def test_lines_need_a_name_that_nothing_else_has(others):
    records = [ended("KN a, 1 epochs", 0.2, 0.4), ended("KN a, 2 epochs", 0.2, 0.4, 0.5)]
    records += [ended(label, 0.2, *[0.3] * (i + 1)) for i, label in enumerate(others)]
    cells = {r.label: {**CELL, "images": 100 + (r.label in others)} for r in records}
    found = lines(records, cells)
    if others == ("short", "long"):
        assert found == {"KN a": [0, 1, 2], "short": [0, 1], "long": [0, 2]}
    else:
        assert {"KN a, 1 epochs", "KN a, 2 epochs"} <= found.keys()
        assert all(len(epochs) == 2 for label, epochs in found.items() if "," in label)


def test_curves_of_one_kind_and_the_same_seeds_are_one():
    labels = ("KN, all (reference)", "KN, all x 1 epochs", "KN, all x 2 epochs")
    records = [
        replace(ended(label, 0.2, *[0.1 * epochs] * epochs), seed=seed, uid=f"{label}-{seed}")
        for label, epochs in zip(labels, (5, 1, 2), strict=True)
        for seed in (0, 1)
    ]
    cells = {label: {**CELL, "name": label, "epochs": i} for i, label in enumerate(labels)}
    found = curves(rows(records, evidence=True), labels[0])
    (curve,) = joined(found, cells).values()
    assert curve.label == "KN, all" and curve.seeds == (0, 1)
    assert list(curve.costs["epoch"]) == [0, 1, 2, 5]
    assert [float(sample.values.mean()) for sample in curve.samples] == pytest.approx([0.2, 0.1, 0.2, 0.5])
    assert joined(found, {}) == found
    fewer = curves(rows(records[:-1], evidence=True), labels[0])
    assert list(joined(fewer, cells)) == list(labels)
