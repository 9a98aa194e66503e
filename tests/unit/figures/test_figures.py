import base64
import csv
import math
import re
from dataclasses import replace

import pytest

from made_records import make_record, point, score, with_draws, without_scripts
from wiringup.figures import report, updates
from wiringup.figures.methods import headline
from wiringup.figures.style import look
from wiringup.figures.tables import comparison_table, count, differences_table, plus_minus
from wiringup.results.comparison import compare, of_study
from wiringup.results.curves import curves, last_pair
from wiringup.results.draws import drawn, subtracted
from wiringup.results.record import Diverged
from wiringup.results.stats import OverSeeds
from wiringup.results.table import rows, to_csv

REFERENCE = "ref <all>"


def compared(records, lost=()):
    return compare(rows(records), REFERENCE, lost)


def reported(folder, records, **spec):
    """Write the report of a study and return its text, without scripts."""
    study = {"uid": "abc", "spec": {"reference": REFERENCE, **spec}}
    return without_scripts(report.write(folder, study, records, of_study(study, records))[0].read_text())


@pytest.fixture
def records():
    return [
        make_record("ref <all>", 0, 0.1, 0.4, trained=50),
        make_record("ref <all>", 1, 0.1, 0.6, trained=50),
        make_record("few", 0, 0.1, 0.25),
        make_record("few", 1, 0.1, 0.35),
    ]


def below(figure):
    """Return what is written below a figure."""
    return figure.legends[0].get_title().get_text().replace("\n", " ")


def test_every_point_of_the_figure_has_its_interval_and_a_wide_one_is_cut(records):
    found = compared(records)
    figure = updates.draw(found)
    axes = figure.axes[0]
    bars = [segment for bar in axes.collections for segment in bar.get_segments()]
    drawn = sorted((x, low, high) for (x, low), (_, high) in bars)
    lines = [line for line in axes.lines if not line.get_label().startswith("_")]
    assert [x for x, _, _ in drawn] == pytest.approx(sorted(x for line in lines for x in line.get_xdata()))
    few = next(m for m in found.moments if m.label == "few" and m.epoch)
    assert (few.interval["mean"].low, few.interval["mean"].high) in [(low, high) for _, low, high in drawn]
    seeds = [v for m in found.moments for v in found.shown(m, "mean")]
    span, (bottom, top) = max(seeds) - min(seeds), axes.get_ylim()
    assert min(seeds) - span / 2 <= bottom < min(seeds) < max(seeds) < top <= max(seeds) + span / 2
    assert "Bars: 95 % intervals over seeds; one that leaves the panel is cut at its edge." in below(figure)
    drawn = updates.draw(compare(rows([with_draws(r) for r in records], evidence=True), REFERENCE))
    assert "Bars: 95 % intervals over seeds, stimuli and units;" in below(drawn)
    alone = updates.draw(compared([r for r in records if r.seed == 0]))
    assert "Bars" not in below(alone), "nothing is known of a seed without draws"


def test_the_figure_draws_every_moment_at_its_updates(records):
    simulated = replace(records[0].points[0].scores[0], simulated=True)
    records[0] = replace(records[0], points=(point(0, 0, 0.1, scores=(simulated,)), records[0].points[1]))
    figure = updates.draw(compared(records))
    mean = figure.axes[0]
    line = next(x for x in mean.lines if x.get_label() == "few")
    assert line.get_xdata()[1] == 1000
    assert line.get_ydata().tolist() == pytest.approx([20, 60])
    assert line.get_xdata()[0] == pytest.approx(1000 / 6)  # birth lies left of the first update
    assert "simulated" in figure.get_suptitle()


def test_every_condition_can_be_told_apart(records):
    figure = updates.draw(compared(records))
    drawn = [x for x in figure.axes[0].lines if not x.get_label().startswith("_")]
    looks = {(x.get_color(), x.get_marker()) for x in drawn}
    assert len(looks) == 2
    assert "simulated" not in figure.get_suptitle()


def test_there_is_a_panel_for_each_area_and_no_empty_one(records):
    points = (replace(p, scores=(*p.scores, score("c", 0.1, area="IT"))) for p in records[0].points)
    figure = updates.draw(compared([replace(records[0], points=tuple(points))]))
    assert [a.get_title(loc="left") for a in figure.axes if a.get_visible()] == ["mean of V4, IT", "V4", "IT"]
    assert len(figure.axes) == 4


