"""Series of a panel: which moments belong together, how they are called, and how they look."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from wiringup.core.areas import BEHAVIOR
from wiringup.figures.panels.spots import ALL, COLUMNS, CRITICAL, KN, WC, Spot
from wiringup.figures.style import COLORS, MARKERS
from wiringup.results.published import PUBLISHED
from wiringup.results.record import MEAN

BLACK, RED, BLUE, GREEN, PINK, ORANGE, SKY, GREY = COLORS
Look = tuple[str, str]
"""Colour and marker."""

LOOKS: dict[Hashable, Look] = {
    (KN, ALL): (BLACK, "o"),
    (WC, CRITICAL): (RED, "s"),
    (KN, CRITICAL): (BLUE, "^"),
    (KN, "decoder"): (GREEN, "D"),
    (WC, "decoder"): (PINK, "v"),
    (KN, "conv1"): (ORANGE, "P"),
    (KN, "batchnorm"): (SKY, "X"),
    (WC, ALL): (GREY, "*"),
}
"""Birth and what learns -> the look that they have in every panel."""

OF_AREAS: dict[Hashable, Look] = {
    MEAN: (BLACK, "o"),
    "V1": (ORANGE, "s"),
    "V2": (SKY, "^"),
    "V4": (GREEN, "D"),
    "IT": (BLUE, "v"),
    BEHAVIOR: (RED, "P"),
}
NAMES = {
    KN: "KN", WC: "WC", MEAN: "mean", BEHAVIOR: "behaviour", "cornet_s": "CORnet-S", "resnet50": "ResNet-50",
    "mobilenet_v1": "MobileNet-v1", "alexnet": "AlexNet", "hmax": "HMAX", "resnet18": "ResNet-18",
    "efficientnet_b0": "EfficientNet-B0",
}  # fmt: skip


@dataclass(frozen=True)
class Series:
    """Moments that a line, or a kind of bars, connects.

    Attributes:
        name: in the legend.
        key: decides the look: of one key, own and published series look alike but for filling and dashes.
        area: whose percentage is drawn.
        minor: whether it stands in the background, without a place in the legend.
    """

    name: str
    key: Hashable
    spots: tuple[Spot, ...]
    area: str = MEAN
    minor: bool = False

    @property
    def published(self) -> bool:
        """Whether it was published by others."""
        return self.spots[0].source == PUBLISHED


def named(name: str | None) -> str:
    """Return how something is called in figures."""
    return NAMES.get(name or "", name or "")


def condition(spot: Spot) -> str:
    """Return what a moment's condition is called: network, birth and what learns.

    A network beside CORnet-S that learns with all its synapses is called by its name alone.
    """
    beside = spot.architecture != "cornet_s" or spot.birth is None
    born = named(spot.birth) + (" (distilled)" if spot.genome == "distilled" else "")
    learns = {None: "", ALL: f", {ALL}"}.get(spot.plasticity, f" + {spot.plasticity}")
    told = (
        "" if beside and spot.birth in (None, KN, "default") and learns in ("", f", {ALL}") else born + learns
    )
    return ", ".join(filter(None, [named(spot.architecture) if beside else "", told, spot.variant]))


def key_of(spot: Spot) -> Hashable:
    """Return what decides the look of a condition: birth and what learns, of a CORnet-S as usual."""
    usual = spot.architecture == "cornet_s" and not spot.variant
    return (spot.birth, spot.plasticity) if usual else condition(spot)


def grouped(
    spots: Iterable[Spot],
    by: Callable[[Spot], Hashable] = condition,
    name: Callable[[Spot], str] = condition,
    key: Callable[[Spot], Hashable] = key_of,
    order: Callable[[Spot], float] = lambda spot: spot.updates,
) -> list[Series]:
    """Return a series for every condition of every source, each in the order in which it is drawn.

    Of published conditions seed 0 is the series, and what other seeds gave stands in the background. Where
    one condition was trained with several kinds of BatchNorm (norms), each is a series.
    """
    spots = list(spots)
    norms: dict[Hashable, set[str | None]] = {}
    for spot in spots:
        norms.setdefault((spot.source, condition(spot)), set()).add(spot.norms)
    found: dict[tuple[Hashable, ...], list[Spot]] = {}
    for spot in spots:
        told = spot.norms if len(norms[spot.source, condition(spot)]) > 1 else None
        found.setdefault((spot.source, by(spot), told, spot.seed or 0), []).append(spot)
    return [
        Series(
            f"{name(own[0])} ({told})" if told else name(own[0]),
            f"{key(own[0])} ({told})" if told else key(own[0]),
            tuple(sorted(own, key=order)),
            minor=bool(seed),
        )
        for (_, _, told, seed), own in found.items()
    ]


def per_area(spots: Sequence[Spot], order: Callable[[Spot], float]) -> list[Series]:
    """Return a series for the mean and each area, of each source and seed."""
    found = []
    for series in grouped(spots, by=lambda spot: "", order=order):
        for area in (MEAN, *COLUMNS[:-1]):
            known = tuple(s for s in series.spots if area in s.percent)
            if known:
                found.append(Series(named(area), area, known, area, series.minor))
    return found


def looks(series: Iterable[Series], fixed: dict[Hashable, Look]) -> dict[Hashable, Look]:
    """Return key -> look: those that are fixed, and distinct others in the order of the series."""
    keys = list(dict.fromkeys(s.key for s in series))
    taken = {fixed[key] for key in keys if key in fixed}
    colors = {color for color, _ in taken}
    n = len(COLORS)
    free = [(COLORS[i % n], MARKERS[(i + 1 + i // n) % len(MARKERS)]) for i in range(n * len(MARKERS))]
    others = iter(sorted((look for look in free if look not in taken), key=lambda look: look[0] in colors))
    return {key: fixed[key] if key in fixed else next(others) for key in keys}
