"""What to do with a budget of supervised synaptic updates: conditions ranked by the brain match they promise.

Each condition (birth, trained synapses, norms; in one network, suite and source) has a Gaussian process over
the logarithms of images and epochs, fitted to its own points alone. Nothing is said outside of the points: a
choice lies within their convex hull, or is one of them. A birth is a condition of its own, and counts once
however many trainings start from it. Own and published points are never fitted together: each is a percentage
of the fully trained network of its own source and suite (mean over seeds), by the rule of a study: over the
areas in which that network is above chance.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from wiringup.core.checks import several
from wiringup.core.errors import InputError, MissingDataError
from wiringup.results.brain_match import BrainMatch
from wiringup.results.comparison import matched
from wiringup.results.labels import DISTILLED, genome_kind, masked
from wiringup.results.record import MEAN
from wiringup.results.stats import LEVEL, one_more
from wiringup.results.surface import fitted, grid, left_out
from wiringup.results.table import OWN, Row, other_settings

log = logging.getLogger(__name__)

Array = NDArray[np.float64]

STANDARD = ("kaiming_normal", "all")
"""Birth and set of the network whose last brain match is 100 %."""
OTHER = "it was not scored on the benchmarks of the reference"
FEWEST = 6  # points that a process is fitted to
_OF_REFERENCE = ("updates", "epoch", "n_images", "norms", "condition")  # the same in its seeds
HOW = ("lr", "optimiser", "weight_decay", "batch", "schedule", "augmentation")
"""How a network was trained; what was trained otherwise than the reference is no part of a condition."""
_NAMES = (
    "source", "suite", "architecture", "width", "size", "birth", "genome", "batchnorm", "before",
    "plasticity", "norms",
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """What a condition promises within a budget: the best of its fit or, without one, of its points.

    Attributes:
        condition: its names, see `_NAMES`; a birth has no plasticity and no norms.
        images, epochs: the choice; 0 epochs is birth.
        synaptic_updates: that it spends.
        percent: predicted brain match, in percent of the reference of its source and suite.
        low, high: 95 % interval for a network trained so; NaN where nothing is known of it.
        points: that it rests on.
        error: root mean square error of points predicted from the others, in percent; NaN if nothing was
            fitted, and the choice is one of the points.
        covered: share of left-out points inside their 95 % interval; NaN likewise.
    """

    condition: Mapping[str, Any]
    images: float
    epochs: float
    synaptic_updates: float
    percent: float
    low: float
    high: float
    points: int
    error: float = float("nan")
    covered: float = float("nan")
    simulated: bool = False


@dataclass(frozen=True)
class Ranking:
    """Choices, best first, and why other conditions are none.

    Attributes:
        choices: best first within each source and suite; percentages of two of them are not comparable.
        refused: condition in words -> why nothing is said of it.
        references: source and suite -> what is 100 %.
    """

    choices: Sequence[Choice]
    refused: Mapping[str, str]
    references: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class _Moment:
    """A scored moment of one run: what all of its rows say, and what each says of an area."""

    rows: Sequence[Row]
    match: BrainMatch

    @property
    def row(self) -> Row:
        """What all rows say."""
        return self.rows[0]

    def over(self, base: BrainMatch, areas: Sequence[str]) -> float:
        """Return the brain match over areas of a reference; NaN if it was not scored on the same."""
        if not self.match.areas:  # the mean alone is known: that of all areas
            return float(self.row["brain_match"]) if set(areas) == set(base.areas) else float("nan")
        same = all(self.match.behind(area) == base.behind(area) for area in areas)
        return float(self.match.sample(MEAN, areas).values[0]) if same and areas else float("nan")


@dataclass(frozen=True, eq=False)
class _Reference:
    """What is 100 % in one source, suite and network.

    Attributes:
        row: of one of its seeds.
        base: its brain match over seeds.
        areas: in which that is above chance.
        whole: brain match over these areas, mean over seeds.
    """

    row: Row
    base: BrainMatch
    areas: Sequence[str]
    whole: float
    seeds: int

    def told(self) -> str:
        """Return it in words."""
        chance = [area for area in self.base.areas if area not in self.areas]
        over = f" over {', '.join(self.areas)} (at chance in {', '.join(chance)})" if chance else ""
        mean = f", mean of {self.seeds} seeds" if self.seeds > 1 else ""
        when = f"{self.row['label']} after {several(self.row['epoch'], 'epochs')}"
        return f"{when}, brain match {self.whole:.3f}{over}{mean}"


@dataclass(frozen=True, eq=False)
class _Points:
    """Points of a condition: (points,) arrays, ``y`` as percentages."""

    images: Array
    epochs: Array
    spent: Array
    y: Array
    trained: float
    simulated: bool

    @property
    def learned(self) -> NDArray[np.bool_]:
        return self.epochs > 0

    @property
    def x(self) -> Array:
        """(learned points, 2): logarithms of images and epochs."""
        return np.log10(np.stack([self.images, self.epochs], 1)[self.learned])


def rank(table: Iterable[Row], budget: float, architecture: str) -> Ranking:
    """Return what each condition promises for at most so many supervised synaptic updates.

    Args:
        table: rows of own runs, of which the births and last moments are used (learning rates fall towards
            the end), and published rows, of which all are.
        budget: supervised synaptic updates: labelled images as seen times trained synapses.
        architecture: of the networks.

    Raises:
        InputError: if the budget is not above 0.
        MissingDataError: if there are no points of the architecture that a reference makes fractions of.
    """
    if not budget > 0:
        raise InputError(f"The budget is {budget:g}, but has to be above 0 supervised synaptic updates.")
    moments = _moments(table, architecture)
    wholes = _references(moments)
    refused: dict[str, str] = {}
    if not wholes:
        raise MissingDataError(
            f"No points of {architecture} can be ranked: fractions need a network that learned with all "
            f"synapses from {STANDARD[0]}. Train one (wiringup run), or: wiringup fetch paper-scores."
        )
    groups: dict[tuple[Any, ...], list[_Moment]] = {}
    for one in moments:
        if _world(one.row) not in wholes:
            continue
        if other := _otherwise(one.row, wholes[_world(one.row)].row):
            named = dict(zip(_NAMES, _condition(one.row), strict=True))
            refused[f"{told(named)}, {other}"] = "the reference was trained otherwise"
        else:
            groups.setdefault(_condition(one.row), []).append(one)
    choices: list[Choice] = []
    for key, of in groups.items():
        named = dict(zip(_NAMES, key, strict=True))
        points = _points(of, wholes[_world(of[0].row)])
        found = _best(points, budget, named) if len(points.y) else OTHER
        if isinstance(found, str):
            refused[told(named)] = found
        else:
            choices.append(found)
    order = list(wholes)
    choices.sort(key=lambda choice: (order.index(_world(choice.condition)), -choice.percent))
    return Ranking(choices, refused, {world_told(one.row): one.told() for one in wholes.values()})


def told(named: Mapping[str, Any]) -> str:
    """Return a condition in words."""
    norms = f", norms {named['norms']}" if named["norms"] else ""
    learns = f" + {named['plasticity']}" if named["plasticity"] else ", birth"
    return f"{birth_told(named)}{learns}{norms} ({named['source']}, {named['suite']})"


def birth_told(named: Mapping[str, Any]) -> str:
    """Return the birth of a condition in words: its recipe, genome, and BatchNorm if not calibrated."""
    genome = {"": "", DISTILLED: " (distilled)"}.get(named["genome"], f" (genome {named['genome'][:8]})")
    norms = named["batchnorm"]
    phase = f" after {named['before']}" if named["before"] else ""
    return f"{named['birth']}{genome}{phase}" + (
        f", BatchNorm {norms}" if norms not in (None, "calibrated") else ""
    )


def _moments(table: Iterable[Row], architecture: str) -> list[_Moment]:
    """Return the moments that can be used; a birth that several runs share is one."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in table:
        usable = row["source"] != OWN or row.get("final") or row["epoch"] == 0
        known = row.get("brain_match") is not None and row.get("birth") and row.get("plasticity")
        if row.get("architecture") == architecture and usable and known and not _varied(row):
            found.setdefault((row["source"], row["run"], row["epoch"]), []).append(row)
    each = [_Moment(rows, matched(rows[0]["label"], [rows])) for rows in found.values()]
    return list({_identity(one.row): one for one in reversed(each)}.values())[::-1]


