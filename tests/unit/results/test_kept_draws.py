"""Bootstrap draws of stimuli and units stay with the record, in little room, and widen intervals."""

import json
from dataclasses import replace

import numpy as np
import pytest

from made_records import evidence, make_record, point, score, with_draws
from wiringup.core.errors import InputError
from wiringup.figures.results import Results
from wiringup.results.comparison import of_study
from wiringup.results.draws import KEPT, Sample, condensed, drawn, from_text, to_text
from wiringup.results.query import Query, ask
from wiringup.results.record import from_dict, point_to_dict, to_dict
from wiringup.results.store import Store


def test_what_is_kept_is_the_first_draws_in_half_precision():
    whole = evidence(0.4)
    kept = condensed(replace(score(value=0.4), evidence=lambda _=None: whole))
    assert kept.errors == pytest.approx({"stimuli": 0.03, "units": 0.02}, rel=0.1)
    for source, draws in kept.evidence().items():
        np.testing.assert_allclose(draws, whole[source][:KEPT], atol=1e-4)
    assert condensed(score()).evidence is None and condensed(score()).errors is None


def test_records_bring_them_back_exactly():
    record = with_draws(make_record("A", 0, 0.4))
    again = from_dict(json.loads(json.dumps(to_dict(record))))
    mine, theirs = record.last.scores[0], again.last.scores[0]
    assert theirs.errors == mine.errors and again.last.errors == {"stimuli": 0.03}
    for source, draws in mine.evidence().items():
        np.testing.assert_array_equal(theirs.evidence()[source], draws)
    assert to_text(theirs) == to_text(mine)
    assert len(json.dumps(point_to_dict(record.last))) < 6000


def test_records_of_earlier_versions_say_nothing_of_them():
    values = to_dict(make_record("A", 0, 0.4))
    del values["points"][0]["errors"]
    again = from_dict(values).last
    assert again.errors == {} and again.scores[0].evidence is None


def test_damaged_draws_are_an_error():
    with pytest.raises(InputError, match="the draws of a score are damaged"):
        from_text(0.1, {"stimuli": "no base 64!"})
    with pytest.raises(InputError, match="the draws of a score are damaged"):
        from_text(0.1, {"stimuli": "QUJD"})


def test_undefined_draws_are_passed_over():
    drawn = {"stimuli": np.array([0.1, np.nan, 0.3]), "units": np.full(3, np.nan)}
    kept = condensed(replace(score(value=0.2), evidence=lambda _=None: drawn))
    assert kept.errors == pytest.approx({"stimuli": np.std([0.1, 0.3], ddof=1), "units": 0.0}, rel=1e-3)


def study(*records):
    return of_study({"spec": {"reference": "ref"}}, records)


def test_one_seed_has_an_interval_of_stimuli_and_units():
    ref, few = (make_record(n, 0, 0.1, v) for n, v in (("ref", 0.4), ("few", 0.2)))
    assert np.isnan(study(ref, few).ends[-1].interval["mean"].low)
    found = study(with_draws(ref), with_draws(few, seed=1)).ends[-1].interval["mean"]
    # independent stimuli: relative errors add up; 3/40 and 2/40 each
    assert found.error == pytest.approx(50 * np.hypot(0.075, 0.05) * np.sqrt(2), rel=0.1)
    assert found.low < 50 < found.high and set(found.errors) == {"stimuli", "units"}
    shared = study(with_draws(ref), with_draws(few)).ends[-1].interval["mean"]
    assert shared.error < 0.1  # what both owe to the same stimuli and units cancels in the percentage


def test_seeds_without_draws_stand_beside_seeds_with():
    old = [make_record("ref", s, 0.1, 0.4 + s / 50) for s in (0, 1)]
    new = [with_draws(make_record("few", s, 0.1, 0.2 + s / 50)) for s in (0, 1)]
    found = study(*old, *new).ends[-1].interval["mean"]
    assert set(found.errors) == {"stimuli", "units", "seeds"} and found.low < 100 * 0.21 / 0.41 < found.high
    results = Results([*old, *new], "ref")
    assert results.compare().ends[-1].interval["mean"] == found
    assert len(results.only(lambda row: row["label"] == "ref").compare().moments) == 2
    assert results.only(lambda row: row["epoch"] == 1).compare().ends[-1].interval["mean"] == found
    assert "evidence" not in results.rows[0] and results.rows[-1]["score_error_stimuli"] > 0


def test_groups_of_the_table_know_them_too(tmp_path):
    pytest.importorskip("duckdb", reason="the table is queried by the extra 'results'")
    for seed in (0, 1):
        Store(tmp_path).save(with_draws(make_record("A", seed, 0.4)))
    (row,) = ask(tmp_path, Query(group=["label"]))
    assert row["brain_match_high"] - 0.4 == pytest.approx(1.96 * 0.03, rel=0.01)
    (row,) = ask(tmp_path, Query(group=["label", "benchmark"]))
    assert row["score_high"] - 0.4 == pytest.approx(1.96 * np.hypot(0.03, 0.02), rel=0.1)


def test_points_say_what_their_mean_owes_to_stimuli():
    assert point_to_dict(point(0, 0, 0.4, errors={"units": 0.1}))["errors"] == {"units": 0.1}


def sample_of(seeds: int, resamples: int) -> Sample:
    r = np.random.default_rng(0)
    values, common = 0.4 + 0.02 * r.standard_normal(seeds), 0.01 * r.standard_normal(1000)
    return Sample(
        values, {"units": values[:, None] + common[:resamples], "both": values[:, None] + common[:resamples]}
    )


def test_an_interval_hardly_depends_on_how_a_condition_is_called():
    """500 draws would put its ends .12 standard errors apart: a verdict would depend on the name."""
    found = [drawn(sample_of(3, 500), f"label {i}").estimate() for i in range(40)]
    for ends in ([e.low for e in found], [e.high for e in found]):
        assert np.std(ends) / np.mean([e.error for e in found]) < 0.07


def test_draws_of_records_that_keep_more_are_paired_with_those_of_the_same_stimuli_and_units():
    many, few = (drawn(sample_of(3, n), "one") for n in (1000, 500))
    fraction = many.relative_to(few)
    assert fraction.resamples == len(fraction.total) == 500
    np.testing.assert_allclose(fraction.total, 1, atol=1e-14)
    assert len(many.relative_to(many).total) == len(many.total) > 1000


def test_ten_births_are_known_by_ten_seeds_whatever_the_seeds_of_the_reference():
    rng = np.random.default_rng(0)

    def condition(label, n, sd):
        return drawn(Sample(0.5 + sd * rng.permutation(np.linspace(-1, 1, n))), label)

    births, steady, moving = condition("births", 10, 0.1), condition("ref", 3, 1e-4), condition("ref", 3, 0.3)
    assert births.relative_to(steady).df_seeds == pytest.approx(9, abs=1e-3)
    assert births.relative_to(moving).df_seeds == pytest.approx(2, abs=0.1)
    for n in (2, 3, 10):  # equally many: as for one condition alone
        assert condition("a", n, 0.1).relative_to(condition("b", n, 0.2)).df_seeds == pytest.approx(n - 1)
    one = condition("one", 1, 0.0)
    assert births.relative_to(one).df_seeds == 9 and one.relative_to(moving).df_seeds == 2
