"""`Results`: the table as a frame, a figure and files, without torch."""

import builtins
import csv
import subprocess
import sys
from dataclasses import replace

import pytest

from made_records import make_record
from wiringup.core.errors import InputError, MissingDataError
from wiringup.figures.results import Results
from wiringup.results.store import Store

RECORDS = [
    make_record(label, seed, 0.1, end + seed / 10)
    for label, end in (("ref", 0.4), ("few", 0.2))
    for seed in (0, 1)
]


def test_a_frame_has_a_row_for_each_score_and_says_so_in_short():
    results = Results(RECORDS, "ref")
    assert repr(results) == "Results(8 rows: 4 runs, 2 conditions, 1 benchmarks, 1 layers, reference 'ref')"
    frame = results.to_frame()
    assert frame.groupby(["label", "epoch"])["score"].mean()["few", 1] == pytest.approx(0.25)
    again = Results(frame.to_dict("records"), "ref")  # what is missing is NaN in a frame
    assert again.compare().rows() == results.compare().rows()


def test_the_plot_is_the_figure_of_a_study():
    figure = Results(RECORDS).plot("ref")
    line = next(x for x in figure.axes[0].lines if x.get_label() == "few")
    assert line.get_ydata()[1] == pytest.approx(100 * 0.25 / 0.45)
    with pytest.raises(InputError, match=r"need a reference. Name one of the conditions: 'ref', 'few'"):
        Results(RECORDS).plot()


def test_scores_are_drawn_layer_by_layer_below_the_ceiling():
    facts = {"model": "cornet_s", "birth": "wc", "benchmark": "b.V4", "metric": "pls-25", "simulated": False}
    values = {("V1", 0): 0.4, ("V1", 1): 0.6, ("V4", 0): 0.3, ("V4", 1): 0.1}
    rows = [
        facts | {"layer": layer, "seed": seed, "raw": raw, "error": 0.01, "ceiling": 0.8}
        for (layer, seed), raw in values.items()
    ]
    results = Results([*rows, rows[0] | {"model": "pixels", "birth": None, "ceiling": None}])
    assert repr(results) == "Results(5 rows: 2 models, 1 benchmarks, 2 layers)"
    (axes,) = results.plot().axes
    line = next(x for x in axes.lines if x.get_label() == "cornet_s (wc)")
    assert line.get_ydata().tolist() == pytest.approx([0.5, 0.2])
    assert [t.get_text() for t in axes.get_xticklabels()] == ["V1", "V4"]
    assert axes.lines[-1].get_ydata()[0] == 0.8
    with pytest.raises(InputError, match="no scores to draw"):
        Results([]).plot()


def test_a_store_and_a_study_are_loaded(tmp_path, monkeypatch):
    store = Store(tmp_path)
    for record in RECORDS:
        store.save(record)
    store.save_study("abc", {"reference": "ref"}, [r.uid for r in RECORDS[:2]])
    assert len(Results.load(tmp_path)) == 8
    monkeypatch.chdir(tmp_path / "abc")
    study = Results.load(".")
    assert len(study) == 4 and study.reference == "ref"
    lost = {"label": "few", "seed": 3, "why": "too fast"}
    store.save_study("lost", {"reference": "ref", "diverged": [lost]}, [r.uid for r in RECORDS])
    study = Results.load(tmp_path / "lost")
    assert study.compare().lost("few") == "3"
    below = study.plot().legends[0].get_title().get_text()
    assert "training diverged: few (seed 3)." in " ".join(below.split())
    with pytest.raises(MissingDataError, match="holds neither a study nor finished runs"):
        Results.load(tmp_path / "elsewhere")


def test_runs_of_a_store_that_differ_in_more_than_seeds_are_no_seeds_of_one_condition(tmp_path):
    for record in RECORDS[:2]:
        other = replace(record, uid=f"{record.uid}-slow", spec={**record.spec, "lr": 0.01})
        for one in (record, other):
            Store(tmp_path).save(one)
    Store(tmp_path).save_study("abc", {"reference": "ref"}, ["ref-0", "ref-0-slow"])
    found = Results.load(tmp_path)
    assert "2 conditions" in repr(found) and len(found.compare("ref, lr 0.1").moments[0].top1) == 2
    assert "1 conditions" in repr(Results.load(tmp_path / "abc"))


def test_files_hold_the_table(tmp_path):
    results = Results(RECORDS)
    results.to_csv(tmp_path / "t.csv")
    found = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [float(row["score"]) for row in found] == [row["score"] for row in results.rows]
    duckdb = pytest.importorskip("duckdb", reason="Parquet is written by the extra 'results'")
    results.to_parquet(tmp_path / "it's.parquet")
    path = str(tmp_path / "it's.parquet").replace("'", "''")
    scores = duckdb.sql(f"SELECT score FROM '{path}'").fetchall()
    assert [score for (score,) in scores] == [row["score"] for row in results.rows]
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["it's.parquet", "t.csv"]


def test_without_duckdb_parquet_is_refused_with_a_way_out(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "duckdb":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDataError, match=r"pip install 'wiringup\[results\]', or write a CSV"):
        Results(RECORDS).to_parquet(tmp_path / "t.parquet")


def test_results_need_neither_torch_nor_pandas_until_asked():
    code = "import sys, wiringup.figures.results; print([m for m in ('torch', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
