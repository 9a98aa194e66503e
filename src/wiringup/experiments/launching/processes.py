"""Several processes of this machine at work on one study: each with its share of the cores, and a card."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from wiringup.core.ahead import CORES, cores
from wiringup.core.errors import InputError, PreemptedError
from wiringup.core.memory import GB
from wiringup.core.preemption import preemptible
from wiringup.core.progress import task
from wiringup.experiments.launching.outcome import diverged, failed, settled, tell_diverged
from wiringup.experiments.launching.study import Listed, Listing
from wiringup.experiments.launching.timing import TimeLeft
from wiringup.experiments.runs.sharing import DEATHS, PATIENCE, claim_of
from wiringup.models.device import AUTO, cards
from wiringup.models.storage import CARD_SHARE, MEMORY, Storage
from wiringup.results.store import Store
from wiringup.training.checkpoint import FILE as CHECKPOINT
from wiringup.training.distributed import started_together

FOLDER = "processes"  # of their logs, in the study's
ENDING = 60.0  # seconds in which a process may write its checkpoint before it is killed
PREEMPTED = 75, -15
"""Exit codes of a process that SIGTERM ended: in good order, or before it listened."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
VISIBLE = "CUDA_VISIBLE_DEVICES"

log = logging.getLogger(__name__)

Workers = dict[int, subprocess.Popen[bytes]]


def share(
    number: int,
    listing: Listing,
    store: Store,
    device: str,
    home: Path,
    expected: Mapping[str, float],
) -> None:
    """Make the runs of a study by several processes, each of which takes what is free.

    A process that dies is started again, and so is one that ended with an error and settled a run before; a
    run at which `DEATHS` die one after the other is noted as failed.

    Args:
        number: of processes; no more than there are runs are started.
        listing: the study.
        store: where it lies.
        device: where networks run; for "auto" every process gets one of the cards, in turn.
        home: the data folder.
        expected: run -> seconds that it is likely to take, for the time left.

    Raises:
        InputError: if torchrun started this process.
        DivergedError: if a reference diverges.
        PreemptedError: at SIGTERM, to this process or to one of the others.
    """
    if started_together():
        raise InputError(
            "torchrun shares one training among processes, --launch shares runs: use one of them."
        )
    todo = [one for one in listing.in_order() if not settled(store, one)]
    number, total = min(number, len(todo)), len(todo)
    logs = store.folder(listing.uid) / FOLDER
    logs.mkdir(parents=True, exist_ok=True)
    resumed = {one.run for one in todo if (store.folder(one.run) / CHECKPOINT).is_file()}
    left = TimeLeft(expected, number, resumed)
    begun = time.monotonic()
    whole = left.seconds([one.run for one in todo], (), begun, store.made)
    memory = Storage().limit()  # now: what the processes take is not free later
    command = [sys.executable, "-m", "wiringup", "work", listing.uid]
    command += ["--out", str(store.root), "--device", device]

    def start(i: int) -> subprocess.Popen[bytes]:
        env = os.environ | surroundings(i, number, cards() if device == AUTO else [], memory)
        with (logs / f"{i}.log").open("ab") as out:
            return subprocess.Popen(
                command, env=env | {"WIRINGUP_DATA": str(home)}, stdout=out, stderr=subprocess.STDOUT
            )

    workers: Workers = {}
    again = Again(number, total)
    log.info("%d processes for %d runs; what they say is in %s.", number, total, logs)
    with preemptible(), task("run", whole, "seconds") as tell:
        try:
            workers |= {i: start(i) for i in range(number)}
            while workers:
                time.sleep(PATIENCE)
                todo = _open(todo, listing, store)
                share_done = _behind(left, todo, store, begun)
                tell(whole * share_done, f"{total - len(todo)} of {total} runs")
                for i, code in _died(workers):
                    if todo and again.starts(i, code, len(todo), logs / f"{i}.log"):
                        workers[i] = start(i)
        finally:
            _stop(workers)


class Again:
    """Decides whether a process that did not end well is started again.

    Args:
        number: of processes.
        runs: that are to be made.
    """

    def __init__(self, number: int, runs: int) -> None:
        self.left = DEATHS * runs  # more often none is
        self.found = dict.fromkeys(range(number), runs)

    def starts(self, i: int, code: int, runs: int, said: Path) -> bool:
        """Return whether a process is started again, and tell.

        Args:
            i: which.
            code: with which it ended: of a signal that killed it, if below zero.
            runs: that are still to be made.
            said: where what it said is.
        """
        what = f"died of signal {-code}" if code < 0 else "ended with an error"
        fruitless = code > 0 and runs == self.found[i]  # it would end like that again
        if fruitless or not self.left:
            log.warning("Process %d %s and is left out; what it said is in %s.", i, what, said)
            return False
        log.warning("Process %d %s; it is started again.", i, what)
        self.left, self.found[i] = self.left - 1, runs
        return True


def _behind(left: TimeLeft, todo: Sequence[Listed], store: Store, begun: float) -> float:
    """Return the share of the time that is behind us."""
    now, open_ = time.monotonic(), [one.run for one in todo]
    at_work = {run for run in open_ if claim_of(store, run)[1]}
    spent, ahead = now - begun, left.seconds(open_, at_work, now, store.made)
    return spent / (spent + ahead) if spent + ahead > 0 else 1.0


def surroundings(i: int, number: int, cards: list[str], memory: int | None = None) -> Mapping[str, str]:
    """Return the environment variables of one of several processes.

    Args:
        i: which.
        number: of processes.
        cards: as CUDA calls them, taken in turn; none where all share one that is named, or use none.
        memory: bytes that all of them may use.
    """
    mine = max(1, cores() // number)
    on_card = len(range(i % len(cards), number, len(cards))) if cards else number
    shares = {CORES: str(mine), CARD_SHARE: str(1 / on_card)}
    if memory:
        shares[MEMORY] = str(memory / GB / number)
    threads = mine
    with suppress(KeyError, ValueError):
        threads = min(threads, int(os.environ[THREADS[0]]))
    card = {VISIBLE: cards[i % len(cards)]} if cards else {}
    return dict.fromkeys(THREADS, str(threads)) | card | shares


def _open(todo: list[Listed], listing: Listing, store: Store) -> list[Listed]:
    """Return which runs are not settled yet; tell those that diverged or failed."""
    left = []
    for one in todo:
        if not settled(store, one):
            left.append(one)
        elif why := diverged(store, one):
            tell_diverged(listing, store, one, why)
        elif why := failed(store, one):
            log.warning("Failed: %s  [%s]: %s", one.title, one.run, why)
    return left


def _died(workers: Workers) -> list[tuple[int, int]]:
    """Take out the processes that ended, and return those that did not end well, with their exit codes."""
    died = []
    for i, process in list(workers.items()):
        if (code := process.poll()) is None:
            continue
        del workers[i]
        if code in PREEMPTED:
            raise PreemptedError("Stopped by SIGTERM. Run the same command again to continue.")
        if code:
            died.append((i, code))
    return died


def _stop(workers: Workers) -> None:
    """End the processes: each writes its checkpoint first."""
    for process in workers.values():
        process.terminate()
    for process in workers.values():
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
