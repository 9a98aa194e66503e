"""Studies, and how they are made: every run once, here, by several processes, or on a cluster."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from wiringup.core.errors import WiringupError
from wiringup.core.progress import plan
from wiringup.core.sealed import write_sealed
from wiringup.core.spec import to_dict
from wiringup.experiments.inputs import StudyInputs
from wiringup.experiments.launch_options import HERE, PROCESSES, LaunchOptions
from wiringup.experiments.processes import share
from wiringup.experiments.run import SPEC, execute, on_any_device
from wiringup.experiments.sharing import LOG, forget_failure
from wiringup.experiments.spec import RunSpec
from wiringup.experiments.study import Listed, Listing, Study
from wiringup.experiments.work import Made, diverged, failed, settled, tell_diverged, work
from wiringup.results.record import Diverged, Record
from wiringup.results.store import Store

__all__ = ["Launched", "Study", "launch", "warn_if_idle"]

SHOWN = 20
"""Failed runs that an error names; `wiringup status` has them all."""

log = logging.getLogger(__name__)


def warn_if_idle(norms: str, runs: Sequence[RunSpec]) -> None:
    """Say so if ``norms`` was asked for and nothing hangs on it in any of the runs."""
    used = {t.norms for run in runs for t in (run.training, run.before and run.before.training) if t}
    if norms not in used:
        log.warning("Norms %r changes nothing here: no BatchNorm stands aside from learning.", norms)


@dataclass(frozen=True)
class Launched:
    """What became of a study: the records, in its order, and the runs that diverged."""

    records: list[Record]
    diverged: list[Diverged]


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
    if any(not settled(store, one) for one in listing.runs):
        if how.kind == PROCESSES:
            share(how.number, listing, store, device or _device(study), inputs.home)
        else:
            here = _here(study, listing, store, device, inputs)
            made.records.update(here.records)
            made.errors.update(here.errors)
    return gather(listing, store, made)


def _begin(study: Study, listing: Listing, store: Store) -> Made:
    """Write down what is to be done, and return what is finished already."""
    made = Made()
    for run in {run.uid: run for run in study.runs}.values():
        if record := store.finished(run.uid, run):
            made.records[run.uid] = record
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
    for one in listing.in_order():
        if not settled(store, one):
            plan(_work(runs[one.run]))

    def make(one: Listed) -> Record:
        return execute(runs[one.run], store, device, inputs)

    def passed(one: Listed) -> None:
        log.info("Made by another process: %s  [%s]", one.title, one.run)
        plan({kind: -amount for kind, amount in _work(runs[one.run]).items()})

    return work(listing, store, make, passed=passed)


def _work(run: RunSpec) -> dict[str, float]:
    """Return the work of one run: images to train on, scorings."""
    seen = run.training.duration.in_images(run.images.number or 0, run.training.batch)
    frames = run.before.frames if run.before else 0
    work: dict[str, float] = {f"train:{run.training.plasticity}": seen, "train:label-free": frames}
    return work | {"score": len(run.moments) + 2}


def gather(listing: Listing, store: Store, made: Made | None = None) -> Launched:
    """Return what became of a study of which all runs are settled, and write down which it has.

    Args:
        listing: the study.
        store: where it lies.
        made: what is known already; every other record is read, once.

    Raises:
        DivergedError, WiringupError: as `launch`.
    """
    made = made or Made()
    for one in listing.in_order():
        if one.label == listing.reference and (why := diverged(store, one)):
            tell_diverged(listing, store, one, why)
    if lost := [(one, why) for one in listing.in_order() if (why := failed(store, one))]:
        _raise(listing, store, made, lost)
    if left := [one for one in listing.in_order() if not settled(store, one)]:
        raise WiringupError(
            f"{len(left)} runs are not finished, but the processes that were at them ended; their logs in "
            f"{store.folder(listing.uid)} tell why. The same command again continues them."
        )
    found = Launched([], [])
    for one in listing.runs:
        if why := diverged(store, one):
            found.diverged.append(Diverged(one.label, one.seed, why))
            continue
        made.records[one.run] = made.records.get(one.run) or store.record(one.run)
        # one run may be part of several studies, under several names
        found.records.append(replace(made.records[one.run], label=one.label))
    document = {**listing.document, "labels": [r.label for r in found.records]}
    document |= {"diverged": [asdict(one) for one in found.diverged]}
    store.save_study(listing.uid, document, [r.uid for r in found.records])
    return found


def _raise(listing: Listing, store: Store, made: Made, lost: list[tuple[Listed, str]]) -> None:
    """Raise the error that tells which runs failed."""
    own = [made.errors[one.run] for one, _ in lost if one.run in made.errors]
    if len(lost) == len(own) == 1:
        raise own[0]
    lines = [f"  {one.title}  [{one.run}]: {why}" for one, why in lost[:SHOWN]]
    if len(lost) > SHOWN:
        lines.append(f"  and {len(lost) - SHOWN} others")
    raise WiringupError(
        "\n".join([f"{len(lost)} of {len(listing.in_order())} runs failed:", *lines])
        + f"\nWhat else there is was made and is kept. {LOG} in the folder of a run has more, wiringup "
        f"status {listing.uid} lists all. The same command again tries what failed, and only that."
    )
