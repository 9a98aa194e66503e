"""Learning curves: differences at equal updates, updates to reach a fraction, the Pareto front.

A curve is the brain match of a condition at every scored moment, seed by seed, with bootstrap draws of
stimuli and units where records keep them. Draws belong together: one draw has the same stimuli, units and
seeds at all moments of a curve, and the same stimuli and units in all curves.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import at_least, did_you_mean, one_of
from wiringup.core.errors import InputError
from wiringup.results.comparison import matched, moments_of, told_not_resampled
from wiringup.results.draws import Drawn, Sample, drawn, in_common, mixed, subtracted
from wiringup.results.labels import born
from wiringup.results.record import MEAN
from wiringup.results.stats import LEVEL, Estimate, paired_permutation
from wiringup.results.table import Row

Array = NDArray[np.float64]

log = logging.getLogger(__name__)

SPENT = ("updates", "synaptic_updates", "flops", "epoch")
"""What a moment may have cost so far."""
BITS = "bits"
COSTS = (*SPENT, "trained", BITS)
"""What a network may cost: what was spent, how many synapses learn, and what its birth takes to say (bits, of
births alone: what learning adds is not counted)."""


@dataclass(frozen=True, eq=False)
class Curve:
    """The brain match of a condition along its training.

    Attributes:
        label: of the condition.
        seeds: of its runs, in order.
        costs: name of a cost -> (moments,), means over seeds; NaN where it is not known.
        samples: one for each moment: the brain match in every seed, with draws.
        simulated: whether any score is.
        drawn_as: label by which its seeds are drawn, if not by its own: that of its last moment.
        born: what its newborn is called, see `labels.born`.
    """

    label: str
    seeds: tuple[int, ...]
    costs: Mapping[str, Array]
    samples: Sequence[Sample]
    simulated: bool
    drawn_as: str = ""
    born: str = ""

    def at(self, cost: float, by: str) -> Sample:
        """Return the brain match where ``cost`` was spent: of that moment, or between two neighbours.

        Raises:
            InputError: if the curve ends before, its cost is not known, or the neighbours are `APART`: what
                lies between birth and the end of a training nobody knows who did not look.
        """
        spent = self.costs[by]
        if np.isnan(spent).any() or not spent[0] <= cost <= spent[-1] * (1 + 1e-9):
            raise InputError(
                f"{self.label!r} was scored between {spent[0]:.4g} and {spent[-1]:.4g} {by}, "
                f"not at {cost:.4g}."
            )
        after = int(np.searchsorted(spent, cost * (1 - 1e-9)))
        if np.isclose(spent[after], cost, rtol=1e-6):
            return self.samples[after]
        if spent[after] > APART * spent[after - 1]:
            raise InputError(
                f"{self.label!r} was scored at {spent[after - 1]:.4g} and {spent[after]:.4g} {by}, too far "
                f"apart to tell what it had at {cost:.4g}: score moments between (--moments), or compare a "
                "training of that length."
            )
        low, high = (_scale(spent[i], spent) for i in (after - 1, after))
        return mixed(self.samples[after - 1], self.samples[after], (_scale(cost, spent) - low) / (high - low))


APART = 4.0
"""Neighbouring moments between which nothing is interpolated: what was spent grew more than so many times."""
CHANCE, NO_CEILING = "the reference is at chance", "no noise ceiling"


class NoFractionError(InputError):
    """Nothing is a fraction of the reference, and ``why``: `CHANCE` or `NO_CEILING`."""

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = why


def _scale(cost: Any, spent: Array) -> Any:
    """Return where costs lie on the axis along which curves are interpolated: log, birth a step before."""
    first = spent[spent > 0].min()
    return np.log2(np.maximum(cost / first, 0.0) + 1)


def curves(table: Sequence[Row], reference: str, *, fractions: bool = True) -> dict[str, Curve]:
    """Return the curves of all conditions: brain match over the areas where the reference is above chance.

    Args:
        table: see `results.table.rows`, with evidence for intervals over stimuli and units.
        reference: a label.
        fractions: whether fractions of the reference will be asked for. Where they are not, and it is at
            chance in every area, all areas count.

    Raises:
        InputError: if there is no such label, its brain match is at chance in every area, or seeds of a
            condition were scored at different moments.
    """
    labels = list(dict.fromkeys(row["label"] for row in table))
    if reference not in labels:
        raise InputError(
            f"No run is labelled {reference!r}.{did_you_mean(reference, labels)} There are: "
            f"{', '.join(map(repr, labels))}."
        )
    last = moments_of(reference, table)[-1]
    base = matched(reference, last)
    areas = base.above_chance
    if not areas and base.areas and not fractions:
        areas = list(base.areas)
        log.warning("%r is at chance in every area: all areas count, and nothing is in percent.", reference)
    if not areas:
        why = CHANCE if base.areas else NO_CEILING
        raise NoFractionError(f"Nothing is a fraction of {reference!r}: {why} in every area.", why)
    if base.not_resampled:
        log.warning("%s", told_not_resampled(base.not_resampled))
    return {label: _curve(label, table, areas, last[0][0]) for label in labels}


def _curve(label: str, table: Sequence[Row], areas: Sequence[str], usual: Row) -> Curve:
    moments = sorted(moments_of(label, table), key=lambda runs: runs[0][0]["epoch"])
    costs = {}
    for name in COSTS:
        each = [[of[0].get(name) for of in runs] for runs in moments]
        costs[name] = np.array(each, np.float64).mean(1)  # None is NaN
    return Curve(
        label=label,
        seeds=tuple(of[0]["seed"] for of in moments[0]),
        costs=costs,
        samples=[matched(label, runs).sample(MEAN, areas) for runs in moments],
        simulated=any(row.get("simulated") for runs in moments for of in runs for row in of),
        born=born(moments[0][0][0], usual),
    )


@dataclass(frozen=True)
class Compared:
    """Two conditions at one cost.

    Attributes:
        cost: of one kind, at which both are compared.
        difference: first - second, with its interval.
        p: of a permutation of the signs of the seeds' differences; NaN for one seed.
        n_seeds: seeds that both have, compared one by one.
    """

    cost: float
    difference: Estimate
    p: float
    n_seeds: int


def compared(a: Curve, b: Curve, by: str = "updates") -> list[Compared]:
    """Compare two curves wherever the first was scored and the second was, too, or near by, seed by seed.

    Where the second was trained as far, but not scored near by (see `Curve.at`), that is said in a message.

    Raises:
        InputError: if they have no seed in common, or nowhere cost the same.
    """
    one_of(by, SPENT, "measure of what was spent")
    common = [seed for seed in a.seeds if seed in b.seeds]
    if not common or len({*a.seeds}) < len(a.seeds) or len({*b.seeds}) < len(b.seeds):
        raise InputError(
            f"Seeds are compared one by one, but {a.label!r} has {list(a.seeds)} and {b.label!r} "
            f"{list(b.seeds)}."
        )
    costs = [c for c in a.costs[by] if b.costs[by][0] <= c <= b.costs[by][-1] * (1 + 1e-9)]
    if not costs:
        raise InputError(f"{a.label!r} and {b.label!r} were never scored at equal {by}.")
    found, unknown = [], ""
    for cost in costs:
        try:
            second = b.at(cost, by)
        except InputError as error:
            unknown = str(error)
            continue
        found.append(_compared_at(cost, _of(a.at(cost, by), a, common), _of(second, b, common)))
    if not found:
        raise InputError(unknown)
    if unknown:
        log.warning("%s", unknown)
    return found


def _compared_at(cost: float, a: Sample, b: Sample) -> Compared:
    difference = subtracted(a, b)
    found = drawn(difference, "paired").estimate()
    n = len(a.values)
    p = paired_permutation(a.values, b.values, np.random.default_rng(0)) if n > 1 else float("nan")
    return Compared(float(cost), found, p, n)


def _of(sample: Sample, curve: Curve, seeds: Sequence[int]) -> Sample:
    index = [curve.seeds.index(seed) for seed in seeds]
    return Sample(sample.values[index], {source: draws[index] for source, draws in sample.draws.items()})


def last_pair(a: Curve, b: Curve, least: int = 1) -> tuple[Sample, Sample]:
    """Return two conditions at their last moments, over the seeds that both have.

    Raises:
        InputError: if they have fewer than ``least`` seeds in common.
    """
    common = [seed for seed in a.seeds if seed in b.seeds]
    at_least(len(common), least, f"the number of seeds that {a.label!r} and {b.label!r} have in common")
    return _of(a.samples[-1], a, common), _of(b.samples[-1], b, common)


def last_difference(a: Curve, b: Curve) -> Array:
    """Return (seeds,): the difference of two conditions at their last moments, over the seeds that both have.

    Raises:
        InputError: if they have fewer than two seeds in common.
    """
    first, second = last_pair(a, b, least=2)
    return first.values - second.values


@dataclass(frozen=True)
class Reached:
    """What a condition spent until it reached a fraction of the reference's brain match.

    Attributes:
        spent: until then; infinite if it was not reached.
        low, high: 95 % interval; infinite where draws do not reach it.
        most: the most that was spent.
        share: of the draws in which it was reached.
    """

    label: str
    spent: float
    low: float
    high: float
    most: float
    share: float
    n_seeds: int
    simulated: bool


def reached(curve: Curve, reference: Curve, fraction: float, by: str = "synaptic_updates") -> Reached:
    """Return what it took to reach a fraction of the reference's last brain match.

    A curve that never falls is fitted to the moments by least squares (isotonic regression), and interpolated
    along the logarithm of what was spent; so is one to every draw, which makes the interval.

    Args:
        curve: of a condition.
        reference: the curve whose last moment is the whole.
        fraction: of it, as in 0.8.
        by: what was spent, one of `SPENT`.
    """
    one_of(by, SPENT, "measure of what was spent")
    each = [drawn(sample, curve.drawn_as or curve.label) for sample in curve.samples]
    goal = drawn(reference.samples[-1], reference.label)
    spent = curve.costs[by]
    many = together([*each, goal])
    found = _crossings(spent, many[:-1].T, fraction * many[-1])
    low, high = (
        np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest")
        if len(found) > 1
        else (np.nan, np.nan)
    )
    own = np.array([[one.value for one in each]])
    value = float(_crossings(spent, own, fraction * np.array([goal.value]))[0])
    return Reached(
        curve.label, value, float(low), float(high), float(spent[-1]), float(np.isfinite(found).mean()),
        len(curve.seeds), curve.simulated,
    )  # fmt: skip


def together(each: Sequence[Drawn]) -> Array:
    """Return (numbers, draws) of several numbers, widened as their intervals are."""
    length = in_common(each)
    return np.stack([np.broadcast_to(one.widened()[:length], length) for one in each])


def never_falling(values: Array) -> Array:
    """Return the least-squares fit (draws, moments) that never falls of values of that shape.

    Isotonic regression by its min-max formula: at k, the largest over i <= k of the smallest over j >= k of
    the mean from i to j (Barlow et al. 1972, Statistical Inference under Order Restrictions).
    """
    n = values.shape[1]
    sums = np.concatenate([np.zeros((len(values), 1)), values.cumsum(1)], 1)
    i, j = np.indices((n, n))
    means = (sums[:, None, 1:] - sums[:, :-1, None]) / np.maximum(j - i + 1, 1)
    least = np.minimum.accumulate(np.where(j >= i, means, np.inf)[:, :, ::-1], 2)[:, :, ::-1]
    fitted: Array = np.where(i <= j, least, -np.inf).max(1)
    return fitted


def _crossings(spent: Array, values: Array, goals: Array) -> Array:
    """Return (draws,): where fits to values (draws, moments) reach goals (draws,); infinite if nowhere."""
    fitted = never_falling(values)
    there = fitted >= goals[:, None]
    after = there.argmax(1)
    before = np.maximum(after - 1, 0)
    rows = np.arange(len(values))
    low, high = fitted[rows, before], fitted[rows, after]
    share = np.where(high > low, (goals - low) / np.where(high > low, high - low, 1.0), 0.0)
    places = _scale(spent, spent) if (spent > 0).any() else spent
    place = places[before] + share * (places[after] - places[before])
    first = spent[spent > 0].min() if (spent > 0).any() else 0.0
    return np.where(there.any(1), np.where(after == 0, spent[0], first * (2.0**place - 1)), np.inf)


@dataclass(frozen=True)
class OnFront:
    """A moment of a condition that no other beats at the same cost or less.

    Attributes:
        moment: which of the condition's scored moments, from 0.
        percent: brain match in percent of the reference's last.
        share: of the draws in which it is on the front.
        name: the label; of a newborn what that is called, whatever is to learn.
    """

    label: str
    moment: int
    epoch: float
    cost: float
    percent: Estimate
    share: float
    simulated: bool
    name: str


def front(found: Mapping[str, Curve], reference: str, by: str = "synaptic_updates") -> list[OnFront]:
    """Return the Pareto front of brain match against a cost, cheapest first.

    Args:
        found: see `curves`.
        reference: label of the curve whose last moment is 100 %.
        by: the cost, one of `COSTS`.

    Raises:
        InputError: if no condition says what it cost.
    """
    one_of(by, COSTS, "cost")
    each_spot = [(c, i) for c in found.values() for i in _moments(c, by)]
    # a birth that several conditions share is one spot
    spots = list({(c.costs[by][i], *c.samples[i].values): (c, i) for c, i in reversed(each_spot)}.values())
    if not spots:
        whose = "birth that was scored" if by == BITS else "run"
        raise InputError(f"No {whose} says its {by}; runs of earlier versions did not count it.")
    goal = drawn(found[reference].samples[-1], reference)
    each = [drawn(curve.samples[i], curve.label).relative_to(goal) for curve, i in spots]
    costs = np.array([curve.costs[by][i] for curve, i in spots])
    values = np.array([one.value for one in each])
    share = _on_front(costs, together(each)).mean(1)
    chosen = [k for k in np.argsort(costs, kind="stable") if _on_front(costs, values[:, None])[k, 0]]
    return [
        OnFront(
            spots[k][0].label, spots[k][1], float(spots[k][0].costs["epoch"][spots[k][1]]), float(costs[k]),
            each[k].estimate().in_percent(), float(share[k]), spots[k][0].simulated, _name(*spots[k]),
        )
        for k in chosen
    ]  # fmt: skip


def _name(curve: Curve, moment: int) -> str:
    newborn = curve.born and not curve.costs["epoch"][moment]
    return f"{curve.born}, birth" if newborn else curve.label


def _moments(curve: Curve, by: str) -> list[int]:
    """Return which moments have a cost; a network that learned is not said by the bits of its birth."""
    known = np.isfinite(curve.costs[by]) & ((by != BITS) | (curve.costs["epoch"] == 0))
    return [int(i) for i in np.flatnonzero(known)]


def _on_front(costs: Array, values: Array) -> NDArray[np.bool_]:
    """Return (points, draws): which points no other beats, being no dearer and as good."""
    kept = np.ones(values.shape, bool)
    for k in range(len(costs)):
        others = (costs <= costs[k]) & (np.arange(len(costs)) != k)
        if others.any():
            kept[k] = values[k] > values[others].max(0)
    return kept