def test_conditions_are_tested_against_a_baseline_seed_by_seed(records):
    header, (row,) = differences_table(compared(records), "few")
    assert header == ["condition", "seeds", "difference, points", "95 % interval", "p"]
    assert (row[:3], row[4]) == ([REFERENCE, "2", "+40.0"], "–"), "two seeds cannot tell"
    six = [make_record(n, s, 0.1, v + s / 100) for n, v in ((REFERENCE, 0.5), ("few", 0.3)) for s in range(6)]
    assert differences_table(compared(six), "few")[1][0][4] == "0.031"  # two of 64 signs
    first, second = (curves(rows(records), REFERENCE)[label] for label in (REFERENCE, "few"))
    of = drawn(subtracted(*last_pair(first, second)), "paired")
    of = of.relative_to(drawn(first.samples[-1], REFERENCE)).estimate().in_percent()
    assert row[3] == f"{of.low:+.1f} to {of.high:+.1f}", "as stats compare and the claims have it"
    at_chance = [
        replace(r, points=tuple(replace(p, scores=(score(value=-0.1 + i / 100),)) for p in r.points))
        for i, r in enumerate(records)
    ]
    (row,) = differences_table(compared(at_chance), "few")[1]
    assert row[:3] == [REFERENCE, "2", "-0.020"]
    one_lost = compared(records[:3], [Diverged("few", 1, "nan")])
    assert differences_table(one_lost, "few")[1] == [[REFERENCE, "1", "+30.0", "–", "–"]], "of one seed alone"
    assert differences_table(one_lost, "gone")[1] == []
    alone = compared([*six[:1], *six[6:], *(replace(r, label="more") for r in six[6:])])
    assert differences_table(alone, "few")[1][1][:4] == ["more", "6", "+0.0", "–"], "a reference of one seed"
    points = tuple(replace(p, scores=()) for p in six[0].points)
    unscored = compared([*six, *(replace(r, label="unscored", points=points) for r in six[6:])])
    assert [row[0] for row in differences_table(unscored, "few")[1]] == [REFERENCE]


def test_accuracy_is_a_percentage_of_the_references_with_an_interval_over_seeds():
    def told(*top1):
        made = [make_record(n, s, 0.5) for n in (REFERENCE, "few") for s in range(2)]
        points = [tuple(replace(p, top1=t) for p in r.points) for r, t in zip(made, top1, strict=True)]
        found = compared([replace(r, points=p) for r, p in zip(made, points, strict=True)])
        (few,) = (one for one in found.moments if one.label == "few")
        return found.accuracy(few)

    of = told(0.5, 0.7, 0.2, 0.28)
    assert of.value == pytest.approx(40) and of.low < 40 < of.high
    assert math.isnan(told(0.0, 0.0, 0.2, 0.28).value)


def test_a_recipe_has_a_figure_of_updates_where_conditions_spend_unlike(records, tmp_path):
    cells = {
        label: {"name": label, "birth": "kn", "plasticity": label, "images": 10, "epochs": 1}
        for label in (REFERENCE, "few")
    }
    for spec, names in (
        ({"cells": cells}, ["sweep.png"]),
        ({"cells": cells, "recipe": "critical"}, ["sweep.png", "brain_match.png"]),
    ):
        study = {"uid": "abc", "spec": {"reference": REFERENCE, **spec}}
        page, *figures = report.write(tmp_path, study, records, compared(records))
        assert (page, figures) == (tmp_path / "report.html", [tmp_path / name for name in names])
        assert all(path.is_file() for path in (page, *figures))


def test_the_table_shows_a_shared_birth_once(records):
    found = compared(records)
    assert [(m.label, m.epoch) for m in found.ends] == [("ref <all>", 0), ("ref <all>", 1), ("few", 1)]
    header, body = comparison_table(found, found.ends)
    assert header[:7] == ["condition", "norms", "epoch", "updates", "trained", "syn. updates", "of ref. %"]
    # ten of fifty synapses, as many images
    assert body[2][:7] == ["few", "running", "1", "100", "10", "1 k", "20"]
    assert header[7:] == ["mean %", "95 % interval", "V4 %", "match", "top-1"]
    assert body[2][7] == "60.0 ± 14.1"
    assert body[2][9:] == ["60.0 ± 14.1", "0.300 ± 0.071", "0.25 ± 0.00"]
    low, high = map(float, body[2][8].split(" to "))
    assert low < 60 < high


