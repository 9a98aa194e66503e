"""Tables for people: rows of strings, for the terminal and for the report."""

from collections.abc import Sequence

import numpy as np

from wiringup.results.claims import Tested
from wiringup.results.comparison import Comparison, ConditionScores
from wiringup.results.record import MEAN
from wiringup.results.stats import Estimate, OverSeeds, paired_permutation

Table = tuple[list[str], list[list[str]]]


def count(value: float) -> str:
    """Return a large count in a readable form: 1234567 -> '1.23 M'."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"


def plus_minus(of: OverSeeds, digits: int = 1) -> str:
    """Return 'mean ± sd', or the mean alone where one seed gives no deviation."""
    if not np.isfinite(of.mean):
        return "–"
    text = f"{of.mean:z.{digits}f}"
    return text if not np.isfinite(of.sd) else f"{text} ± {of.sd:.{digits}f}"


def comparison_table(comparison: Comparison, moments: Sequence[ConditionScores]) -> Table:
    """Return one row for each of some scored moments: counts, percentages, match and accuracy.

    The interval is of the mean, over `Comparison.interval_over`; deviations are over seeds. Conditions of
    which a run diverged are marked; those of which nothing is left have a row that says so.

    Args:
        comparison: of all conditions.
        moments: those that are shown.
    """
    header = ["condition", "norms", "epoch", "updates", "trained", "syn. updates", "of ref. %"]
    header += ["mean %", "95 % interval", *(f"{a} %" for a in comparison.areas), "match", "top-1"]
    body = [_row(comparison, one) for one in moments]
    gone = dict.fromkeys(d.label for d in comparison.diverged if d.label not in {m.label for m in moments})
    return header, body + [[label, "–", "diverged", *["–"] * (len(header) - 3)] for label in gone]


def differences_table(comparison: Comparison, baseline: str, tested: Sequence[str] = ()) -> Table:
    """Return conditions against one of them, at the end, seed by seed, with a permutation test.

    The interval is over seeds, stimuli and units; p is of the signs of the seeds' differences, two-sided, and
    not adjusted for the number of tests; of few seeds it can tell nothing, and is not shown. Conditions
    without a seed of the baseline, or a score, have no row.

    Args:
        comparison: of all conditions.
        baseline: label of the one that the others are compared with; without a score it has no rows.
        tested: labels of the others; by default all.
    """
    last = {one.label: one for one in comparison.moments}
    unit, digits = ("points", 1) if comparison.has_percent else ("score", 3)
    base = last.pop(baseline, None)
    body = []
    for one in last.values():
        if base is None or (tested and one.label not in tested):
            continue
        if not (common := comparison.common_seeds(one, base)):
            continue
        of = comparison.difference(one, base)
        if not np.isfinite(of.value):
            continue
        a, b = (np.array([_by_seed(comparison, m)[seed] for seed in common]) for m in (one, base))
        tells = len(common) >= ENOUGH_FOR_P
        p = f"{paired_permutation(a, b, np.random.default_rng(0)):.2g}" if tells else "–"
        interval = f"{of.low:+.{digits}f} to {of.high:+.{digits}f}" if np.isfinite(of.low) else "–"
        body.append([one.label, str(len(common)), f"{of.value:+.{digits}f}", interval, p])
    return ["condition", "seeds", f"difference, {unit}", "95 % interval", "p"], body


def _by_seed(comparison: Comparison, one: ConditionScores) -> dict[int, float]:
    return dict(zip(one.seeds, comparison.shown(one, MEAN), strict=True))


def _row(comparison: Comparison, one: ConditionScores) -> list[str]:
    lost = comparison.lost(one.label)
    label = f"{one.label} (diverged: seed {lost})" if lost else one.label
    when = "birth" if one.epoch == 0 else f"{one.epoch:g}"
    counts = [count(v) for v in (one.updates, one.trained, one.synaptic_updates)]
    mean = [plus_minus(one.percent[MEAN]), _interval(one.interval[MEAN])]
    of_areas = [plus_minus(one.percent[area]) for area in comparison.areas]
    absolute = [plus_minus(one.match[MEAN], 3), plus_minus(one.top1, 2)]
    return [label, one.norms, when, *counts, _share(one.spent), *mean, *of_areas, *absolute]


def _share(percent: float) -> str:
    return f"{percent:.3g}" if np.isfinite(percent) else "–"


def _interval(of: Estimate) -> str:
    return f"{of.low:.1f} to {of.high:.1f}" if np.isfinite(of.low) else "–"


ENOUGH_FOR_P = 6
"""Seeds with which a permutation of signs can tell at 5 %."""


def claims_table(tests: Sequence[Tested]) -> Table:
    """Return one row for each claim: the verdict, what was measured, and what was published.

    Measured is a percentage of the reference's brain match or, where two conditions are compared, by how many
    points of it the first is above the other. With few seeds p of a permutation can tell nothing, and is not
    shown.
    """
    header = ["claim", "verdict", "measured [95 % interval]", "syn. updates, % of ref.", "seeds", "published"]
    if any(_has_p(one) for one in tests):
        header.insert(3, "p")
    body = []
    for one in tests:
        cells = {
            "claim": one.claim.text,
            "verdict": one.told,
            "measured [95 % interval]": measured(one),
            "p": f"{one.p:.3g}" if _has_p(one) else "–",
            "syn. updates, % of ref.": f"{one.spent:.3g}" if np.isfinite(one.spent) else "–",
            "seeds": str(one.seeds or "–"),
            "published": one.claim.published or "–",
        }
        body.append([cells[name] for name in header])
    return header, body


def _has_p(one: Tested) -> bool:
    return one.seeds >= ENOUGH_FOR_P and bool(np.isfinite(one.p))


def measured(one: Tested) -> str:
    """Return what was measured of a claim, with its interval and, where two are compared, the sign."""
    of = one.measured
    if not np.isfinite(of.value):
        return "–"
    sign, unit = ("+", " points") if one.other else ("", " %")
    interval = f" [{of.low:{sign}.1f}, {of.high:{sign}.1f}]" if np.isfinite(of.low) else ""
    return f"{of.value:{sign}.1f}{unit}{interval}"
