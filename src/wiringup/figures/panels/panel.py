"""What a panel is, and how moments are chosen for one."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from matplotlib.figure import Figure

from wiringup.core.checks import several
from wiringup.figures.panels.series import Series, condition
from wiringup.figures.panels.spots import ALL, COLUMNS, CRITICAL, KN, WC, Spot
from wiringup.results.published import PUBLISHED
from wiringup.results.table import OWN

Spots = Sequence[Spot]
Is = Callable[[Spot], bool]

SOURCES = {OWN: "own runs", PUBLISHED: "published"}
"""Source -> what it is called in figures."""


@dataclass(frozen=True)
class Drawn:
    """A panel that was drawn.

    Attributes:
        series: what is in it.
        areas: whose numbers belong beside it, if a series is not of one area.
        notes: what has to be told beside the caption.
        extra: rows of numbers that are of no single moment.
    """

    figure: Figure
    series: Sequence[Series]
    areas: Sequence[str] = COLUMNS
    notes: Sequence[str] = ()
    extra: Sequence[Mapping[str, Any]] = ()

    @property
    def caption(self) -> str:
        """What is written below it, in one line."""
        (text,) = self.figure.subfigs[-1].texts
        return text.get_text().replace("\n", " ")

    def absent(self, spots: Spots) -> list[str]:
        """Return the labels of own moments of which none is in it."""
        there = {spot.label for one in self.series for spot in one.spots}
        return list(dict.fromkeys(s.label for s in spots if s.source == OWN and s.label not in there))


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: what it shows, in a line.
        caption: what a reader has to know.
        recipe: of the study that makes its runs.
        needs: what it cannot do without -> whether a moment is of it.
        draw: draws the panel (title, caption) from the moments of all sources.
    """

    title: str
    caption: str
    recipe: str
    needs: Mapping[str, Is]
    draw: Callable[[Spots, str, str], Drawn] = field(repr=False)

    def missing(self, spots: Spots, source: str) -> list[str]:
        """Return what a source has no moments of."""
        own = [spot for spot in spots if spot.source == source]
        return [name for name, there in self.needs.items() if not any(map(there, own))]


def usual(spot: Spot) -> bool:
    """Return whether a moment is of a CORnet-S that was trained as the reference was."""
    return spot.architecture == "cornet_s" and not spot.variant


def is_standard(spot: Spot) -> bool:
    """Return whether a moment is of standard training: Kaiming normal, all synapses."""
    return usual(spot) and (spot.birth, spot.plasticity) == (KN, ALL)


def is_compressed(spot: Spot) -> bool:
    """Return whether a moment is of weight compression with critical training."""
    return usual(spot) and (spot.birth, spot.plasticity) == (WC, CRITICAL)


def with_most_images(spots: Iterable[Spot]) -> list[Spot]:
    """Return the moments of each condition with its most images, and those where nothing learns."""
    spots = list(spots)
    most: dict[tuple[str, str], int] = {}
    for spot in spots:
        most[spot.study, condition(spot)] = max(spot.images, most.get((spot.study, condition(spot)), 0))
    return [spot for spot in spots if spot.images in (0, most[spot.study, condition(spot)])]


def by_length(spots: Iterable[Spot]) -> list[Spot]:
    """Return the moments that show what longer training gives: one birth of each line, and all else.

    Own trainings share a line (`Spot.training`) that differ in their length alone, see `results.lengths`.
    """
    found, born = [], set()
    for spot in spots:
        if spot.source != OWN or spot.epoch or spot.training not in born:
            found.append(spot)
        if spot.source == OWN and not spot.epoch:
            born.add(spot.training)
    return found


def ends(spots: Iterable[Spot]) -> list[Spot]:
    """Return the end of the longest training of each condition, number of images and seed."""
    found: dict[tuple[object, ...], Spot] = {}
    for spot in sorted((s for s in spots if s.ended and s.epoch > 0), key=lambda s: s.epoch):
        found[spot.source, condition(spot), spot.norms, spot.images, spot.seed] = spot
    return list(found.values())


def equally_long(spots: Iterable[Spot]) -> tuple[list[Spot], str]:
    """Return the ends of trainings, own ones as long as most are, and what a caption says of it.

    Of lengths that are equally frequent, the longest. The reference learns for longer than what is compared
    with it: where its condition was trained as long as the others too, that is taken. Of published trainings,
    and conditions of other lengths alone, the end of the longest is.
    """
    spots = list(spots)
    own = [s for s in spots if s.source == OWN and s.ended and s.epoch > 0]
    if not own:
        return ends(spots), ""
    counts = Counter(s.epoch for s in own)
    epochs = max(counts, key=lambda epoch: (counts[epoch], epoch))
    there = {(condition(s), s.norms, s.images) for s in own if s.epoch == epochs}
    found = ends(
        s
        for s in spots
        if s.source != OWN or s.epoch == epochs or (condition(s), s.norms, s.images) not in there
    )
    others = [f"{s.label}: {s.epoch:g}" for s in found if s.source == OWN and s.epoch != epochs]
    but = f", but of {'; '.join(others)}" if others else ""
    return found, f" Own trainings of {several(epochs, 'epochs')}{but}."


def births(spots: Iterable[Spot]) -> list[Spot]:
    """Return a newborn of each birth, source and seed, without what would have learned.

    Births are the first moments of many trainings: taken is the one with the most seeds; of published ones
    that of the run with all images that the paper reports.
    """
    told = {KN: ALL, WC: CRITICAL}
    newborn = [s for s in spots if s.epoch == 0 and (usual(s) or s.birth is None)]
    newborn = [s for s in newborn if s.source == OWN or s.birth is None or s.plasticity == told.get(s.birth)]
    found: dict[tuple[object, ...], Spot] = {}
    for spot in sorted(newborn, key=lambda s: (-s.seeds, -s.images)):
        key = (spot.source, spot.architecture, spot.birth, spot.genome, spot.seed)
        found.setdefault(key, replace(spot, plasticity=None))
    return list(found.values())
