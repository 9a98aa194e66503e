"""Claims that a study can refute: a level of brain match, or one condition above another.

A claim names its conditions by what they are, not by their labels: those hang on the size of a study. It
holds where the whole 95 % interval is on its side, does not where the whole interval is on the other, and
cannot be told where the interval has both, or there is one seed (of the reference, too). A verdict is at the
edge where the interval ends so near that other draws might have decided otherwise.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wiringup.core.errors import InputError
from wiringup.results.curves import Curve, NoFractionError, curves, last_pair
from wiringup.results.draws import drawn, subtracted
from wiringup.results.stats import Estimate, paired_permutation
from wiringup.results.table import Row

HOLDS, FAILS, OPEN, ABSENT = "holds", "does not", "cannot be told", "not measured"
MOST, LEAST = "most", "least"
SPENT = "synaptic_updates"
EDGE = 0.2
"""Standard errors within which an end of an interval is known: twice its own, see `draws.DRAWS`."""
ORDERED = ("width", "images", "epochs")
_CHOSEN_BY = {MOST: max, LEAST: min}

Which = Mapping[str, Any]
"""Field of a condition's cell (birth, plasticity, model, ...) -> its value; of "name" a pattern
of how it begins; of width, images and epochs also `MOST` or `LEAST` among those that fit the rest."""
Cells = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Claim:
    """A sentence about a condition.

    Attributes:
        text: the sentence.
        published: the numbers that it rests on.
        one: which condition it is about.
        than: the condition that it is said to be above; None if it is about a level.
        level: the least percentage of the reference's brain match, if it is about one.
    """

    text: str
    published: str
    one: Which
    than: Which | None = None
    level: float = 0.0


@dataclass(frozen=True)
class Tested:
    """What a study says of a claim.

    Attributes:
        condition, other: labels; "" where there is none.
        measured: percentage of the reference's last brain match; where there is another condition, by how
            many points of that percentage the first is above it. With its 95 % interval.
        spent: supervised synaptic updates of the condition, in percent of the reference's.
        p: of a permutation of the signs of the seeds' differences; NaN for a level, or one seed.
        seeds: how many there are of the condition (of two, that both have); 1 if the reference has one alone.
        verdict: `HOLDS`, `FAILS`, `OPEN`, `ABSENT`, or why nothing is a fraction of the reference.
        edge: whether an interval from other draws might have another verdict.
    """

    claim: Claim
    verdict: str = ABSENT
    condition: str = ""
    other: str = ""
    measured: Estimate = field(default_factory=lambda: Estimate(float("nan")))
    spent: float = float("nan")
    p: float = float("nan")
    seeds: int = 0
    simulated: bool = False
    edge: bool = False

    @property
    def told(self) -> str:
        """The verdict in words."""
        return f"{self.verdict}, at the edge" if self.edge else self.verdict


def examine(claims: Sequence[Claim], cells: Cells, table: Sequence[Row], reference: str) -> list[Tested]:
    """Return what a study says of claims, in their order.

    Args:
        claims: the claims.
        cells: label -> what a condition is, as the study's document has it.
        table: see `results.table.rows`, with evidence.
        reference: label of the condition whose last brain match is 100 %.
    """
    simulated = any(row.get("simulated") for row in table)
    try:
        known, nothing = curves(table, reference), ""
    except NoFractionError as error:
        known, nothing = {}, error.why
    return [
        replace(_tested(claim, cells, known, reference, nothing), simulated=simulated) for claim in claims
    ]


def find(which: Which, cells: Cells) -> str:
    """Return the label of the condition that is meant; "" if there is none.

    Raises:
        InputError: if several are.
    """
    fitting = {label: cell for label, cell in cells.items() if _fits(which, cell)}
    for name in ORDERED:
        if fitting and (choose := _CHOSEN_BY.get(which.get(name, ""))):
            best = choose(cell[name] for cell in fitting.values())
            fitting = {label: cell for label, cell in fitting.items() if cell[name] == best}
    if len(fitting) > 1:
        raise InputError(f"Several conditions are {dict(which)}: {', '.join(map(repr, fitting))}.")
    return next(iter(fitting), "")


def _fits(which: Which, cell: Mapping[str, Any]) -> bool:
    def fits(name: str, wanted: Any) -> bool:
        if wanted in _CHOSEN_BY and name in ORDERED:
            return name in cell
        if name == "name":
            return re.match(wanted, str(cell.get(name, ""))) is not None
        return bool(cell.get(name) == wanted)

    return all(fits(name, wanted) for name, wanted in which.items())


def _tested(claim: Claim, cells: Cells, known: Mapping[str, Curve], reference: str, nothing: str) -> Tested:
    labels = [find(which, cells) for which in (claim.one, claim.than) if which]
    if not all(labels):
        return Tested(claim)
    named = Tested(claim, nothing or ABSENT, labels[0], labels[1] if claim.than else "")
    if nothing or not {*labels} <= known.keys():  # a condition may have diverged in every seed
        return named
    pair = [known[label] for label in labels]
    common = [seed for seed in pair[0].seeds if seed in pair[-1].seeds]
    if not common:
        return replace(named, verdict=OPEN)
    goal, p = drawn(known[reference].samples[-1], reference), float("nan")
    if claim.than:
        first, second = last_pair(pair[0], pair[1])
        mine = drawn(subtracted(first, second), "paired")
        if len(common) > 1:
            p = paired_permutation(first.values, second.values, np.random.default_rng(0))
    else:
        mine = drawn(pair[0].samples[-1], labels[0])
    seeds = len(common) if len(known[reference].seeds) > 1 else 1
    measured = mine.relative_to(goal).estimate().in_percent()
    whole = known[reference].costs[SPENT][-1]
    return replace(
        named,
        verdict=_verdict(measured, claim.level, seeds),
        edge=seeds > 1 and _at_the_edge(measured, claim.level),
        measured=measured,
        spent=float(100 * pair[0].costs[SPENT][-1] / whole) if whole else float("nan"),
        p=p,
        seeds=seeds,
    )


def _verdict(measured: Estimate, level: float, seeds: int) -> str:
    if seeds < 2 or math.isnan(measured.low) or measured.low <= level <= measured.high:
        return OPEN  # of one seed nobody knows how others would differ
    return HOLDS if measured.low > level else FAILS


def _at_the_edge(measured: Estimate, level: float) -> bool:
    return bool(min(abs(level - measured.low), abs(level - measured.high)) < EDGE * measured.error)
