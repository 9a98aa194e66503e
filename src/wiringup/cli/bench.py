"""``wiringup bench``: speed, measured side by side in one run."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from wiringup.bench.timing import Row, Share, Step
from wiringup.cli.arguments import Json
from wiringup.cli.show import as_json, table
from wiringup.core.errors import InputError

if TYPE_CHECKING:
    from wiringup.bench.gpu import Rate
    from wiringup.bench.opening import Cost

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """What a bench found: comparisons, where the time goes, and what to know beside it."""

    rows: Sequence[Row]
    steps: Sequence[Step] = ()
    shares: Sequence[Share] = ()
    notes: Sequence[str] = ()
    rates: "Sequence[Rate]" = ()
    costs: "Sequence[Cost]" = ()


def bench(
    what: Annotated[
        Positional[Literal["scoring", "birth", "training", "images", "results", "gpu"]],
        arg(help="What to time."),
    ],
    quick: Annotated[bool, arg(help="Leave out what takes minutes.")] = False,
    full: Annotated[bool, arg(help="Scoring: run slow references to the end (20 minutes and more).")] = False,
    device: Annotated[
        str | None,
        arg(metavar="DEVICE", help="Scoring: time all areas on five sets of images on cuda (or auto, cpu)."),
    ] = None,
    json: Json = False,
) -> None:
    """Time wiringup against plain references, on the same made-up inputs in the same run.

    --full is of scoring alone; the reference of birth always runs to its end, --quick at a quarter of the
    network's width. Images have no reference: what opening and packing cost, by the number of images in a
    made-up folder of ImageNet's mix of sizes (10,000 to 100,000, some minutes and 3 GB of disk), extrapolated
    to ImageNet's number; --quick 1,000 to 4,000, and nothing is extrapolated. Results: a question to the
    table of 10,000 made-up runs (ten minutes, 3 GB of disk; --quick 500), beside reading every record.

    For example:
      wiringup bench scoring

      wiringup bench scoring --quick --json

      wiringup bench scoring --device cuda

      wiringup bench birth

      wiringup bench training --quick

      wiringup bench images --quick

      wiringup bench results

      wiringup bench gpu
    """
    if device is not None and (what != "scoring" or full):
        raise InputError("--device is of the bench of scoring, without --full; leave one of them out.")
    if device is not None:
        found = _scoring_on(device, quick)
    elif what == "scoring":
        found = _scoring(quick, full)
    else:
        found = {"birth": _birth, "training": _training, "images": _images, "results": _results, "gpu": _gpu}[
            what
        ](quick)
    if json:
        as_json(asdict(found))
        return
    if found.rows:
        print_rows(found.rows)
    print_rates(found.rates)
    print_costs(found.costs)
    print_steps(found.steps)
    print_shares(found.shares)
    for note in found.notes:
        log.info(note)


def _scoring(quick: bool, full: bool) -> Measured:
    from wiringup.bench import scoring

    rows = scoring.rows(full=full, quick=quick)
    cases = [case for case in scoring.CASES if not quick or case.features == 1000]
    return Measured(rows, [step for case in cases for step in scoring.steps(case)])


def _scoring_on(device: str, quick: bool) -> Measured:
    from wiringup.bench import card_scoring

    shares, notes = card_scoring.measure(device, *((0.25, 64) if quick else (1.0, 224)))
    return Measured([], shares=shares, notes=notes)


def _birth(quick: bool) -> Measured:
    from wiringup.bench import birth

    return Measured(birth.rows(quick=quick), notes=birth.NOTES)


def _training(quick: bool) -> Measured:
    from wiringup.bench import images, training

    rows, steps, shares = training.measure(quick=quick)
    return Measured([*rows, *images.rows(images.CASES[:1] if quick else images.CASES)], steps, shares)


def _images(quick: bool) -> Measured:
    from wiringup.bench import opening

    return Measured((), costs=opening.measure(opening.QUICK if quick else opening.SIZES))


def _results(quick: bool) -> Measured:
    from wiringup.bench import results

    return Measured(results.rows(results.QUICK if quick else results.RUNS), notes=results.NOTES)


def _gpu(quick: bool) -> Measured:
    from wiringup.bench import gpu
    from wiringup.models.device import AUTO, check_device

    there = check_device(AUTO).type == "cuda"
    cases = (gpu.CASES[::3] if quick else gpu.CASES) if there else gpu.DRY
    return Measured((), notes=[f"On {gpu.card()}."], rates=gpu.rates(cases, compiled=there))


def print_rates(rates: "Sequence[Rate]") -> None:
    """Print how fast trainings are."""
    if not rates:
        return
    header = [
        "training",
        "plain, images/s",
        "ours",
        "compiled",
        "aim",
        "share of matrix rate",
        "compiling, s",
        "GB",
    ]
    body = []
    for rate in rates:
        speeds = [(rate.plain, ",.0f"), (rate.eager, ",.0f"), (rate.compiled, ",.0f"), (rate.aim, ",.0f"),
                  (rate.share, ".0%"), (rate.compiling, ".0f"), (rate.memory, ".1f")]  # fmt: skip
        body.append([rate.name, *("" if value is None else format(value, form) for value, form in speeds)])
    table(header, body, title=f"Products here: {rates[0].machine / 1e12:.3g} Tflop/s")


def print_costs(costs: "Sequence[Cost]") -> None:
    """Print what work on folders of images takes."""
    if not costs:
        return
    header = ["work", "images", "seconds", "CPU, s", "peak, MB", ""]
    body = [
        [
            cost.work,
            f"{cost.images:,}",
            f"{cost.seconds:.1f}",
            f"{cost.cpu:.1f}",
            "" if cost.memory is None else f"{cost.memory:.0f}",
            "extrapolated" if cost.extrapolated else "measured",
        ]
        for cost in sorted(costs, key=lambda cost: (cost.work, cost.images))
    ]
    table(header, body)
    log.info(
        "CPU: seconds of all threads together. Peak: memory beyond what was held before, without pages of "
        "files, which the system can drop. The files had just been written, so no disk was waited for; they "
        "are small and without detail, so photographs take longer to decode. Extrapolated: on the straight "
        "line through the smallest and the largest folder, at the number of ImageNet's training images."
    )


def print_rows(rows: Sequence[Row]) -> None:
    """Print comparisons as a table."""
    header = ["what", "ours, s", "reference, s", "ratio", "aim", "peer, s", "peer / ours", "difference", "MB"]
    table(header, [_cells(row) for row in rows])
    for against in dict.fromkeys(row.against for row in rows):
        log.info(f"Reference: {against}.")
    if any(row.peer for row in rows):
        log.info("Peer: brainscore-vision 2.4.2, recorded elsewhere on 2 quiet cores, inputs of this size.")


def _cells(row: Row) -> list[str]:
    faster = None if row.peer is None else row.peer / row.ours
    cells = [
        (row.ours, ".3f"), (row.reference, ".2f"), (row.ratio, ".1f"), (row.target, "g"), (row.peer, ".2f"),
        (faster, ".0f"), (row.agreement, ".1e"), (row.memory, ".0f"),
    ]  # fmt: skip
    return [row.name, *("" if value is None else format(value, form) for value, form in cells)]


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
