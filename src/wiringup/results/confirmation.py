"""What was chosen on some recordings, measured on others that had no part in the choice."""

import logging
from collections.abc import Collection, Sequence
from functools import partial

import numpy as np

from wiringup.core.areas import BEHAVIOR
from wiringup.core.checks import listed, one_of
from wiringup.core.errors import InputError
from wiringup.core.score import NORMALISATIONS, UNCEILED, Draws, Evidence, normalise
from wiringup.results.brain_match import NOTHING
from wiringup.results.comparison import Runs, matched, moments_of
from wiringup.results.draws import Drawn, Sample, drawn, together
from wiringup.results.pareto import OnFront
from wiringup.results.record import MEAN, score_from_dict
from wiringup.results.stats import LEVEL, Estimate
from wiringup.results.table import Row

log = logging.getLogger(__name__)


def only(table: Sequence[Row], benchmarks: Collection[str]) -> list[Row]:
    """Return the rows of some benchmarks, as if nothing had been scored on others.

    Raises:
        InputError: if one of them has no score in the table, or not in all runs.
    """
    known = benchmarks_of(table)
    runs = {row["run"]: row["label"] for row in table}
    for name in benchmarks:
        one_of(name, known, "benchmark of these runs")
        there = {row["run"] for row in table if row["benchmark"] == name}
        if lost := dict.fromkeys(label for run, label in runs.items() if run not in there):
            raise InputError(f"{name} was not scored in every run of {listed([*lost])}.")
    return [row for row in table if row["benchmark"] in benchmarks]


def alone(table: Sequence[Row], benchmarks: Collection[str]) -> list[Row]:
    """Return the rows of benchmarks that are to count alone, and say what lacks a noise ceiling.

    Where none of them has one, they count by their raw scores, see `as_if_ceiled`.

    Raises:
        InputError: as `only`.
    """
    found = only(table, benchmarks)
    ceiled = {row["benchmark"] for row in found if row.get("normalisation") != UNCEILED}
    if lack := [name for name in benchmarks if name not in ceiled]:
        names = listed(lack)
        if ceiled:
            log.warning("Without a noise ceiling, and so without a part in what follows: %s.", names)
        else:
            raw = only(as_if_ceiled(table), benchmarks)
            how = "/".join(sorted({row["normalisation"] for row in raw}))
            log.warning("For lack of a noise ceiling by raw scores, as %s with c = 1: %s.", how, names)
            return raw
    return found


def others(table: Sequence[Row], benchmarks: Collection[str]) -> list[str]:
    """Return the benchmarks of a table but for some, on which something is confirmed.

    Raises:
        InputError: if one of them has no score in the table, or none is left.
    """
    only(table, benchmarks)
    left = [name for name in benchmarks_of(table) if name not in benchmarks]
    if not left:
        raise InputError("All benchmarks of these runs are to confirm: leave some to choose on.")
    return left


def benchmarks_of(table: Sequence[Row]) -> list[str]:
    """Return the benchmarks that have a score in a table, in its order."""
    return [name for name in dict.fromkeys(row["benchmark"] for row in table) if name]


def confirmed(
    table: Sequence[Row], points: Sequence[OnFront], reference: str, benchmarks: Sequence[str]
) -> list[dict[str, Estimate]]:
    """Return, for moments that were chosen, the percentage of the reference's score on each other benchmark.

    A ceiling is the same on both sides of a percentage: a benchmark without one is compared by its raw score,
    squared with its sign where the other scores are, in (r/c)^2 and r^2/c.

    Args:
        table: see `results.table.rows`, with evidence.
        points: what was chosen, see `pareto.front`.
        reference: label of the condition whose last moment is 100 %.
        benchmarks: those that had no part in the choice.

    Returns:
        for each point: benchmark, and "mean" over them -> percentage with its 95 % interval; NaN where the
        reference is at chance, which has no part in the mean.

    Raises:
        InputError: if a benchmark has no score in the table, or not in every seed of a moment.
    """
    only(table, benchmarks)
    table = as_if_ceiled(table)
    whole = moments_of(reference, table)[-1]
    used = [name for name in benchmarks if not _at_chance(reference, whole, name)]
    goals = {name: _drawn(whole, name, reference) for name in used}
    return [_confirmed(_runs(table, point), point.label, benchmarks, goals) for point in points]


def as_if_ceiled(table: Sequence[Row]) -> list[Row]:
    """Return the rows for percentages: what has no ceiling gets one of 1, as any cancels in a percentage.

    It is normalised as the others are, so that raw scores are squared where theirs are; those of behaviour
    never are.
    """
    used = {row["normalisation"] for row in table if row.get("benchmark") and row["area"] != BEHAVIOR}
    how = next(iter(sorted(used & NORMALISATIONS.keys())), "r/c")
    return [
        _ceiled(row, "r/c" if row["area"] == BEHAVIOR else how)
        if row.get("normalisation") == UNCEILED
        else row
        for row in table
    ]


def _ceiled(row: Row, how: str) -> Row:
    raw, draws = row["score"], row.get("evidence")
    kept = {"evidence": partial(_ceiled_draws, draws, how)} if draws else {}
    score = None if raw is None else normalise(raw, 1.0, how)[0]
    return {**row, "ceiling": 1.0, "normalisation": how, "score": score, **kept}


def _ceiled_draws(draws: Evidence, how: str, most: int | None = None, /) -> Draws:
    return {
        source: np.sign(some) * NORMALISATIONS[how](np.abs(some), 1.0) for source, some in draws(most).items()
    }


def _confirmed(
    runs: Runs, label: str, benchmarks: Sequence[str], goals: dict[str, Drawn]
) -> dict[str, Estimate]:
    each = {name: _drawn(runs, name, label).relative_to(goal) for name, goal in goals.items()}
    found = {name: each[name].estimate().in_percent() if name in each else NOTHING for name in benchmarks}
    return found | {MEAN: _mean(list(each.values())).in_percent()}


def _mean(each: Sequence[Drawn]) -> Estimate:
    if not each:
        return NOTHING
    value, draws = float(np.mean([one.value for one in each])), together(each).mean(0)
    if len(draws) < 2:
        return Estimate(value)
    low, high = np.nanquantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(np.nanstd(draws, ddof=1)), float(low), float(high))


def _runs(table: Sequence[Row], point: OnFront) -> Runs:
    return min(moments_of(point.label, table), key=lambda runs: abs(runs[0][0]["epoch"] - point.epoch))


def _drawn(runs: Runs, benchmark: str, label: str) -> Drawn:
    scores = [score_from_dict(row) for of in runs for row in of if row["benchmark"] == benchmark]
    if len(scores) != len(runs) or np.isnan([s.score for s in scores]).any():
        raise InputError(f"{benchmark} was not scored in every seed of {label!r}: {listed(_seeds(runs))}.")
    return drawn(Sample.of(scores), label)


def _seeds(runs: Runs) -> list[str]:
    return [str(of[0]["seed"]) for of in runs]


def _at_chance(reference: str, runs: Runs, benchmark: str) -> bool:
    mine = [[row for row in of if row["benchmark"] == benchmark] for of in runs]
    match = matched(reference, mine)
    return benchmark not in match.benchmarks or bool(match.chance)
