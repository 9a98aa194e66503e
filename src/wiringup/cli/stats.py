"""``wiringup stats``: differences, what it took to reach a brain match, the Pareto front, how many seeds."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import OmitArgPrefixes, Positional, arg, subcommand

from wiringup.cli.arguments import Json, OfStudy, Runs, SoFar
from wiringup.cli.show import as_json, cell, table
from wiringup.core.errors import InputError

if TYPE_CHECKING:
    from wiringup.experiments.recipes.claims import Examined
    from wiringup.figures.results import Results
    from wiringup.results.claims import Tested
    from wiringup.results.pareto import OnFront
    from wiringup.results.stats import Estimate

log = logging.getLogger(__name__)

Benchmarks = Annotated[
    tuple[str, ...],
    arg(
        metavar="NAME [NAME ...]", help="Count these benchmarks alone. (default: all)", help_behavior_hint=""
    ),
]


@dataclass(frozen=True)
class CurvesOptions:
    """Whose curves are asked about.

    Attributes:
        reference: Condition whose last moment is 100 %; by default the study's reference.
        benchmark: Count these benchmarks alone.
        study: as of every command that reads a study.
        so_far: likewise.
        out: likewise.
    """

    reference: Annotated[str, arg(metavar="LABEL")] = ""
    benchmark: Benchmarks = ()
    study: OfStudy = None
    so_far: SoFar = False
    out: Runs = Path("runs")

    def results(self) -> tuple["Results", str]:
        """Return the runs, and the label of the reference."""
        from wiringup.experiments.launching.outcome import results_folder
        from wiringup.figures.results import Results

        found = Results.load(results_folder(self.out, self.study, so_far=self.so_far))
        if not (reference := self.reference or found.reference):
            labels = ", ".join(repr(label) for label in dict.fromkeys(row["label"] for row in found.rows))
            raise InputError(f"{self.out} is no study with a reference; give --reference, one of {labels}.")
        return found, reference


Asked = Annotated[CurvesOptions, OmitArgPrefixes, arg(name="")]
EVERYTHING = CurvesOptions()
By = Annotated[str, arg(metavar="COST", help="updates, synaptic_updates, flops or epoch.")]
Label = Positional[str]


def compare(
    first: Annotated[Label, arg(metavar="LABEL", help="A condition, or a line of figures.")],
    second: Annotated[Label, arg(metavar="LABEL", help="Another.")],
    by: By = "updates",
    asked: Asked = EVERYTHING,
    json: Json = False,
) -> None:
    """Compare two conditions at equal updates, seed by seed: difference, 95 % interval, permutation test.

    For example:
      wiringup stats compare "WC + critical" "KN + critical" --study combination
    """
    from wiringup.results.curves import compared

    kept, base = asked.results()
    a, b = kept.pair(first, second, base, asked.benchmark)
    found = compared(a, b, by)
    body = [
        {
            by: at.cost,
            "difference": at.difference.value,
            "low": at.difference.low,
            "high": at.difference.high,
            "p": at.p,
            "seeds": at.n_seeds,
            "interval over": " ".join(at.difference.errors),
        }
        for at in found
    ]
    _show(body, json, f"Brain match of {a.label} less that of {b.label}, with 95 % intervals{_whose([a, b])}")
    n = found[0].n_seeds
    if not json and n > 1:
        log.info("With %d seeds, p of a permutation cannot be less than %.3g.", n, 2 / 2**n)


def reach(
    to: Annotated[float, arg(metavar="PERCENT", help="Of the reference's last brain match.")] = 80.0,
    by: By = "synaptic_updates",
    asked: Asked = EVERYTHING,
    json: Json = False,
) -> None:
    """Say what each condition spent until it reached a part of the reference's brain match, with intervals.

    Conditions that differ in their length alone, and were scored at birth and end alone, are one curve.

    For example:
      wiringup stats reach --to 80 --study combination
    """
    kept, base = asked.results()
    found = kept.reach(to, by, base, asked.benchmark)
    body = [
        {
            "condition": one.label,
            by: one.spent,
            "low": one.low,
            "high": one.high,
            "spent in all": one.most,
            "draws that reach it": one.share,
            "seeds": one.n_seeds,
        }
        for one in found
    ]
    if json:
        body = [row | {"interpolated between": list(one.apart)} for row, one in zip(body, found, strict=True)]
    _show(body, json, f"{by} until {to:g} % of {base}{_whose(found)}; inf: not reached")
    for one in found if not json else ():
        if one.apart:
            log.warning(
                "%s was scored at %.3g and %.3g %s, and not between: where it reached %g %% is interpolated.",
                one.label, *one.apart, by, to,
            )  # fmt: skip


def front(
    by: Annotated[
        str, arg(metavar="COST", help="updates, synaptic_updates, flops, epoch, trained or bits.")
    ] = "synaptic_updates",
    confirm: Annotated[
        tuple[str, ...],
        arg(
            metavar="NAME [NAME ...]",
            help="Benchmarks that have no part in the choice, on which what is on the front is measured.",
            help_behavior_hint="",
        ),
    ] = (),
    asked: Asked = EVERYTHING,
    json: Json = False,
) -> None:
    """Show the Pareto front: conditions and moments that none beats at the same cost or less.

    By bits, which say a birth and nothing of what is learned, it is the front of births alone. What is best
    of many on some recordings is partly so by chance: measure it on others (--confirm).

    For example:
      wiringup stats front --by bits --study combination

      wiringup stats front --benchmark henaff2021.V1-pls cowley2023.210325.V4-pls
          --confirm cowley2023.190923.V4-pls --study combination
    """
    found, base = asked.results()
    if both := sorted({*asked.benchmark} & {*confirm}):
        raise InputError(f"{', '.join(both)} cannot both choose and confirm; name it once.")
    chosen = asked.benchmark or (tuple(found.others(confirm)) if confirm else ())
    points = found.front(by, base, chosen)
    body = [
        {
            "condition": one.name,
            "epoch": one.epoch,
            by: one.cost,
            "brain match (% of reference)": one.percent.value,
            "low": one.percent.low,
            "high": one.percent.high,
            "draws on the front": one.share,
        }
        for one in points
    ]
    beside = found.confirm(points, confirm, base) if confirm else []
    if json and confirm:
        body = [row | {"confirmed": _ends(there)} for row, there in zip(body, beside, strict=True)]
    on = f", chosen on {', '.join(chosen)}" if chosen else ""
    _show(body, json, f"Pareto front of brain match against {by}{on}{_whose(points)}")
    if confirm and not json:
        _show_confirmed(points, beside)


def seeds(
    first: Annotated[Label, arg(metavar="LABEL", help="A condition, or a line of figures.")],
    second: Annotated[Label, arg(metavar="LABEL", help="Another.")],
    difference: Annotated[
        float | None, arg(metavar="D", help="Difference of brain match to be found; by default the one seen.")
    ] = None,
    asked: Asked = EVERYTHING,
    json: Json = False,
) -> None:
    """Say how many seeds of both conditions find a difference with a power of 80 % at a level of 5 %.

    For example:
      wiringup stats seeds "WC + critical" "KN + critical" --difference 0.01 --study combination
    """
    import numpy as np

    from wiringup.results.curves import last_difference
    from wiringup.results.stats import least_seeds, sd_interval

    kept, base = asked.results()
    a, b = kept.pair(first, second, base, asked.benchmark)
    values = last_difference(a, b)
    wanted = float(values.mean()) if difference is None else difference
    deviations = (float(np.std(values, ddof=1)), *sd_interval(values))
    n = [least_seeds(wanted, sd, paired=True) for sd in deviations]
    row = {"difference": wanted, "deviation over seeds": deviations[0], "seeds needed": n[0]}
    row |= {"at least": n[1], "at most": n[2], "seeds seen": len(values)}
    _show([row], json, f"Seeds of {a.label} and {b.label}, compared one by one{_whose([a, b])}")


def claims(
    study: OfStudy = None,
    so_far: SoFar = False,
    benchmark: Benchmarks = (),
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Say which of the paper's claims hold in your studies: those of recipes that are finished.

    A claim holds where its whole 95 % interval is on its side, does not where the whole interval is on the
    other; otherwise it cannot be told. Measured is the brain match in percent of the reference's or, where
    two conditions are compared, by how many points of it the first is above. Then the same on each benchmark.

    For example:
      wiringup stats claims

      wiringup stats claims --study combination --benchmark cowley2023.210325.V4-pls
    """
    from wiringup.experiments.recipes.claims import examined
    from wiringup.figures.tables import claims_table

    found = examined(out, study, benchmark, so_far=so_far)
    if json:
        as_json([_plain_study(one) for one in found])
        return
    for one in found:
        simulated = " (simulated recordings)" if any(t.simulated for t in one.mean) else ""
        table(*claims_table(one.mean), title=f"{one.recipe}{simulated}: mean over areas")
        body = [[t.claim.text, *(_mark(on[i]) for on in one.each.values())] for i, t in enumerate(one.mean)]
        table(["claim", *one.each], body, title=f"{one.recipe}{simulated}: on each benchmark alone")
    log.info("✓ holds, ✗ does not, ? cannot be told, – not measured or at chance there.")
    log.info(
        "Each stands by itself at 95 %: of 40 differences that are none, one is told to hold by chance. "
        "At the edge: other draws of the same data might decide otherwise."
    )
    if raw := sorted({name for one in found for name in one.unceiled}):
        log.info("By raw scores, for lack of a noise ceiling, and no part of the mean: %s.", ", ".join(raw))