def test_the_first_figure_says_what_was_found_and_where_the_reference_learned_nothing(tmp_path, records):
    found = compared(records)
    assert headline(found) in updates.draw(found).get_suptitle().replace("\n", " ")
    assert found.unlearned == ""
    flat = [make_record("ref <all>", 0, 0.5, 0.4, trained=50), make_record("few", 0, 0.5, 0.25)]
    found = compared(flat)
    assert found.unlearned == (
        "Trained, ref <all> is not above its own birth in V4: there 100 % is no gain from training."
    )
    assert found.unlearned in below(updates.draw(found))
    assert found.unlearned.replace("<all>", "&lt;all&gt;") in reported(tmp_path, flat)
    born = replace(flat[0], points=flat[0].points[:1])
    assert compared([born]).unlearned == ""  # nothing was trained


def with_behaviour(record, raw, match):
    """Add behaviour, whose error is .01, to every moment of a record."""
    points = tuple(
        replace(
            p,
            match={**p.match, "behavior": match, "mean": (p.match["V4"] + match) / 2},
            scores=(*p.scores, score("b.i2n", match, area="behavior", raw=raw)),
        )
        for p in record.points
    )
    return replace(record, points=points)


def test_an_area_in_which_the_reference_is_at_chance_is_left_out_in_words(tmp_path, records):
    odd = [with_behaviour(r, 0.015, 0.3) for r in records]
    found = compared(odd)
    header, body = comparison_table(found, found.ends)
    assert header[7:] == ["mean %", "95 % interval", "V4 %", "match", "top-1"]
    shown = [body[2][i] for i in (7, 9, 10)]
    assert shown == ["60.0 ± 14.1", "60.0 ± 14.1", "0.300 ± 0.071"]  # as if behaviour were not there
    assert found.left_out == (
        "Left out of percentages, mean and figure, because the reference itself is not two "
        "standard errors above zero: behavior (raw 0.015, error 0.010)."
    )
    figure = updates.draw(found)
    assert [a.get_title(loc="left") for a in figure.axes if a.get_visible()] == ["mean of V4", "V4"]
    assert "behavior (raw 0.015" in below(figure)
    assert found.left_out in reported(tmp_path, odd)
    table = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
    assert table[-1]["behavior (% of reference)"] == "" and table[-1]["behavior (ceiled score)"] == "0.3"


def test_behaviour_above_chance_is_shown(records):
    good = [with_behaviour(r, 0.025, 0.3) for r in records]
    found = compared(good)
    assert found.left_out == ""
    header, body = comparison_table(found, found.ends)
    assert header[9:11] == ["V4 %", "behavior %"]
    assert body[2][10] == "100.0 ± 0.0"


def test_recordings_without_a_ceiling_are_named_and_no_part_of_the_mean(tmp_path, records):
    def with_own(record, alone=False):
        own = score("own.V2", 0.3, area="V2", ceiling=None, normalisation="none")
        points = tuple(replace(p, scores=(own,) if alone else (*p.scores, own)) for p in record.points)
        return replace(record, points=points)

    named = "Not averaged in, for lack of a noise ceiling (raw scores are kept): own.V2."
    found = compared([with_own(r) for r in records])
    assert (found.areas, found.left_out) == (["V4"], named)
    nothing = [with_own(r, alone=True) for r in records]
    assert not compared(nothing).has_percent
    title = updates.draw(compared(nothing)).axes[0].get_title(loc="left")
    assert title.endswith("(the reference has no score with a noise ceiling)")
    page = reported(tmp_path, nothing)
    assert named in page and "<td>own.V2</td><td>V4</td><td>0.300</td>" in page


def test_the_csv_holds_numbers_alone(records):
    lost = [Diverged("few", 2, "the loss is nan"), Diverged("gone", 0, "the loss is nan")]
    table = list(csv.DictReader(to_csv(compared(records, lost).rows()).splitlines()))
    few, gone = table[3], table[4]
    assert {name: few[name] for name in list(few)[:12]} == {
        "condition": "few", "norms": "running", "epoch (0 is birth)": "1", "updates (labelled images)": "100",
        "trained (synapses)": "10", "synaptic updates (updates x synapses)": "1000",
        "synaptic updates (% of reference)": "20", "seeds": "2", "diverged seeds": "2",
        "reference": "ref <all>", "areas of the mean": "V4", "simulated": "False",
    }  # fmt: skip
    assert float(few["V4 (% of reference)"]) == pytest.approx(60)
    assert float(few["V4 sd (% of reference)"]) == pytest.approx(200 * 0.1 / 2**0.5)
    assert float(few["mean (ceiled score)"]) == pytest.approx(0.3)
    assert (few["top-1 (fraction)"], few["top-1 sd (fraction)"]) == ("0.25", "0")
    assert [v for v in gone.values() if v] == ["gone", "0", "0"]
    for row in table:
        for name, value in row.items():
            free = (
                name in ("condition", "norms", *list(row)[9:12]) or "95 %" in name
            )  # an interval may reach below 0
            assert free or value == "" or float(value) >= 0


