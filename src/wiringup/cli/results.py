"""``wiringup results`` and ``wiringup report``: what was kept."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from wiringup.cli.arguments import Json, Runs
from wiringup.cli.run import show
from wiringup.cli.score import print_scores
from wiringup.cli.show import as_json, number, table
from wiringup.core.areas import SCORED
from wiringup.core.checks import one_of

if TYPE_CHECKING:
    from wiringup.results.record import Record

log = logging.getLogger(__name__)


def results(
    file: Annotated[
        Path | None,
        arg(
            name="table",
            metavar="FILE",
            help="Write a row for each run, scored moment, benchmark and layer (csv, parquet).",
        ),
    ] = None,
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """List what was kept: finished runs, scores, brain matches, studies and sweeps.

    For example:
      wiringup results

      wiringup results --json > results.json

      wiringup results --table runs.parquet
    """
    from wiringup.results.store import Store
    from wiringup.results.table import rows

    if file is not None:
        _write_table(file, out)
    lost: list[tuple[Path, str]] = []
    store = Store(out, lambda path, why: lost.append((path, why)))
    records, scores, matches, studies = store.records(), store.scores(), store.matches(), store.studies()
    if json:
        kinds = {"run": rows(records), "score": scores, "match": matches, "study": studies}
        kinds["unreadable"] = [{"file": str(path), "why": why} for path, why in lost]
        as_json([{"kind": kind, **one} for kind, found in kinds.items() for one in found])
        return
    if records:
        _print_runs(records, f"Runs in {out}")
    if scores:
        print_scores(scores)
    if matches:
        _print_matches(matches)
    if studies:
        body = [[one["uid"], one["spec"]["reference"], str(len(one["runs"]))] for one in studies]
        table(["study or sweep", "reference", "runs"], body, title="For wiringup report")
    for path, why in lost:
        log.warning("Not listed: %s/%s. %s", path.parent.name, path.name, why)
    if not (records or scores or matches or studies or lost):
        log.info("Nothing is kept in %s yet. Start with: wiringup run --quick", out)


def _write_table(path: Path, out: Path) -> None:
    from wiringup.figures.results import Results

    found = Results.load(out)
    write = {".csv": found.to_csv, ".parquet": found.to_parquet}
    write[one_of(path.suffix.lower(), write, "ending of a table's file")](path)
    log.info("%s: %s", found, path)


def _print_runs(records: Sequence["Record"], title: str) -> None:
    from wiringup.figures.tables import count
    from wiringup.results.labels import told_apart

    header = ["run", "condition", "norms", "seed", "epochs", "updates", "syn. updates"]
    header += ["mean match", "simulated"]
    body = [
        [
            r.uid, r.label, r.norms, str(r.seed), f"{r.last.epoch:g}", count(r.last.updates),
            count(r.last.synaptic_updates), number(r.last.match["mean"]), "yes" if r.simulated else "no",
        ]
        for r in told_apart(records)
    ]  # fmt: skip
    table(header, body, title=title)


def _print_matches(matches: Sequence[Mapping[str, Any]]) -> None:
    areas = [a for a in SCORED if any(a in m["areas"] for m in matches)]
    header = ["brain match of", "suite", "seeds", *areas, "mean", "± error", "fraction", "of"]
    body = [
        [
            m["label"] + (" (simulated)" if m["simulated"] else ""), m["suite"], str(m["seeds"]),
            *(_value(m["areas"].get(a)) for a in areas), _value(m["mean"]), _value(m["mean"], "error"),
            _value(m.get("fraction", {}).get("mean")), m.get("reference", "–"),
        ]
        for m in matches
    ]  # fmt: skip
    table(header, body, title="Brain matches")


def _value(estimate: Mapping[str, Any] | None, name: str = "value") -> str:
    found = None if estimate is None else estimate[name]
    return "–" if found is None else number(found)


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
        show(Store(folder.parent), folder.name, json)
    else:
        show(Store(out), run, json)
