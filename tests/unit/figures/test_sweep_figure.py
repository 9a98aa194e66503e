"""Figures of sweeps: what is on the axes and in the cells."""

import pytest

from wiringup.core.errors import InputError
from wiringup.figures.sweep import draw
from wiringup.results.comparison import Comparison, ConditionScores
from wiringup.results.record import Diverged
from wiringup.results.stats import OverSeeds


def moment(label, epoch, percent, spent=10):
    values = {"mean": OverSeeds((percent, percent + 2))}
    return ConditionScores(label, epoch, 5.0, spent, 3, "batch", OverSeeds((0.1,)), values, values, {})


def comparison(moments, simulated=False, diverged=()):
    return Comparison("all", moments, ["V4"], {}, simulated, diverged)


def test_images_and_epochs_make_a_map():
    cells = {
        f"{n}x{e}": {"birth": "kn", "plasticity": "all", "images": n, "epochs": e}
        for n in (10, 20)
        for e in (1, 2)
    }
    percents = dict(zip(cells, (20, 40, 60, 98), strict=True))
    figure = draw(comparison([moment(k, 1, v) for k, v in percents.items()], simulated=True), cells)
    axes = figure.axes[0]
    assert axes.images[0].get_array().tolist() == [[21, 41], [61, 99]]
    assert [t.get_text() for t in axes.texts] == ["21", "41", "61", "99"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["10", "20"]
    assert "simulated" in figure.get_suptitle()


def test_plasticities_make_dots_with_birth_and_spent_updates():
    cells = {p: {"birth": "kn", "plasticity": p, "images": 10, "epochs": 1} for p in ("all", "critical")}
    points = [moment(p, e, 50 + 10 * e, 2_000_000) for p in cells for e in (0, 1)]
    axes = draw(comparison(points), cells).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["critical  (2 M)", "all  (2 M)"]
    hollow, dots, tick = axes.lines[:3]
    assert (hollow.get_xdata()[0], list(dots.get_xdata()), tick.get_xdata()[0]) == (51, [60, 62], 61)


def test_conditions_that_fill_no_map_are_named_dots():
    cells = {
        f"{n}x{e}": {"name": f"N {n}", "birth": "kn", "plasticity": "all", "images": n, "epochs": e}
        for n, e in ((10, 1), (10, 2), (20, 3))
    }
    axes = draw(comparison([moment(k, 1, 50) for k in cells]), cells).axes[0]
    assert not axes.images and [t.get_text() for t in axes.get_yticklabels()] == [
        "N 20  (10)", "N 10  (10)", "N 10  (10)",
    ]  # fmt: skip


def test_cells_that_diverged_are_marked_in_the_map():
    cells = {
        f"{n}x{e}": {"birth": "kn", "plasticity": "all", "images": n, "epochs": e}
        for n in (10, 20)
        for e in (1, 2)
    }
    lost = [Diverged("10x2", 0, "nan"), Diverged("20x1", 1, "nan")]
    figure = draw(comparison([moment(k, 1, 50) for k in cells if k != "10x2"], diverged=lost), cells)
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.texts] == ["51", "diverged", "51\n(1 diverged)", "51"]
    assert axes.images[0].get_array().mask.tolist() == [[False, True], [False, False]]


def test_plasticities_that_diverged_are_marked_beside_the_dots():
    cells = {p: {"birth": "kn", "plasticity": p, "images": 10, "epochs": 1} for p in ("all", "critical", "x")}
    lost = [Diverged("critical", 0, "nan"), Diverged("x", 1, "nan")]
    points = [moment(p, e, 50, 2_000_000) for p in ("all", "x") for e in (0, 1)]
    axes = draw(comparison(points, diverged=lost), cells).axes[0]
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert names == ["x  (2 M), 1 diverged", "critical  (diverged)", "all  (2 M)"]
    assert {line.get_ydata()[0] for line in axes.lines[:-1]} == {0, 2}


def test_nothing_to_draw():
    with pytest.raises(InputError, match="no runs"):
        draw(comparison([]), {})
