"""The table of results: a row for each score, numbers with all their digits."""

import csv
from dataclasses import replace

from wiringup.core.spec import to_dict
from wiringup.experiments.runs.spec import RunSpec
from wiringup.results.table import other_settings, rows, to_csv, unit_rows
from wiringup.training.label_free import LabelFreeSpec
from wiringup.training.spec import TrainSpec


def test_rows_are_one_for_each_score(record):
    table = rows([record("A", 0, 0.5, 0.6), record("A", 1, 0.4)])
    assert [(r["seed"], r["epoch"], r["score"]) for r in table] == [(0, 0, 0.5), (0, 1, 0.6), (1, 0, 0.4)]
    assert "units" not in table[0]
    assert (table[1]["brain_match"], table[1]["top1"], table[1]["trained"]) == (0.6, 0.25, 10)


def test_the_protocol_of_top1_stands_beside_it(record):
    one = record("A", 0, 0.5)
    told = replace(one, points=(replace(one.points[0], top1_protocol="400 images, squashed to 64 px"),))
    assert [r["top1_protocol"] for r in rows([one, told])] == ["", "400 images, squashed to 64 px"]


def test_a_moment_without_scores_still_has_a_row(record):
    one = record("A", 0, float("nan"))
    (row,) = rows([replace(one, points=(replace(one.points[0], scores=()),))])
    assert (row["run"], row["brain_match"], row["top1"]) == ("A-0", None, 0.25)
    assert "score" not in row


def test_a_row_says_what_decided_the_run(record):
    spec = {
        "model": {"architecture": "cornet_s", "width": 0.25, "size": 64},
        "birth": {"recipe": "kn", "seed": 0},
        "training": {"plasticity": "critical", "lr": 0.1, "norms": "batch"},
        "exam": {"suite": "real@1"},
        "images": "a hash",
    }
    one = record("A", 0, 0.5, 0.6)
    end = replace(one.points[1], images=80, flops=7)
    (_, row) = rows([replace(one, spec=spec, points=(one.points[0], end))])
    assert [row[c] for c in ("architecture", "birth", "plasticity", "lr", "suite", "norms")] == [
        "cornet_s", "kn", "critical", 0.1, "real@1", "batch",
    ]  # fmt: skip
    assert (row["n_images"], row["epochs"], row["images"], row["flops"]) == (80, 1, 80, 7)
    assert row["batchnorm"] is None and row["synaptic_updates"] == 1000


def test_what_was_spent_without_labels_stands_beside_what_was_spent_with_them(record):
    phases = {
        "BatchNorm calibration": {"updates": 16, "synaptic updates": 0},
        "waves": {"updates": 5000, "synaptic updates": 70_000},
    }
    one = record("A", 0, 0.5, 0.6)
    (first, last) = rows([replace(one, ledger={"label-free": phases})])
    for row in (first, last):
        assert (row["label_free_updates"], row["label_free_synaptic_updates"]) == (5016, 70_000)
    (none, *_) = rows([replace(one, ledger={"label-free": {}})])
    assert (none["label_free_updates"], none["label_free_synaptic_updates"]) == (0, 0)
    (old, *_) = rows([replace(one, ledger={})])
    assert old["label_free_updates"] is None


def test_what_has_no_column_of_its_own_is_told_where_it_is_unusual(record):
    def row(run):
        (first, *_) = rows([replace(record("A", 0, 0.5), spec=to_dict(run))])
        return first

    plain = row(RunSpec())
    assert plain["before"] is None and plain["settings"] == "momentum 0.9; side 64"
    how = TrainSpec(precision="bf16", momentum=0.5, nesterov=True)
    first = TrainSpec(lr=0.05, batch=64, schedule="cosine", augmentation="none")
    other = row(RunSpec(training=how, before=LabelFreeSpec.parse("waves:5000", first)))
    assert other["before"] == "waves:4992"  # whole batches of them
    assert other["settings"] == (
        "momentum 0.5; precision bf16; nesterov True; side 64; "
        "before plasticity all; before lr 0.05; before batch 64"
    )
    assert other_settings(other, plain)[:2] == ["momentum 0.5", "precision bf16"]
    assert other_settings(plain, row(RunSpec(training=TrainSpec(precision="bf16")))) == ["no precision bf16"]
    assert other_settings({}, plain) == [], "of what was published nobody knows"


def test_csv_has_all_digits_and_empty_cells():
    table = [{"a": 1 / 3, "b": "x, y"}, {"a": 2.0, "b": None, "c": float("nan")}, {"c": True}]
    found = list(csv.reader(to_csv(table).splitlines()))
    assert found == [["a", "b", "c"], [repr(1 / 3), "x, y", ""], ["2", "", ""], ["", "", "True"]]
    assert to_csv([], ["a", "b"]) == "a,b\n"


def test_units_by_their_ids_or_their_place():
    score = {"model": "pixels", "benchmark": "b", "units": [0.5, None]}
    named = unit_rows([score | {"unit_ids": ["n7", "n9"]}, score, score | {"units": None}])
    assert [(row["unit"], row["raw"]) for row in named] == [("n7", 0.5), ("n9", None), (0, 0.5), (1, None)]
