"""What was chosen on some benchmarks is measured on others: answers known by hand."""

from dataclasses import replace

import numpy as np
import pytest

from made_records import evidence, make_record, score
from wiringup.core.areas import BEHAVIOR
from wiringup.core.errors import InputError
from wiringup.results.confirmation import alone, as_if_ceiled, confirmed, only, others
from wiringup.results.curves import curves
from wiringup.results.draws import condensed
from wiringup.results.pareto import front
from wiringup.results.table import rows

OTHER, RAW = "other.V1", "raw.IT"


def records(label, end, other, raw, *, seeds=3, trained=10, draws=False):
    """A condition with a birth and an end, on one benchmark that chooses and two that confirm."""

    def with_others(record, seed):
        at = zip(record.points, (0.1, other), (0.2, raw), strict=True)
        points = []
        for point, a, b in at:
            more = [
                score(OTHER, a, area="V1"),
                score(RAW, b, area="IT", ceiling=None, normalisation="none"),
            ]
            if draws:
                more = [
                    condensed(replace(s, evidence=lambda _, s=s: evidence(s.score, seed=len(s.benchmark))))
                    for s in more
                ]
            points.append(replace(point, scores=(*point.scores, *more)))
        return replace(record, points=tuple(points))

    return [with_others(make_record(label, s, 0.1, end, trained=trained), s) for s in range(seeds)]


REF = records("ref", 0.5, 0.4, 0.8, trained=100)
FEW = records("few", 0.45, 0.2, 0.6)


def chosen(*each):
    table = rows([record for of in each for record in of], evidence=True)
    points = front(curves(only(table, ["b.V4"]), "ref"), "ref")
    return table, [p for p in points if p.epoch > 0]


def test_the_choice_is_made_on_some_and_measured_on_others():
    table, points = chosen(REF, FEW)
    assert [p.label for p in points] == ["few", "ref"] and points[0].percent.value == pytest.approx(90)
    few, ref = confirmed(table, points, "ref", [OTHER, RAW])
    assert few[OTHER].value == pytest.approx(50)
    assert few[RAW].value == pytest.approx(75), "without a ceiling, of the raw score"
    assert few["mean"].value == pytest.approx(62.5)
    assert [ref[name].value for name in (OTHER, RAW, "mean")] == pytest.approx([100] * 3)
    assert others(table, [OTHER, RAW]) == ["b.V4"]


def test_intervals_hold_what_is_known_and_cancel_what_both_owe_to_the_same_stimuli():
    table, points = chosen(
        records("ref", 0.5, 0.4, 0.8, trained=100, draws=True), records("few", 0.45, 0.2, 0.6, draws=True)
    )
    few, _ = confirmed(table, points, "ref", [OTHER, RAW])
    for name in (OTHER, RAW, "mean"):
        assert few[name].low == pytest.approx(few[name].value, rel=0.01)

    def apart(record):
        first, other, raw = record.points[1].scores
        end = replace(record.points[1], scores=(first, replace(other, score=0.2 + record.seed / 20), raw))
        return replace(record, points=(record.points[0], end))

    spread = [apart(record) for record in FEW]
    table, points = chosen(REF, spread)
    few, _ = confirmed(table, points, "ref", [OTHER, RAW])
    assert few[OTHER].low < 62.5 < few[OTHER].high and few[OTHER].high - few[OTHER].low > 10
    assert few["mean"].low < 68.75 < few["mean"].high


def test_where_the_reference_is_at_chance_nothing_is_confirmed():
    table, points = chosen(records("ref", 0.5, 0.0, 0.8, trained=100), FEW)
    few, _ = confirmed(table, points, "ref", [OTHER, RAW])
    assert np.isnan(few[OTHER].value) and few["mean"].value == pytest.approx(75)
    table, points = chosen(records("ref", 0.5, 0.0, 0.01, trained=100), FEW)
    few, _ = confirmed(table, points, "ref", [OTHER, RAW])
    assert np.isnan(few[RAW].value) and np.isnan(few["mean"].value)


def test_what_cannot_be_confirmed_is_said():
    table, points = chosen(REF, FEW)
    with pytest.raises(InputError, match=r"Unknown benchmark of these runs 'other\.V2'\. Did you mean"):
        confirmed(table, points, "ref", ["other.V2"])
    with pytest.raises(InputError, match="leave some to choose on"):
        others(table, [OTHER, RAW, "b.V4"])
    lost = [row for row in table if (row["label"], row["seed"], row["benchmark"]) != ("few", 1, OTHER)]
    with pytest.raises(InputError, match=r"other\.V1 was not scored in every run of few"):
        confirmed(lost, points, "ref", [OTHER])


def test_without_a_ceiling_scores_are_squared_as_the_others_are():
    def squared(record):
        points = [
            replace(
                p, scores=tuple(replace(s, normalisation="(r/c)^2") if s.ceiling else s for s in p.scores)
            )
            for p in record.points
        ]
        return replace(record, points=tuple(points))

    for draws in (False, True):
        ref = records("ref", 0.5, 0.4, 0.8, trained=100, draws=draws)
        few = records("few", 0.45, 0.2, 0.6, draws=draws)
        table, points = chosen([squared(r) for r in ref], [squared(r) for r in few])
        found, _ = confirmed(table, points, "ref", [OTHER, RAW])
        assert found[OTHER].value == pytest.approx(50)
        assert found[RAW].value == pytest.approx(100 * 0.75**2)
        assert found[RAW].low == pytest.approx(found[RAW].value, rel=0.01)


def test_behaviour_is_not_squared_without_a_ceiling_either():
    rows = [
        {"benchmark": name, "area": area, "normalisation": how, "score": 0.2}
        for name, area, how in (
            ("b.V4", "V4", "(r/c)^2"),
            ("b.IT", "IT", "none"),
            ("b.i2n", BEHAVIOR, "none"),
        )
    ]
    _, it, behavior = as_if_ceiled(rows)
    assert (it["score"], behavior["score"]) == pytest.approx((0.04, 0.2))


def test_what_has_no_ceiling_counts_alone_by_raw_scores_and_beside_others_not_at_all(caplog):
    table, _ = chosen(REF, FEW)
    raw = [row["score"] for row in only(table, [RAW])]
    found = alone(table, [RAW])
    assert [row["score"] for row in found] == pytest.approx(raw)  # r/c as the others: a ceiling of 1
    assert {row["ceiling"] for row in found} == {1.0}
    assert f"For lack of a noise ceiling by raw scores, as r/c with c = 1: {RAW}." in caplog.text
    caplog.clear()
    assert alone(table, [OTHER, RAW]) == only(table, [OTHER, RAW])
    assert f"without a part in what follows: {RAW}" in caplog.text
    caplog.clear()
    assert alone(table, [OTHER]) == only(table, [OTHER]) and not caplog.text


def test_an_epoch_that_is_no_round_number_is_found():
    def ended(record):
        last = replace(record.points[1], epoch=395 / 15600)
        return replace(record, points=(record.points[0], last))

    table, points = chosen(REF, [ended(r) for r in FEW])
    few, _ = confirmed(table, points, "ref", [OTHER])
    assert few[OTHER].value == pytest.approx(50)
