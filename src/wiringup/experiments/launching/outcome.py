"""What became of the runs of a study, as their folders tell every process."""

import logging
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from wiringup.core.errors import DivergedError, InputError, MissingDataError, WiringupError
from wiringup.experiments.launching.study import Listed, Listing, find_study, studies
from wiringup.experiments.runs.sharing import LOG, failure
from wiringup.results.record import Diverged, Record
from wiringup.results.store import RUNS, STUDY, Store

SHOWN = 20
"""Failed runs that an error names; `wiringup status` has them all."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Made:
    """What one process did: records of the runs that it made, and errors of those that failed."""

    records: dict[str, Record] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)


def diverged(store: Store, one: Listed) -> str | None:
    """Return why a run, or the one that it is born from, diverged; None if neither did."""
    return store.diverged(one.run, one.needs)


def failed(store: Store, one: Listed) -> str | None:
    """Return why a run, or the one that it is born from, failed; None if neither did."""
    if why := failure(store, one.run):
        return why
    why = failure(store, one.needs) if one.needs else None
    return why and f"The run that it is born from, {one.needs}, failed: {why}"


def begun(store: Store) -> list[tuple[str, int, int]]:
    """Return each study that was begun and is not written down, how many runs are done, and of how many.

    A run that diverged is done, but of the reference: a study needs that.

    The store is told of a list of runs that cannot be read.
    """
    found = []
    for name in studies(store):
        folder = store.folder(name)
        if (folder / STUDY).is_file():
            continue
        try:
            listing = Listing.load(store, name)
            done = [_done(listing, store, one) for one in listing.in_order()]
        except WiringupError as error:
            store.unreadable(folder / RUNS, str(error))
        else:
            found.append((name, sum(done), len(done)))
    return found


def _done(listing: Listing, store: Store, one: Listed) -> bool:
    if diverged(store, one):
        return one.label != listing.reference
    return store.made(one.run)


def begun_told(study: str, done: int, runs: int) -> str:
    """Return how a study stands that was begun, in words."""
    if done == runs:
        return f"All {runs} runs of study {study} are done; for its report: wiringup report {study}."
    return (
        f"Study {study} is not finished: {done} of {runs} runs are. Run the same command again to go on; how "
        f"each stands: wiringup status {study}. To look at what is made: figure, report or stats with "
        "--so-far."
    )


def finished_study(runs: Path, name: str, *, so_far: bool = False) -> Path:
    """Return the folder of a study of which all runs are done.

    Args:
        runs: the folder of runs.
        name: see `study.find_study`.
        so_far: take one that is not finished, too; `Store.study` then gives the runs that are made.

    Raises:
        InputError: if several studies are called so.
        MissingDataError: if none is, or it is not finished.
    """
    folder = find_study(runs, name)
    for one in [] if so_far else begun(Store(folder.parent)):
        if one[0] == folder.name and one[1] < one[2]:
            raise MissingDataError(begun_told(*one))
    return folder


def results_folder(runs: Path, study: str | None, *, so_far: bool = False) -> Path:
    """Return the folder in which results lie: of a study that is named, or of all runs.

    Raises:
        InputError, MissingDataError: as `finished_study`, or if runs so far are asked for of no study.
    """
    if study is not None:
        return finished_study(runs, study, so_far=so_far)
    if so_far:
        raise InputError("--so-far is of one study that is not finished; name it with --study.")
    return runs


def settled(store: Store, one: Listed) -> bool:
    """Return whether nothing is to be done for a run: it is finished, or cannot be."""
    return store.made(one.run) or bool(diverged(store, one) or failed(store, one))


def tell_diverged(listing: Listing, store: Store, one: Listed, why: str) -> None:
    """Tell that a run diverged; of a reference, raise `DivergedError`."""
    folder = store.folder(one.run)
    if one.label == listing.reference:
        raise DivergedError(f"{why} To try it again, remove {folder}.")
    log.warning("%s The study goes on without it (to try it again, remove %s).", why, folder)


@dataclass(frozen=True)
class Launched:
    """What became of a study.

    Attributes:
        records: of the runs that are finished, in its order.
        diverged: runs that have none.
        waiting: how many runs jobs on a cluster are to make; they write down themselves what became of them.
    """

    records: list[Record]
    diverged: list[Diverged]
    waiting: int = 0


def gather(listing: Listing, store: Store, made: Made) -> Launched:
    """Return what became of a study of which all runs are settled, and write down which it has.

    Args:
        listing: the study.
        store: where it lies.
        made: what is known already; every other record is read, once.

    Raises:
        DivergedError, WiringupError: as `launch`.
    """
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
    found, records = Launched([], []), dict(made.records)
    for one in listing.runs:
        if why := diverged(store, one):
            found.diverged.append(Diverged(one.label, one.seed, why))
            continue
        records[one.run] = records.get(one.run) or store.record(one.run)
        # one run may be part of several studies, under several names
        found.records.append(replace(records[one.run], label=one.label))
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
