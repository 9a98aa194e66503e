"""Panels of which synapses learn, in which network, and how (Figures 3 and 5A, and hyper-parameters)."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from wiringup.data.sources.published_point import SCALING
from wiringup.figures.panels import curves, trainings
from wiringup.figures.panels.panel import (
    Drawn,
    Spots,
    ends,
    equally_long,
    usual,
    with_most_images,
)
from wiringup.figures.panels.series import LOOKS, Look, Series, grouped, named, together
from wiringup.figures.panels.spots import ALL, CRITICAL, KN, WC, Spot
from wiringup.results.record import MEAN

_BIRTHS = (KN, WC, f"{WC}-to-V4", f"{WC}-to-V2")
_FAMILIES = {
    "critical:V2": "critical", "critical:V4": "critical", CRITICAL: "critical",
    ALL: "downstream", "V4+IT+decoder": "downstream", "IT+decoder": "downstream", "decoder": "downstream",
    "downstream:V4": "downstream", "downstream:IT": "downstream",
}  # fmt: skip
"""Sets of synapses that grow into each other -> what a line through them is called."""

_LOOKS: Mapping[Hashable, Look] = {
    "KN, downstream": LOOKS[KN, ALL],
    "KN, critical": LOOKS[KN, CRITICAL],
    "WC, critical": LOOKS[WC, CRITICAL],
    "WC, downstream": LOOKS[WC, "decoder"],
    "KN, conv1": LOOKS[KN, "conv1"],
    "KN, batchnorm": LOOKS[KN, "batchnorm"],
}
_NEAR = 0.1  # of the natural logarithm: numbers of synapses that are closer are taken as equal
_STEP = 1.12  # factor between neighbours
_SIDE = (
    " Where equally many synapses learn, points are moved apart, to stand side by side: the numbers beside "
    "the figure have where they are."
)
_NETWORKS = ("cornet_s", "resnet50", "mobilenet_v1", "alexnet")


def _synapses(spot: Spot) -> float:
    return float(spot.trained or 0)


def _family(spot: Spot) -> str:
    learns = spot.plasticity or ""
    birth = "WC" if str(spot.birth).startswith(WC) else named(spot.birth)
    born = f"{birth} (distilled)" if spot.genome == "distilled" else birth
    told = "as many at random" if learns.startswith("random:") else _FAMILIES.get(learns, learns)
    return f"{born}, {told}"


def _look(spot: Spot) -> str:
    return _family(spot).replace(" (distilled)", "")


def _beside(series: Sequence[Series]) -> Callable[[Spot], float]:
    """Return how many synapses learn, moved a little where series have equally many: side by side.

    Other seeds of a series stand where it does.
    """
    there: dict[int, list[Hashable]] = {}
    for one in series:
        for spot in one.spots:
            beside = there.setdefault(_place(spot), [])
            if _alike(one) not in beside:
                beside.append(_alike(one))
    moved = {}
    for one in series:
        for spot in one.spots:
            beside = there[_place(spot)]
            steps = beside.index(_alike(one)) - (len(beside) - 1) / 2
            moved[id(spot)] = _synapses(spot) * _STEP**steps
    return lambda spot: moved[id(spot)]


def _place(spot: Spot) -> int:
    return round(math.log(_synapses(spot) or 1) / _NEAR)


def _alike(one: Series) -> Hashable:
    return one.published, one.key


def _of_sets(spots: Spots) -> tuple[list[Series], str]:
    """Return a series for every family of sets, and what a caption says of their length."""
    shown = [s for s in spots if usual(s) and s.birth in _BIRTHS and s.plasticity]
    found, told = equally_long(with_most_images(shown))
    series = grouped(found, by=_family, name=_family, key=_look, order=_synapses, apart=together)
    return series, told + _SIDE


def matches(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw brain match against trained synapses."""
    series, told = _of_sets(spots)
    x = _beside(series)
    figure = curves.draw(series, title, caption + told, x, "trained synapses", fixed=_LOOKS, close=True)
    return Drawn(figure, series)


def accuracies(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw top-1 against trained synapses, in percent of standard training at its end."""
    series = []
    found, told = _of_sets(spots)
    for one in found:
        if known := tuple(s for s in one.spots if np.isfinite(s.accuracy.value)):
            series.append(replace(one, spots=known))
    if any(spot.accuracy.low < spot.accuracy.high for one in series for spot in one.spots):
        told += " Intervals of accuracy are over seeds alone."
    figure = curves.draw(
        series, title, caption + told, _beside(series), "trained synapses", fixed=_LOOKS,
        y=lambda s, _: (s.accuracy.value, s.accuracy.low, s.accuracy.high),
        y_name="top-1, % of reference", close=True,
    )  # fmt: skip
    return Drawn(figure, series, (MEAN,))


def transfer(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw brain match against trained synapses of other networks: a line from critical training to all."""
    there = [s for s in spots if s.architecture in _NETWORKS and s.study != SCALING]
    there = [s for s in there if s.architecture != "cornet_s" or not s.variant]
    shown = []
    for architecture in _NETWORKS:
        shown += ends(with_most_images(s for s in there if s.architecture == architecture))
    told = ((KN, ALL), ("default", ALL), (WC, CRITICAL), (KN, CRITICAL))
    shown = [s for s in shown if (s.birth, s.plasticity) in told]
    series = grouped(shown, by=_network, name=_network, key=_network, order=_synapses, apart=together)
    figure = curves.draw(series, title, caption + _SIDE, _beside(series), "trained synapses", close=True)
    return Drawn(figure, series)


def _network(spot: Spot) -> str:
    alone = (spot.birth, spot.plasticity) == (KN, CRITICAL)
    return f"{named(spot.architecture)}{', KN + critical' if alone else ''}"


def settings(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw brain match with other optimisers, rates and weight decays."""
    told = ((KN, ALL), (WC, CRITICAL))
    usual_network = [s for s in spots if s.architecture == "cornet_s" and s.study != SCALING]
    shown = [s for s in with_most_images(usual_network) if (s.birth, s.plasticity) in told]
    varied = {(s.source, s.plasticity) for s in shown if s.variant}
    shown = [s for s in shown if (s.source, s.plasticity) in varied and not s.seed and np.isfinite(s.value)]
    return trainings.draw([s for s in shown if not s.variant.startswith(("width", "size"))], title, caption)
