"""What a panel draws: scored moments of conditions, own ones over seeds and published ones, in percent.

Percentages are of the reference of each source: of the study's, for own runs; of the fully trained CORnet-S
of the same publication, for published ones. Nothing is compared across sources but these fractions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from wiringup.core.areas import BEHAVIOR, SCORED
from wiringup.core.errors import MissingDataError
from wiringup.figures.style import SIMULATED
from wiringup.results.comparison import Comparison, ConditionScores
from wiringup.results.labels import genome_kind
from wiringup.results.lengths import lines
from wiringup.results.published import PUBLISHED
from wiringup.results.record import MEAN
from wiringup.results.stats import Estimate
from wiringup.results.table import OWN, Row, other_settings

KN, WC, ALL, CRITICAL = "kaiming_normal", "weight_compression", "all", "critical"
COLUMNS = (*SCORED, MEAN)
SETTING = ("width", "size", "lr", "batch", "schedule", "augmentation", "optimiser", "weight_decay", "suite")
"""Columns that are the same in all runs of a panel, unless it is about them."""

FULL = {
    "paper-scores": "CORnet-S_full:0:1281167",
    "scaling-scores": "cornet_s_imagenet_full_seed-0:0:1281167",
}
"""Of each study, the run that its percentages are of, at its end."""


@dataclass(frozen=True)
class Basis:
    """What percentages are of, and on what.

    Attributes:
        told: the sentences of a caption.
        simulated: whether any recordings are simulated.
        comparison: of own runs.
    """

    told: str
    simulated: bool = False
    comparison: Comparison | None = field(default=None, repr=False, compare=False)


_PUBLISHED = Basis(
    "Published: percent of the fully trained CORnet-S (Kaiming normal, all synapses) of the same study; its "
    "mean is over V1, V2, V4, IT and behaviour."
)


@dataclass(frozen=True)
class Spot:
    """One scored moment of one condition.

    Attributes:
        source: `OWN` or `PUBLISHED`.
        study: the suite of own runs, or the publication.
        genome: "" for none, "distilled" for one that was distilled from an own run, or "given".
        variant: what else tells the condition: settings that are not the reference's; "" for none.
        images: labelled images to learn from; 0 where nothing learns.
        synaptic_updates: None where it is not known how many synapses learn.
        ended: whether this is the end of the training.
        training: what its line is called: the same for own trainings that differ in their length alone.
        seeds: how many.
        seed: which, where each seed is a spot of its own, as published ones are; None otherwise.
        match: area or "mean" -> ceiled score.
        percent: the same in percent of the reference, with its interval where there are several seeds.
        each: area or "mean" -> the percentage of every seed.
        top1: fraction, or NaN.
        accuracy: the same in percent of the reference, with its interval where there are several seeds.
        basis: of the percentages.
        moment: of own runs, what it shows.
    """

    source: str
    study: str
    label: str
    architecture: str
    birth: str | None
    genome: str
    plasticity: str | None
    norms: str | None
    variant: str
    images: int
    epoch: float
    updates: float
    synaptic_updates: float | None
    trained: int | None
    ended: bool
    training: str
    seeds: int
    seed: int | None
    match: Mapping[str, float]
    percent: Mapping[str, Estimate]
    each: Mapping[str, tuple[float, ...]]
    top1: float
    basis: Basis
    accuracy: Estimate = field(default_factory=lambda: Estimate(float("nan")))
    moment: ConditionScores | None = field(default=None, repr=False, compare=False)

    @property
    def value(self) -> float:
        """The brain match in percent; NaN where there is none."""
        return self.percent[MEAN].value if MEAN in self.percent else float("nan")


def own_spots(table: Sequence[Row], comparison: Comparison, so_far: str = "") -> list[Spot]:
    """Return the moments of a comparison.

    Args:
        table: the rows that were compared.
        comparison: of them.
        so_far: how many runs these are of, if their study is not finished.

    Raises:
        MissingDataError: if the reference is at chance or has no score: nothing is a percentage of it.
    """
    if why := comparison.why_no_percent:
        to_do = "train it longer or on more images" if comparison.chance else "score it on recordings"
        raise MissingDataError(
            f"The reference {comparison.reference!r} {why}, and nothing can be a fraction of it: {to_do}, or "
            "draw what was published (--published-only)."
        )
    firsts: dict[str, Row] = {}
    for row in table:
        firsts.setdefault(row["label"], row)
    usual = firsts[comparison.reference]
    ends = {m.label: m.epoch for m in comparison.moments}
    pools = {m.label: round(m.updates / m.epoch) for m in comparison.moments if m.epoch}
    basis = own_basis(comparison, so_far)
    called = lines(table)
    return [
        _own(m, firsts[m.label], usual, pools.get(m.label, 0), m.epoch == ends[m.label], line, basis)
        for m in comparison.moments
        for line in [called[m.label]]
    ]


def own_basis(comparison: Comparison, so_far: str = "") -> Basis:
    """Return what percentages of own runs are of: the reference as it was trained, and what is left out."""
    end = [m for m in comparison.moments if m.label == comparison.reference][-1]
    trained = f"{end.epoch:g} epochs of {end.updates / end.epoch:,.0f} images" if end.epoch else "birth"
    seeds = f"{len(end.top1)} seed{'s' if len(end.top1) > 1 else ''}"
    areas = ", ".join("behaviour" if area == BEHAVIOR else area for area in comparison.areas)
    told = [
        f"Own runs: percent of the reference {comparison.reference!r} after {trained} ({seeds}); their mean "
        f"is over {areas}.",
        f"The study is not finished: {so_far}." if so_far else "",
        comparison.left_out,
    ]
    if comparison.simulated:
        told.append(f"SIMULATED: own runs are scored on {SIMULATED}.")
        told.append("Published scores are of real recordings and are therefore not drawn beside them.")
    return Basis(" ".join(filter(None, told)), comparison.simulated, comparison)


def _own(
    moment: ConditionScores, row: Row, usual: Row, pool: int, ended: bool, training: str, basis: Basis
) -> Spot:
    return Spot(
        source=OWN,
        study=str(row.get("suite") or ""),
        label=moment.label,
        architecture=str(row.get("architecture") or ""),
        birth=row.get("birth"),
        genome=genome_kind(row),
        plasticity=row.get("plasticity"),
        norms=moment.norms,
        variant=_variant(row, usual),
        images=pool,
        epoch=moment.epoch,
        updates=moment.updates,
        synaptic_updates=moment.synaptic_updates,
        trained=moment.trained,
        ended=ended,
        training=training,
        seeds=len(moment.top1),
        seed=None,
        match={area: of.mean for area, of in moment.match.items()},
        percent={
            area: replace(moment.interval[area], value=of.mean)
            if area in moment.interval
            else Estimate(of.mean)
            for area, of in moment.percent.items()
        },
        each={area: of.values for area, of in moment.percent.items()},
        top1=moment.top1.mean,
        basis=basis,
        accuracy=basis.comparison.accuracy(moment) if basis.comparison else Estimate(float("nan")),
        moment=moment,
    )


def _variant(row: Row, usual: Row) -> str:
    other = [name for name in SETTING if row.get(name) is not None and row[name] != usual.get(name)]
    before = [f"after {row['before']}"] if row.get("before") and row["before"] != usual.get("before") else []
    return ", ".join([*(_said(name, row[name]) for name in other), *before, *other_settings(row, usual)])


def _said(name: str, value: Any) -> str:
    told = f"{value:g}" if isinstance(value, float) else str(value)
    return told if name in ("optimiser", "suite") else f"{name.replace('_', ' ')} {told}"


def published_spots(table: Iterable[Row]) -> list[Spot]:
    """Return the published moments of a table's rows, a spot for every seed."""
    moments: dict[tuple[str, float], list[Row]] = {}
    for row in table:
        if row["source"] == PUBLISHED:
            moments.setdefault((row["run"], 0 if row["plasticity"] is None else row["epoch"]), []).append(row)
    full = {(rows[0]["suite"]): rows for rows in moments.values() if _is_full(rows[0])}
    return [_published(rows, full[rows[0]["suite"]]) for rows in moments.values()]