def _mark(one: "Tested") -> str:
    from wiringup.figures.tables import measured
    from wiringup.results.claims import FAILS, HOLDS, OPEN

    marks = {HOLDS: "✓", FAILS: "✗", OPEN: "?"}
    return f"{marks[one.verdict]} {measured(one)}" if one.verdict in marks else "–"


def _plain_study(one: "Examined") -> dict[str, Any]:
    from wiringup.results.record import plain

    return {
        "study": one.study,
        "recipe": one.recipe,
        "so_far": one.so_far or None,
        "claims": [
            {**plain(test), "benchmarks": {name: plain(on[i]) for name, on in one.each.items()}}
            for i, test in enumerate(one.mean)
        ],
    }


def coverage(
    simulations: Annotated[int, arg(metavar="N", help="Simulated studies for each kind of interval.")] = 1000,
    seed: Annotated[int, arg(help="Seed of the simulations.")] = 0,
    json: Json = False,
) -> None:
    """Simulate studies whose truth is known, and say how often each kind of 95 % interval covers it.

    For example:
      wiringup stats coverage --simulations 2000
    """
    from wiringup.results.coverage import coverages

    _show(coverages(simulations, seed), json, "How often 95 % intervals cover the truth")


def _show_confirmed(points: Sequence["OnFront"], beside: Sequence[Mapping[str, "Estimate"]]) -> None:
    cells = [
        [point.name, cell(point.epoch), *map(_with_ends, there.values())]
        for point, there in zip(points, beside, strict=True)
    ]
    title = "The same on benchmarks that had no part in the choice: % of reference [95 % interval]"
    table(["condition", "epoch", *beside[0]], cells, title=title)


