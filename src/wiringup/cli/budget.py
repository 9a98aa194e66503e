"""``wiringup budget``: where supervised synaptic updates are spent best, by what is known."""

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from wiringup.cli.arguments import Json, Runs
from wiringup.cli.show import as_json, cell, table
from wiringup.core.checks import one_of

if TYPE_CHECKING:
    from wiringup.results.budget import Choice

log = logging.getLogger(__name__)

HEADER = [
    "birth", "set", "norms", "images", "epochs", "syn. updates", "% of reference", "95 % interval", "points",
    "error of left-out points", "simulated",
]  # fmt: skip


def budget(
    updates: Annotated[
        float,
        arg(metavar="N", help="Supervised synaptic updates: labelled images as seen times trained synapses."),
    ],
    model: Annotated[str, arg(metavar="NAME", help="The architecture.")] = "cornet_s",
    own: Annotated[
        bool, arg(help="Rank own runs alone, without published points (fetch paper-scores, scaling-scores).")
    ] = False,
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Rank birth, trained set, norms, images and epochs by the brain match they promise for a budget.

    Predictions rest on finished runs and on published points, each condition on its own; nothing is said
    beyond them. For example:
      wiringup budget --updates 1e11 --model cornet_s
    """
    from wiringup.results.budget import rank, world_told
    from wiringup.results.published import published_here
    from wiringup.results.record import plain
    from wiringup.results.store import Store
    from wiringup.results.table import rows

    known = rows(Store(out).records(), evidence=True) if out.is_dir() else []
    table_of = [*known, *(() if own else published_here())]
    if architectures := sorted({row["architecture"] for row in table_of if row.get("architecture")}):
        one_of(model, architectures, "architecture of these points")
    found = rank(table_of, updates, model)
    if json:
        as_json(plain({"choices": found.choices, "refused": found.refused, "references": found.references}))
        return
    for world, whole in found.references.items():
        body = [_row(one) for one in found.choices if world_told(one.condition) == world]
        if body:
            table(HEADER, body, title=f"At most {updates:.3g} synaptic updates. {world}; 100 % is {whole}")
    for condition, why in found.refused.items():
        log.info("Not ranked: %s: %s.", condition, why)
    log.info(
        "Percentages of different sources and suites are of different networks and recordings: compare "
        "within one table. Intervals are for one more network trained so."
    )


def _row(one: "Choice") -> list[str]:
    from wiringup.results.budget import birth_told

    named = one.condition
    said = [birth_told(named), named["plasticity"], named["norms"]]
    interval = f"{one.low:.0f} to {one.high:.0f}" if math.isfinite(one.low) else "not known"
    error = f"{one.error:.1f} ({one.covered:.0%} in interval)" if math.isfinite(one.error) else "is a point"
    cells = [f"{one.images:,.0f}", f"{one.epochs:.3g}", f"{one.synaptic_updates:.3g}"]
    cells += [f"{one.percent:.1f}", interval, str(one.points), error, cell(one.simulated)]
    return [*map(cell, said), *cells]
