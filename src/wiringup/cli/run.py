"""``wiringup run``: the main job."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from wiringup.cli.arguments import Json, Runs, Seeds
from wiringup.cli.show import as_json, say, silent, table

if TYPE_CHECKING:
    from wiringup.results.store import Store


def run(
    quick: Annotated[bool, arg(help="A smaller study, under two minutes.")] = False,
    images: Annotated[
        Path | None,
        arg(
            metavar="PATH",
            help="Learn from these images (as for wiringup train), not from rendered objects.",
        ),
    ] = None,
    brain: Annotated[
        str, arg(help='"simulated", or "real": the real benchmarks that are in the data folder.')
    ] = "simulated",
    seed: Seeds = (0, 1),
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Make the paper's argument end to end, at a small scale.

    Train a reference network with all synapses from Kaiming normal; distil its weights; give birth from
    what was distilled; train few synapses on few images; compare with controls of equal updates. Ends
    with a table, a figure and an HTML report. Interrupted, the same command continues; finished runs are
    not computed twice.

    For example:
      wiringup run --quick

      wiringup run --images tiny-imagenet/train.zip --brain real
    """
    from wiringup.core.home import data_home
    from wiringup.experiments.progress import Progress, packing, terminal
    from wiringup.experiments.study import QUICK, Study, StudySpec
    from wiringup.experiments.worlds import make_world
    from wiringup.results.store import Store

    tell = silent if json else say
    spec = replace(QUICK if quick else StudySpec(), seeds=seed)
    shown = packing(terminal(json))
    world = make_world(images, brain, spec.pool, spec.calibration, spec.size, data_home(), tell, shown)
    study = Study(spec, world, Store(out))
    study.run(Progress({}, terminal(json)))
    finish(Store(out), study.uid, json)


def finish(store: "Store", name: str, json: bool) -> None:
    """Write the report of a study and print its table."""
    from wiringup.figures.report import write
    from wiringup.figures.tables import last_moments, moments_table
    from wiringup.results.curves import moments
    from wiringup.results.record import rows

    document, records = store.study(name)
    reference = document["spec"]["reference"]
    path = write(store.folder(name), document, records, reference)
    if json:
        as_json({"study": name, "report": str(path), "rows": rows(records)})
        return
    sys.stderr.write("\n")
    simulated = " (simulated recordings)" if any(r.simulated for r in records) else ""
    title = f"Brain match as % of the reference, mean ± sd over seeds{simulated}"
    table(*moments_table(last_moments(moments(records, reference))), title=title)
    say(f"Report: {path}")
