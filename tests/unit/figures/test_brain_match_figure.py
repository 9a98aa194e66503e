import pytest

from made_records import score
from wiringup.core.errors import InputError
from wiringup.figures.brain_match import draw
from wiringup.figures.style import write
from wiringup.results.brain_match import brain_match, to_dict


def made(label, v4, it=None, suite="s@1", **changes):
    scores = [[score("a", v4)]] + ([] if it is None else [[score("b", it, area="IT")]])
    values = to_dict(brain_match(label, suite, scores, changes.pop("missing", {})))
    values["areas"]["V4"] |= {"low": v4 - 0.1, "high": v4 + 0.2}
    return values | changes


def test_a_bar_for_each_area_and_the_mean_with_its_interval():
    figure = draw([made("one", 0.4, 0.2), made("two", 0.3, 0.1)])
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_xticklabels()] == ["V4", "IT", "mean"]
    heights = [
        [bar.get_height() for bar in bars] for bars in axes.containers if hasattr(bars[0], "get_height")
    ]
    assert heights == [pytest.approx([0.4, 0.2, 0.3]), pytest.approx([0.3, 0.1, 0.2])]
    segments = axes.collections[0].get_segments()
    assert segments[0][:, 1].tolist() == pytest.approx([0.3, 0.6])
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["one", "two"]


def test_what_is_not_in_the_mean_and_what_is_simulated_is_told():
    figure = draw([made("one", 0.4, missing={"gone.V1": "fetch it"}, simulated=True)])
    title = figure.axes[0].get_title(loc="left")
    assert "not in the mean: gone.V1" in title
    assert "simulated recordings" in title
    assert "not in the mean" not in draw([made("one", 0.4)]).axes[0].get_title(loc="left")


def test_suites_are_not_mixed():
    with pytest.raises(InputError, match=r"one suite .* got s@1, s@2"):
        draw([made("one", 0.4), made("two", 0.3, suite="s@2")])


def test_the_ending_names_the_format(tmp_path):
    figure = draw([made("one", 0.4)])
    write(figure, tmp_path / "match.svg")
    assert (tmp_path / "match.svg").read_text().startswith("<?xml")
    with pytest.raises(InputError, match=r"match.doc has to end in one of .png, .pdf, .svg"):
        write(figure, tmp_path / "match.doc")
    assert [p.name for p in tmp_path.iterdir()] == ["match.svg"]