def _ends(found: Mapping[str, "Estimate"]) -> dict[str, Any]:
    return {name: {end: getattr(e, end) for end in ("value", "low", "high")} for name, e in found.items()}


def _with_ends(e: "Estimate") -> str:
    interval = "" if math.isnan(e.low) else f" [{e.low:.1f}, {e.high:.1f}]"
    return "at chance" if math.isnan(e.value) else f"{e.value:.1f}{interval}"


def _whose(found: Any) -> str:
    return " (simulated recordings)" if any(one.simulated for one in found) else ""


def _show(body: Sequence[Mapping[str, Any]], json: bool, title: str) -> None:
    from wiringup.results.record import plain

    if json:
        as_json(plain(list(body)))
    elif body:
        cells = [[cell(value) for value in row.values()] for row in body]
        table(list(body[0]), cells, title=title)
    else:
        log.info("%s: none.", title)


def stats(
    what: Annotated[
        Annotated[None, subcommand("compare", constructor=compare)]
        | Annotated[None, subcommand("reach", constructor=reach)]
        | Annotated[None, subcommand("front", constructor=front)]
        | Annotated[None, subcommand("seeds", constructor=seeds)]
        | Annotated[None, subcommand("claims", constructor=claims)]
        | Annotated[None, subcommand("coverage", constructor=coverage)],
        arg(name=""),
    ],
) -> None:
    """Compare conditions, say what it took to reach a brain match, show fronts, count the seeds it needs.

    For example:
      wiringup stats compare "WC + critical" "KN + critical" --study combination

      wiringup stats reach --to 80 --study combination
    """
