"""Differences at equal updates, updates to reach a fraction, the Pareto front: answers known by hand."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.isotonic import isotonic_regression

from made_records import make_record, with_draws
from wiringup.core.errors import InputError
from wiringup.figures.results import Results
from wiringup.results.coverage import KINDS, coverages
from wiringup.results.curves import compared, curves, last_difference, never_falling, reached
from wiringup.results.pareto import front
from wiringup.results.table import rows


def found(*records, reference="ref"):
    return curves(rows(records, evidence=True), reference)


def runs(label, *values, seeds=3, step=0.0, trained=10):
    return [make_record(label, s, *(v + s * step for v in values), trained=trained) for s in range(seeds)]


REF = runs("ref", 0.1, 0.3, 0.4, 0.5)


def test_a_curve_is_the_brain_match_at_every_moment():
    curve = found(*REF)["ref"]
    assert curve.seeds == (0, 1, 2) and not curve.simulated
    assert [s.values.mean() for s in curve.samples] == pytest.approx([0.1, 0.3, 0.4, 0.5])
    assert curve.costs["updates"].tolist() == [0, 100, 200, 300]
    assert curve.costs["synaptic_updates"].tolist() == [0, 1000, 2000, 3000]
    assert np.isnan(curve.costs["bits"]).all()


def test_differences_at_equal_updates_pair_seeds():
    a, b = runs("A", 0.1, 0.4, step=0.02), runs("B", 0.1, 0.3, step=0.02)
    each = found(*REF, *a, *b)
    (birth, end) = compared(each["A"], each["B"])
    assert (birth.cost, end.cost, end.n_seeds) == (0, 100, 3)
    assert end.difference.value == pytest.approx(0.1) and end.difference.error == pytest.approx(0, abs=1e-12)
    assert end.p == 2 / 8  # of three seeds, all one way
    assert birth.difference.value == pytest.approx(0) and birth.p == 1
    assert last_difference(each["A"], each["B"]) == pytest.approx([0.1] * 3)


def test_between_moments_curves_are_interpolated_along_the_logarithm():
    few = runs(
        "few", 0.1, 0.2, trained=15
    )  # scored at 1,500 synaptic updates, the reference at 1,000 and 2,000
    each = found(*REF, *few)
    _, end = compared(each["few"], each["ref"], "synaptic_updates")
    share = (np.log2(2.5) - 1) / (np.log2(3) - 1)
    assert end.cost == 1500 and end.difference.value == pytest.approx(0.2 - (0.3 + share * 0.1))
    assert len(compared(each["ref"], each["ref"], "synaptic_updates")) == 4


def test_nothing_is_invented_between_birth_and_the_end_of_a_training(caplog):
    each = found(
        *REF, *runs("long", 0.1, 0.6, trained=100)
    )  # at 0 and 10,000; the reference at 1,000 to 3,000
    with pytest.raises(InputError, match=r"'long' was scored at 0 and 1e\+04 .* too far apart .* at 2000"):
        each["long"].at(2000, "synaptic_updates")
    (birth,) = compared(each["ref"], each["long"], "synaptic_updates")
    assert birth.cost == 0 and "too far apart" in caplog.text
    late = replace(
        each["ref"], costs={n: c[1:] for n, c in each["ref"].costs.items()}, samples=each["ref"].samples[1:]
    )
    with pytest.raises(InputError, match="too far apart"):
        compared(late, each["long"], "synaptic_updates")


def test_stimuli_that_both_saw_cancel_in_a_difference():
    a, b = (with_draws(make_record(n, 0, 0.1, 0.4)) for n in ("ref", "B"))
    other = with_draws(make_record("C", 0, 0.1, 0.4), seed=5)
    each = found(a, b, other)
    assert compared(each["ref"], each["B"])[1].difference.error < 1e-3
    apart = compared(each["ref"], each["C"])[1].difference
    assert apart.error == pytest.approx(np.hypot(0.03, 0.02) * np.sqrt(2), rel=0.1)
    assert np.isnan(compared(each["ref"], each["B"])[1].p)


def test_what_cannot_be_compared_is_said():
    each = found(*REF, *[make_record("B", 7, 0.1, 0.2)])
    with pytest.raises(InputError, match=r"at least 1 .* but 'ref' has \[0, 1, 2\] and 'B' \[7\]"):
        compared(each["ref"], each["B"])
    with pytest.raises(InputError, match="Unknown measure of what was spent 'bit'"):
        compared(each["ref"], each["ref"], "bit")
    with pytest.raises(InputError, match="was scored between 0 and 300 updates, not at 400"):
        each["ref"].at(400, "updates")
    with pytest.raises(InputError, match=r"at least 2 that both have once, but 'ref' .* 'B' \[7\]"):
        last_difference(each["ref"], each["B"])
    with pytest.raises(InputError, match=r"No run is labelled 'reff'\. Did you mean 'ref'"):
        found(*REF, reference="reff")
    with pytest.raises(InputError, match="at chance in every area"):
        found(*runs("ref", 0.1, 0.0))


def test_differences_need_no_percentages(caplog):
    """A reference at chance says nothing against a comparison of two others."""
    made = Results([*runs("ref", 0.1, 0.0), *runs("A", 0.1, 0.4), *runs("B", 0.1, 0.3)], "ref")
    born, end = made.difference("A", "B")
    assert (born.difference.value, end.difference.value) == pytest.approx((0.0, 0.1))
    assert caplog.messages == [
        "'ref' is at chance in every area: all areas count, and nothing is in percent."
    ]
    for percentages in (made.reach, made.front):
        with pytest.raises(InputError, match="at chance in every area"):
            percentages()


def test_statistics_of_results_are_those_of_curves():
    made = Results([*REF, *runs("low", 0.1, 0.2)], "ref")
    each = found(*REF, *runs("low", 0.1, 0.2))
    assert made.reach(50, "updates") == sorted(
        (reached(curve, each["ref"], 0.5, "updates") for curve in each.values()), key=lambda r: r.spent
    )
    assert made.front("updates") == front(each, "ref", "updates")
    with pytest.raises(InputError, match="has to be a percentage above 0"):
        made.reach(0)


def test_updates_to_reach_a_fraction():
    each = found(*REF, *runs("low", 0.1, 0.2))
    one = reached(each["ref"], each["ref"], 0.8, "updates")
    assert (one.spent, one.low, one.high, one.share) == pytest.approx((200, 200, 200, 1))
    between = reached(each["ref"], each["ref"], 0.7, "updates")  # 0.35 lies between 100 and 200
    assert between.spent == pytest.approx(100 * (2 ** (1 + 0.5 * (np.log2(3) - 1)) - 1))
    never = reached(each["low"], each["ref"], 0.8, "updates")
    assert (never.spent, never.high, never.share, never.most) == (np.inf, np.inf, 0, 100)
    assert reached(each["ref"], each["ref"], 0.1).spent == 0


def test_a_curve_that_falls_is_fitted_by_one_that_does_not():
    each = found(*runs("ref", 0.1, 0.4, 0.2, 0.5))
    assert reached(each["ref"], each["ref"], 0.6, "updates").spent == pytest.approx(100)  # both are 0.3


def test_the_fit_is_scikit_learns():
    values = np.random.default_rng(0).standard_normal((50, 9))
    np.testing.assert_allclose(never_falling(values), [isotonic_regression(v) for v in values], atol=1e-12)


def test_the_interval_of_updates_is_open_where_draws_do_not_reach_it():
    each = found(*REF, *runs("A", 0.1, 0.3, 0.43, step=-0.03))
    one = reached(each["A"], each["ref"], 0.8, "updates")
    assert one.low < one.spent == 200 or one.spent < one.high
    assert one.high == np.inf and 0.2 < one.share < 0.975


def test_bits_are_of_births_and_say_nothing_of_what_is_learned():
    def of(label, bits, *values):
        return [replace(one, bits=bits) for one in runs(label, *values)]

    points = front(found(*of("ref", 10, 0.1, 0.5), *of("long", 90, 0.2, 0.3)), "ref", "bits")
    assert [(p.label, p.epoch, p.cost) for p in points] == [("ref", 0, 10), ("long", 0, 90)]
    assert [p.percent.value for p in points] == pytest.approx([20, 40])


def test_the_front_is_what_nothing_beats():
    cheap = runs("cheap", 0.1, 0.35, trained=1)  # 100 synaptic updates
    bad = runs("bad", 0.1, 0.2, trained=20)
    each = found(*REF, *cheap, *bad)
    points = front(each, "ref")
    assert [(p.label, p.cost) for p in points] == [("ref", 0), ("cheap", 100), ("ref", 2000), ("ref", 3000)]
    assert [p.percent.value for p in points] == pytest.approx([20, 70, 80, 100])
    assert {p.share for p in points} == {1.0}
    by_trained = front(each, "ref", "trained")
    # a newborn has trained none of its synapses yet
    assert [(p.label, p.epoch, p.cost) for p in by_trained] == [
        ("ref", 0, 0),
        ("cheap", 1, 1),
        ("ref", 3, 10),
    ]
    with pytest.raises(InputError, match="No birth that was scored says its bits"):
        front(each, "ref", "bits")
    with pytest.raises(InputError, match="Unknown cost 'euros'"):
        front(each, "ref", "euros")


def on(benchmark, *records):
    def moved(point):
        return replace(point, scores=tuple(replace(s, benchmark=benchmark) for s in point.scores))

    return [replace(r, points=tuple(map(moved, r.points))) for r in records]


def test_what_was_scored_on_other_benchmarks_is_no_part_of_any_percentage(caplog):
    easy = on("easy.V4", *runs("easy", 0.3, 0.9))
    one_seed = [*runs("mixed", 0.1, 0.9)[:2], *on("easy.V4", make_record("mixed", 2, 0.1, 0.9))]
    each = found(*REF, *easy, *one_seed)
    assert [*each] == ["ref"]
    assert caplog.messages == [
        f"'{label}' is left out: it was not scored on all that 'ref' was at its end."
        for label in ("easy", "mixed")
    ]
    later = [
        replace(r, points=(*on("easy.V4", r)[0].points[:1], *r.points[1:]))
        for r in runs("late", 0.9, 0.2, 0.3)
    ]
    curve = found(*REF, *later)["late"]
    assert curve.costs["epoch"].tolist() == [1, 2] and len(curve.samples) == 2
    assert "'late' is left out at 1 of 3 moments" in caplog.text


def test_the_order_of_runs_changes_nothing():
    values = {0: 0.125, 1: 0.25, 2: 0.375}
    a, b = ([make_record(n, s, v, 0.25 + v) for s, v in values.items()] for n in ("A", "B"))
    points = [front(found(*REF, *a, *of), "ref") for of in (b, b[::-1])]
    assert points[0] == points[1] and [(p.label, p.cost) for p in points[0]] == [("A", 0), ("A", 1000)]
    tied = [make_record("B", s, 0.25, 0.75 - v) for s, v in values.items()]  # as good as A, seed by seed not
    assert [p.label for p in front(found(*REF, *a, *tied), "ref")] == ["A", "B", "A", "B"]


def test_a_reference_reaches_itself_whatever_the_last_digits():
    rng = np.random.default_rng(0)
    for _ in range(50):
        whole = found(*runs("ref", *np.sort(rng.uniform(0.1, 0.9, 6)), seeds=1))["ref"]
        assert reached(whole, whole, 1.0).spent == pytest.approx(5000)


def test_what_is_interpolated_where_nobody_looked_says_so():
    each = found(*REF, *runs("two", 0.1, 0.6, trained=100))
    assert reached(each["ref"], each["ref"], 0.7).apart == ()  # between 1,000 and 2,000
    assert reached(each["two"], each["ref"], 0.7).apart == (0, 10_000)
    assert reached(each["two"], each["ref"], 0.1).apart == ()  # at birth
    assert reached(found(*REF, *runs("low", 0.1, 0.2))["low"], each["ref"], 0.7).apart == ()  # nowhere


def test_draws_without_a_ceiling_are_left_out_and_a_seed_is_not_paired_twice():
    def some_unknown(record):
        def lost(s):
            kept = with_draws(record).points[0].scores[0].evidence()
            first = np.arange(len(kept["both"])) < 25
            return {k: np.where(first, np.nan, d - d.mean() + s) for k, d in kept.items()}

        points = [
            replace(p, scores=tuple(replace(s, evidence=lambda _=None, s=s: lost(s.score)) for s in p.scores))
            for p in record.points
        ]
        return replace(record, points=tuple(points))

    each = found(*map(some_unknown, REF), *map(some_unknown, runs("A", 0.1, 0.9)))
    there = reached(each["A"], each["ref"], 0.4)
    assert there.share == 1.0 and np.isfinite(there.high)
    assert {p.share for p in front(each, "ref")} == {1.0}
    twice = found(*REF, *runs("A", 0.1, 0.4), make_record("A", 0, 0.1, 0.5, uid="again"))
    with pytest.raises(InputError, match="both have once"):
        last_difference(twice["A"], twice["ref"])


def test_intervals_cover_the_truth():
    """50 studies know a coverage of .95 to +-.062; intervals may be too wide, as the full simulation says."""
    shares = coverages(50, seed=1, n_seeds=(3,))
    assert [row["interval"] for row in shares] == [*KINDS, *KINDS]
    assert all(row["3 seeds"] >= 0.95 - 0.062 for row in shares)


def test_what_learned_before_the_first_label_is_not_said_by_the_bits_of_its_birth():
    born = {"birth": {"recipe": "kaiming_normal"}}
    after = {
        "before": {"stimuli": "waves", "training": {"duration": {"value": 9, "unit": "steps"}, "batch": 64}}
    }
    each = [
        replace(one, bits=0, spec=born | (after if label == "waves" else {}))
        for label, values in (("ref", (0.1, 0.5)), ("waves", (0.2, 0.6)))
        for one in runs(label, *values)
    ]
    curves = found(*each)
    assert np.isfinite(curves["ref"].costs["bits"]).all() and np.isnan(curves["waves"].costs["bits"]).all()
    assert [p.label for p in front(curves, "ref", "bits")] == ["ref"]