def _identity(row: Row) -> tuple[Any, ...]:
    born = row["epoch"] == 0
    return (
        *_condition(row),
        *((row.get("seed"), row["brain_match"]) if born else (row["run"], row["epoch"])),
    )


def _varied(row: Row) -> bool:
    """Whether a published point is a control with other hyper-parameters, which its run says last."""
    return row["source"] != OWN and row["suite"] == "paper-scores" and str(row["run"]).count(":") > 3


def _otherwise(row: Row, reference: Row) -> str:
    """Return in words how a run was trained where that is not as the reference was; "" of a birth."""
    if not row["epoch"] or row["source"] != OWN:
        return ""
    other = [f"{name} {row.get(name)}" for name in HOW if row.get(name) != reference.get(name)]
    return ", ".join(other + other_settings(row, reference))


def _world(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in _NAMES[:5])


def world_told(named: Mapping[str, Any]) -> str:
    """Return source, suite and network of a row or condition in words: what percentages are comparable in."""
    source, suite, architecture, width, size = _world(named)
    more = "" if width is None else f", width {width:g}, {size} px"
    return f"{source}, {suite}: {architecture}{more}"


def _condition(row: Row) -> tuple[Any, ...]:
    """Return what `_NAMES` names; of a birth, what is to learn is no part, but for masks."""
    return (
        *_world(row),
        row["birth"],
        DISTILLED if genome_kind(row) == DISTILLED else row.get("genome") or "",
        row.get("batchnorm"),
        row.get("before"),
        row["plasticity"] if row["epoch"] or masked(row) else None,
        row.get("norms") if row["epoch"] else None,
    )


