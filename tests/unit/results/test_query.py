"""The kept table: made from run folders, brought up to date, asked in SQL."""

import contextlib
import json
import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest

from made_records import make_record, point, score
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.sealed import BLANK, verify
from wiringup.results.kept import FILE, opened
from wiringup.results.query import Query, ask
from wiringup.results.store import Store

pytest.importorskip("duckdb", reason="the table is queried by the extra 'results'")
WC = ("weight_compression", 0), ("weight_compression", 1)
NAMES = {"birth": {"wc": "weight_compression"}}


def run(birth, seed, *values, uid="", plasticity="all"):
    spec = {"birth": {"recipe": birth, "seed": seed}, "training": {"plasticity": plasticity, "seed": seed}}
    return replace(make_record(birth, seed, *values, uid=uid), spec=spec)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    for seed in (0, 1):
        store.save(run("kaiming_normal", seed, 0.1, 0.2 + seed / 10))
        store.save(run("weight_compression", seed, 0.2, 0.4, 0.5))
    return store


def test_a_condition_and_columns(store, tmp_path):
    asked = Query("birth = 'wc' and epoch >= 1", columns=["seed", "epoch", "score"], names=NAMES)
    expected = [{"seed": s, "epoch": float(e), "score": v} for s in (0, 1) for e, v in ((1, 0.4), (2, 0.5))]
    assert ask(tmp_path, asked) == expected
    every = ask(tmp_path, Query())
    assert len(every) == 10 and every[0]["source"] == "own" and every[0]["trained"] == 10
    assert {row["final"] for row in every if row["epoch"] == 0} == {False}


def test_rows_without_columns_of_a_score_stand_there_once(store, tmp_path):
    both = (score(), score("c.V4"))
    store.save(replace(run("own", 0), points=(point(0, 0, 0.3, scores=both),)))
    assert ask(tmp_path, Query("birth = 'own'", columns=["run", "brain_match"])) == [
        {"run": "own-0", "brain_match": 0.3}
    ]


def test_groups_are_means_over_runs_of_their_last_moment_with_intervals(store, tmp_path):
    kn, wc = ask(tmp_path, Query(group=["birth"]))
    assert (kn["birth"], kn["runs"], kn["conditions"], kn["updates"]) == ("kaiming_normal", 2, 1, 100)
    assert kn["brain_match"] == pytest.approx(0.25)
    half = 12.706 * 0.1 / 2  # t interval of two values
    assert kn["brain_match_low"] == pytest.approx(0.25 - half, abs=1e-3)
    assert (wc["brain_match"], wc["brain_match_low"], wc["brain_match_high"]) == (0.5, 0.5, 0.5)
    assert "score" not in kn
    by_moment = ask(tmp_path, Query("birth = 'weight_compression'", group=["epoch", "benchmark"]))
    assert [(row["epoch"], row["score"]) for row in by_moment] == [(0, 0.2), (1, 0.4), (2, 0.5)]


def test_runs_that_differ_in_more_than_seeds_are_counted_as_conditions(store, tmp_path):
    store.save(run("kaiming_normal", 0, 0.1, uid="other", plasticity="critical"))
    assert [row["conditions"] for row in ask(tmp_path, Query(group=["birth"]))] == [2, 1]


def test_a_birth_that_several_runs_share_counts_once(store, tmp_path, caplog):
    for seed in (0, 1):
        store.save(run("kaiming_normal", seed, 0.1, 0.3, uid=f"other{seed}", plasticity="critical"))
    caplog.set_level("INFO")
    kn, wc = ask(tmp_path, Query("epoch = 0", group=["birth"]))
    assert [(row["runs"], row["conditions"]) for row in (kn, wc)] == [(2, 1), (2, 1)]
    assert "2 runs add nothing" in caplog.text
    assert [row["runs"] for row in ask(tmp_path, Query(group=["birth"]))] == [
        4,
        2,
    ]  # their ends are their own


