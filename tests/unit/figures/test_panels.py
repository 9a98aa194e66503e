"""The paper's panels: what was published comes out as it was printed, own runs stand beside it."""

import csv
import json
import shutil
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from made_records import make_record, score, without_scripts
from wiringup.cli.main import main
from wiringup.core.errors import MissingDataError
from wiringup.data.sources.fetch import fetch
from wiringup.figures.panels import growth, output
from wiringup.figures.panels import series as naming
from wiringup.figures.panels import spots as spotting
from wiringup.figures.panels.catalog import PANELS
from wiringup.figures.panels.loading import load_both, load_own, load_published, of_study
from wiringup.figures.panels.output import numbers, write
from wiringup.figures.style import SIMULATED
from wiringup.results.comparison import compare
from wiringup.results.published import STUDIES
from wiringup.results.store import Store
from wiringup.results.table import rows

AREAS = ("V1", "V2", "V4", "IT", "behavior", "mean")
# Geiger et al. 2022: panel, architecture, birth, what learns, images, epoch -> scores, mean, percent of full
KN, WC, IMAGENET = "kaiming_normal", "weight_compression", "1281167"
PRINTED = [
    ("1a", "cornet_s", KN, "all", IMAGENET, "43", (0.224, 0.234, 0.579, 0.538, 0.549, 0.425), 100),
    ("1a", "cornet_s", KN, "all", IMAGENET, "0", (0.169, 0.108, 0.414, 0.194, 0.033, 0.183), 43.2),
    ("1a", "cornet_s", KN, "all", IMAGENET, "1", (0.206, 0.201, 0.551, 0.410, 0.254, 0.324), 76.3),
    ("1a", "cornet_s", KN, "all", IMAGENET, "6", (0.223, 0.205, 0.574, 0.484, 0.426, 0.382), 90.0),
    ("1a", "cornet_s", KN, "all", "100000", "20", (0.217, 0.185, 0.568, 0.443, 0.267, 0.336), 79.0),
    ("1b", "cornet_s", KN, "all", IMAGENET, "6", (0.223, 0.205, 0.574, 0.484, 0.426, 0.382), 90.0),
    ("1c", "cornet_s", KN, "all", IMAGENET, "43", (0.224, 0.234, 0.579, 0.538, 0.549, 0.425), 100),
    ("2b", "cornet_s", KN, "", IMAGENET, "0", (0.169, 0.108, 0.414, 0.194, 0.033, 0.183), 43.2),
    ("2b", "cornet_s", WC, "", IMAGENET, "0", (0.209, 0.202, 0.449, 0.185, 0.099, 0.229), 53.9),
    ("2b", "hmax", "", "", "0", "0", (None,) * 5 + (0.147,), 34.6),
    ("3c", "cornet_s", KN, "critical", IMAGENET, "29", (None,) * 5 + (0.324,), 76.3),
    ("3c", "cornet_s", KN, "conv1", IMAGENET, "30", (None,) * 5 + (0.321,), 75.5),
    ("3c", "cornet_s", KN, "batchnorm", IMAGENET, "30", (None,) * 5 + (0.260,), 61.1),
    ("3c", "cornet_s", KN, "decoder", IMAGENET, "28", (None,) * 5 + (0.209,), 49.1),
    ("3c", "cornet_s", WC, "decoder", IMAGENET, "24", (None,) * 5 + (0.221,), 52.0),
    ("4a", "cornet_s", WC, "critical", IMAGENET, "6", (0.209, 0.236, 0.529, 0.407, 0.298, 0.336), 79.0),
    ("4a", "cornet_s", WC, "critical", IMAGENET, "38", (0.209, 0.236, 0.535, 0.434, 0.356, 0.354), 83.3),
    ("4a", "hmax", "", "", "0", "0", (None,) * 5 + (0.147,), 34.6),
    ("5a", "resnet50", KN, "all", IMAGENET, "32", (None,) * 5 + (0.425,), 100),
    ("5a", "resnet50", WC, "critical", IMAGENET, "22", (None,) * 5 + (0.387,), 91.2),
    ("5a", "mobilenet_v1", "default", "all", IMAGENET, "100", (None,) * 5 + (0.429,), 101),
    ("5a", "mobilenet_v1", WC, "critical", IMAGENET, "34", (None,) * 5 + (0.337,), 79.3),
    ("5b", "cornet_s", WC, "critical", IMAGENET, "38", (0.209, 0.236, 0.535, 0.434, 0.356, 0.354), 83.3),
]


