"""``wiringup run``: the main job; and the end of every command that makes a study."""

import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from wiringup.cli.arguments import Json, Runs, Seeds, Val
from wiringup.cli.options import HERE, SIMULATED, SMALL, Exam, Launch, Training, base_run, shown
from wiringup.cli.show import as_json, table
from wiringup.experiments.launch_options import LaunchOptions
from wiringup.training.spec import TrainingOptions, TrainSpec

if TYPE_CHECKING:
    from wiringup.experiments.inputs import StudyInputs
    from wiringup.experiments.launch import Study
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
    val: Val = None,
    exam: Exam = SIMULATED,
    seed: Seeds = (0, 1),
    training: Training = SMALL,
    launch: Launch = HERE,
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
    from wiringup.experiments.inputs import StudyInputs
    from wiringup.experiments.recipes.main_study import FULL, MODEL, QUICK, main_study

    seen = shown(images, val, MODEL.size)
    base, inputs = base_run(MODEL, seen, exam, TrainSpec.of(training)), StudyInputs()
    finish(main_study(base, inputs, QUICK if quick else FULL, seed), inputs, out, training, json, how=launch)


def finish(
    study: "Study",
    inputs: "StudyInputs",
    out: Path,
    training: TrainingOptions,
    json: bool,
    kind: str = "study",
    how: LaunchOptions = HERE,
) -> None:
    """Make a study, and show what came of it.

    Args:
        study: its runs.
        inputs: what they learn from.
        out: the folder of runs.
        training: the options that were asked for.
        json: whether JSON is printed.
        kind: how JSON calls its address.
        how: where its runs are made.
    """
    from wiringup.experiments.launch import launch, warn_if_idle
    from wiringup.results.store import Store

    warn_if_idle(training.norms, study.runs)
    launch(study, Store(out), training.device, inputs, how)
    show(Store(out), study.uid, json, kind)


def show(store: "Store", name: str, json: bool, kind: str = "study") -> None:
    """Write report, figure and table of a study or sweep, and print its table.

    Args:
        store: where it lies.
        name: its address.
        json: whether JSON is printed instead.
        kind: how JSON calls its address.
    """
    from wiringup.figures.report import figure_names, write
    from wiringup.figures.tables import comparison_table
    from wiringup.results.comparison import of_study
    from wiringup.results.table import rows

    document, records = store.study(name)
    found = of_study(document, records)
    path = write(store.folder(name), document, records, found)
    figures = [str(path.with_name(name)) for name in figure_names(document, found)]
    if json:
        facts = {kind: name, "report": str(path), "figure": figures[0], "left_out": found.left_out}
        as_json(
            facts
            | {"figures": figures}
            | {"rows": rows(records), "diverged": [asdict(one) for one in found.diverged]}
        )
        return
    sys.stderr.write("\n")
    simulated = " (simulated recordings)" if found.simulated else ""
    title = f"Brain match as % of the reference, mean ± sd over seeds{simulated}"
    table(*comparison_table(found, found.ends), title=title)
    for one in found.diverged:
        log.warning("No score: %s, seed %d. %s", one.label, one.seed, one.why)
    if found.left_out:
        log.info(found.left_out)
    for figure in figures:
        log.info("Figure: %s", figure)
    log.info("Report: %s", path)
