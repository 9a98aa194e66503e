"""``wiringup run``: the main job."""

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from wiringup.cli.arguments import Json, Norms, Runs, Seeds
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
    from wiringup.figures.report import diverged, figure_name, write
    from wiringup.figures.tables import last_moments, moments_table
    from wiringup.results.curves import moments, told_at_chance
    from wiringup.results.record import rows

    document, records = store.study(name)
    reference, lost = document["spec"]["reference"], diverged(document)
    path = write(store.folder(name), document, records, reference)
    figure, left_out = path.with_name(figure_name(document)), told_at_chance(records, reference)
    if json:
        facts = {kind: name, "report": str(path), "figure": str(figure), "left_out": left_out}
        as_json(facts | {"rows": rows(records), "diverged": [asdict(one) for one in lost]})
        return
    sys.stderr.write("\n")
    simulated = " (simulated recordings)" if any(r.simulated for r in records) else ""
    title = f"Brain match as % of the reference, mean ± sd over seeds{simulated}"
    table(*moments_table(last_moments(moments(records, reference)), lost), title=title)
    for one in lost:
        say(f"No score: {one.label}, seed {one.seed}. {one.why}")
    if left_out:
        say(left_out)
    say(f"Figure: {figure}")
    say(f"Report: {path}")
