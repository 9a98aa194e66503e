"""Published scores in the table of results: the same columns, and a source of their own."""

import pytest

from wiringup.data.sources.fetch import fetch
from wiringup.results.comparison import compare
from wiringup.results.published import STUDIES, published_rows
from wiringup.results.table import COLUMNS, rows


@pytest.fixture(scope="module")
def published(shared, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    for study in STUDIES:
        fetch(study, home, from_dir=shared / "reference")
    return {study: published_rows(study, home) for study in STUDIES}


def test_columns_are_those_of_own_runs(published, record):
    (own, *_) = rows([record("A", 0, 0.5)])
    assert own["source"] == "own" and set(own) <= set(COLUMNS)
    for study, table in published.items():
        assert set(own) <= set(table[0]) <= set(COLUMNS)
        assert {row["source"] for row in table} == {"published"} and {row["suite"] for row in table} == {
            study
        }


def test_points_are_told_apart(published):
    for table in published.values():
        keys = [(row["run"], row["epoch"], row.get("benchmark")) for row in table]
        assert len(keys) == len(set(keys))
        named = {(row["label"], row["n_images"], row["birth"], row["plasticity"]) for row in table}
        assert len(named) == len({label for label, *_ in named})
        assert all("202" in row["label"] for row in table)


def test_what_was_trained_already_is_no_birth(published):
    births = [row for row in published["paper-scores"] if row["epoch"] == 0]
    assert births and all((row["top1"] or 0) < 0.002 for row in births)
    assert not [row for row in births if row["architecture"] == "mobilenet_v1"]


def test_percentages_of_what_was_published(published):
    runs = (
        "paper-scores:CORnet-S_full:0:1281167",
        "paper-scores:CORnet-S_cluster2_v2_IT_trconv3_bi:0:1281167",
    )
    table = [
        row for row in published["paper-scores"] if row["run"] in runs and row["epoch"] in (0, 6, 43, 38)
    ]
    found = compare(table, "kaiming_normal + all (Geiger et al. 2022)")
    percent = {(m.label.split()[0], m.epoch): m.percent["mean"].mean for m in found.moments}
    printed = {("kaiming_normal", 0): 43.2, ("kaiming_normal", 6): 90.0, ("weight_compression", 0): 53.9,
               ("weight_compression", 6): 79.0, ("weight_compression", 38): 83.3}  # fmt: skip
    assert {key: pytest.approx(value, abs=0.1) for key, value in printed.items()} == {
        key: percent[key] for key in printed
    }
