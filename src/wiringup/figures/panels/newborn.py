"""Panels of birth states (Figures 2B and 5B, and their supplement)."""

from collections.abc import Sequence

import numpy as np

from wiringup.data.sources.scores import SCALING
from wiringup.figures.panels import bars, curves
from wiringup.figures.panels.panel import Drawn, Spots, births, ends, usual, with_most_images
from wiringup.figures.panels.series import BLACK, LOOKS, ORANGE, Series, grouped
from wiringup.figures.panels.spots import ALL, CRITICAL, KN, WC, Spot
from wiringup.results.record import MEAN
from wiringup.results.stats import permutation
from wiringup.results.table import OWN

_LOOKS = LOOKS | {(KN, None): (BLACK, "o"), (WC, None): (ORANGE, "P")}
_LEAST = 3  # seeds of a test
_SEED, _DRAWS = 0, 9_999


def at_birth(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw every birth, and what never learns, for each benchmark."""
    newborn = grouped(births(spots))
    newborn.sort(key=lambda one: (one.published, -np.nan_to_num(one.spots[0].value)))
    figure = bars.draw(newborn, title, caption, fixed=_LOOKS, seeds=_others(newborn))
    return Drawn(figure, newborn)


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
    """Draw the seeds of every birth, with the probability that it is no better than Kaiming normal."""
    newborn = births(spots)
    series, notes = [], []
    for source in dict.fromkeys(s.source for s in newborn):
        seeds = {one.name: _distinct(of) for one, of in _seeds(newborn, source)}
        base = seeds.get("KN", [])
        for one, _ in _seeds(newborn, source):
            series.append(one)
            if one.name != "KN" and min(len(base), len(seeds[one.name])) >= _LEAST:
                p = _p(seeds[one.name], base)
                told = "own runs" if source == OWN else "published"
                n = f"n = {len(seeds[one.name])} and {len(base)}"
                notes.append(f"{one.name} against KN ({told}): {n}, p = {p:.2g}.")
    figure = bars.draw(
        series, title, " ".join([caption, *notes]), fixed=_LOOKS, seeds=_others(grouped(newborn))
    )
    return Drawn(figure, series, notes=notes)


def _seeds(newborn: Spots, source: str) -> list[tuple[Series, list[float]]]:
    """Return the births of a source that have seeds, each with the brain match of every seed."""
    named: dict[str, list[Series]] = {}
    for one in grouped(s for s in newborn if s.source == source and s.birth):
        named.setdefault(one.name, []).append(one)
    found = []
    for of in named.values():
        first = next((one for one in of if not one.minor), of[0])
        found.append((first, [v for one in of for s in one.spots for v in s.each.get(MEAN, ())]))
    return found


def _distinct(values: Sequence[float]) -> list[float]:
    """Return values, each once: some published seeds are copies of others."""
    return list({round(v, 2): v for v in values if np.isfinite(v)}.values())


def _p(a: Sequence[float], b: Sequence[float]) -> float:
    """Return how often chance alone, two-sided, makes a difference of means as large."""
    return permutation(np.array(a), np.array(b), np.random.default_rng(_SEED), _DRAWS).p


def initialisations(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw brain match over epochs from every birth."""
    there = [s for s in spots if usual(s) and s.study != SCALING and not str(s.birth).startswith(f"{WC}-to")]
    learns = {True: (CRITICAL,), False: (ALL,)}
    shown = [s for s in with_most_images(there) if s.plasticity in learns[s.source == OWN] and not s.seed]
    series = grouped(s for s in shown if np.isfinite(s.value))
    return Drawn(
        curves.draw(series, title, caption, lambda s: s.epoch, "epochs", fixed=LOOKS, height=2.6), series
    )
