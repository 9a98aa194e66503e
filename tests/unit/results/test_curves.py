import dataclasses

import numpy as np
import pytest

from made_records import score
from wiringup.core.errors import InputError
from wiringup.results.curves import moments, spread, told_norms


def test_percentages_are_of_the_mean_reference_at_its_end(record):
    records = [record("ref", 0, 0.1, 0.4), record("ref", 1, 0.1, 0.6), record("few", 0, 0.1, 0.25)]
    birth, end, few_birth, few_end = moments(records, "ref")
    assert birth.percent["mean"].mean == pytest.approx(20)
    assert end.percent["mean"].mean == pytest.approx(100)
    assert end.shown["mean"] == pytest.approx([80, 120])
    assert end.percent["mean"].sd == pytest.approx(np.std([80, 120], ddof=1))
    assert few_birth.label == "few"
    assert few_end.percent["V4"].mean == pytest.approx(50)
    assert few_end.synaptic_updates == 1000


def test_one_seed_has_no_deviation_rather_than_none_at_all():
    assert np.isnan(spread([1.0]).sd)
    assert spread([1.0, 3.0]).sd == pytest.approx(2**0.5)


def test_without_a_reference_there_are_no_percentages(record):
    with pytest.raises(InputError, match="No run is labelled 'ref'"):
        moments([record("few", 0, 0.1)], "ref")


def test_seeds_scored_at_different_moments_are_refused(record):
    with pytest.raises(InputError, match="'ref' were scored at different moments"):
        moments([record("ref", 0, 0.1), record("ref", 1, 0.1, 0.2)], "ref")


def test_no_percentages_of_a_reference_at_chance(record):
    birth, end = moments([record("ref", 0, 0.3, 0.015)], "ref")  # the error of every score is .01
    assert not end.has_percent("V4")
    assert np.isnan(birth.percent["V4"].mean)
    assert birth.shown["V4"] == [0.3]
    assert not birth.has_percent("mean")  # the only area
    assert moments([record("ref", 0, 0.3, 0.025)], "ref")[1].has_percent("V4")


def test_a_score_that_is_not_defined_says_nothing_of_chance(record):
    at_chance = record("ref", 0, 0.3, 0.015)
    still = dataclasses.replace(at_chance.last, scores=(*at_chance.last.scores, score("c.V4", np.nan)))
    changed = dataclasses.replace(at_chance, points=(at_chance.points[0], still))
    assert not moments([changed], "ref")[1].has_percent("V4")


def test_norms_are_told_for_all_or_with_the_exceptions(record):
    def having(label, norms):
        return dataclasses.replace(record(label, 0, 0.1, 0.2), spec={"training": {"norms": norms}})

    alike = moments([having("ref", "batch"), having("few", "batch")], "ref")
    assert told_norms(alike) == "BatchNorm that does not learn (norms): batch."
    odd = moments([having("ref", "batch"), having("few", "held"), having("one", "held")], "ref")
    assert told_norms(odd) == "BatchNorm that does not learn (norms): held; batch in ref."
    assert record("old", 0, 0.1).norms == "running"  # records that do not say
