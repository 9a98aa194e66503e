import json
from dataclasses import replace

import numpy as np
import pytest

from wiringup.core.errors import InputError, MissingDataError
from wiringup.results.record import from_dict, provenance, rows, score_from_dict, score_to_dict, to_dict
from wiringup.results.store import Store


def test_a_record_survives_json_with_its_missing_numbers(record):
    one = record("A", 0, 0.5, float("nan"))
    text = json.dumps(to_dict(one), allow_nan=False)
    again = from_dict(json.loads(text))
    assert to_dict(again) == to_dict(one)
    assert np.isnan(again.points[1].match["V4"])
    assert again.points[0].scores[0] == one.points[0].scores[0]


def test_per_unit_scores_are_kept(record):
    score = record("A", 0, 0.5).points[0].scores[0]
    units = score_from_dict(score_to_dict(score)).units
    np.testing.assert_array_equal(units, [0.25, np.nan])


def test_a_record_of_another_format_is_refused(record):
    with pytest.raises(InputError, match=r"schema 99; this version reads 1"):
        from_dict({**to_dict(record("A", 0, 0.5)), "schema": 99})


def test_rows_are_one_for_each_score(record):
    table = rows([record("A", 0, 0.5, 0.6), record("A", 1, 0.4)])
    assert [(r["seed"], r["epoch"], r["score"]) for r in table] == [(0, 0, 0.5), (0, 1, 0.6), (1, 0, 0.4)]
    assert "units" not in table[0]
    assert (table[1]["brain_match"], table[1]["top1"], table[1]["trained"]) == (0.6, 0.25, 10)


def test_a_moment_without_scores_still_has_a_row(record):
    one = record("A", 0, float("nan"))
    (row,) = rows([replace(one, points=(replace(one.points[0], scores=()),))])
    assert (row["run"], row["brain_match"], row["top1"]) == ("A-0", None, 0.25)
    assert "score" not in row


def test_provenance_names_versions_machine_and_seconds():
    found = provenance(1.26)
    assert found["seconds"] == 1.3
    assert {"python", "wiringup", "torch", "numpy"} <= set(found["versions"])


def test_the_store_knows_what_is_finished(tmp_path, record):
    store = Store(tmp_path)
    one = record("A", 0, 0.5)
    assert store.finished(one.uid, one.spec) is None
    store.save(one)
    assert to_dict(store.finished(one.uid, {"lr": 0.1})) == to_dict(one)
    with pytest.raises(InputError, match=r"written for another specification; it differs in \['lr'\]"):
        store.finished(one.uid, {"lr": 0.2})
    assert [r.uid for r in store.records()] == [one.uid]


def test_a_study_lists_its_runs_and_says_which_is_not_finished(tmp_path, record):
    store = Store(tmp_path)
    store.save(record("A", 0, 0.5))
    store.save_study("abc", {"reference": "A"}, ["A-0"])
    document, records = store.study("abc")
    assert document["spec"] == {"reference": "A"}
    assert [r.uid for r in records] == ["A-0"]
    store.save_study("abc", {"reference": "A"}, ["A-0", "A-1"])
    with pytest.raises(MissingDataError, match="Run A-1 of this study is not finished"):
        store.study("abc")
    with pytest.raises(MissingDataError, match=r"no study 'abd' in .* Did you mean 'abc'"):
        store.study("abd")


def test_scores_of_several_calls_are_listed_together(tmp_path):
    store = Store(tmp_path)
    store.save_scores("one", [{"raw": 1}])
    store.save_scores("two", [{"raw": 2}])
    assert store.scores() == [{"raw": 1}, {"raw": 2}]


def test_simulated_scores_mark_the_whole_record(record):
    real = record("A", 0, 0.5)
    point = replace(real.points[0], scores=(replace(real.points[0].scores[0], simulated=True),))
    assert not real.simulated
    assert replace(real, points=(point,)).simulated
