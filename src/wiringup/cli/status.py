"""``wiringup work``, ``status`` and ``cancel``: studies while they are made."""

import logging
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from wiringup.cli.arguments import STUDY, Json, Runs, StudyName
from wiringup.cli.show import as_json, table

if TYPE_CHECKING:
    from wiringup.experiments.launching.status import StudyStatus

log = logging.getLogger(__name__)


def work(
    study: StudyName,
    device: Annotated[str, arg(help="Where networks run: auto, cpu, cuda or cuda:N.")] = "auto",
    out: Runs = Path("runs"),
) -> None:
    """Take part in a study that was launched: make the runs that are free until nothing is left.

    Any number of processes may, on every machine that sees the folder: this is what run and sweep start with
    --launch. What fails is noted; see wiringup status.

    For example:
      wiringup work 0123456789ab --out /shared/runs
    """
    from wiringup.experiments.launching.study import find_study
    from wiringup.experiments.launching.work import take_part

    folder = find_study(out, study)
    take_part(folder.parent, folder.name, device)


def status(
    study: Annotated[
        Positional[str | None], arg(metavar="[STUDY]", help=f"{STUDY} By default all are listed.")
    ] = None,
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Tell how a study stands: runs that are done, running, waiting, failed or diverged.

    For what runs: where, and since when (UTC). For what failed: why; log.txt in the folder of a run has
    more. The command that launched the study tries what failed again, and only that.

    For example:
      wiringup status

      wiringup status 0123456789ab --json
    """
    from wiringup.experiments.launching.status import StudyStatus
    from wiringup.experiments.launching.status import status as found
    from wiringup.experiments.launching.study import find_study, studies
    from wiringup.results.store import Store

    store = Store(out)
    if study is None:
        every: list[StudyStatus] = [found(store, name) for name in studies(store)]
        if json:
            as_json([{"study": one.study, "recipe": one.recipe, **one.counts} for one in every])
        elif every:
            body = [[one.study, one.recipe or "–", *map(str, one.counts.values())] for one in every]
            table(["study", "recipe", *every[0].counts], body, title=f"Studies launched in {out}")
        else:
            log.info("No study was launched in %s yet. Start with: wiringup run --quick", out)
        return
    folder = find_study(out, study)
    one = found(Store(folder.parent), folder.name)
    if json:
        as_json(one.counts | asdict(one))
    else:
        _print(one)


def _print(one: "StudyStatus") -> None:
    from wiringup.experiments.launching.status import DONE

    told = [run for run in one.runs if run.state != DONE and (run.where or run.cause)]
    if told:
        body = [[r.run, r.label, str(r.seed), r.state, r.where or "–", r.since or "–", r.cause] for r in told]
        table(["run", "condition", "seed", "state", "where", "since (UTC)", "cause"], body)
    print(", ".join(f"{count:,} {state}" for state, count in one.counts.items() if count))
    for (state, reason), count in Counter((job.state, job.reason) for job in one.jobs or ()).items():
        print(
            f"{count} job{'s' * (count > 1)}: {state.lower()}" + (f" ({reason})" if reason != "None" else "")
        )


def cancel(study: StudyName, out: Runs = Path("runs"), json: Json = False) -> None:
    """End what is at work on a study: its jobs on the cluster, and its processes on this machine.

    Trainings write their checkpoints first; launched again, the study goes on where it stood.

    For example:
      wiringup cancel 0123456789ab
    """
    from wiringup.experiments.launching.status import cancel as end
    from wiringup.experiments.launching.study import find_study
    from wiringup.results.store import Store

    folder = find_study(out, study)
    ended = end(Store(folder.parent), folder.name)
    if json:
        as_json(asdict(ended))
        return
    print(f"Cancelled: {ended.jobs} jobs, {len(ended.processes)} processes of this machine.")
    for where in ended.elsewhere:
        log.warning("At work on another machine, and to be ended there: %s", where)
