"""``wiringup results`` and ``wiringup report``: what was kept."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from wiringup.cli.arguments import Json, Runs
from wiringup.cli.run import finish
from wiringup.cli.score import print_scores
from wiringup.cli.show import as_json, number, say, table


def results(out: Runs = Path("runs"), json: Json = False) -> None:
    """List finished runs and kept scores.

    For example:
      wiringup results

      wiringup results --json > results.json
    """
    from wiringup.figures.tables import count
    from wiringup.results.record import rows
    from wiringup.results.store import Store

    store = Store(out)
    records, scores = list(store.records()), store.scores()
    if json:
        as_json([{"kind": "run", **r} for r in rows(records)] + [{"kind": "score", **s} for s in scores])
        return
    if records:
        header = ["run", "condition", "seed", "epochs", "updates", "syn. updates", "mean match", "simulated"]
        body = [
            [
                r.uid, r.label, str(r.seed), f"{r.last.epoch:g}", count(r.last.updates),
                count(r.last.synaptic_updates), number(r.last.match["mean"]), "yes" if r.simulated else "no",
            ]
            for r in records
        ]  # fmt: skip
        table(header, body, title=f"Runs in {out}")
    if scores:
        print_scores(scores)
    if not records and not scores:
        say(f"Nothing is kept in {out} yet. Start with: wiringup run --quick")


def report(
    run: Annotated[Positional[str], arg(metavar="RUN", help="Address of a study (12 characters).")],
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Write the HTML report, the figure and the table of a study again, and print the table.

    For example:
      wiringup report 0123456789ab
    """
    from wiringup.results.store import Store

    folder = Path(run)
    if folder.is_dir():
        finish(Store(folder.parent), folder.name, json)
    else:
        finish(Store(out), run, json)
