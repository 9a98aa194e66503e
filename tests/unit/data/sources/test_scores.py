"""Published scores: the points of two studies, from their own files and from condensed ones."""

import csv
import shutil
import sqlite3
from contextlib import closing

import pytest

from wiringup.core.errors import InputError, MissingDataError
from wiringup.data.sources import paper_scores, scaling_scores, scores
from wiringup.data.sources.fetch import fetch
from wiringup.data.sources.published_point import PAPER, SCALING
from wiringup.data.sources.scores import published_points
from wiringup.models.architecture import ModelSpec, architecture_of, outline
from wiringup.training.plasticity import resolve

NAMES = [*paper_scores.BENCHMARKS.values(), paper_scores.TOP1]
PRINTED = {
    "CORnet-S_full_epoch_43": (0.2241, 0.2342, 0.5791, 0.5381, 0.5492, 0.692),
    "CORnet-S_full_epoch_00": (0.1689, 0.108, 0.4136, 0.1936, 0.033, 0.001),
    "CORnet-S_full_img100000_epoch_20": (0.217, 0.185, 0.568, 0.443, 0.267, 0.19),
    "CORnet-S_cluster2_v2_IT_trconv3_bi_epoch_00": (0.2092, 0.202, 0.449, 0.185, 0.099, 0.001),
    "CORnet-S_cluster2_v2_IT_trconv3_bi_epoch_38": (0.2092, 0.236, 0.535, 0.434, 0.356, 0.29),
}


@pytest.fixture
def home(shared, tmp_path):
    for name in (PAPER, SCALING):
        fetch(name, tmp_path, from_dir=shared / "reference")
    return tmp_path


def database(folder, models):
    with closing(sqlite3.connect(folder / "scores.sqlite")) as made, made:
        columns = "model, benchmark, time, score, modification, batchnorm"
        made.execute(f"CREATE TABLE raw_scores ({columns})")
        rows = [("m", b, 0, s, name, 1) for name, of in models for b, s in zip(NAMES, of, strict=False)]
        made.executemany("INSERT INTO raw_scores VALUES (?, ?, ?, ?, ?, ?)", rows)
    return folder


def test_every_published_point_is_read(home):
    paper, scaling = (published_points(name, home) for name in (PAPER, SCALING))
    assert (len(paper), len(scaling)) == (711, 2277)
    (one,) = [p for p in paper if (p.model, p.seed, p.images, p.epoch) == ("CORnet-S_full", 0, 100_000, 20)]
    assert (one.birth, one.plasticity, one.updates, one.trained) == (
        "kaiming_normal",
        "all",
        2_000_000,
        53416616,
    )
    assert one.mean == pytest.approx(0.336, abs=5e-4) and one.top1 == pytest.approx(0.19458)
    (net,) = [p for p in scaling if p.model == "alexnet_ecoset_100_seed-0" and not p.variant]
    assert (net.images, net.epoch, net.updates, net.trained) == (56_500, 100, 5_650_000, 61_100_840)
    assert net.mean == pytest.approx(0.3078, abs=1e-4) and net.match["V1"] == 0.2177


