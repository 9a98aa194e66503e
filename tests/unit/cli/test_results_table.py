"""``wiringup results --table``: the table of runs as a file."""

import csv
import json
from dataclasses import replace

import pytest

from made_records import make_record
from wiringup.cli.main import main
from wiringup.experiments.launching.study import Listed, Listing
from wiringup.results.store import Store


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        Store(tmp_path / "runs").save(make_record("A", seed, 0.1, 0.4))


def test_a_row_for_each_score(runs, tmp_path, capsys):
    main(["results", "--table", "all.csv"])
    rows = list(csv.DictReader((tmp_path / "all.csv").read_text().splitlines()))
    assert [(r["run"], r["epoch"], r["score"]) for r in rows[:2]] == [
        ("A-0", "0", "0.1"),
        ("A-0", "1", "0.4"),
    ]
    assert "Results(4 rows: 2 runs, 1 conditions, 1 benchmarks, 1 layers): all.csv" in capsys.readouterr().err


def test_an_ending_that_is_no_table_is_refused(runs, capsys):
    with pytest.raises(SystemExit):
        main(["results", "--table", "all.xlsx"])
    assert "Unknown ending of a table's file '.xlsx'" in capsys.readouterr().err


def test_runs_that_differ_in_more_than_seeds_are_listed_with_what_differs(runs, tmp_path, capsys):
    Store(tmp_path / "runs").save(replace(make_record("A", 2, 0.1, 0.4), spec={"lr": 0.01}))
    main(["results"])
    assert capsys.readouterr().out.count("A, lr 0.1 ") == 2


def test_the_table_is_asked_from_the_command_line(runs, tmp_path, capsys):
    pytest.importorskip("duckdb", reason="the table is queried by the extra 'results'")
    ask = ["results", "--where", "epoch = 1", "--columns", "run", "score", "--format"]
    main([*ask, "csv"])
    assert capsys.readouterr().out == "run,score\nA-0,0.4\nA-1,0.4\n"
    main([*ask, "json"])
    assert json.loads(capsys.readouterr().out)[1] == {"run": "A-1", "score": 0.4}
    main(["results", "--group", "label", "epoch"])
    out = capsys.readouterr().out
    assert "brain_match_low" in out and out.count(" A ") == 2
    main([*ask, "parquet", "--table", "few.parquet"])
    assert (tmp_path / "few.parquet").read_bytes()[:4] == b"PAR1"
    for wrong in (
        ["--format", "parquet"],
        ["--format", "csv", "--table", "x.parquet"],
        ["--format", "csv", "--json"],
    ):
        with pytest.raises(SystemExit):
            main(["results", *wrong])
        assert "give one form" in capsys.readouterr().err


def test_short_names_of_births_are_known(runs, tmp_path, capsys):
    pytest.importorskip("duckdb", reason="the table is queried by the extra 'results'")
    spec = {"birth": {"recipe": "weight_compression"}}
    Store(tmp_path / "runs").save(replace(make_record("W", 2, 0.7), spec=spec))
    main(["results", "--where", "birth = 'wc'", "--columns", "run", "--format", "csv"])
    assert capsys.readouterr().out == "run\nW-2\n"


def test_two_runs_are_compared(runs, capsys):
    main(["results", "diff", "A-0", "A-1", "--json"])
    assert json.loads(capsys.readouterr().out)["runs"] == ["A-0", "A-1"]
    main(["results", "diff", "A-0", "A-1"])
    assert "numbers are the same" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["results", "dif", "A-0"])
    assert "'dif A-0': write wiringup results diff RUN RUN" in capsys.readouterr().err


def test_a_study_that_was_begun_is_told_to_be_unfinished(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "runs")
    listed = [Listed(f"{label}-0", label, 0, label) for label in ("A", "B")]
    Listing("abc", {"reference": "A"}, tuple(listed)).save(store)
    main(["results"])
    err = capsys.readouterr().err
    assert "Study abc is not finished: 0 of 2 runs are" in err and "Nothing is kept" not in err
    store.save(make_record("A", 0, 0.1, 0.4))
    for words in (["report", "abc"], ["report", "runs/abc"], ["figure", "1a", "--study", "abc"]):
        with pytest.raises(SystemExit):
            main(words)
        assert "1 of 2 runs are. Run the same command again" in capsys.readouterr().err
    main(["results", "--json"])
    told = [one for one in json.loads(capsys.readouterr().out) if one["kind"] == "unfinished study"]
    assert told == [{"kind": "unfinished study", "uid": "abc", "done": 1, "runs": 2}]
    store.save_diverged("A-0", {}, "the reference is lost")
    main(["results"])
    assert "0 of 2 runs are. Run the same command" in capsys.readouterr().err, "nothing without a reference"
    (store.folder("A-0") / "diverged.json").unlink()
    store.save_diverged("B-0", {}, "the loss is nan")
    lost = store.folder("B-0") / "diverged.json"
    whole = lost.read_text()
    lost.write_text("{")
    main(["results"])
    assert "Not listed: abc/runs.json" in capsys.readouterr().err, "one damaged file stops nothing else"
    lost.write_text(whole)
    main(["results", "--json"])
    assert not [one for one in json.loads(capsys.readouterr().out) if one["kind"] == "unfinished study"]
    main(["results"])
    assert "All 2 runs of study abc are done; for its report: wiringup report abc." in capsys.readouterr().err
    main(["report", "abc"])
    assert "not finished" not in capsys.readouterr().err
    page = (store.folder("abc") / "report.html").read_text()
    assert "B, seed 0: the loss is nan" in page and "Not finished" not in page
    main(["results"])
    assert "are done" not in capsys.readouterr().err, "it is written down now"
    (store.folder("abc") / "study.json").unlink()
    (store.folder("abc") / "runs.json").write_text("{")
    main(["results"])
    assert "Not listed: abc/runs.json" in capsys.readouterr().err


def test_an_empty_condition_and_the_mean_of_all_areas_are_told(runs, capsys):
    with pytest.raises(SystemExit):
        main(["results", "--where", " "])
    assert "has to be a condition" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["results", "--where", "epoch = 6 and label <> 'x epoch'"])
    assert "epoch is one of 0, " in (err := capsys.readouterr().err) and "updates is" not in err
    main(["results"])
    shown = capsys.readouterr()
    assert "mean of all areas" in shown.out and "leave out areas in which its reference" in shown.err