def _references(moments: Sequence[_Moment]) -> dict[tuple[Any, ...], _Reference]:
    """Return, for each source, suite and network, the standard training that learned most, over its seeds."""
    standard: dict[tuple[Any, ...], list[_Moment]] = {}
    for one in moments:
        row = one.row
        usual = row["birth"] in (STANDARD[0], "default") and not row.get("before")
        if usual and row["plasticity"] == STANDARD[1] and row["epoch"] > 0:
            standard.setdefault(_world(row), []).append(one)
    found = {world: _reference(each) for world, each in standard.items()}
    return {world: one for world, one in found.items() if one.whole > 0}


def _reference(moments: Sequence[_Moment]) -> _Reference:
    usual = Counter(_how(one.row) for one in moments)
    row = max(moments, key=lambda one: (one.row["updates"], usual[_how(one.row)])).row
    told = [row.get(name) for name in _OF_REFERENCE]
    each = [one for one in moments if [one.row.get(name) for name in _OF_REFERENCE] == told]
    base = matched(row["label"], [one.rows for one in each])
    areas = base.above_chance
    whole = float(np.mean([one.over(base, areas) for one in each]))
    return _Reference(row, base, areas, whole, len(each))


def _how(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in (*HOW, "settings"))


def _points(moments: Sequence[_Moment], of: _Reference) -> _Points:
    each = [(one.row, one.over(of.base, of.areas)) for one in moments]
    known = [(row, value) for row, value in each if np.isfinite(value)]
    rows = [row for row, _ in known]
    if rows and len(known) < len(each):
        left, whose = len(each) - len(known), rows[0]
        told = "%d points of %s (%s, %s) have no part: %s."
        log.warning(told, left, whose["label"], whose["source"], whose["suite"], OTHER)

    def column(name: str) -> Array:
        return np.array([row.get(name) or 0 for row in rows], np.float64)

    epochs = column("epoch")
    return _Points(
        # those that are there to be seen, of which less than an epoch sees a part; a birth has seen none
        images=np.divide(column("updates"), epochs, out=np.zeros(len(rows)), where=epochs > 0),
        epochs=epochs,
        spent=column("synaptic_updates"),
        y=100 * np.array([value for _, value in known]) / of.whole,
        trained=float(np.median(column("trained"))) if rows else 0.0,
        simulated=any(row.get("simulated") for row in rows),
    )


def _best(points: _Points, budget: float, named: Mapping[str, Any]) -> Choice | str:
    """Return the best choice of a condition, or why there is none."""
    choices = _observed(points, budget, named)
    if points.learned.sum() >= FEWEST:
        choices += _predicted(points, budget, named)
    if not choices:
        least = points.spent.min()
        return f"its cheapest point spends {least:.3g} synaptic updates; less would be extrapolated"
    fitted = [choice for choice in choices if np.isfinite(choice.error)]
    return max(fitted or choices, key=lambda choice: choice.percent)  # beside a fit, points are lucky ones


def _observed(points: _Points, budget: float, named: Mapping[str, Any]) -> list[Choice]:
    """Return the points themselves that the budget allows, runs of one choice together."""
    found = []
    for images, epochs in {(i, e) for i, e in zip(points.images, points.epochs, strict=True)}:
        same = (points.epochs == epochs) & (points.images == images)
        if points.spent[same].max() <= budget:
            y = points.y[same]
            low, high = one_more(y)
            spent, value, n = float(points.spent[same].mean()), float(y.mean()), len(y)
            found.append(
                Choice(
                    named,
                    float(images),
                    float(epochs),
                    spent,
                    value,
                    low,
                    high,
                    n,
                    simulated=points.simulated,
                )
            )
    return found


def _predicted(points: _Points, budget: float, named: Mapping[str, Any]) -> list[Choice]:
    """Return the best of a grid within the hull of the points, by a Gaussian process; none if it is empty."""
    x, y = points.x, points.y[points.learned]
    within = np.array([at for at in grid(x) if _spent(at, points) <= budget])
    if not len(within):
        return []
    process = fitted(x, y)
    mean, sd = process.predict(within, return_std=True)
    k = int(np.argmax(mean))
    error, covered = left_out(process, x, y)
    half = float(ndtri((1 + LEVEL) / 2)) * max(float(sd[k]), error)
    return [
        Choice(named, float(10 ** within[k, 0]), float(10 ** within[k, 1]), float(_spent(within[k], points)),
               float(mean[k]), float(mean[k]) - half, float(mean[k]) + half, len(y), error, covered,
               points.simulated)
    ]  # fmt: skip


def _spent(at: Array, points: _Points) -> float:
    return float(10 ** at.sum() * points.trained)
