import json
from dataclasses import replace

import numpy as np
import pytest

from wiringup.core.errors import InputError, MissingDataError
from wiringup.results.record import from_dict, provenance, score_from_dict, score_to_dict, to_dict
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
    store.save_study("abc", {"reference": "B", "labels": ["B"]}, ["A-0"])
    assert [r.label for r in store.study("abc")[1]] == ["B"]
    store.save_study("abc", {"reference": "A"}, ["A-0", "A-1"])
    with pytest.raises(MissingDataError, match="Run A-1 of this study is not finished"):
        store.study("abc")
    with pytest.raises(MissingDataError, match=r"no study 'abd' in .* Did you mean 'abc'"):
        store.study("abd")


def test_scores_of_several_calls_are_listed_together(tmp_path):
    store = Store(tmp_path)
    store.save_scores("one", [score_row(raw=1)])
    store.save_scores("two", [score_row(raw=2)])
    assert [row["raw"] for row in store.scores()] == [1, 2]


DEEP = "[" * 100_000
CHANGES = {
    "points": [], "uid": 3, "seed": "0", "synapses": {"all": 1}, "losses": "none", "provenance": None,
    "spec": [],
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_an_edited_record_is_one_error(tmp_path, record, name):
    store, lost = Store(tmp_path), []
    store.save(record("A", 0, 0.5))
    store.save(record("B", 0, 0.5))
    path = tmp_path / "A-0" / "record.json"
    for values in ({**to_dict(record("A", 0, 0.5)), name: CHANGES[name]}, without(record, name)):
        path.write_text(json.dumps(values))
        with pytest.raises(InputError, match=r"A-0/record\.json: .*(by hand|no scored moment)"):
            store.record("A-0")
        lost.clear()
        told = Store(tmp_path, lambda path, why: lost.append((path, why)))
        assert [r.uid for r in told.records()] == ["B-0"] and lost[0][0] == path and str(path) in lost[0][1]


def without(record, name):
    return {key: value for key, value in to_dict(record("A", 0, 0.5)).items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.update(epoch="one"), "points, 0, epoch is 'one', but has to be a number"),
        (lambda p: p.update(updates=True), "points, 0, updates is True, but has to be a whole number"),
        (lambda p: p["match"].pop("mean"), "has no 'mean' in its match"),
        (lambda p: p["match"].update(V4="x"), "points, 0, match, V4 is 'x'"),
        (lambda p: p["scores"][0].pop("raw"), "points, 0, scores, 0 lacks 'raw'"),
        (lambda p: p["scores"][0].update(units=["a"]), "units, 0 is 'a'"),
        (lambda p: p.update(scores=[[]]), "points, 0, scores, 0 is \\[\\], but has to be an object"),
    ],
)
def test_what_was_edited_in_a_moment_is_named(record, change, message):
    values = to_dict(record("A", 0, 0.5))
    change(values["points"][0])
    with pytest.raises(InputError, match=message):
        from_dict(values)


def test_fields_of_a_later_version_are_passed_over(record):
    values = to_dict(record("A", 0, 0.5)) | {"later": 1}
    values["points"][0]["later"] = 1
    assert to_dict(from_dict(values)) == to_dict(record("A", 0, 0.5))


@pytest.mark.parametrize("content", ["", "3", "[]", "[3]", '{"rows": 3}', '{"a": NaN}', DEEP, "\ud83d"])
def test_files_that_are_no_documents_hide_nothing(tmp_path, record, content):
    store, lost = Store(tmp_path), []
    store.save(record("B", 0, 0.5))
    store.save_scores("good", [score_row()])
    for name in ("record", "scores", "match", "study", "diverged"):
        path = tmp_path / "bad" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode(errors="surrogatepass"))
    told = Store(tmp_path, lambda path, _why: lost.append(path.name))
    assert [r.uid for r in told.records()] == ["B-0"] and len(told.scores()) == 1
    assert told.matches() == told.studies() == []
    assert lost == ["record.json", *([] if content == "[]" else ["scores.json"]), "match.json", "study.json"]
    for read in (told.study, told.diverged):
        with pytest.raises(InputError, match="bad/"):
            read("bad")


def score_row(**changes):
    row = {
        "model": "pixels", "birth": None, "seed": None, "benchmark": "b", "layer": "l", "raw": 0.5,
        "error": 0.1, "ceiling": None, "score": 0.5, "normalisation": "none", "simulated": False, "note": "",
    }  # fmt: skip
    return row | changes


def test_simulated_scores_mark_the_whole_record(record):
    real = record("A", 0, 0.5)
    point = replace(real.points[0], scores=(replace(real.points[0].scores[0], simulated=True),))
    assert not real.simulated
    assert replace(real, points=(point,)).simulated