def test_a_condition_that_diverged_is_marked_in_table_and_report(tmp_path, records):
    why = "Training diverged: the loss is <nan>"
    lost = [Diverged("few", 2, why), Diverged("gone", 0, why)]
    found = compared(records, lost)
    _, body = comparison_table(found, found.ends)
    assert [[row[0], row[2]] for row in body[-2:]] == [["few (diverged: seed 2)", "1"], ["gone", "diverged"]]
    assert set(body[-1][3:]) == {"–"} and len({len(row) for row in body}) == 1
    page = reported(tmp_path, records, diverged=[vars(one) for one in lost])
    assert "gone, seed 0: Training diverged: the loss is &lt;nan&gt;" in page


def test_the_report_of_a_sweep_draws_the_sweep(tmp_path, records):
    cell = {"birth": "kn", "images": 10, "epochs": 1}
    cells = {"ref <all>": {**cell, "plasticity": "all"}, "few": {**cell, "plasticity": "few"}}
    reported(tmp_path, records, cells=cells)
    assert {p.name for p in tmp_path.iterdir()} == {"report.html", "sweep.png", "table.csv"}


def test_the_report_of_a_sweep_scored_along_its_training_draws_that_too(tmp_path, records):
    cell = {"birth": "kn", "images": 10, "epochs": 2, "plasticity": "all"}
    along = [make_record("ref <all>", 0, 0.1, 0.3, 0.4, trained=50)]
    page = reported(tmp_path, along, cells={"ref <all>": cell})
    figures = {"sweep.png", "brain_match.png"}
    assert {p.name for p in tmp_path.iterdir()} == {"report.html", "table.csv", *figures}
    drawn = [base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', page)]
    assert drawn == [(tmp_path / name).read_bytes() for name in ("sweep.png", "brain_match.png")]
    assert 'alt="Brain match against synaptic updates"' in page


def test_sixty_four_conditions_can_be_told_apart():
    assert len(set(look([str(i) for i in range(64)]).values())) == 64


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (999, "999"), (1234, "1.23 k"), (3.3e6, "3.3 M"), (6.8e15, "6.8e+03 T")]
)
def test_counts_are_readable(value, text):
    assert count(value) == text


def test_a_deviation_that_does_not_exist_is_not_shown():
    assert plus_minus(OverSeeds((1.0,))) == "1.0"
    assert plus_minus(OverSeeds((float("nan"),))) == "–"
    assert plus_minus(OverSeeds((0.75, 1.0, 1.25)), 2) == "1.00 ± 0.25"


def test_the_report_is_one_file_with_everything_escaped(tmp_path, records):
    page = reported(tmp_path, records, note="<script>alert(1)</script>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "ref &lt;all&gt;" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert {p.name for p in tmp_path.iterdir()} == {"report.html", "brain_match.png", "table.csv"}


def test_a_printed_report_is_wide_and_scrolls_nowhere(tmp_path, records):
    page = reported(tmp_path, records)
    printed = page.split("@media print {")[1].split("</style>")[0]
    assert "@page { size: A4 landscape" in page
    assert ".scroll, pre { overflow: visible; }" in printed and "max-width: none" in printed
    assert "white-space: normal" in printed


def test_the_report_says_simulated_and_names_what_is_missing(tmp_path, records):
    simulated = replace(records[0].points[0].scores[0], simulated=True)
    odd = point(0, 0, 0.1, missing=("cifar10h.i2n",), scores=(simulated,))
    records[0] = replace(records[0], points=(odd, records[0].points[1]))
    page = reported(tmp_path, records)
    assert "<strong>Simulated</strong>" in page
    assert "Not scored, and not averaged in: cifar10h.i2n" in page
