"""``wiringup results --table``: the table of runs as a file."""

import csv
from dataclasses import replace

import pytest

from made_records import make_record
from wiringup.cli.main import main
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