def test_a_condensed_table_names_conditions_as_the_database_does(home):
    """What names of the database stand for is written here and, by others, in the condensed table."""
    with (home / PAPER / "published_scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    ours = {"critical:V4": "critical-to-V4, IT+decoder", "critical:V2": "critical-to-V2, V4+IT+decoder"}
    for row in rows:
        architecture, birth, plasticity, variant = paper_scores.MODELS[row["published_id"]]
        learns = ", ".join(filter(None, [ours.get(plasticity or "-", plasticity or "-"), variant]))
        assert (architecture, birth or "-", learns) == (row["architecture"], row["birth"], row["trained"])


def test_names_of_the_database(tmp_path):
    more = [
        ("CORnet-S_full_seed42_img500_epoch_0.2", (0.1, 0.2)),
        ("hmax", (0.3,)),
        ("other_epoch_01", (0.9,)),
    ]
    twice = [
        ("CORnet-S_train_IT_seed_0_seed42_epoch_40", (0.1,)),
        ("CORnet-S_train_IT_seed_0_seed42_epoch_40", (0.3,)),
    ]
    found = paper_scores.original(database(tmp_path, [*PRINTED.items(), *more, *twice]))
    assert len(found) == len(PRINTED) + 3
    by_model = {p.model: p for p in found}
    hmax, it = by_model["hmax"], by_model["CORnet-S_train_IT_seed_0"]
    (few,) = [p for p in found if p.seed == 42 and p.images == 500]
    assert (few.model, few.epoch, few.updates, few.match) == (
        "CORnet-S_full",
        0.2,
        100,
        {"V1": 0.1, "V2": 0.2},
    )
    assert few.mean is None and few.top1 is None
    assert (hmax.birth, hmax.plasticity, hmax.epoch, hmax.match) == (None, None, 0, {"V1": 0.3})
    assert (it.seed, it.epoch, it.match["V1"]) == (42, 40, pytest.approx(0.2))


@pytest.mark.parametrize("wrong", [{"CORnet-S_full_epoch_43": (0.3,) * 6}, {"CORnet-S_full_epoch_43": ()}])
def test_a_database_that_says_something_else_than_the_paper_is_refused(tmp_path, wrong):
    with pytest.raises(InputError, match=r"CORnet-S_full at epoch 43 is .* in the paper"):
        paper_scores.original(database(tmp_path, (PRINTED | wrong).items()))


def test_what_is_no_database_is_refused(tmp_path):
    (tmp_path / "scores.sqlite").write_text("nothing of the kind")
    with pytest.raises(InputError, match="cannot be read as the paper's database"):
        paper_scores.original(tmp_path)


def test_the_tables_of_the_scaling_study(tmp_path):
    about = (
        "model_id,arch,region,n_samples,n_samples_seen,{epochs},n_params,seed,is_random,is_pretrained,score"
    )
    for file, (_, epochs) in scaling_scores._FILES.items():
        lines = [about.format(epochs=epochs)]
        for region, score in zip(
            ("V1", "V2", "V4", "IT", "Behavioral"), (0.1, 0.2, 0.3, 0.4, -0.5), strict=True
        ):
            lines.append(f"net,resnet18,{region},100,300,3,11.0,1,False,False,{score}")
        lines.append("new,resnet18,V1,0,0,0,11.0,1,True,False,0.1")
        (tmp_path / file).write_text("\n".join(lines))
    net, new, again, _ = scaling_scores.original(tmp_path)
    assert (net.images, net.updates, net.epoch, net.trained, net.plasticity) == (100, 300, 3, 11, "all")
    assert net.match == {"V1": 0.1, "V2": 0.2, "V4": 0.3, "IT": 0.4, "behavior": -0.5} == again.match
    assert (new.trained, new.plasticity, new.mean) == (None, None, None)
    assert (net.variant, again.variant) == ("", "checkpoint")


def test_trained_synapses_are_counted_as_everywhere():
    for name, counts in paper_scores.TRAINED.items():
        network, architecture = outline(ModelSpec(name)), architecture_of(ModelSpec(name))
        assert {p: resolve(network, architecture, p).count() for p in counts} == counts


def test_a_changed_copy_is_refused_and_absence_says_what_to_run(home, tmp_path_factory):
    file = home / PAPER / "published_scores.csv"
    file.write_text(file.read_text().replace("0.159963", "0.259963"))
    with pytest.raises(InputError, match="another hash"):
        published_points(PAPER, home)
    with pytest.raises(MissingDataError, match="wiringup fetch scaling-scores"):
        published_points(SCALING, tmp_path_factory.mktemp("empty"))
    with pytest.raises(InputError, match="study of published scores"):
        published_points("paper", home)


def test_originals_are_asked_for_where_a_folder_has_no_condensed_ones(tmp_path):
    shutil.rmtree(tmp_path / "from", ignore_errors=True)
    (tmp_path / "from").mkdir()
    with pytest.raises(InputError, match=r"no file below the folder is scores\.sqlite"):
        fetch(PAPER, tmp_path, from_dir=tmp_path / "from")
    assert scores.find_source(PAPER).public
