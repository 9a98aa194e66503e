"""Learning curves: differences at equal updates, and updates to reach a fraction.

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

from wiringup.core.checks import did_you_mean, one_of
from wiringup.core.errors import InputError
from wiringup.results.brain_match import BrainMatch
from wiringup.results.comparison import matched, moments_of, told_not_resampled
from wiringup.results.draws import Sample, drawn, mixed, subtracted, together
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
        if np.isnan(spent).any() or not spent[0] <= cost <= spent[-1] * (1 + ROUNDING):
            raise InputError(
                f"{self.label!r} was scored between {spent[0]:.4g} and {spent[-1]:.4g} {by}, "
                f"not at {cost:.4g}."
            )
        after = int(np.searchsorted(spent, cost * (1 - ROUNDING)))
        if np.isclose(spent[after], cost, rtol=1e-6):
            return self.samples[after]
        if apart := _apart(spent, cost):
            raise InputError(
                f"{self.label!r} was scored at {apart[0]:.4g} and {apart[1]:.4g} {by}, too far "
                f"apart to tell what it had at {cost:.4g}: score moments between (--moments), or compare a "
                "training of that length."
            )
        low, high = (_scale(spent[i], spent) for i in (after - 1, after))
        return mixed(self.samples[after - 1], self.samples[after], (_scale(cost, spent) - low) / (high - low))


APART = 4.0
"""Neighbouring moments between which nothing is interpolated: what was spent grew more than so many times."""
ROUNDING = 1e-9
"""Part of a number by which another is the same: sums of many values differ in their last digits."""
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
    each = {label: _curve(label, table, areas, base, last[0][0]) for label in labels}
    return {label: curve for label, curve in each.items() if curve}


def _curve(
    label: str, table: Sequence[Row], areas: Sequence[str], base: BrainMatch, usual: Row
) -> Curve | None:
    """Return the curve of a condition; None if it was never scored on the benchmarks of the reference."""
    # one order of seeds at all moments, and in all trainings that are joined to one curve
    scored = [sorted(runs, key=lambda of: (of[0]["seed"], of[0]["run"])) for runs in moments_of(label, table)]
    every = [(runs, matched(label, runs)) for runs in sorted(scored, key=lambda runs: runs[0][0]["epoch"])]
    alike = [(runs, m) for runs, m in every if all(m.behind(area) == base.behind(area) for area in areas)]
    if len(alike) < len(every):
        which = "" if not alike else f" at {len(every) - len(alike)} of {len(every)} moments"
        told = "%r is left out%s: it was not scored on all that %r was at its end."
        log.warning(told, label, which, base.label)
    if not alike:
        return None
    moments = [runs for runs, _ in alike]
    costs = {}
    for name in COSTS:
        costs[name] = np.array([[of[0].get(name) for of in runs] for runs in moments], np.float64).mean(1)
    if any(of[0].get("before") for runs in moments for of in runs):
        costs[BITS] = np.full(
            len(moments), np.nan
        )  # what moved before the first label is not said by a birth
    costs["trained"] = np.where(costs["epoch"] > 0, costs["trained"], 0.0)  # a newborn has trained none yet
    return Curve(
        label=label,
        seeds=tuple(of[0]["seed"] for of in moments[0]),
        costs=costs,
        samples=[match.sample(MEAN, areas) for _, match in alike],
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
    common = _common(a, b, least=1)
    costs = [c for c in a.costs[by] if b.costs[by][0] <= c <= b.costs[by][-1] * (1 + ROUNDING)]
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


def _common(a: Curve, b: Curve, least: int) -> list[int]:
    """Return the seeds that both have; raise `InputError` if they are too few, or one has a seed twice."""
    common = [seed for seed in a.seeds if seed in b.seeds]
    if len(common) < least or len({*a.seeds}) < len(a.seeds) or len({*b.seeds}) < len(b.seeds):
        raise InputError(
            f"Seeds are compared one by one, at least {least} that both have once, but {a.label!r} has "
            f"{list(a.seeds)} and {b.label!r} {list(b.seeds)}."
        )
    return common


def _of(sample: Sample, curve: Curve, seeds: Sequence[int]) -> Sample:
    return sample.chosen([curve.seeds.index(seed) for seed in seeds])


def last_pair(a: Curve, b: Curve, least: int = 1) -> tuple[Sample, Sample]:
    """Return two conditions at their last moments, over the seeds that both have.

    Raises:
        InputError: if they have fewer than ``least`` seeds in common, or a seed twice.
    """
    common = _common(a, b, least)
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
        apart: the costs of the scored moments between which it lies, if those are `APART` and it is
            interpolated where nobody looked; empty otherwise.
    """

    label: str
    spent: float
    low: float
    high: float
    most: float
    share: float
    n_seeds: int
    simulated: bool
    apart: tuple[float, ...] = ()


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
    share = float(np.isfinite(found).mean()) if len(found) else np.nan
    return Reached(
        curve.label, value, float(low), float(high), float(spent[-1]), share,
        len(curve.seeds), curve.simulated, _apart(spent, value),
    )  # fmt: skip


def _apart(spent: Array, at: float) -> tuple[float, ...]:
    """Return the scored moments around ``at``, if nothing may be interpolated between them."""
    after = int(np.searchsorted(spent, at * (1 - ROUNDING)))
    if not np.isfinite(at) or not 0 < after < len(spent) or np.isclose(spent[after], at, rtol=ROUNDING):
        return ()
    around = float(spent[after - 1]), float(spent[after])
    return around if around[1] > APART * around[0] else ()


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
    there = fitted >= goals[:, None] - ROUNDING * np.abs(goals[:, None])
    after = there.argmax(1)
    before = np.maximum(after - 1, 0)
    rows = np.arange(len(values))
    low, high = fitted[rows, before], fitted[rows, after]
    share = np.where(high > low, np.minimum((goals - low) / np.where(high > low, high - low, 1.0), 1.0), 0.0)
    places = _scale(spent, spent) if (spent > 0).any() else spent
    place = places[before] + share * (places[after] - places[before])
    first = spent[spent > 0].min() if (spent > 0).any() else 0.0
    return np.where(there.any(1), np.where(after == 0, spent[0], first * (2.0**place - 1)), np.inf)