@pytest.fixture(scope="module")
def home(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    for study in STUDIES:
        fetch(study, folder, from_dir=shared / "reference")
    return folder


@pytest.fixture(scope="module")
def published(home):
    return load_published(home)


@pytest.fixture(scope="module")
def drawn(published):
    """Every panel drawn from what was published."""
    return {name: panel.draw(published, panel.title, panel.caption) for name, panel in PANELS.items()}


def as_text(rows):
    return [
        {k: "" if v is None else f"{v:.12g}" if isinstance(v, float) else str(v) for k, v in row.items()}
        for row in rows
    ]


@pytest.mark.parametrize("line", PRINTED, ids=lambda line: " ".join(map(str, line[:6])))
def test_what_was_printed_stands_beside_the_panel(drawn, line):
    name, architecture, birth, learns, images, epoch, scores, percent = line
    asked = {
        "architecture": architecture,
        "birth": birth,
        "plasticity": learns,
        "images": images,
        "epoch": epoch,
    }
    rows = [
        r for r in as_text(numbers(name, drawn[name])) if r["source"] == "published" and r.get("seed") == "0"
    ]
    found = {r["area"]: r for r in rows if {k: r.get(k) for k in asked} == asked and not r["variant"]}
    assert float(found["mean"]["percent"]) == pytest.approx(percent, abs=0.5 if percent == 101 else 0.11)
    for area, expected in zip(AREAS, scores, strict=True):
        if expected is not None:
            assert float(found[area]["score"]) == pytest.approx(expected, abs=0.0006)


def test_the_map_of_differences_is_theirs(drawn):
    found = {
        (r["images"], r["epoch"]): r["percent"]
        for r in numbers("4b", drawn["4b"])
        if r["series"] == "difference"
    }
    assert found[1281167, 0] == pytest.approx(53.9 - 43.2, abs=0.1)
    assert found[1281167, 6] == pytest.approx(79.0 - 90.0, abs=0.1)


def test_small_networks_are_percentages_of_their_own_study(drawn):
    (end,) = [
        r for r in numbers("4a", drawn["4a"])
        if r["architecture"] == "efficientnet_b0" and r["epoch"] == 100 and r["area"] == "mean"
    ]  # fmt: skip
    assert end["percent"] == pytest.approx(100 * 0.4114 / 0.4188, abs=0.05)
    assert end["study"] == "scaling-scores"


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(output, "DPI", 50)


def test_files_are_the_same_bytes_again_and_text_is_text(drawn, published, tmp_path):
    about = {"title": "Figure 4a. A title", "caption": "A caption."}
    panel = PANELS["4a"]
    both = (drawn["4a"], panel.draw(published, panel.title, panel.caption))
    first, again = (
        write("4a", one.figure, numbers("4a", one), tmp_path / part, about)
        for one, part in zip(both, "ab", strict=True)
    )
    assert [path.name for path in first] == ["figure_4a.svg", "figure_4a.png", "figure_4a.csv"]
    for mine, other in zip(first, again, strict=True):
        assert mine.read_bytes() == other.read_bytes()
    svg = first[0].read_text()
    assert "supervised synaptic updates</text>" in svg and "A caption." in svg
    assert "<dc:date>" not in svg
    ElementTree.fromstring(svg)


def test_own_and_published_differ_in_more_than_colour(own_spots, published):
    figure = PANELS["4a"].draw([*own_spots, *published], "title", "caption").figure
    lines = [
        line
        for part in figure.subfigs
        for axes in part.axes
        for line in axes.lines
        if line.get_markersize() > 3
    ]
    faces = {
        (line.get_color(), line.get_marker(), line.get_markerfacecolor() == "white")
        for line in lines
        if len(line.get_xdata()) > 1
    }
    red = [face for face in faces if face[0] == naming.RED]
    assert {hollow for _, _, hollow in red} == {True, False} and len({marker for _, marker, _ in red}) == 1
    markers = {face[1] for face in faces}
    assert len(markers) >= 5


def own_record(label, birth, learns, seed, *values, genome="", images=None, lr=0.1):
    made = make_record(label, seed, *values, uid=f"{label}{seed}", trained={"all": 100}.get(learns, 10))
    spec = {
        "model": {"architecture": "cornet_s", "width": 0.25, "size": 64},
        "birth": {"recipe": birth, "seed": seed, "genome": genome},
        "training": {"plasticity": learns, "lr": lr, "norms": "batch"},
        "exam": {"suite": "real@1"},
    }
    points = []
    for one in made.points:
        both = (one.scores[0], score("b.IT", one.match["V4"] / 2, area="IT"))
        points.append(
            replace(one, scores=both, match={**one.match, "IT": one.match["V4"] / 2}, images=images)
        )
    return replace(made, spec=spec, points=tuple(points))


@pytest.fixture
def runs(tmp_path):
    store = Store(tmp_path / "runs")
    records = [own_record("ref", KN, "all", seed, 0.2, 0.4, 0.5 + 0.02 * seed) for seed in (0, 1)]
    for seed in (0, 1):
        values = (0.3 + 0.01 * seed, 0.4, 0.45)
        records.append(own_record("wc", WC, "critical", seed, *values, genome="run:ref"))
    records.append(own_record("slow", KN, "all", 0, 0.2, 0.3, lr=0.01))
    for record in records:
        store.save(record)
    uids = [record.uid for record in records]
    store.save_study("study", {"reference": "ref", "labels": [r.label for r in records]}, uids)
    return tmp_path / "runs"


@pytest.fixture
def own_spots(runs):
    return load_own(runs / "study")


def test_own_runs_are_percentages_of_their_reference(own_spots):
    by = {(s.label, s.epoch): s for s in own_spots}
    end, wc, slow = by["ref", 2], by["wc", 2], by["slow", 1]
    assert end.value == pytest.approx(100) and end.ended and end.images == 100
    assert wc.value == pytest.approx(100 * 0.45 / 0.51)
    assert wc.percent["mean"].low < wc.value < wc.percent["mean"].high
    assert (wc.genome, wc.seeds, wc.variant, slow.variant) == ("distilled", 2, "", "lr 0.01")
    assert naming.condition(wc) == "WC (distilled) + critical"


def test_a_distilled_birth_does_not_look_like_the_given_one_beside_it(runs, tmp_path):
    store = Store(runs)
    for seed in (0, 1):
        store.save(own_record("given", WC, "critical", seed, 0.3, 0.4, 0.47))
    series = naming.grouped(s for s in load_own(runs, "ref") if s.birth == WC)
    by = {one.name: one.key for one in series}
    assert by == {"WC + critical": (WC, "critical"), "WC (distilled) + critical": "WC (distilled) + critical"}
    alone = naming.grouped(s for s in load_own(runs / "study") if s.birth == WC)
    assert [one.key for one in alone] == [(WC, "critical")], "alone it looks like weight compression"


def test_sets_are_compared_after_equally_many_epochs(tmp_path):
    """The reference learns for longer: beside sets of one epoch stands all of one epoch."""
    store = Store(tmp_path)
    store.save(own_record("ref", KN, "all", 0, 0.2, 0.4, 0.5))
    for label, learns, value in (("all", "all", 0.35), ("few", "critical", 0.3), ("end", "decoder", 0.25)):
        store.save(own_record(label, KN, learns, 0, 0.2, value))
    drawn = PANELS["3c"].draw(load_own(tmp_path, "ref"), "t", "c")
    (all_,) = [s for one in drawn.series for s in one.spots if s.plasticity == "all"]
    assert (all_.label, all_.value) == ("all", pytest.approx(70))
    assert "Own trainings of 1 epoch." in drawn.caption
    axes = drawn.figure.axes[0]
    assert axes.get_ylim()[0] == 50 and "The axis starts at 50 %." in drawn.caption


def test_of_lengths_that_are_equally_frequent_the_longest_is_drawn_and_other_lengths_are_named(tmp_path):
    store = Store(tmp_path)
    store.save(own_record("ref", KN, "all", 0, 0.2, 0.4, 0.5))
    store.save(own_record("few, 1", KN, "critical", 0, 0.2, 0.3))
    drawn = PANELS["3c"].draw(load_own(tmp_path, "ref"), "t", "c")
    assert {s.label for one in drawn.series for s in one.spots} == {"ref", "few, 1"}
    assert "Own trainings of 2 epochs, but of few, 1: 1." in drawn.caption
    store.save(own_record("few, 2", KN, "critical", 0, 0.2, 0.3, 0.4))
    store.save(own_record("one, 1", KN, "conv1", 0, 0.2, 0.3))
    drawn = PANELS["3c"].draw(load_own(tmp_path, "ref"), "t", "c")
    assert {s.label for one in drawn.series for s in one.spots} == {"ref", "few, 2", "one, 1"}


def test_sets_of_as_many_synapses_stand_side_by_side(tmp_path):
    store = Store(tmp_path)
    store.save(own_record("ref", KN, "all", 0, 0.2, 0.5))
    for label, learns in (("few", "critical"), ("one", "conv1"), ("norms", "batchnorm")):
        store.save(own_record(label, KN, learns, 0, 0.2, 0.3))
    drawn = PANELS["3c"].draw(load_own(tmp_path, "ref"), "t", "c")
    places = [
        float(x)
        for line in drawn.figure.axes[0].lines
        if len(line.get_xdata()) == 1
        for x in line.get_xdata()
    ]
    assert len({round(x, 6) for x in places}) == len(places) > 2


def test_published_rows_stand_below_own_ones_whatever_comes_first(tmp_path, published):
    store = Store(tmp_path)
    store.save(own_record("ref", KN, "all", 0, 0.2, 0.5))
    for i in range(10):
        store.save(own_record(f"birth_{i}", f"birth_{i}", "critical", 0, 0.1))
    drawn = PANELS["s2"].draw([*published, *load_own(tmp_path, "ref")], "t", "c")
    axes = drawn.figure.axes[0]
    told = [label.get_text() for label in axes.get_yticklabels()]
    at = [name.endswith("published") for name in told]
    assert at == sorted(at) and any(at) and not all(at)
    assert max(np.diff(axes.get_yticks())) <= -1, "no two rows overlap"


def test_cells_of_maps_have_intervals_and_differences_that_are_told_are_bold(tmp_path):
    store = Store(tmp_path)
    for seed in (0, 1, 2):
        store.save(own_record("ref", KN, "all", seed, 0.2, 0.3, 0.5 + 0.001 * seed, images=50))
        store.save(own_record("wc", WC, "critical", seed, 0.2, 0.4 + 0.001 * seed, 0.5, images=50))
    spots = load_own(tmp_path, "ref")
    drawn = PANELS["4b"].draw(spots, "t", "c")
    weights = {text.get_text(): text.get_fontweight() for text in drawn.figure.axes[0].texts}
    assert (weights["+20"], weights["+0"]) == (
        "bold",
        "normal",
    ) and "seed by seed; bold: without 0." in drawn.caption
    (one,) = [r for r in numbers("4b", drawn) if r["series"] == "difference" and r["epoch"] == 1]
    assert one["percent_low"] < one["percent"] < one["percent_high"] < 30
    assert f"{one['percent_low']:+.0f} to {one['percent_high']:+.0f}" in weights
    (one,) = [s for s in spots if s.label == "wc" and s.epoch == 1]
    interval = one.percent["mean"]
    told = [text.get_text() for text in PANELS["s3"].draw(spots, "t", "c").figure.axes[0].texts]
    assert f"{interval.low:.0f} to {interval.high:.0f}" in told


def test_more_trainings_than_lines_can_show_are_rows_of_what_they_end_with(tmp_path):
    store = Store(tmp_path)
    store.save(own_record("ref", KN, "all", 0, 0.2, 0.4, 0.5))
    for i in range(7):
        store.save(own_record(f"birth_{i}", f"birth_{i}", "critical", 0, 0.1, 0.2 + 0.01 * i))
    lines = PANELS["s5"].draw(load_own(tmp_path, "ref"), "t", "c")
    assert lines.figure.axes[0].get_xscale() == "log" and "The end of each" not in lines.caption
    for i in range(7, 12):
        store.save(own_record(f"birth_{i}", f"birth_{i}", "critical", 0, 0.1, 0.2 + 0.01 * i))
    drawn = PANELS["s5"].draw(load_own(tmp_path, "ref"), "t", "c")
    told = [label.get_text() for label in drawn.figure.axes[0].get_yticklabels()]
    assert told == [f"birth_{i} + critical" for i in reversed(range(12))]
    assert "The end of each training. Own trainings of 1 epoch." in drawn.caption


def test_many_births_are_rows_called_by_their_names(tmp_path):
    store = Store(tmp_path)
    store.save(own_record("ref", KN, "all", 0, 0.2, 0.5))
    names = [f"birth_{i}" for i in range(12)]
    for i, name in enumerate(names):
        store.save(own_record(name, name, "critical", 0, 0.1 + 0.01 * i))
    drawn = PANELS["2b"].draw(load_own(tmp_path, "ref"), "t", "c")
    first, *others = drawn.figure.axes
    told = [label.get_text() for label in first.get_yticklabels()]
    assert set(told) == {"KN", *names} and told[-1] == names[0], "the lowest stands last"
    widths = [round(patch.get_width(), 3) for patch in first.patches]
    assert widths == sorted(widths, reverse=True) and len(widths) == len(told)
    assert all(label.get_text() == "" for axes in others for label in axes.get_yticklabels())


def test_runs_that_were_scored_on_something_else_are_left_out_in_words(runs, caplog):
    other = own_record("ref elsewhere", KN, "all", 0, 0.2, 0.9)
    Store(runs).save(replace(other, spec={**other.spec, "exam": {"suite": "other@1"}}))
    found = load_own(runs, "ref")
    assert {s.label for s in found} == {"ref", "wc", "slow"}
    assert "not scored on real@1: ref elsewhere" in caplog.text


def test_without_a_study_the_longest_standard_training_is_the_reference(runs):
    by = {(s.label, s.epoch): s for s in load_own(runs)}
    assert by["ref", 2].value == pytest.approx(100)


def test_reference_models_stand_beside_own_runs(runs):
    area = {"value": 0.1, "error": 0.01, "low": 0.08, "high": 0.12}
    described = {"kind": "reference", "name": "", "network": "pixels"}
    match = {
        "label": "pixels", "suite": "real@1", "seeds": 1, "simulated": False, "mean": area, "benchmarks": {},
        "areas": {"V4": area, "IT": area},
        "described": described | dict.fromkeys(("batchnorm", "parameters", "bits")),
    }  # fmt: skip
    Store(runs).save_match("m", match)
    (pixels,) = [s for s in load_own(runs / "study") if s.architecture == "pixels"]
    assert pixels.value == pytest.approx(100 * 0.1 / ((0.51 + 0.255) / 2))
    series = PANELS["2b"].draw([*load_own(runs / "study")], "t", "c").series
    assert {"WC (distilled)", "KN", "pixels"} <= {one.name for one in series}


def test_a_condition_that_learned_from_fewer_images_than_the_reference_is_there(runs):
    own = [
        replace(s, images=50, updates=s.updates / 2) if s.label == "wc" else s
        for s in load_own(runs / "study")
    ]
    for panel in ("3c", "4a", "5b"):
        names = {one.name for one in PANELS[panel].draw(own, "t", "c").series}
        assert any(name.startswith("WC (distilled)") and "critical" in name for name in names), (panel, names)


def test_intervals_wider_than_the_panel_are_cut_and_that_is_said(runs):
    own = load_own(runs / "study")
    for reach, told in ((1, False), (900, True)):
        spots = []
        for s in own:
            wide = {a: replace(e, low=e.value - reach, high=e.value + reach) for a, e in s.percent.items()}
            spots.append(replace(s, percent=wide))
        for panel in ("2b", "4a"):
            figure = PANELS[panel].draw(spots, "t", "c").figure
            texts = " ".join(t.get_text().replace("\n", " ") for part in figure.subfigs for t in part.texts)
            assert ("are cut" in texts) is told
            (axes,) = [axes for part in figure.subfigs for axes in part.axes]
            assert -20 < axes.get_ylim()[0] <= 0 and axes.get_ylim()[1] < 140


def simulated(record):
    points = [
        replace(one, scores=tuple(replace(s, simulated=True) for s in one.scores)) for one in record.points
    ]
    return replace(record, points=tuple(points))


def test_simulated_runs_say_so_and_no_published_score_stands_beside_them(runs, home, tmp_path, monkeypatch):
    monkeypatch.setenv("WIRINGUP_DATA", str(home))
    assert {spot.source for spot in load_both(runs / "study")} == {"own", "published"}
    store = Store(runs)
    for uid in ("ref0", "ref1", "wc0", "wc1", "slow0"):
        store.save(simulated(store.record(uid)))
    spots = load_both(runs / "study")
    assert {spot.source for spot in spots} == {"own"}
    for name in ("1a", "2b", "4a", "s1"):
        drawn = PANELS[name].draw(spots, "t", "c")
        assert SIMULATED in drawn.caption and "therefore not drawn" in drawn.caption, name
        assert all(row["simulated"] for row in numbers(name, drawn))
        legend = [
            t.get_text() for part in drawn.figure.subfigs for of in part.legends for t in of.get_texts()
        ]
        assert naming.SIMULATED_RUNS in legend or name == "s1"
    main(["figure", "4a", "--study", "study", "--runs", str(runs), "--out", str(tmp_path / "out")])
    svg = ElementTree.fromstring((tmp_path / "out" / "figure_4a.svg").read_text())
    words = " ".join(svg.itertext()).replace("\n", " ")
    assert "(simulated recordings)" in words and SIMULATED in words and "published</text>" not in words


def test_a_study_ends_with_the_panels_that_its_recipe_is_about(runs, home, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("WIRINGUP_DATA", str(home))
    store = Store(runs)
    document, records = store.study("study")
    spec = {**document["spec"], "panels": ["4a", "5a", "2a", "1a"]}
    store.save_study("study", spec, document["runs"])
    main(["report", "study", "--out", str(runs), "--json"])
    read = capsys.readouterr()
    found = {one["panel"]: list(map(Path, one["files"])) for one in json.loads(read.out)["panels"]}
    assert list(found) == ["4a", "1a"], "what is not drawn from runs is no part of it"
    assert read.err.count("Figure 5a is not drawn: these runs lack another architecture") == 1
    assert found["4a"][1] == runs / "study" / "figure_4a.png"
    with found["4a"][2].open() as file:
        assert {row["source"] for row in csv.DictReader(file)} == {"own", "published"}
    page = without_scripts((runs / "study" / "report.html").read_text())
    for name, (_, picture, _) in found.items():
        start = f'<img alt="Figure {name}. {PANELS[name].title}. {PANELS[name].caption[:20]}'
        (after,) = page.split(start)[1:]
        assert b64encode(picture.read_bytes()).decode() in after.partition(">")[0]
    (runs / "study").rename(runs / "renamed")
    damaged = Path(shutil.copytree(home, tmp_path / "damaged"), "paper-scores", "published_scores.csv")
    damaged.write_bytes(damaged.read_bytes()[:1000])
    monkeypatch.setenv("WIRINGUP_DATA", str(tmp_path / "damaged"))
    main(["report", "renamed", "--out", str(runs)])
    assert "Nothing published is drawn: Damaged" in capsys.readouterr().err
    assert "published," not in (runs / "renamed" / "figure_4a.csv").read_text()
    assert not (runs / "study").exists()
    (runs / "renamed").rename(runs / "study")
    monkeypatch.setenv("WIRINGUP_DATA", str(home))
    load_both_says, own = load_both(runs / "study"), compare(rows(records, evidence=True), "ref")
    assert [s.label for s in of_study(records, own, store)] == [s.label for s in load_both_says]


def test_a_caption_says_what_percentages_are_of_and_what_is_left_out(runs, published):
    store = Store(runs)
    for record in list(map(store.record, ("ref0", "ref1", "wc0", "wc1", "slow0"))):
        flat = score("b.V2", 0.004, area="V2")  # its error is .01
        store.save(replace(record, points=[replace(p, scores=(*p.scores, flat)) for p in record.points]))
    drawn = PANELS["1a"].draw([*load_own(runs / "study"), *published], "t", "c")
    assert "percent of the reference 'ref' after 2 epochs of 100 images (2 seeds)" in drawn.caption
    assert "their mean is over V4, IT. Left out of percentages, mean and figure" in drawn.caption
    assert "V2 (raw 0.004, error 0.010)" in drawn.caption
    assert "its mean is over V1, V2, V4, IT and behaviour" in drawn.caption
    alone = PANELS["1a"].draw(load_own(runs / "study"), "t", "c").caption
    assert "ully trained" not in alone and "ublished" not in alone


def test_a_published_bar_is_seed_0_or_the_mean_over_distinct_seeds_and_that_is_said(drawn):
    assert "A published bar is one run (seed 0), not a mean over seeds." in drawn["2b"].caption
    assert "not a mean over seeds; small pale marks are its other seeds." in drawn["4a"].caption
    assert "A published line is one run (seed 0)" in drawn["1a"].caption
    assert "seed 0" not in drawn["s2"].caption
    (wc,) = [one.spots[0] for one in drawn["s2"].series if one.name == "WC"]
    seeds = {
        round(s.value, 2)
        for one in drawn["2b"].series
        if one.name == "WC"
        for s in one.spots
        if np.isfinite(s.value)
    }
    assert wc.seed is None and wc.seeds == len(seeds) == len(wc.each["mean"])
    assert wc.value == pytest.approx(sum(seeds) / len(seeds), abs=0.01)
    assert "n = 15 and 12" in drawn["s2"].caption


def test_own_trainings_of_one_kind_are_lines_of_their_own(runs, monkeypatch):
    """A control on fewer updates, and seeds of another genome, are no points of another training's curve."""
    store = Store(runs)
    store.save(own_record("control", KN, "all", 0, 0.2, 0.25))
    store.save(own_record("wc, other genome", WC, "critical", 1, 0.1, 0.15, genome="run:other"))
    own = load_own(runs, "ref")
    for panel in ("1a", "4a"):
        drawn = PANELS[panel].draw(own, "t", "c")
        for one in drawn.series:
            assert len({spot.label for spot in one.spots}) == 1, (panel, one.name)
        assert {"ref", "control"} <= {one.name for one in drawn.series}
    four = PANELS["4a"].draw(own, "t", "c")
    assert {"wc", "wc, other genome"} <= {one.name for one in four.series}
    assert {one.key for one in four.series} >= {(KN, "all"), "control", (WC, "critical")}
    assert "Own conditions that are not drawn: slow." in four.caption
    assert "EfficientNet" not in four.caption
    monkeypatch.setattr(growth, "NAMED", 0)
    assert "not drawn: 1, all of which the command names." in PANELS["4a"].draw(own, "t", "c").caption
    (mean,) = [one for one in PANELS["1b"].draw(own, "t", "c").series if one.area == "mean"]
    assert {spot.label for spot in mean.spots} == {"ref"}


def without_middle(record):
    return replace(record, points=(record.points[0], record.points[-1]))


def test_own_trainings_that_differ_in_their_length_alone_are_one_line(tmp_path):
    store = Store(tmp_path / "runs")
    for seed in (0, 1):
        for label, values in (
            ("1 epoch", (0.2, 0.3)),
            ("2 epochs", (0.2, 0.3, 0.4)),
            ("ref", (0.2, 0, 0, 0.5)),
        ):
            store.save(without_middle(own_record(f"KN, {label}", KN, "all", seed, *values)))
        for genome in ("a.json", "b.json"):
            name = f"WC{genome}"
            store.save(own_record(f"{name}, 1 epoch", WC, "critical", seed, 0.3, 0.4, genome=genome))
            store.save(
                without_middle(
                    own_record(f"{name}, 2 epochs", WC, "critical", seed, 0.3, 0.4, 0.45, genome=genome)
                )
            )
    own = load_own(tmp_path / "runs", "KN, ref")
    for panel in ("1a", "1b", "4a"):
        drawn = PANELS[panel].draw(own, "t", "c")
        (standard,) = [
            one for one in drawn.series if one.spots[0].birth == KN and one.area == "mean" and not one.minor
        ]
        assert [spot.epoch for spot in standard.spots] == [0, 1, 2, 3], panel
        assert "join the ends of trainings of different length" in drawn.caption
    four = PANELS["4a"].draw(own, "t", "c")
    assert {one.name for one in four.series} == {"KN, all", "WCa.json, 2 epochs", "WCb.json, 2 epochs"}
    assert all(len({s.training for s in one.spots}) == 1 for one in four.series)
    assert not four.absent(own)


def test_a_training_that_was_scored_in_between_is_a_line_of_its_own(runs):
    store = Store(runs)
    for seed in (0, 1):
        store.save(own_record("ref, longer", KN, "all", seed, 0.2, 0.3, 0.4, 0.5))
    lines = PANELS["4a"].draw(load_own(runs, "ref"), "t", "c").series
    assert {one.name: len(one.spots) for one in lines if one.spots[0].birth == KN} == {
        "ref": 3,
        "ref, longer": 4,
    }


def test_other_networks_are_cited_where_they_are_drawn(drawn):
    assert "EfficientNet-B0 and ResNet-18: Gokce & Schrimpf 2025" in drawn["4a"].caption


def test_nothing_is_a_percentage_of_chance(runs):
    store = Store(runs)
    for seed in (0, 1):
        store.save(own_record("flat", KN, "all", seed, 0.0, 0.0, 0.001, 0.001))
    with pytest.raises(MissingDataError, match=r"is at chance.*--published-only"):
        load_own(runs, "flat")


def test_seeds_are_told_apart_by_a_permutation_test(runs):
    store = Store(runs)
    for seed in range(2, 7):
        store.save(own_record("ref", KN, "all", seed, 0.2 + 0.001 * seed, 0.4, 0.5))
        store.save(own_record("wc", WC, "critical", seed, 0.3 + 0.01 * seed, 0.4, 0.45, genome="run:ref"))
    (note,) = PANELS["s2"].draw(load_own(runs, "ref"), "t", "c").notes
    assert "n = 7 and 7" in note and float(note.rpartition("p = ")[2].rstrip(".")) < 0.05


def test_the_command_draws_and_says_what_is_missing(runs, home, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WIRINGUP_DATA", str(home))
    where = ["--runs", str(runs), "--out", str(tmp_path / "out")]
    main(["figure", "4a", "--study", "study", *where])
    assert "Own conditions that are not in it: slow." in capsys.readouterr().err
    rows = list(csv.DictReader((tmp_path / "out" / "figure_4a.csv").read_text().splitlines()))
    assert {row["source"] for row in rows} == {"own", "published"}
    for asked, told in (
        (["5a"], "wiringup run transfer"),
        (["9z"], "Unknown panel"),
        (["s7"], "wiringup match"),
        (["1a", "--genome", "other.json"], "--genome is of panels 2a and s6"),
        (["1a", "--suite", "other@1"], "--suite is of panel s7"),
        (["2a", "--study", "study"], "is not drawn from runs"),
        (["--published-only"], "name a panel"),
    ):
        with pytest.raises(SystemExit):
            main(["figure", *asked, *where])
        assert told in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["figure", "1a", "--published-only", "--study", "study", *where])
    assert "leave out --study" in capsys.readouterr().err
    main(["figure", "--list", "--json", *where])
    facts = {one["panel"]: one for one in json.loads(capsys.readouterr().out)}
    assert facts["1a"]["missing"] == [] and facts["5a"]["missing"] and len(facts) == 18


def test_without_runs_the_command_says_how_to_draw_what_was_published(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["figure", "1a", "--runs", str(tmp_path), "--out", str(tmp_path)])
    assert "wiringup figure 1a --published-only" in capsys.readouterr().err


def test_what_has_no_column_tells_a_variant_too(home):
    spots = load_published(home)
    assert all("after" not in s.variant and "precision" not in s.variant for s in spots)
    row = {"width": 0.25, "before": None, "settings": "momentum 0.9; precision bf16"}
    for changed, told in (
        ({}, ""),
        ({"before": "waves:5000"}, "after waves:5000"),
        ({"settings": "momentum 0.9"}, "no precision bf16"),
        ({"settings": "momentum 0.5; precision bf16", "width": 0.5}, "width 0.5, momentum 0.5"),
    ):
        assert spotting._variant(row | changed, row) == told
