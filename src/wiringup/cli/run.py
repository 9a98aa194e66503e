"""``wiringup run``: the main job."""

import logging
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from wiringup.cli.arguments import Json, Norms, Runs, Seeds
from wiringup.cli.show import as_json, say, silent, table

if TYPE_CHECKING:
    from wiringup.results.store import Store

log = logging.getLogger(__name__)


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
    norms: Norms = "batch",
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
    spec = replace(QUICK if quick else StudySpec(), seeds=seed, norms=norms)
    shown = packing(terminal(json))
    world = make_world(images, brain, spec.pool, spec.calibration, spec.size, data_home(), tell, shown)
    study = Study(spec, world, Store(out))
    study.run(Progress({}, terminal(json)))
    finish(Store(out), study.uid, json)


def finish(store: "Store", name: str, json: bool, kind: str = "study") -> None:
    """Write report, figure and table of a study or sweep, and print its table.

    Args:
        store: where it lies.
        name: its address.
        json: whether JSON is printed instead.
        kind: how JSON calls its address.
    """
    from wiringup.figures.report import figure_name, write
    from wiringup.figures.tables import comparison_table
    from wiringup.results.comparison import of_study
    from wiringup.results.table import rows

    document, records = store.study(name)
    found = of_study(document, records)
    path = write(store.folder(name), document, records, found)
    figure = path.with_name(figure_name(document))
    if json:
        facts = {kind: name, "report": str(path), "figure": str(figure), "left_out": found.left_out}
        as_json(facts | {"rows": rows(records), "diverged": [asdict(one) for one in found.diverged]})
        return
    sys.stderr.write("\n")
    simulated = " (simulated recordings)" if found.simulated else ""
    title = f"Brain match as % of the reference, mean ± sd over seeds{simulated}"
    table(*comparison_table(found, found.ends), title=title)
    for one in found.diverged:
        log.info("No score: %s, seed %d. %s", one.label, one.seed, one.why)
    if found.left_out:
        log.info(found.left_out)
    log.info("Figure: %s", figure)
    log.info("Report: %s", path)
