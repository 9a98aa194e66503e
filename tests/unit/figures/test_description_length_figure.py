import numpy as np
import pytest

from wiringup.figures.description_length import draw, labels_of


def estimate(value, low=0.0, high=1.0):
    return {"value": value, "error": 0.1, "low": low, "high": high}


def point(name, bits, value, kind="born", network="net", batchnorm="calibrated", **areas):
    of = {"kind": kind, "name": name, "network": network, "batchnorm": batchnorm, "bits": bits}
    return {
        "described": of,
        "simulated": False,
        "mean": estimate(value),
        "areas": {a: estimate(v) for a, v in areas.items()},
    }


POINTS = [
    point("pixels", None, 0.2, kind="reference", network="pixels at 64 px"),
    point("kaiming_normal", 0, 0.3),
    point("weight_compression", 30_000, 0.5, V4=0.6),
    point("w.pth", 10**9, 0.9, kind="trained"),
]


def test_births_stand_at_their_bits_and_those_without_parameters_at_the_left_end():
    axes = draw(POINTS, "s@1").axes[0]
    assert axes.get_xscale() == "log"
    kn, wc, trained = axes.containers
    assert [float(c.lines[0].get_xdata()[0]) for c in (kn, wc, trained)] == [3000.0, 30_000.0, 1e9]
    assert [float(c.lines[0].get_ydata()[0]) for c in (kn, wc, trained)] == [0.3, 0.5, 0.9]
    labels = [axes.xaxis.get_major_formatter()(x, 0) for x in axes.get_xticks()]
    assert labels[0] == "0" and "$10^{4}$" in labels
    (segment,) = wc.lines[2][0].get_segments()
    assert segment[:, 1].tolist() == pytest.approx([0.0, 1.0])


def test_pixels_and_kaiming_normal_are_lines_across():
    axes = draw(POINTS, "s@1").axes[0]
    across = {
        float(line.get_ydata()[0]): line.get_linestyle()
        for line in axes.lines
        if line.get_linestyle() in (":", "--")
    }
    assert across == {0.2: ":", 0.3: "--"}


def test_a_panel_for_each_area_that_any_match_has():
    figure = draw(POINTS, "s@1")
    shown = [a for a in figure.axes if a.get_visible()]
    assert [a.get_title(loc="left") for a in shown] == ["mean of all", "V4"]
    assert len(shown[1].containers) == 1
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [
        "pixels at 64 px", "kaiming_normal", "weight_compression", "w.pth",
    ]  # fmt: skip


def test_labels_tell_what_differs():
    two = [point("a", 1, 0.1), point("a", 1, 0.1, batchnorm="noise", network="other")]
    assert labels_of(two) == ["a, net, BN calibrated", "a, other, BN noise"]


def test_unknown_ends_of_an_interval_have_no_length():
    lone = point("a", 80, 0.4) | {"mean": estimate(0.4, None, None), "simulated": True}
    figure = draw([lone], "s@1")
    (container,) = figure.axes[0].containers
    assert np.ptp(container.lines[2][0].get_segments()[0][:, 1]) == 0
    assert "simulated recordings" in figure.get_suptitle()
