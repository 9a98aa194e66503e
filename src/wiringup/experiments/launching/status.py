"""How a study stands: which runs are done, who is at which, what waits, and what failed with which cause."""

import logging
import os
import signal
import socket
from collections import Counter
from dataclasses import dataclass

from wiringup.core.errors import WiringupError
from wiringup.experiments.launching import slurm
from wiringup.experiments.launching.outcome import diverged, failed
from wiringup.experiments.launching.slurm import Queued
from wiringup.experiments.launching.study import Listed, Listing
from wiringup.experiments.runs.sharing import Holder, claim_of, surely_at
from wiringup.results.store import Store

DONE, RUNNING, WAITING, FAILED, DIVERGED = "done", "running", "waiting", "failed", "diverged"
STATES = (DONE, RUNNING, WAITING, FAILED, DIVERGED)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunStatus:
    """How one run stands.

    Attributes:
        run: its address.
        label: the condition.
        seed: of its birth.
        state: one of `STATES`.
        where: machine, process and job that is at it.
        since: when that began, UTC.
        cause: why it failed, diverged, or waits though it was begun; "" otherwise.
    """

    run: str
    label: str
    seed: int
    state: str
    where: str = ""
    since: str = ""
    cause: str = ""


@dataclass(frozen=True)
class StudyStatus:
    """How a study stands.

    Attributes:
        study: its address.
        recipe: that it is of, or "".
        runs: every run once.
        jobs: on the cluster; None where there is none.
    """

    study: str
    recipe: str
    runs: tuple[RunStatus, ...]
    jobs: tuple[Queued, ...] | None = None

    @property
    def counts(self) -> dict[str, int]:
        """State -> number of runs."""
        found = Counter(run.state for run in self.runs)
        return {state: found[state] for state in STATES}


def status(store: Store, study: str) -> StudyStatus:
    """Return how a study stands that was launched.

    Raises:
        MissingDataError: if there is no such study.
        InputError: if its list of runs is damaged.
    """
    listing = Listing.load(store, study)
    runs = tuple(_status(store, one) for one in listing.in_order())
    try:
        jobs = slurm.queued(store, study)
    except WiringupError as error:
        log.warning("%s", error)
        jobs = None
    recipe = str(listing.document.get("recipe") or "")
    return StudyStatus(study, recipe, runs, None if jobs is None else tuple(jobs))


def _status(store: Store, one: Listed) -> RunStatus:
    def told(state: str, claim: Holder | None = None, cause: str = "") -> RunStatus:
        where, since = (str(claim), claim.since) if claim else ("", "")
        return RunStatus(one.run, one.label, one.seed, state, where, since, cause)

    if store.made(one.run):
        return told(DONE)
    claim, alive = claim_of(store, one.run)
    if claim and alive:
        return told(RUNNING, claim)
    if why := diverged(store, one):
        return told(DIVERGED, cause=why)
    if why := failed(store, one):
        return told(FAILED, cause=why)
    return told(WAITING, cause=f"its process died ({claim}, at it since {claim.since})" if claim else "")


@dataclass(frozen=True)
class Cancelled:
    """What ``cancel`` ended: jobs on the cluster, processes of this machine; and what it cannot reach."""

    jobs: int
    processes: tuple[int, ...]
    elsewhere: tuple[str, ...]


def cancel(store: Store, study: str) -> Cancelled:
    """Take a study's jobs out of the queue, and let the processes of this machine that are at it end.

    They write their checkpoints first: launched again, the study goes on where it stood.

    Raises:
        MissingDataError, InputError: as `status`.
        WiringupError: if SLURM does not answer.
    """
    listing = Listing.load(store, study)
    jobs = slurm.cancel(store, study)
    processes, elsewhere = set[int](), set[str]()
    for one in listing.in_order():
        claim = surely_at(store, one.run)
        if claim is None or (claim.job and jobs):
            continue
        if claim.host == socket.gethostname():
            processes.add(claim.pid)
        else:
            elsewhere.add(str(claim))
    ended = tuple(pid for pid in sorted(processes) if _end(pid))
    return Cancelled(jobs, ended, tuple(sorted(elsewhere)))


def _end(pid: int) -> bool:
    """Let a process of this machine end; return whether it was there and could be told to."""
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:  # it ended meanwhile
        return False
    except PermissionError:
        log.warning("Process %d is another user's, who alone can end it: kill %d", pid, pid)
        return False
    return True
