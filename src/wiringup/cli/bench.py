"""``wiringup bench``: speed, measured side by side in one run."""

from collections.abc import Sequence
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from wiringup.bench.timing import Row, Say, Share, Step
from wiringup.cli.arguments import Json
from wiringup.cli.show import as_json, say, silent, table

Measured = tuple[list[Row], list[Step], list[Share]]


def bench(
    what: Annotated[Positional[Literal["scoring", "training"]], arg(help="What to time.")],
    quick: Annotated[bool, arg(help="Leave out what takes minutes.")] = False,
    full: Annotated[bool, arg(help="Scoring: run slow references to the end (20 minutes and more).")] = False,
    json: Json = False,
) -> None:
    """Time wiringup against plain references, on the same made-up inputs in the same run.

    For example:
      wiringup bench scoring

      wiringup bench scoring --quick --json

      wiringup bench training --quick
    """
    tell = silent if json else say
    rows, steps, shares = _training(quick, tell) if what == "training" else _scoring(quick, full, tell)
    if json:
        parts: dict[str, Sequence[Row | Step | Share]] = {"rows": rows, "steps": steps, "shares": shares}
        as_json({name: [entry.to_dict() for entry in part] for name, part in parts.items()})
        return
    print_rows(rows)
    print_steps(steps)
    print_shares(shares)


def _scoring(quick: bool, full: bool, tell: Say) -> Measured:
    from wiringup.bench import scoring

    rows = scoring.rows(full=full, quick=quick, say=tell)
    cases = [case for case in scoring.CASES if not quick or case.features == 1000]
    return rows, [step for case in cases for step in scoring.steps(case)], []


def _training(quick: bool, tell: Say) -> Measured:
    from wiringup.bench import training

    return training.measure(quick=quick, say=tell)


def print_rows(rows: Sequence[Row]) -> None:
    """Print comparisons as a table."""
    header = ["what", "ours, s", "reference, s", "ratio", "aim", "peer, s", "peer / ours", "difference", "MB"]
    table(header, [_cells(row) for row in rows])
    for against in dict.fromkeys(row.against for row in rows if row.reference is not None):
        say(f"Reference: {against}.")
    if any(row.peer for row in rows):
        say("Peer: brainscore-vision 2.4.2, recorded elsewhere on 2 quiet cores, inputs of this size.")


def _cells(row: Row) -> list[str]:
    peer = "" if row.peer is None else f"{row.peer:.2f}"
    return [
        row.name, f"{row.ours:.3f}", "" if row.reference is None else f"{row.reference:.2f}",
        "" if row.ratio is None else f"{row.ratio:.1f}", "" if row.target is None else f"{row.target:g}",
        peer, "" if row.peer is None else f"{row.peer / row.ours:.0f}",
        "" if row.agreement is None else f"{row.agreement:.1e}",
        "" if row.memory is None else f"{row.memory:.0f}",
    ]  # fmt: skip


def print_steps(steps: Sequence[Step]) -> None:
    """Print where the time goes."""
    if not steps:
        return
    header = ["step", "seconds", "Gflop", "at the machine's rate, s", "share of the rate"]
    body = [
        [
            s.name,
            f"{s.seconds:.3f}",
            f"{s.operations / 1e9:.2f}",
            f"{s.floor:.3f}",
            f"{s.floor / s.seconds:.0%}",
        ]
        for s in steps
    ]
    table(header, body, title=f"Where the time goes (products here: {steps[0].rate / 1e9:.0f} Gflop/s)")


def print_shares(shares: Sequence[Share]) -> None:
    """Print what takes the time, one table for each whole."""
    for whole in dict.fromkeys(share.of for share in shares):
        body = [[s.name, f"{s.seconds:.2f}", f"{s.share:.0%}"] for s in shares if s.of == whole]
        table(["work", "seconds", "share"], body, title=f"What the time goes to: {whole}")
