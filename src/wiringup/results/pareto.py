"""The Pareto front: moments of conditions that none beats at the same cost or less."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import one_of
from wiringup.core.errors import InputError
from wiringup.results.curves import BITS, COSTS, Curve
from wiringup.results.draws import drawn, together
from wiringup.results.stats import Estimate

Array = NDArray[np.float64]


@dataclass(frozen=True)
class OnFront:
    """A moment of a condition that no other beats at the same cost or less.

    Attributes:
        percent: brain match in percent of the reference's last.
        share: of the draws in which it is on the front.
        name: the label; of a newborn what that is called, whatever is to learn.
    """

    label: str
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
    every = [(c, i) for c in found.values() for i in _moments(c, by)]
    # a birth that several conditions share is one spot, under the first of their names
    once = {(c.costs[by][i], *c.samples[i].values): (c, i) for c, i in reversed(every)}
    spots = [*once.values()][::-1]
    if not spots:
        whose = "birth that was scored" if by == BITS else "run"
        raise InputError(f"No {whose} says its {by}; runs of earlier versions did not count it.")
    goal = drawn(found[reference].samples[-1], reference)
    each = [drawn(curve.samples[i], curve.label).relative_to(goal) for curve, i in spots]
    costs = np.array([curve.costs[by][i] for curve, i in spots])
    values = np.array([one.value for one in each])
    on_front = _on_front(costs, together(each))
    share = on_front.mean(1) if on_front.size else np.full(len(each), np.nan)
    chosen = [k for k in np.argsort(costs, kind="stable") if _on_front(costs, values[:, None])[k, 0]]
    return [
        OnFront(
            spots[k][0].label, float(spots[k][0].costs["epoch"][spots[k][1]]), float(costs[k]),
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
    """Return (points, draws): which points no other beats: none as cheap is better, none cheaper as good."""
    kept = np.ones(values.shape, bool)
    for k in range(len(costs)):
        cheaper = costs < costs[k]
        kept[k] = values[k] >= values[costs == costs[k]].max(0)
        if cheaper.any():
            kept[k] &= values[k] > values[cheaper].max(0)
    return kept
