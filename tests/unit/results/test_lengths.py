"""Trainings that differ in their length alone are one line; nothing else is."""

from dataclasses import replace

import numpy as np
import pytest

from made_records import make_record, score
from wiringup.core.errors import InputError
from wiringup.results.comparison import compare
from wiringup.results.curves import curves, reached
from wiringup.results.labels import born, training
from wiringup.results.lengths import by_length, joined, lines, named
from wiringup.results.pareto import front
from wiringup.results.table import rows


def ended(label, *values, seed=0, learns="all", images=100, **training):
    """A training scored at birth and at its end, after as many epochs as there are further values."""
    record = make_record(label, seed, *values)
    training = {"norms": "batch", "duration": {"value": float(len(values) - 1), "unit": "epochs"}} | training
    spec = {
        "birth": {"recipe": "kaiming_normal", "seed": seed},
        "training": {"plasticity": learns, "label": label, **training},
        "images": {"number": images},
    }
    points = [replace(record.points[i], images=images) for i in (0, -1)]
    return replace(record, spec=spec, points=tuple(points))


def several(label, *values, seeds=(0, 1), **about):
    return [ended(label, *values, seed=seed, **about) for seed in seeds]


REF = several("ref", 0.2, 0.3, 0.4, 0.5)
SHORT = several("short", 0.2, 0.3)


def epochs(records):
    table = rows(records)
    found = {}
    for one in by_length(compare(table, "ref"), lines(table)):
        found.setdefault(one.label, []).append(one.epoch)
    return found


def test_trainings_of_one_kind_are_one_line_with_one_birth():
    between = several("as many synaptic updates", 0.2, 0.1, 0.3)
    assert epochs(REF + SHORT + between) == {"KN, all": [0, 1, 2, 3]}
    few = several("few", 0.2, 0.3, learns="critical") + several(
        "few, longer", 0.2, 0.3, 0.4, learns="critical"
    )
    assert epochs(REF + SHORT + few) == {"KN, all": [0, 1, 3], "KN + critical": [0, 1, 2]}


@pytest.mark.parametrize(
    "other",
    [
        several("other", 0.2, 0.3, momentum=0.5),
        several("other", 0.2, 0.3, precision="float32"),
        several("other", 0.2, 0.3, images=50),
        several("other", 0.2, 0.3, 0.4, 0.5),  # as long as the reference: no curve goes through both
        several("other", 0.2, 0.3, seeds=(0,)),
        [make_record("other", seed, 0.2, 0.3) for seed in (0, 1)],
        several("other", 0.2, 0.3, norms="held"),
        [
            replace(r, points=make_record("", 0, 0.2, 0.3, 0.4).points)
            for r in several("other", 0.2, 0.3, 0.4)
        ],
    ],
    ids=["momentum", "precision", "images", "length", "seeds", "specification", "norms", "scored in between"],
)
def test_what_differs_in_more_than_its_length_is_apart(other):
    assert set(epochs(REF + other)) == {"ref", "other"}
    again = several("longer", *[0.2] * 6)
    assert len(epochs(REF + again)) == 1


def test_a_line_of_images_says_how_many_and_no_line_takes_the_name_of_another():
    few = several("50 x 1", 0.2, 0.3, images=50) + several("50 x 2", 0.2, 0.3, 0.4, images=50)
    assert set(epochs(REF + SHORT + few)) == {"KN, all, 100 images", "KN, all, 50 images"}
    named = several("KN, all", 0.2, 0.3, learns="critical")
    assert set(epochs(REF + SHORT + named)) == {"KN, all, 100 images", "KN, all"}
    slow = several("slow", 0.2, 0.3, lr=0.01) + several("slow, longer", 0.2, 0.3, 0.4, lr=0.01)
    assert set(epochs(REF + SHORT + slow)) == {"ref", "slow, longer"}, "called by their longest"


def test_what_was_distilled_from_a_run_has_a_line_of_its_own_name():
    born_of = {"birth": {"recipe": "weight_compression"}}
    found = []
    for told, genome in (("a", "a" * 64), ("b", "run:0")):
        for n in (1, 2):
            one = ended(f"{told} {n}", *[0.1] * (n + 1))
            found.append(replace(one, spec={**one.spec, "birth": born_of["birth"] | {"genome": genome}}))
    named = lines(rows(found))
    assert [*dict.fromkeys(named.values())] == ["WC, all", "WC (distilled), all"]


def test_curves_of_one_line_are_one_and_its_end_is_drawn_as_the_reference():
    values = (0.5, 0.45, 0.1, 0.15)
    records = [
        replace(r, points=(r.points[0], replace(r.points[1], scores=(score(value=v),))))
        for r, v in zip(REF + SHORT, values, strict=True)
    ]
    table = rows(records, evidence=True)
    found = curves(table, "ref")
    (curve,) = joined(found, lines(table)).values()
    assert (curve.label, curve.seeds) == ("KN, all", (0, 1)) and list(curve.costs["epoch"]) == [0, 1, 3]
    assert [float(np.mean(s.values)) for s in curve.samples] == pytest.approx([0.2, 0.125, 0.475])
    assert reached(curve, found["ref"], 0.99, "epoch").share == 1, "its end is its goal"
    assert joined(found, {}) == found


def test_a_training_hangs_on_all_but_length_and_what_changes_no_address():
    one = ended("a", 0.2, 0.3)
    assert training(one) == training(ended("b", 0.2, 0.3, 0.4))
    others = ({}, {"seed": 1}, {"lr": 1}, {"images": 9})
    assert len({training(ended("a", 0.2, 0.3, **of)) for of in others}) == len(others)


def test_a_condition_or_a_line_is_named_by_how_it_begins(caplog):
    caplog.set_level("INFO", "wiringup")
    table = rows([*REF, *several("WC, all", 0.3, 0.4)])
    known = curves(table, "ref")
    of_lines = joined(known, lines(table))
    assert named("WC, all", known, of_lines) is known["WC, all"]
    assert not caplog.messages
    longer = {
        label: replace(of_lines[next(iter(of_lines))], label=label, costs={"updates": np.array([0.0, end])})
        for label, end in (("A, few", 1.0), ("A, many", 2.0), ("B, x", 3.0), ("B, y", 3.0))
    }
    assert named("A", {}, longer).label == "A, many" and "longest of 2 lines" in caplog.text
    with pytest.raises(InputError, match=r"called 'B'.* There are: 'B, x', 'B, y'\."):
        named("B", {}, longer)
    with pytest.raises(InputError, match=r"called 'A, fe'\. Did you mean 'A, few'\?"):
        named("A, fe", {}, longer)


def test_newborns_are_called_by_their_birth_whatever_is_to_learn():
    usual = {"birth": "kaiming_normal", "architecture": "cornet_s", "width": 1.0}
    assert born(usual, usual) == "KN" and born({}, usual) == ""
    wc = usual | {"birth": "weight_compression", "genome": "ab12"}
    assert born(wc, usual) == "WC" and born(wc | {"genome": "run:a"}, usual) == "WC (distilled)"
    assert born(usual | {"before": "waves:320"}, usual) == "KN after waves:320"
    assert born(usual | {"plasticity": "mask:0.5:all"}, usual) == "KN, masked"
    other = born(usual | {"batchnorm": "default"}, usual | {"batchnorm": "calibrated"})
    assert other == "KN, BatchNorm default"
    assert born(wc | {"architecture": "resnet50", "width": 0.5}, usual) == "resnet50, width 0.5, WC"
    points = front(curves(rows([*REF, *SHORT]), "ref"), "ref")
    assert [one.name for one in points] == ["KN, birth", "short", "ref"]
