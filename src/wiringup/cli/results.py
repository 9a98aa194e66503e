"""``wiringup results`` and ``wiringup report``: what was kept."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from wiringup.cli.arguments import Json, Runs, SoFar, StudyName
from wiringup.cli.show import as_json, cell, number, table
from wiringup.core.areas import SCORED
from wiringup.core.checks import one_of
from wiringup.core.errors import InputError

if TYPE_CHECKING:
    from wiringup.results.record import Record

log = logging.getLogger(__name__)

SHOWN = (
    "run",
    "label",
    "seed",
    "epoch",
    "updates",
    "synaptic_updates",
    "brain_match",
    "top1",
    "benchmark",
    "score",
)
MOST = 200  # rows on a screen
OF_ALL_AREAS = (
    "%s is the score itself; a study's percentages leave out areas in which its reference is at chance."
)


def results(
    words: Annotated[
        Positional[tuple[str, ...]],
        arg(name="diff", metavar="[diff RUN RUN]", help="Say why two runs differ."),
    ] = (),
    where: Annotated[
        str | None,
        arg(
            metavar="CONDITION",
            help="Rows of the table that fit: one expression of SQL on its columns.",
            help_behavior_hint="(by default all)",
        ),
    ] = None,
    group: Annotated[
        tuple[str, ...],
        arg(
            metavar="COLUMN [COLUMN ...]",
            help="Means over runs of each combination of values, with 95 % intervals; without 'epoch' among "
            "them, of the last moment of each run.",
        ),
    ] = (),
    columns: Annotated[
        tuple[str, ...], arg(metavar="COLUMN [COLUMN ...]", help="Columns of the answer.")
    ] = (),
    format: Annotated[
        Literal["table", "csv", "parquet", "json"] | None,
        arg(help="Form of the rows; parquet goes into the file of --table."),
    ] = None,
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
    """List what was kept: finished runs, scores, brain matches, studies and sweeps; or ask the table of runs.

    For example:
      wiringup results

      wiringup results --where "birth = 'wc' and epoch = 6" --group plasticity norms

      wiringup results --where "benchmark like '%V4%' and final" --columns run label seed score --format csv

      wiringup results diff 0123456789ab ba9876543210

      wiringup results --table runs.parquet
    """
    if where is not None and not where.strip():
        raise InputError(
            f"--where is {where!r}, but has to be a condition on the columns, as in \"birth = 'wc'\". "
            "Leave it out for all rows."
        )
    if words:
        _diff(words, out, json)
    elif where or group or columns or format:
        _ask(where or "", group, columns, _form(format, file, json), file, out)
    else:
        _list(file, out, json)


def _list(file: Path | None, out: Path, json: bool) -> None:
    from wiringup.cli.score import print_scores
    from wiringup.experiments.launching.outcome import begun, begun_told
    from wiringup.results.store import Store
    from wiringup.results.table import rows

    if file is not None:
        _write_table(file, out)
    lost: list[tuple[Path, str]] = []
    store = Store(out, lambda path, why: lost.append((path, why)))
    records, scores, matches, studies = store.records(), store.scores(), store.matches(), store.studies()
    going = begun(store)
    if json:
        kinds = {"run": rows(records), "score": scores, "match": matches, "study": studies}
        kinds["unfinished study"] = [
            {"uid": name, "done": done, "runs": n} for name, done, n in going if done < n
        ]
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
    for one in going:
        log.warning(begun_told(*one))
    for path, why in lost:
        log.warning("Not listed: %s/%s. %s", path.parent.name, path.name, why)
    if not (records or scores or matches or studies or going or lost):
        log.info("Nothing is kept in %s yet. Start with: wiringup run --quick", out)


def _form(format: str | None, file: Path | None, json: bool) -> str:
    """Return the form of an answer; the flags that say it have to agree."""
    said = {format, "json" if json else None, file and file.suffix.lower().removeprefix(".")} - {None}
    if len(said) > 1 or (said == {"parquet"} and file is None) or (file and said == {"table"}):
        raise InputError(
            f"--format {format or 'table'}{' --json' if json else ''}{f', --table {file}' if file else ''}: "
            "give one form. "
            "Parquet is written into a file: --table FILE.parquet; csv and json into one, or printed."
        )
    form = said.pop() if said else "table"
    return one_of(str(form), ("table", "csv", "parquet", "json"), "form of a table")


def _ask(
    where: str, group: Sequence[str], columns: Sequence[str], form: str, file: Path | None, out: Path
) -> None:
    from wiringup.birth.names import SHORT
    from wiringup.results.kept import save
    from wiringup.results.query import Query, ask
    from wiringup.results.table import to_csv

    shown = columns or (() if group or form != "table" else SHOWN)
    found = ask(out, Query(where, group, shown, {"birth": SHORT}))
    if file is not None:
        save(found, file)
        log.info("%d rows: %s", len(found), file)
    elif form == "csv":
        print(to_csv(found), end="")
    elif form == "json":
        as_json(found)
    else:
        body = [[cell(value) for value in row.values()] for row in found[:MOST]]
        table(list(found[0]), body, title=f"{len(found):,} rows of {out}")
        if "brain_match" in found[0]:
            log.info(OF_ALL_AREAS, "brain_match, the mean of all areas,")
        if len(found) > MOST:
            log.info("%d more rows; --format csv or json prints all.", len(found) - MOST)


def _diff(words: Sequence[str], out: Path, json: bool) -> None:
    from wiringup.results.differences import differences
    from wiringup.results.store import Store

    if len(words) != 3 or words[0] != "diff":
        raise InputError(f"{' '.join(words)!r}: write wiringup results diff RUN RUN, or no words at all.")
    found = differences(Store(out), *words[1:])
    if json:
        as_json(found)
        return
    print(found["summary"])
    for title, differ in found["differences"].items():
        body = [[name, cell(a), cell(b)] for name, (a, b) in differ.items()]
        if body:
            table([title, *(f"{run}" for run in found["runs"])], body)
    if any(name.endswith(".brain match") for name in found["differences"]["numbers"]):
        log.info(OF_ALL_AREAS, "brain match, the mean of all areas,")


def _write_table(path: Path, out: Path) -> None:
    from wiringup.figures.results import Results
    from wiringup.results.kept import save

    found = Results.load(out)
    save(found.rows, path)
    log.info("%s: %s", found, path)


def _print_runs(records: Sequence["Record"], title: str) -> None:
    from wiringup.figures.tables import count
    from wiringup.results.labels import told_apart

    header = ["run", "condition", "norms", "seed", "epochs", "updates", "syn. updates"]
    header += ["mean of all areas", "simulated"]
    body = [
        [
            r.uid, r.label, r.norms, str(r.seed), f"{r.last.epoch:g}", count(r.last.updates),
            count(r.last.synaptic_updates), number(r.last.match["mean"]), "yes" if r.simulated else "no",
        ]
        for r in told_apart(records)
    ]  # fmt: skip
    table(header, body, title=title)
    log.info(OF_ALL_AREAS, "The mean of all areas")


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
    study: StudyName,
    so_far: SoFar = False,
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Write the HTML report, the figures and the table of a study again, and print the table.

    For example:
      wiringup report 0123456789ab

      wiringup report combination
    """
    from wiringup.cli.run import show
    from wiringup.experiments.launching.outcome import finished_study
    from wiringup.results.store import Store

    folder = finished_study(out, study, so_far=so_far)
    show(Store(folder.parent), folder.name, json)
