"""Axes that all figures share."""

import pytest

from wiringup.figures.style import log_axis, new_figure


def ticks(first: float, most: float, name: str = "") -> list[str]:
    axes = new_figure(3, 2).subplots()
    log_axis(axes, first, most, name)
    return [axes.xaxis.get_major_formatter()(x, 0) for x in axes.xaxis.get_majorticklocs()]


@pytest.mark.parametrize(
    ("first", "most", "shown"),
    [
        (
            4.7e8,
            3e15,
            ["birth", "$10^{10}$", "$10^{11}$", "$10^{12}$", "$10^{13}$", "$10^{14}$", "$10^{15}$"],
        ),
        (0.04, 40, ["birth", "0.1", "1", "10"]),
        (1e-3, 1e12, ["birth", "0.1", "100", "$10^{5}$", "$10^{8}$", "$10^{11}$"]),
        (3, 5, ["birth"]),
    ],
)
def test_decades_keep_off_the_name_at_the_left_end(first, most, shown):
    assert ticks(first, most, "birth") == shown


def test_one_amount_beside_the_name_is_shown():
    assert ticks(4e9 / 3, 4e9, "birth") == ["birth", r"$4\times10^{9}$"]


def test_without_a_name_the_first_decade_is_shown():
    assert ticks(1e3, 1e5) == ["$10^{3}$", "$10^{4}$", "$10^{5}$"]


@pytest.mark.parametrize(
    ("first", "most", "shown"),
    [
        (
            1.4e6,
            5.3e7,
            [r"$2\times10^{6}$", r"$5\times10^{6}$", "$10^{7}$", r"$2\times10^{7}$", r"$5\times10^{7}$"],
        ),
        (15.0, 300.0, ["20", "50", "100", "200"]),
        (0.2, 0.6, ["0.2", "0.5"]),
        (2.1e6, 4.9e6, [r"$4.9\times10^{6}$"]),
        (6.0, 9.0, ["9"]),
    ],
)
def test_where_there_is_but_one_decade_what_lies_between_is_shown(first, most, shown):
    assert ticks(first, most) == shown
