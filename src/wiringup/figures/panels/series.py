"""Series of a panel: which moments belong together, how they are called, and how they look."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

from wiringup.core.areas import BEHAVIOR, SCORED
from wiringup.figures.panels.spots import ALL, CRITICAL, KN, WC, Spot
from wiringup.figures.style import COLORS, MARKERS
from wiringup.results.labels import SHORT
from wiringup.results.lengths import JOINED
from wiringup.results.published import PUBLISHED
from wiringup.results.record import MEAN
from wiringup.results.table import OWN

BLACK, RED, BLUE, GREEN, PINK, ORANGE, SKY, GREY = COLORS
SIMULATED_RUNS = "own runs: simulated recordings"
"""In legends."""

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
    (WC, f"{CRITICAL} + batchnorm"): (GREEN, "v"),
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
    **SHORT, MEAN: "mean", BEHAVIOR: "behaviour", "cornet_s": "CORnet-S", "resnet50": "ResNet-50",
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

    @property
    def simulated(self) -> bool:
        """Whether recordings behind it are simulated."""
        return any(spot.basis.simulated for spot in self.spots)


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
    *,
    apart: Callable[[Spot], Hashable] = lambda spot: spot.label,
) -> list[Series]:
    """Return a series for every condition of every source, each in the order in which it is drawn.

    Of published conditions seed 0 is the series, and what other seeds gave stands in the background. Where
    one condition was trained with several kinds of BatchNorm (norms), each is a series. So is each label of
    own runs, if nothing else is said to tell them apart: two trainings (a control, another genome) are no
    curve.
    """
    spots = list(spots)
    norms: dict[Hashable, set[str | None]] = {}
    for spot in spots:
        norms.setdefault((spot.source, condition(spot)), set()).add(spot.norms)
    found: dict[tuple[Hashable, ...], list[Spot]] = {}
    for spot in spots:
        told = spot.norms if len(norms[spot.source, condition(spot)]) > 1 else None
        mine = apart(spot) if spot.source == OWN else ""
        found.setdefault((spot.source, by(spot), told, spot.seed or 0, mine), []).append(spot)
    series = []
    for (*kin, kind, seed, _), own in found.items():
        own.sort(key=order)
        called = name(own[-1])
        looks_like: Hashable = key(own[-1])
        alike = [of for (*same, other), of in found.items() if same == [*kin, kind, seed] and other]
        if len(alike) > 1:  # the longest looks like its condition, and all are called by their labels
            longest = max(alike, key=lambda of: max(s.updates for s in of))
            called = own[-1].label if apart(own[-1]) == own[-1].label else own[-1].training
            looks_like = looks_like if own is longest else called
        if kind:
            called, looks_like = f"{called} ({kind})", f"{looks_like} ({kind})"
        series.append(Series(called, looks_like, tuple(own), minor=bool(seed)))
    return _told_apart(series)


def _told_apart(series: list[Series]) -> list[Series]:
    """Return series of which no two of one source look alike: a distilled birth beside the given one."""
    first: dict[Hashable, str] = {}
    for one in sorted(series, key=lambda one: one.spots[0].genome == "distilled"):
        first.setdefault((one.published, one.key), one.name)
    return [
        one if first[one.published, one.key] == one.name else replace(one, key=one.name) for one in series
    ]


def sentences(series: Iterable[Series], what: str) -> str:
    """Return what a caption has to tell of series: what percentages are of, and which seed is drawn.

    Args:
        series: that are drawn.
        what: each is drawn as.
    """
    series = list(series)
    told = list(dict.fromkeys(spot.basis.told for one in series for spot in one.spots))
    if any(one.published and one.spots[0].seed == 0 for one in series):
        others = "; small pale marks are its other seeds" if any(one.minor for one in series) else ""
        told.append(f"A published {what} is one run (seed 0), not a mean over seeds{others}.")
    if any(_of_lengths(one) for one in series):
        told.append(JOINED)
    return "".join(f" {sentence}" for sentence in told)


def _of_lengths(one: Series) -> bool:
    labels: dict[str, set[str]] = {}
    for spot in one.spots:
        labels.setdefault(spot.training, set()).add(spot.label)
    return any(len(of) > 1 for of in labels.values())


def in_legend(one: Series, shown: Sequence[Series]) -> str:
    """Return how bars of a series are called: whose they are, where others are not published."""
    return f"{one.name}, published" if one.published and not all(s.published for s in shown) else one.name


def every_seed(one: Series, area: str, others: Sequence[Spot]) -> list[float]:
    """Return the percentages of all seeds: of a published bar ``others``, of an own one those of its mean."""
    return [v for s in others for v in s.each.get(area, ())] or list(one.spots[-1].each.get(area, ()))


def together(spot: Spot) -> Hashable:
    """Tell no own trainings apart: all are points of one series."""
    return ""


def training(spot: Spot) -> Hashable:
    """Tell own trainings apart that differ in more than their length, see `panel.by_length`."""
    return spot.training


def per_area(spots: Sequence[Spot], order: Callable[[Spot], float]) -> list[Series]:
    """Return a series for the mean and each area, of each source and seed."""
    found = []
    for series in grouped(spots, by=lambda spot: "", order=order, apart=together):
        for area in (MEAN, *SCORED):
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