def test_only_what_changed_is_read_again(store, tmp_path, monkeypatch):
    ask(tmp_path, Query())
    read = []
    real = Store.record
    monkeypatch.setattr(Store, "record", lambda self, uid: read.append(uid) or real(self, uid))
    assert len(ask(tmp_path, Query())) == 10 and read == []
    store.save(run("weight_compression", 1, 0.2, 0.7))
    store.save(run("own", 0, 0.6))
    (tmp_path / "kaiming_normal-0" / "record.json").unlink()
    rows = ask(tmp_path, Query("final", columns=["run", "score"]))
    assert sorted(read) == ["own-0", "weight_compression-1"]
    assert [row["run"] for row in rows] == [f"{n}-{s}" for n, s in (("kaiming_normal", 1), ("own", 0), *WC)]
    assert [row["score"] for row in rows] == pytest.approx([0.3, 0.6, 0.5, 0.7])


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "of another form", "without a seal"])
def test_a_kept_table_that_is_not_whole_is_made_again(store, tmp_path, damage, monkeypatch):
    whole = ask(tmp_path, Query())
    path = tmp_path / FILE
    content = bytearray(path.read_bytes())
    if damage == "of another form":
        monkeypatch.setattr("wiringup.results.kept._MADE", "another")
    elif damage == "flipped":
        content[len(content) // 3] ^= 1
    elif damage == "without a seal":
        for end in BLANK.split("0" * 64):
            content = content.replace(end.encode(), b"x" * len(end))
    path.write_bytes(content[:-20] if damage == "cut" else b"" if damage == "empty" else content)
    assert ask(tmp_path, Query()) == whole and verify(path, "")


def test_no_flipped_bit_of_a_kept_table_is_accepted(store, tmp_path):
    ask(tmp_path, Query())
    path, accepted = tmp_path / FILE, 0
    content = path.read_bytes()
    for place in np.random.default_rng(0).integers(0, 8 * len(content), 200):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        with contextlib.suppress(InputError):
            accepted += verify(path, "")
    assert accepted == 0


def test_a_damaged_record_is_left_out_with_a_word(store, tmp_path, caplog):
    path = tmp_path / "kaiming_normal-0" / "record.json"
    path.write_text(path.read_text().replace("0.25", "0.26"))
    assert len(ask(tmp_path, Query())) == 8
    assert "Left out" in caplog.text and "kaiming_normal-0" in caplog.text


def test_many_write_and_ask_at_once(tmp_path):
    store, failed = Store(tmp_path), []

    def work(seed):
        try:
            for i in range(4):
                store.save(run("own", seed, 0.5, uid=f"{seed}-{i}"))
                assert len(ask(tmp_path, Query(f"seed = {seed}"))) == i + 1
        except Exception as error:  # a thread's error is no test's
            failed.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and len(ask(tmp_path, Query())) == 16
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == [FILE]


def test_what_was_scored_without_a_run_is_told_apart(store, tmp_path, caplog):
    facts = {
        "model": "pixels",
        "birth": None,
        "weights": None,
        "seed": None,
        "benchmark": "b.V4",
        "layer": "pixels",
    }
    numbers = {"raw": 0.3, "error": 0.01, "ceiling": 0.8, "score": 0.1, "normalisation": "r/c"}
    row = facts | numbers | {"simulated": False, "note": "", "area": "V4", "metric": "pls-25"}
    store.save_scores("pix", [row])
    assert len(ask(tmp_path, Query("benchmark = 'b.V4'"))) == 10
    assert "unless they are asked for: 1 of source = 'score'." in caplog.text
    assert {row["source"] for row in ask(tmp_path, Query("label <> 'source'"))} == {"own"}
    (found,) = ask(tmp_path, Query("source = 'score'"))
    assert (found["label"], found["run"], found["score"], found["epoch"]) == ("pixels", "pix", 0.1, None)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("brth = 'wc'", r"no column 'brth'. Did you mean 'birth'\? Columns: source, run"),
        ('birth = "wc"', r"no column 'wc'. A text stands in single quotes: 'wc'"),
        ("birth = 'wc", r"unterminated string literal.*Write one expression of SQL"),
        ("epoch = 'six'", r"Could not convert string 'six'"),
        ("epoch = 1; drop table results", "is no condition on the table"),
        ("true) union select 1 --", "is no condition on the table"),
        ("epoch = 1, seed = 2", "is no condition on the table"),
        ("run in (select content from read_text('/etc/hostname'))", "can read the table of results alone"),
        ("run in (select a from read_csv('/etc/hostname') t(a))", "can read the table of results alone"),
    ],
)
def test_what_is_no_condition_is_refused_in_words(store, tmp_path, where, told):
    with pytest.raises(InputError, match=told):
        ask(tmp_path, Query(where))


def test_files_stay_out_of_reach_whatever_is_set(store, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    with opened(tmp_path) as connection:
        for statement in (
            "SET enable_external_access = true",
            "ATTACH 'x.db'",
            "INSTALL httpfs",
            "COPY results TO 'x'",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(statement)


def test_nothing_that_fits_says_what_there_is(store, tmp_path, caplog):
    with pytest.raises(MissingDataError, match="birth is one of 'kaiming_normal', 'weight_compression'"):
        ask(tmp_path, Query("birth = 'wc'"))
    assert len(ask(tmp_path, Query("birth <> 'kn'"))) == 10
    assert "names a value that is nowhere: birth is one of 'kaiming_normal'" in caplog.text
    with pytest.raises(InputError, match="Unknown column 'brith'"):
        Query(group=["brith"])
    with pytest.raises(MissingDataError, match="no folder"):
        ask(tmp_path / "nowhere", Query())
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingDataError, match="no finished runs"):
        ask(tmp_path / "empty", Query())


def test_the_table_is_plain_json(store, tmp_path):
    json.dumps(ask(tmp_path, Query()), allow_nan=False)


def test_published_points_come_only_when_asked_for_by_their_source(store, tmp_path, shared, monkeypatch):
    home = tmp_path / "home" / "paper-scores"
    home.mkdir(parents=True)
    shutil.copy(shared / "reference" / "published_scores.csv", home)
    monkeypatch.setenv("WIRINGUP_DATA", str(home.parent))
    assert len(ask(tmp_path, Query())) == 10
    both = ask(tmp_path, Query("source in ('own', 'published') and epoch = 0", group=["source"]))
    assert [row["source"] for row in both] == ["own", "published"]
    assert not any(row["source"] == "published" for row in ask(tmp_path, Query()))


def test_intervals_of_a_fraction_stay_within_it(tmp_path):
    for seed, top1 in enumerate((0.02, 0.9)):
        made = run("own", seed, 0.1)
        Store(tmp_path).save(replace(made, points=(replace(made.points[0], top1=top1),)))
    (row,) = ask(tmp_path, Query(group=["birth"]))
    assert (row["top1_low"], row["top1"], row["top1_high"]) == (0, pytest.approx(0.46), 1)
