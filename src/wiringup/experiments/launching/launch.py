"""Studies, and how they are made: every run once, here, by several processes, or on a cluster."""

import logging
from collections.abc import Sequence

from wiringup.core import progress
from wiringup.core.errors import WiringupError
from wiringup.core.progress import plan
from wiringup.core.sealed import write_sealed
from wiringup.core.spec import to_dict
from wiringup.experiments.launching import slurm
from wiringup.experiments.launching.options import HERE, LOCAL, PROCESSES, SLURM, LaunchOptions
from wiringup.experiments.launching.outcome import Launched, Made, diverged, gather, settled, tell_diverged
from wiringup.experiments.launching.processes import share
from wiringup.experiments.launching.study import Listed, Listing, Study
from wiringup.experiments.launching.work import together, work
from wiringup.experiments.runs.inputs import StudyInputs
from wiringup.experiments.runs.run import execute, on_any_device, warn_if_not_kept
from wiringup.experiments.runs.sharing import forget_failure
from wiringup.experiments.runs.spec import RunSpec
from wiringup.experiments.runs.trainings import SPEC, Trainings
from wiringup.results.record import Record
from wiringup.results.store import Store

log = logging.getLogger(__name__)


def warn_if_idle(norms: str, runs: Sequence[RunSpec]) -> None:
    """Say so if ``norms`` was asked for and nothing hangs on it in any of the runs."""
    used = {t.norms for run in runs for t in (run.training, run.before and run.before.training) if t}
    if norms not in used:
        log.warning("Norms %r changes nothing here: no BatchNorm stands aside from learning.", norms)


def launch(
    study: Study,
    store: Store,
    device: str | None = None,
    inputs: StudyInputs | None = None,
    how: LaunchOptions = HERE,
) -> Launched:
    """Make every run that is not finished yet; one that diverges or fails is noted, and the study goes on.

    Several processes in one store share the runs, see `sharing`. What failed earlier is tried again.

    Args:
        study: its runs.
        store: where they are kept.
        device: where networks run; by default as the runs say.
        inputs: what was loaded already.
        how: here, by several processes, or on a cluster.

    Raises:
        DivergedError: if a reference diverges, of which everything else is a percentage.
        WiringupError: naming the runs that failed, after the others are made; a single run that failed here
            raises its own error.
    """
    inputs, listing = inputs or StudyInputs(), study.listing()
    made = _begin(study, listing, store)
    todo = [one for one in listing.in_order() if not settled(store, one)]
    if how.kind == LOCAL:
        here = _here(study, listing, store, device, inputs)
        made.records.update(here.records)
        made.errors.update(here.errors)
    elif todo and how.kind == PROCESSES:
        trainings = Trainings(store)
        missing = {one.run for one in todo}
        left = [run for run in study.runs if run.uid in missing]
        expected = {run.uid: progress.expected(trainings.work(run)) for run in left}
        share(how.number, listing, store, device or _device(study), inputs.home, expected)
    elif todo and how.kind == SLURM:
        slurm.submit(how, listing, store, device or _device(study), inputs.home, len(todo))
        return Launched(list(made.records.values()), [], len(todo))
    return gather(listing, store, made)


def _begin(study: Study, listing: Listing, store: Store) -> Made:
    """Write down what is to be done, and return what is finished already."""
    made = Made()
    for run in {run.uid: run for run in study.runs}.values():
        if record := store.finished(run.uid, run):
            made.records[run.uid] = record
            warn_if_not_kept(run, store)
            continue
        forget_failure(store, run.uid)
        write_sealed(store.folder(run.uid) / SPEC, to_dict(on_any_device(run)))
    if made.records:
        log.info("Known: %d of %d runs.", len(made.records), len(listing.in_order()))
    listing.save(store)
    for one in listing.in_order():
        if why := diverged(store, one):
            tell_diverged(listing, store, one, why)
    return made


def _device(study: Study) -> str:
    """Return the device that all runs name."""
    named = {run.training.device for run in study.runs}
    if len(named) > 1:
        raise WiringupError(f"The runs name several devices ({', '.join(sorted(named))}); give launch one.")
    return named.pop()


def _here(study: Study, listing: Listing, store: Store, device: str | None, inputs: StudyInputs) -> Made:
    runs = {run.uid: run for run in reversed(study.runs)}
    trainings = Trainings(store)
    todo = [one.run for one in listing.in_order() if not settled(store, one)]
    work_of = {uid: trainings.work(runs[uid]) for uid in todo}
    for work_left in work_of.values():
        plan(work_left)

    def make(one: Listed) -> Record:
        return execute(runs[one.run], store, device, inputs)

    def passed(one: Listed) -> None:
        how = "Made by another process" if store.made(one.run) else "Left out"
        log.info("%s: %s  [%s]", how, one.title, one.run)
        plan({kind: -amount for kind, amount in work_of.get(one.run, {}).items()})

    group = together(device or study.runs[0].training.device)
    return work(listing, store, make, passed=passed, group=group)
