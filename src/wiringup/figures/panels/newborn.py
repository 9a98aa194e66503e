"""Panels of birth states (Figures 2B and 5B, and their supplement)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from wiringup.data.sources.published_point import SCALING
from wiringup.figures.panels import bars, trainings
from wiringup.figures.panels.panel import Drawn, Spots, births, ends, usual, with_most_images
from wiringup.figures.panels.series import BLACK, LOOKS, ORANGE, Series, grouped
from wiringup.figures.panels.spots import ALL, CRITICAL, KN, WC, Spot
from wiringup.results.record import MEAN
from wiringup.results.stats import Estimate, permutation
from wiringup.results.table import OWN

_LOOKS = LOOKS | {(KN, None): (BLACK, "o"), (WC, None): (ORANGE, "P")}
_LEAST = 3  # seeds of a test
_SEED, _DRAWS = 0, 9_999


def at_birth(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw every birth, and what never learns, for each benchmark."""
    newborn = grouped(births(spots))
    newborn.sort(key=lambda one: (one.published, -np.nan_to_num(one.spots[0].value)))
    others = _others(newborn)
    caption += " Small circles: seeds."
    if others:
        caption += " Several published seeds are equal, as in their source."
    return Drawn(bars.draw(newborn, title, caption, fixed=_LOOKS, seeds=others), newborn)


def _others(series: Sequence[Series]) -> dict[str, list[Spot]]:
    found: dict[str, list[Spot]] = {}
    for one in series:
        if one.minor:
            found.setdefault(one.name, []).extend(one.spots)
    return found


def trained(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw both births, newborn and after critical training, for each benchmark."""
    shown = [s for s in births(spots) if s.birth in (KN, WC)]
    after = ends(with_most_images(filter(usual, spots)))
    shown += [s for s in after if s.birth in (KN, WC) and s.plasticity == CRITICAL]
    series = grouped(s for s in shown if not s.seed)
    series.sort(key=lambda one: (one.published, one.spots[0].epoch > 0, one.spots[0].birth == WC))
    return Drawn(bars.draw(series, title, caption, fixed=_LOOKS), series)


def significance(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw the mean over seeds of every birth, and how probably it is no better than Kaiming normal."""
    newborn = births(spots)
    series: list[Series] = []
    notes = []
    for source in dict.fromkeys(s.source for s in newborn):
        found = _over_seeds(newborn, source)
        seeds = {one.name: one.spots[0].each.get(MEAN, ()) for one in found}
        base = seeds.get("KN", ())
        series += found
        for name, own in seeds.items():
            if name != "KN" and min(len(base), len(own)) >= _LEAST:
                told = "own runs" if source == OWN else "published"
                notes.append(
                    f"{name} against KN ({told}): n = {len(own)} and {len(base)}, p = {_p(own, base):.2g}."
                )
    figure = bars.draw(series, title, " ".join([caption, *notes]), fixed=_LOOKS)
    return Drawn(figure, series, notes=notes)


def _over_seeds(newborn: Spots, source: str) -> list[Series]:
    """Return the births of a source, each with the mean over its seeds."""
    named: dict[str, list[Series]] = {}
    for one in grouped(s for s in newborn if s.source == source and s.birth):
        named.setdefault(one.name, []).append(one)
    return [
        replace(of[0], spots=(_averaged([s for one in of for s in one.spots]),), minor=False)
        for of in named.values()
    ]


def _averaged(seeds: Sequence[Spot]) -> Spot:
    """Return the mean over published seeds, equal ones taken once: some are copies of others."""
    distinct = list({round(s.value, 2): s for s in seeds if np.isfinite(s.value)}.values())
    if len(distinct) < 2:  # own runs are means already
        return (distinct or list(seeds))[0]
    areas = [area for area in distinct[0].each if all(area in s.each for s in distinct)]
    each = {area: tuple(v for s in distinct for v in s.each[area]) for area in areas}
    return replace(
        distinct[0],
        seed=None,
        seeds=len(distinct),
        match={area: float(np.mean([s.match[area] for s in distinct])) for area in areas},
        percent={area: Estimate(float(np.mean(values))) for area, values in each.items()},
        each=each,
    )


def _p(a: Sequence[float], b: Sequence[float]) -> float:
    """Return how often chance alone, two-sided, makes a difference of means as large."""
    return permutation(np.array(a), np.array(b), np.random.default_rng(_SEED), _DRAWS)


def initialisations(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw brain match from every birth."""
    there = [s for s in spots if usual(s) and s.study != SCALING and not str(s.birth).startswith(f"{WC}-to")]
    learns = {True: (CRITICAL,), False: (ALL,)}
    shown = [s for s in with_most_images(there) if s.plasticity in learns[s.source == OWN] and not s.seed]
    return trainings.draw([s for s in shown if np.isfinite(s.value)], title, caption)
