"""Panels of what more images, epochs and updates give (Figures 1 and 4, and their supplement)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from wiringup.data.sources.published_point import SCALING
from wiringup.figures.panels import curves, maps
from wiringup.figures.panels.panel import (
    SOURCES,
    Drawn,
    Is,
    Spots,
    by_length,
    ends,
    is_compressed,
    is_standard,
    usual,
    with_most_images,
)
from wiringup.figures.panels.series import LOOKS, OF_AREAS, condition, grouped, per_area, sentences, training
from wiringup.figures.panels.sheet import COLUMN
from wiringup.figures.panels.spots import ALL, CRITICAL, KN, WC, Spot
from wiringup.results.published import PUBLISHED
from wiringup.results.record import MEAN
from wiringup.results.stats import Estimate
from wiringup.results.table import OWN

NAMED = 3
"""Of so many own conditions at most a caption says that they are not drawn."""

SMALL = ("efficientnet_b0_imagenet_full", "resnet18_imagenet_full")
"""Networks of the scaling study that stand beside CORnet-S."""


def updates(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw brain match against updates, a line for each number of images."""
    series = grouped(
        by_length(s for s in spots if is_standard(s) and s.images),
        by=lambda s: s.images,
        name=lambda s: f"{s.images:,} images",
        key=lambda s: s.images,
        apart=training,
    )
    series.sort(key=lambda one: one.spots[0].images)
    name = "supervised updates (labelled images seen)"
    return Drawn(curves.draw(series, title, caption, lambda s: s.updates, name), series)


