"""Conditions beside a reference, from made records of which every percentage is known."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from made_records import score, with_draws
from wiringup.core.errors import InputError
from wiringup.results.comparison import compare
from wiringup.results.curves import curves
from wiringup.results.stats import OverSeeds
from wiringup.results.table import rows


def moments(records, reference):
    return compare(rows(records), reference).moments


def test_percentages_are_of_the_mean_reference_at_its_end(record):
    records = [record("ref", 0, 0.1, 0.4), record("ref", 1, 0.1, 0.6), record("few", 0, 0.1, 0.25)]
    birth, end, few_birth, few_end = moments(records, "ref")
    assert birth.percent["mean"].mean == pytest.approx(20)
    assert end.percent["mean"].mean == pytest.approx(100)
    assert end.percent["mean"].values == pytest.approx([80, 120])
    assert end.percent["mean"].sd == pytest.approx(np.std([80, 120], ddof=1))
    assert few_birth.label == "few"
    assert few_end.percent["V4"].mean == pytest.approx(50)
    assert few_end.synaptic_updates == 1000


def test_one_seed_has_no_deviation_rather_than_none_at_all():
    assert np.isnan(OverSeeds((1.0,)).sd)
    assert OverSeeds((1.0, 3.0)).sd == pytest.approx(2**0.5)


def test_without_a_reference_there_are_no_percentages(record):
    with pytest.raises(InputError, match="No run is labelled 'ref'"):
        moments([record("few", 0, 0.1)], "ref")


def test_seeds_scored_at_different_moments_are_refused(record):
    with pytest.raises(InputError, match="'ref' were scored at different moments"):
        moments([record("ref", 0, 0.1), record("ref", 1, 0.1, 0.2)], "ref")


def test_seeds_that_stopped_early_by_themselves_are_compared_at_their_ends(record):
    def stopping(label, seed, *values):
        return replace(record(label, seed, *values), spec={"training": {"schedule": "plateau"}})

    found = moments([stopping("ref", 0, 0.1, 0.2, 0.3, 0.4), stopping("ref", 1, 0.1, 0.2, 0.5)], "ref")
    assert [one.epoch for one in found] == [0, 1, 2.5]
    assert found[-1].match["mean"].values == (0.4, 0.5) and found[-1].updates == 250
    whole, odd = stopping("ref", 0, 0.1, 0.2, 0.3), stopping("ref", 1, 0.1, 0.2, 0.5)
    with pytest.raises(InputError, match=r"different moments \(epochs\): 0, 1, 2; 0, 2"):
        moments([whole, replace(odd, points=odd.points[::2])], "ref")


def test_other_conditions_that_were_scored_at_different_moments_are_left_out(record, caplog):
    records = [record("ref", 0, 0.1, 0.4), record("odd", 0, 0.1), record("odd", 1, 0.1, 0.2)]
    assert {one.label for one in moments(records, "ref")} == {"ref"}
    assert "Left out: The seeds of 'odd' were scored at different moments" in caplog.text


def test_no_percentages_of_a_reference_at_chance(record):
    found = compare(rows([record("ref", 0, 0.3, 0.015)]), "ref")  # the error of every score is .01
    birth = found.moments[0]
    assert not found.has_percent and list(found.areas) == ["V4"]  # the only area
    assert np.isnan(birth.percent["V4"].mean) and found.shown(birth, "V4") == (0.3,)
    assert compare(rows([record("ref", 0, 0.3, 0.025)]), "ref").has_percent


def test_intervals_hold_the_spread_of_condition_and_reference(record):
    records = [record("ref", seed, 0.1, value) for seed, value in enumerate((0.45, 0.5, 0.55))]
    records += [record("few", seed, 0.1, 0.25) for seed in range(3)]
    few = compare(rows(records), "ref").moments[-1].interval["mean"]
    assert few.value == pytest.approx(50) and few.errors["seeds"] == pytest.approx(few.error)
    assert few.error == pytest.approx(50 * 0.05 / 3**0.5 / 0.5, rel=0.1)
    assert few.high - few.value > 2.2 * few.error  # two degrees of freedom
    one = compare(rows([record("ref", 0, 0.1, 0.4)]), "ref").moments[-1].interval["mean"]
    assert one.value == 100 and np.isnan(one.low)


def test_a_score_that_is_not_defined_says_nothing_of_chance(record):
    at_chance = record("ref", 0, 0.3, 0.015)
    still = dataclasses.replace(at_chance.last, scores=(*at_chance.last.scores, score("c.V4", np.nan)))
    changed = dataclasses.replace(at_chance, points=(at_chance.points[0], still))
    assert not compare(rows([changed]), "ref").has_percent


def test_norms_are_told_for_all_or_with_the_exceptions(record):
    def having(label, norms):
        return dataclasses.replace(record(label, 0, 0.1, 0.2), spec={"training": {"norms": norms}})

    alike = compare(rows([having("ref", "batch"), having("few", "batch")]), "ref")
    assert alike.norms == "BatchNorm that does not learn (norms): batch."
    odd = compare(rows([having("ref", "batch"), having("few", "held"), having("one", "held")]), "ref")
    assert odd.norms == "BatchNorm that does not learn (norms): held; batch in ref."
    assert record("old", 0, 0.1).norms == "running"  # records that do not say


def test_a_network_without_a_score_in_one_area_is_compared_in_the_others(record):
    def also(label, it):
        one = record(label, 0, 0.1, 0.4)
        points = tuple(
            dataclasses.replace(p, scores=(*p.scores, score("c.IT", it, area="IT"))) for p in one.points
        )
        return dataclasses.replace(one, points=points)

    dead = compare(rows([also("ref", 0.2), also("dead", np.nan)]), "ref").moments[-1]
    assert dead.percent["V4"].mean == 100 and np.isnan([dead.percent[a].mean for a in ("IT", "mean")]).all()


def test_whose_stimuli_are_in_no_interval_is_said(record, caplog):
    def half_drawn(one):
        drawn = with_draws(one).last
        end = dataclasses.replace(drawn, scores=(*drawn.scores, score("c.IT", 0.4, area="IT")))
        return dataclasses.replace(one, points=(one.points[0], end))

    told = "Too narrow are intervals with c.IT: of these scores no stimuli were resampled."
    table = rows([half_drawn(record("ref", seed, 0.1, 0.4)) for seed in (0, 1)], evidence=True)
    assert told in compare(table, "ref").left_out
    curves(table, "ref")
    assert caplog.messages[0] == told
    assert caplog.messages[1:] == [
        "'ref' is left out at 1 of 2 moments: it was not scored on all that 'ref' was at its end."
    ]
    for all_or_none in (with_draws, lambda one: one):
        table = rows([all_or_none(record("ref", seed, 0.1, 0.4)) for seed in (0, 1)], evidence=True)
        assert compare(table, "ref").left_out == ""
