"""Work that several processes share through one folder: each takes what is free, all end with everything."""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from wiringup.core.errors import BusyError, WiringupError
from wiringup.core.files import is_locked, locked, sweep
from wiringup.core.sealed import read_sealed, write_sealed
from wiringup.core.spec import from_dict
from wiringup.experiments.runs.trainings import WEIGHTS
from wiringup.results.store import RECORD, Store
from wiringup.training.checkpoint import FILE as CHECKPOINT
from wiringup.training.distributed import ProcessGroup, join

LOCK = ".run.lock"
CLAIM = ".claim.json"
FAILED = "failed.json"
LOG = "log.txt"
PATIENCE = 1.0  # seconds between looks at what other processes do
GLANCE = 0.1  # seconds: longer than to look, or to sign, takes
WRITTEN = (RECORD, WEIGHTS, "genome*")  # by who claimed a run alone
DEATHS = 3
"""How often the process at a run may die without a word before nobody tries it again."""

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Holder:
    """Who is at work on a run.

    Attributes:
        host: name of the machine.
        pid: number of the process.
        since: when it began, UTC.
        job: what SLURM calls the job; "" outside of SLURM.
        deaths: processes before it that died at this run without a word.
    """

    host: str
    pid: int
    since: str
    job: str = ""
    deaths: int = 0

    @classmethod
    def mine(cls, deaths: int = 0) -> "Holder":
        """Return the claim of this process."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(socket.gethostname(), os.getpid(), now, slurm_job(), deaths)

    def __str__(self) -> str:
        job = f", job {self.job}" if self.job else ""
        return f"{self.host}, process {self.pid}{job}"


def pause() -> None:
    """Wait a little."""
    time.sleep(PATIENCE)


@contextmanager
def claimed(store: Store, uid: str, device: str = "cpu") -> Iterator[ProcessGroup]:
    """Claim a run for this process, from birth to record; of processes that train together, the first claims.

    Args:
        store: where the run is kept.
        uid: its address.
        device: where it is made, by which processes that train together join.

    Raises:
        BusyError: if another process has claimed it.
        WiringupError: if `DEATHS` processes died at it one after the other.
    """
    group, folder = join(device), store.folder(uid)
    busy = f"Another process is at work in {folder}."
    with ExitStack() as stack:

        def claim() -> None:
            if group.leads:
                stack.enter_context(locked(folder / LOCK, busy, patience=GLANCE))
                stack.enter_context(_signed(folder / CLAIM))
                sweep(folder, *WRITTEN)

        group.gather(claim)
        yield group


@contextmanager
def _signed(path: Path) -> Iterator[None]:
    """Write down who is at work while the block runs; who died at it without getting on is counted."""
    before = _read_claim(path)
    deaths = before.deaths + 1 if before and not _newer(path.with_name(CHECKPOINT), path) else 0
    if before and deaths >= DEATHS:
        path.unlink()
        raise WiringupError(
            f"{deaths} processes died at this run without a word, the last on {before}. Often the memory "
            "was full: see the log of the system or of the cluster; give more memory or smaller batches."
        )
    write_sealed(path, asdict(Holder.mine(deaths)))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _newer(path: Path, other: Path) -> bool:
    try:
        return path.stat().st_mtime_ns > other.stat().st_mtime_ns
    except FileNotFoundError:
        return False


def slurm_job() -> str:
    """Return what SLURM calls the job that this process is of, as in "1234_5"; "" outside of SLURM."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array else os.environ.get("SLURM_JOB_ID", "")


def _read_claim(path: Path) -> Holder | None:
    """Return the claim that lies somewhere; None if there is none, or it is damaged."""
    try:
        values = read_sealed(path, "")
        known = {f.name for f in fields(Holder)}
        return from_dict(Holder, {k: v for k, v in values.items() if k in known})
    except (WiringupError, AttributeError):
        return None


def claim_of(store: Store, uid: str) -> tuple[Holder | None, bool]:
    """Return who claimed a run last without ending it, and whether some process is at it.

    For a moment that may be another process than who claimed it last, and died: see `surely_at`.
    """
    claim = _read_claim(store.folder(uid) / CLAIM)
    return claim, claim is not None and is_locked(store.folder(uid) / LOCK)


def surely_at(store: Store, uid: str) -> Holder | None:
    """Return who is at a run: who holds it and signed, as two looks agree; None if nobody is."""
    before = None
    while True:
        claim, alive = claim_of(store, uid)
        if claim is None or not alive or claim == before:
            return claim if alive else None
        before = claim
        time.sleep(GLANCE)


def save_failure(store: Store, uid: str, cause: str) -> None:
    """Write down that a run failed, so that nobody who works on its study now tries it again."""
    write_sealed(store.folder(uid) / FAILED, {"why": cause})


def failure(store: Store, uid: str) -> str | None:
    """Return why a run failed when it was tried last; None if it did not."""
    path = store.folder(uid) / FAILED
    if not path.is_file():
        return None
    return str(read_sealed(path, "Delete it: the run is then tried again.")["why"])


def forget_failure(store: Store, uid: str) -> None:
    """Let a run that failed be tried again."""
    (store.folder(uid) / FAILED).unlink(missing_ok=True)


def waited_for(do: Callable[[], T]) -> T:
    """Return what ``do`` returns, once no other process is at it any more (it raises `BusyError`).

    It then finds it finished or, if that process has died, goes on where it stopped.
    """
    told = False
    while True:
        try:
            return do()
        except BusyError as error:
            if not told:
                log.info("%s It is waited for.", error)
                told = True
            pause()
