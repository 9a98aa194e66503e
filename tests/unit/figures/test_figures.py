import re
from dataclasses import replace

import pytest

from made_records import make_record, point
from wiringup.figures import report, updates
from wiringup.figures.tables import count, last_moments, moments_table, plus_minus, to_csv
from wiringup.results.curves import Spread, moments


@pytest.fixture
def records():
    return [
        make_record("ref <all>", 0, 0.1, 0.4, trained=50),
        make_record("ref <all>", 1, 0.1, 0.6, trained=50),
        make_record("few", 0, 0.1, 0.25),
        make_record("few", 1, 0.1, 0.35),
    ]


def test_the_figure_draws_every_moment_at_its_updates(records):
    points = moments(records, "ref <all>")
    figure = updates.draw(points, simulated=True)
    mean = figure.axes[0]
    line = next(x for x in mean.lines if x.get_label() == "few")
    assert line.get_xdata()[1] == 1000
    assert line.get_ydata().tolist() == pytest.approx([20, 60])
    assert line.get_xdata()[0] == pytest.approx(1000 / 6)  # birth lies left of the first update
    assert "simulated" in figure.get_suptitle()


def test_every_condition_can_be_told_apart(records):
    figure = updates.draw(moments(records, "ref <all>"), simulated=False)
    drawn = [x for x in figure.axes[0].lines if not x.get_label().startswith("_")]
    looks = {(x.get_color(), x.get_marker()) for x in drawn}
    assert len(looks) == 2
    assert "simulated" not in figure.get_suptitle()


def test_there_is_a_panel_for_each_area_and_no_empty_one(records):
    one, two = (replace(p, match={**p.match, "IT": 0.1}) for p in records[0].points)
    three_areas = [replace(records[0], points=(one, two))]
    figure = updates.draw(moments(three_areas, "ref <all>"), simulated=False)
    assert [a.get_title(loc="left") for a in figure.axes if a.get_visible()] == ["mean of all", "V4", "IT"]
    assert len(figure.axes) == 4


def test_the_table_shows_a_shared_birth_once(records):
    points = moments(records, "ref <all>")
    assert [(m.label, m.epoch) for m in last_moments(points)] == [
        ("ref <all>", 0),
        ("ref <all>", 1),
        ("few", 1),
    ]
    header, body = moments_table(last_moments(points))
    assert header[:6] == ["condition", "epoch", "updates", "trained", "syn. updates", "mean %"]
    assert body[2][:5] == ["few", "1", "100", "10", "1 k"]
    assert body[2][5:] == ["60.0 ± 14.1", "60.0 ± 14.1", "0.300 ± 0.071", "0.25 ± 0.00"]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (999, "999"), (1234, "1.23 k"), (3.3e6, "3.3 M"), (6.8e15, "6.8e+03 T")]
)
def test_counts_are_readable(value, text):
    assert count(value) == text


def test_a_deviation_that_does_not_exist_is_not_shown():
    assert plus_minus(Spread(1.0, float("nan"), 1)) == "1.0"
    assert plus_minus(Spread(float("nan"), float("nan"), 1)) == "–"
    assert plus_minus(Spread(1.0, 0.25, 2), 2) == "1.00 ± 0.25"


def test_csv_quotes_what_needs_it():
    assert to_csv((["a", "b"], [["x, y", "1"]])) == 'a,b\n"x, y",1\n'


def test_the_report_is_one_file_with_everything_escaped(tmp_path, records):
    study = {"uid": "abc", "spec": {"reference": "ref <all>", "note": "<script>alert(1)</script>"}}
    path = report.write(tmp_path, study, records, "ref <all>")
    page = path.read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "ref &lt;all&gt;" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert {p.name for p in tmp_path.iterdir()} == {"report.html", "brain_match.png", "table.csv"}


def test_the_report_says_simulated_and_names_what_is_missing(tmp_path, records):
    simulated = replace(records[0].points[0].scores[0], simulated=True)
    odd = point(0, 0, 0.1, missing=("cifar10h.i2n",), scores=(simulated,))
    records[0] = replace(records[0], points=(odd, records[0].points[1]))
    page = report.write(tmp_path, {"uid": "abc"}, records, "ref <all>").read_text()
    assert "<strong>Simulated</strong>" in page
    assert "Not scored, and not averaged in: cifar10h.i2n" in page