def epochs(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw each benchmark over epochs."""
    shown = by_length(s for s in with_most_images(filter(is_standard, spots)) if s.images)
    longest = max((s for s in shown if s.source == OWN), key=lambda s: s.updates, default=None)
    shown = [s for s in shown if s.source != OWN or s.training == (longest and longest.training)]
    series = per_area(shown, order=lambda s: s.epoch)
    return Drawn(curves.draw(series, title, caption, lambda s: s.epoch, "epochs", fixed=OF_AREAS), series, ())


def images(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw each benchmark over the number of images."""
    series = per_area(ends(filter(is_standard, spots)), order=lambda s: s.images)
    figure = curves.draw(series, title, caption, lambda s: float(s.images), "labelled images", fixed=OF_AREAS)
    return Drawn(figure, series, ())


def synaptic(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw brain match against synaptic updates, beside other networks and what does not learn."""
    shown = [s for s in with_most_images(filter(usual, spots)) if _learned(s) and s.images]
    shown = by_length([*shown, *(s for s in spots if _beside(s))])
    known = [s for s in shown if s.synaptic_updates is not None and np.isfinite(s.value)]
    fixed = [s for s in spots if s.birth is None and s.plasticity is None and np.isfinite(s.value)]
    told = {PUBLISHED: curves.PUBLISHED, OWN: ""}
    lines = {condition(s) + told[s.source]: s.value for s in fixed}
    series = grouped(known, apart=training)
    caption += _of_others(spots, known)
    figure = curves.draw(
        series, title, caption, lambda s: float(s.synaptic_updates or 0), "supervised synaptic updates",
        fixed=LOOKS, lines=lines, width=1.4 * COLUMN, height=2.7,
    )  # fmt: skip
    return Drawn(figure, [*series, *grouped(fixed)])


def _learned(spot: Spot) -> bool:
    paper = ((KN, ALL), (WC, CRITICAL), (KN, CRITICAL))
    ours = ((WC, f"{CRITICAL} + batchnorm"), (WC, ALL)) if spot.source == OWN else ()
    return (spot.birth, spot.plasticity) in (*paper, *ours)


def _of_others(spots: Spots, drawn: Spots) -> str:
    """Return the sentences for other networks in a panel, and for own conditions that are not in it."""
    told = " Own runs of critical training with BatchNorm too." if any(map(_with_batchnorm, drawn)) else ""
    if any(s.study == SCALING for s in drawn):
        told += " EfficientNet-B0 and ResNet-18: Gokce & Schrimpf 2025."
    labels = dict.fromkeys(s.label for s in spots if s.source == OWN and (s.plasticity or s.birth))
    if absent := [label for label in labels if label not in {s.label for s in drawn}]:
        named = (
            "; ".join(absent) if len(absent) <= NAMED else f"{len(absent)}, all of which the command names"
        )
        told += f" Own conditions that are not drawn: {named}."
    return told


def _with_batchnorm(spot: Spot) -> bool:
    return spot.source == OWN and (spot.birth, spot.plasticity) == (WC, f"{CRITICAL} + batchnorm")


def _beside(spot: Spot) -> bool:
    """Return whether a moment is of a network with which a reader compares CORnet-S."""
    if spot.study == SCALING:
        return spot.label.startswith(SMALL) and not spot.seed and "checkpoint" in spot.label
    others = spot.architecture in ("resnet50", "mobilenet_v1") and spot.ended and spot.epoch > 0
    narrow = spot.source == OWN and spot.architecture == "cornet_s" and spot.variant.startswith("width")
    return (others and spot.plasticity in (ALL, CRITICAL)) or (narrow and spot.plasticity == ALL)


def difference(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw the map of compressed minus standard training, of each source."""
    found, apart, beneath, series, extra = {}, {}, {}, [], []
    for source, name in SOURCES.items():
        ours, theirs = (_cells(spots, source, is_) for is_ in (is_compressed, is_standard))
        if both := sorted(ours.keys() & theirs.keys()):
            each = {key: _difference(ours[key], theirs[key]) for key in both}
            found[name] = {key: of.value for key, of in each.items()}
            apart[name] = {key for key, of in each.items() if of.low > 0 or of.high < 0}
            beneath[name] = {
                key: f"{of.low:+z.0f} to {of.high:+z.0f}" for key, of in each.items() if of.low < of.high
            }
            series += grouped([of[key] for key in both for of in (ours, theirs)])
            said: dict[str, Any] = {"series": "difference", "source": source, "area": MEAN}
            for (n, epoch), of in each.items():
                ends = {"percent_low": of.low, "percent_high": of.high}
                extra.append({"images": n, "epoch": epoch, "percent": of.value, **said, **ends})
    unit = "difference, percentage points"
    caption += " Below: the 95 % interval, seed by seed; bold: without 0." if any(beneath.values()) else ""
    caption += sentences(series, "cell")
    figure = maps.draw(found, title, caption, unit, difference=True, beneath=beneath, bold=apart)
    return Drawn(figure, series, extra=extra)


def _difference(a: Spot, b: Spot) -> Estimate:
    """Return by how many points a moment is above another of its source: of own ones with the interval."""
    known = (
        a.basis.comparison.difference(a.moment, b.moment)
        if a.basis.comparison and a.moment and b.moment
        else None
    )
    return known if known and np.isfinite(known.value) else Estimate(a.value - b.value)


def standard_map(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw the map of standard training."""
    return _map(spots, title, caption, is_standard)


def compressed_map(spots: Spots, title: str, caption: str) -> Drawn:
    """Draw the map of weight compression with critical training."""
    return _map(spots, title, caption, is_compressed)


def _map(spots: Spots, title: str, caption: str, is_: Is) -> Drawn:
    found, series, intervals = {}, [], {}
    for source, name in SOURCES.items():
        if cells := _common(_cells(spots, source, is_)):
            found[name] = {key: spot.value for key, spot in cells.items()}
            ends = {key: spot.percent[MEAN] for key, spot in cells.items()}
            intervals[name] = {
                key: f"{e.low:.0f} to {e.high:.0f}" for key, e in ends.items() if e.low < e.value < e.high
            }
            series += grouped(cells.values())
    caption += " Below: the 95 % interval." if any(intervals.values()) else ""
    caption += sentences(series, "cell")
    figure = maps.draw(found, title, caption, "brain match, % of reference", beneath=intervals)
    return Drawn(figure, series)


def _cells(spots: Spots, source: str, is_: Is) -> dict[tuple[int, float], Spot]:
    """Return (images, epochs) -> a moment, of whole epochs."""
    whole = [s for s in spots if s.source == source and is_(s) and s.images and not s.seed]
    there = sorted((s for s in whole if MEAN in s.percent and np.isfinite(s.value)), key=lambda s: s.ended)
    found = {(s.images, s.epoch): s for s in there if s.epoch == int(s.epoch)}
    return {key: found[key] for key in sorted(found)}


def _common(cells: Mapping[tuple[int, float], Spot]) -> Mapping[tuple[int, float], Spot]:
    """Return the cells of epochs that were scored with several numbers of images, if those make a map."""
    passes = [epoch for _, epoch in cells]
    common = {key: spot for key, spot in cells.items() if passes.count(key[1]) > 1}
    return common if len({epoch for _, epoch in common}) > 1 else cells