def _is_full(row: Row) -> bool:
    return bool(row["run"] == f"{row['suite']}:{FULL[row['suite']]}" and row["epoch"] == row["epochs"])


def _matched(rows: Sequence[Row]) -> dict[str, float]:
    match = {row["area"]: row["score"] for row in rows if row.get("area")}
    whole = [match[area] for area in SCORED if area in match]
    return match | ({MEAN: sum(whole) / len(whole)} if len(whole) == len(SCORED) else {})


def _published(rows: Sequence[Row], full: Sequence[Row]) -> Spot:
    row, match, whole = rows[0], _matched(rows), _matched(full)
    percent = {area: 100 * value / whole[area] for area, value in match.items()}
    return Spot(
        source=PUBLISHED,
        study=row["suite"],
        label=row["label"],
        architecture=row["architecture"],
        birth=row["birth"],
        genome="given" if str(row["birth"]).startswith(WC) else "",
        plasticity=row["plasticity"],
        norms=None,
        variant=_variant(row, full[0]),
        images=row["n_images"] if row["plasticity"] else 0,
        epoch=row["epoch"] if row["plasticity"] else 0,
        updates=row["updates"],
        synaptic_updates=row["synaptic_updates"],
        trained=row["trained"],
        ended=row["epoch"] == row["epochs"],
        training=row["label"],
        seeds=1,
        seed=row["seed"],
        match=match,
        percent={area: Estimate(value) for area, value in percent.items()},
        each={area: (value,) for area, value in percent.items()},
        top1=float("nan") if row["top1"] is None else row["top1"],
        accuracy=Estimate(100 * row["top1"] / full[0]["top1"] if row["top1"] else float("nan")),
        basis=_PUBLISHED,
    )
