"""``wiringup run``: the main job; and the end of every command that makes a study."""

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import arg

from wiringup.cli.arguments import Json, Runs
from wiringup.cli.options import HERE, SMALL, Launch, applied, exam_of
from wiringup.cli.recipes import STUDY, StudyOptions, Which
from wiringup.cli.show import as_json, table
from wiringup.core.errors import InputError
from wiringup.experiments.launching.options import LaunchOptions
from wiringup.experiments.runs.options import ExamOptions, base_run, shown
from wiringup.training.spec import TrainingOptions

if TYPE_CHECKING:
    from wiringup.experiments.launching.study import Study
    from wiringup.experiments.runs.inputs import StudyInputs
    from wiringup.figures.panels.output import Written
    from wiringup.results.claims import Tested
    from wiringup.results.comparison import Comparison
    from wiringup.results.record import Record
    from wiringup.results.store import Store

log = logging.getLogger(__name__)


def run(
    study: Which = STUDY,
    quick: Annotated[
        bool,
        arg(help="A smaller main study, under a minute: shows that all works, too small for the argument."),
    ] = False,
    launch: Launch = HERE,
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Make the paper's argument end to end at a small scale, or one claim of it at any scale (a recipe).

    The main study trains a reference network with all synapses from Kaiming normal; distils its weights;
    gives birth from what was distilled; trains few synapses on few images; compares with controls of equal
    updates. A recipe makes one claim of the paper a study of its own: wiringup recipes lists them, wiringup
    plan says what one takes. Each ends with a table, figures (a recipe with the panels of the paper that it
    is about) and an HTML report. Interrupted, the same command continues; finished runs are not computed
    twice.

    For example:
      wiringup run --quick

      wiringup run --images tiny-imagenet/train.zip --brain real

      wiringup run combination --scale gpu
    """
    from wiringup.experiments.launching.slurm import check_here
    from wiringup.experiments.runs.inputs import StudyInputs

    check_here(launch)
    inputs = StudyInputs()
    if study.recipe is None:
        found = _main_study(study, inputs, quick)
    elif quick:
        raise InputError("--quick is of the main study; a recipe has --scale tiny.")
    else:
        found = study.study(inputs)
    finish(found, inputs, out, applied(SMALL, study.training), json, how=launch)


def _main_study(options: StudyOptions, inputs: "StudyInputs", quick: bool) -> "Study":
    from wiringup.experiments.recipes.main_study import BENCHMARKS, FULL, MODEL, QUICK, TRAINING, main_study

    if options.scale or options.wc:
        raise InputError("--scale and --wc are of a recipe: name one (wiringup recipes lists them).")
    training = applied(TRAINING, options.training)
    side = MODEL.size if options.image_size is None else options.image_size
    seen = shown(options.images, options.val, side, keep=options.keep or "squares")
    base = base_run(MODEL, seen, exam_of(options.exam, ExamOptions(benchmark=BENCHMARKS)), training)
    return main_study(base, inputs, QUICK if quick else FULL, options.seed or ())


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
    from wiringup.experiments.launching.launch import launch, warn_if_idle
    from wiringup.results.store import Store

    warn_if_idle(training.norms, study.runs)
    found = launch(study, Store(out), training.device, inputs, how)
    if found.waiting:
        if json:
            as_json({kind: study.uid, "waiting": found.waiting})
        log.info(
            "%d runs wait for jobs. How they stand: wiringup status %s --out %s",
            found.waiting,
            study.uid,
            out,
        )
        log.info("When all are made: the same command again, or wiringup report %s --out %s", study.uid, out)
        return
    show(Store(out), study.uid, json, kind)


def show(store: "Store", name: str, json: bool, kind: str = "study") -> None:
    """Write report, figure and table of a study or sweep, and print its table.

    Args:
        store: where it lies.
        name: its address.
        json: whether JSON is printed instead.
        kind: how JSON calls its address.
    """
    from wiringup.experiments.recipes.claims import of_study as examined
    from wiringup.experiments.runs.kernels import first_filters
    from wiringup.figures.report import write
    from wiringup.results.comparison import of_study
    from wiringup.results.record import plain
    from wiringup.results.store import STUDY
    from wiringup.results.table import rows

    (document, records), folder = store.study(name), store.folder(name)
    # a launch that was ended after its last run has not written it down
    if "so_far" not in document and not (folder / STUDY).is_file():
        store.save_study(document["uid"], document["spec"], document["runs"])
    found, claims = of_study(document, records), examined(document, records)
    tests = claims.mean if claims else []
    kernels = first_filters(records, store)
    panels = _panels(store, folder, document, records, found)
    path, *figures = map(str, write(folder, document, records, found, kernels, tests, panels))
    if json:
        facts = {kind: name, "report": path, "figure": figures[0], **_facts(found)}
        facts |= {"figures": figures, "so_far": document.get("so_far"), "rows": rows(records)}
        drawn = [{"panel": one.panel, "files": [str(file) for file in one.files]} for one in panels]
        as_json(facts | {"claims": plain(tests), "panels": drawn})
        return
    sys.stderr.write("\n")
    _print(found, document["spec"].get("baseline") or {}, tests)
    for figure in figures:
        log.info("Figure: %s", figure)
    for one in panels:
        log.info("%s: %s", one.title, one.picture)
    log.info("Report: %s", path)


def _facts(found: "Comparison") -> dict[str, Any]:
    """Return what is said of a study beside its table."""
    from wiringup.figures.methods import headline

    said = {"left_out": found.left_out, "headline": headline(found), "unlearned": found.unlearned}
    return said | {"diverged": [asdict(one) for one in found.diverged]}


def _panels(
    store: "Store",
    folder: Path,
    document: Mapping[str, Any],
    records: Sequence["Record"],
    found: "Comparison",
) -> list["Written"]:
    """Draw the panels of the paper that the recipe of a study is about into its folder."""
    from wiringup.figures.panels.catalog import PANELS
    from wiringup.figures.panels.loading import of_study
    from wiringup.figures.panels.output import draw_panel
    from wiringup.results.table import OWN

    names = [name for name in document["spec"].get("panels", ()) if name in PANELS]
    if not names or not found.has_percent:  # of which the headline says why
        return []
    spots = of_study(records, found, store, document.get("so_far", ""))
    panels = []
    for name in names:
        if missing := PANELS[name].missing(spots, OWN):
            log.warning("Figure %s is not drawn: these runs lack %s.", name, " and ".join(missing))
        else:
            panels.append(draw_panel(name, spots, folder))
    return panels


def _print(
    found: "Comparison", baseline: str | Mapping[str, Sequence[str]], tests: Sequence["Tested"]
) -> None:
    from wiringup.figures.methods import headline
    from wiringup.figures.tables import claims_table, comparison_table

    simulated = " (simulated recordings)" if found.simulated else ""
    over = f"; 95 % interval over {found.interval_over}" if found.interval_over else ""
    title = f"Brain match as % of the reference{simulated}: mean ± sd over seeds{over}"
    table(*comparison_table(found, found.ends), title=title)
    _print_differences(found, baseline)
    if tests:
        table(*claims_table(tests), title=f"What it says of the claims{simulated}")
    for one in found.diverged:
        log.warning("No score: %s, seed %d. %s", one.label, one.seed, one.why)
    for told in filter(None, (headline(found), found.unlearned, found.left_out)):
        log.info(told)


def _print_differences(found: "Comparison", baseline: str | Mapping[str, Sequence[str]]) -> None:
    """Print by what conditions differ from one baseline; or from their own (baseline -> conditions)."""
    from wiringup.figures.tables import differences_table

    tests: Mapping[str, Sequence[str]] = {baseline: ()} if isinstance(baseline, str) else baseline
    for base, tested in tests.items():
        header, body = differences_table(found, base, tested)
        if body:
            title = f"Against {base}: seed by seed, with a permutation test"
            table(header, body, title=title)
