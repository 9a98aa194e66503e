"""Claims hold, do not, or cannot be told: by intervals that are known by hand."""

import math
from dataclasses import replace

import pytest

from made_records import make_record, with_draws
from wiringup.core.errors import InputError
from wiringup.results.claims import ABSENT, FAILS, HOLDS, LEAST, MOST, OPEN, Claim, examine, find
from wiringup.results.curves import CHANCE, NO_CEILING
from wiringup.results.table import rows

CELLS = {
    "ref": {"name": "ref", "plasticity": "all", "images": 100, "epochs": 5.0},
    "few, 10 x 1": {"name": "few, 10 x 1", "plasticity": "few", "images": 10, "epochs": 1.0},
    "few, 100 x 1": {"name": "few, 100 x 1", "plasticity": "few", "images": 100, "epochs": 1.0},
    "few, 100 x 3": {"name": "few, 100 x 3", "plasticity": "few", "images": 100, "epochs": 3.0},
}
ENDS = {"ref": 0.5, "few, 10 x 1": 0.3, "few, 100 x 1": 0.4, "few, 100 x 3": 0.45}


def asked(*claims, ends=ENDS, seeds=3, spread=0.01, draws=False, seeds_of_reference=None):
    each = dict.fromkeys(ends, seeds) | {"ref": seeds_of_reference or seeds}
    records = [make_record(n, s, 0.1, e + spread * (s - 1)) for n, e in ends.items() for s in range(each[n])]
    table = rows([with_draws(r) if draws else r for r in records], evidence=True)
    return examine(claims, CELLS, table, "ref")


def test_a_level_is_held_against_the_interval():
    few = {"plasticity": "few", "images": MOST, "epochs": MOST}
    found = asked(*(Claim("", "", few, level=level) for level in (80, 90, 99)))
    assert [one.verdict for one in found] == [HOLDS, OPEN, FAILS]
    one = found[0]
    assert (one.condition, one.other, one.seeds) == ("few, 100 x 3", "", 3)
    assert one.measured.value == pytest.approx(90) and math.isnan(one.p)
    assert one.spent == pytest.approx(100), "all learn as many synapses for as many updates here"


def test_a_difference_is_in_points_of_the_reference_seed_by_seed():
    many, few = ({"plasticity": "few", "images": n, "epochs": LEAST} for n in (MOST, LEAST))
    for one, than, verdict in ((many, few, HOLDS), (few, many, FAILS)):
        (found,) = asked(Claim("", "", one, than=than))
        assert found.verdict == verdict and found.p == 0.25
        assert abs(found.measured.value) == pytest.approx(20)
        assert found.measured.high - found.measured.low < 5, "what both owe to a seed cancels"
    (open_,) = asked(Claim("", "", many, than=many | {"epochs": MOST, "images": LEAST}), seeds=1)
    assert (open_.verdict, open_.seeds) == (OPEN, 1), "one seed without draws has no interval"
    (found,) = asked(Claim("", "", many, than=few), seeds=1, draws=True)
    assert found.measured.low > 0 and found.verdict == OPEN, "one seed says nothing of others"
    assert math.isnan(found.p)


def test_one_seed_of_the_reference_is_not_told_from_others():
    few = {"plasticity": "few", "images": MOST, "epochs": MOST}
    (found,) = asked(Claim("", "", few, level=80), seeds_of_reference=1)
    assert (found.verdict, found.seeds) == (OPEN, 1) and found.measured.low > 80


def test_an_interval_that_ends_at_the_level_says_so():
    few = {"plasticity": "few", "images": MOST, "epochs": MOST}
    (found,) = asked(Claim("", "", few, level=80))
    low, error = found.measured.low, found.measured.error
    for level, told in (
        (low - 0.1 * error, f"{HOLDS}, at the edge"),
        (low + 0.1 * error, f"{OPEN}, at the edge"),
        (low - 0.3 * error, HOLDS),
        (found.measured.high + 0.1 * error, f"{FAILS}, at the edge"),
    ):
        (found,) = asked(Claim("", "", few, level=level))
        assert found.told == told


def test_conditions_are_found_by_what_they_are():
    assert find({"name": r"few, \d+ x", "images": LEAST}, CELLS) == "few, 10 x 1"
    assert find({"plasticity": "few", "images": MOST, "epochs": 1.0}, CELLS) == "few, 100 x 1"
    assert find({"plasticity": "none"}, CELLS) == find({"width": MOST}, CELLS) == ""
    with pytest.raises(InputError, match=r"Several conditions are .*'few, 100 x 1', 'few, 100 x 3'"):
        find({"plasticity": "few", "images": MOST}, CELLS)


def test_what_was_not_measured_is_said():
    lost = {label: end for label, end in ENDS.items() if label != "few, 100 x 3"}
    few = {"plasticity": "few", "images": MOST, "epochs": 3.0}
    for claim in (Claim("", "", few, level=80), Claim("", "", {"name": "ref"}, than=few)):
        (found,) = asked(claim, ends=lost)
        assert found.verdict == ABSENT and "few, 100 x 3" in (found.condition, found.other)
    (found,) = asked(
        Claim("", "", {"plasticity": "few", "images": MOST, "epochs": MOST}, level=70), ends=lost
    )
    assert (found.verdict, found.condition) == (ABSENT, "few, 100 x 3"), "no other takes its place"
    (found,) = asked(Claim("", "", {"plasticity": "none"}, level=70))
    assert (found.verdict, found.condition) == (ABSENT, "")


def test_nothing_is_told_by_a_reference_at_chance():
    few = {"plasticity": "few", "images": MOST, "epochs": MOST}
    found = asked(Claim("", "", few, level=80), Claim("", "", {"name": "none"}), ends=ENDS | {"ref": 0.001})
    assert [one.verdict for one in found] == [CHANCE, ABSENT]
    raw = rows([unceiled(make_record("ref", s, 0.1, 0.5)) for s in range(2)], evidence=True)
    (found,) = examine([Claim("", "", {"name": "ref"}, level=80)], CELLS, raw, "ref")
    assert found.verdict == NO_CEILING


def unceiled(record):
    def without(point):
        scores = [replace(s, ceiling=None, normalisation="none") for s in point.scores]
        return replace(point, scores=tuple(scores))

    return replace(record, points=tuple(map(without, record.points)))


def test_conditions_without_a_common_seed_are_not_compared():
    few, many = ({"plasticity": "few", "images": n, "epochs": LEAST} for n in (LEAST, MOST))
    records = [make_record("ref", s, 0.1, 0.5) for s in range(2)]
    records += [make_record("few, 10 x 1", 0, 0.1, 0.3), make_record("few, 100 x 1", 1, 0.1, 0.4)]
    (found,) = examine([Claim("", "", many, than=few)], CELLS, rows(records, evidence=True), "ref")
    assert (found.verdict, found.seeds) == (OPEN, 0) and math.isnan(found.measured.value)
