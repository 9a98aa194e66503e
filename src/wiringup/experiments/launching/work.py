"""One process at work on a study: it takes what is free, notes what fails, and ends when nothing is left."""

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from wiringup import __version__
from wiringup.core.errors import BusyError, DivergedError, InputError, PreemptedError, WiringupError
from wiringup.core.preemption import preemptible
from wiringup.experiments.launching.outcome import Made, failed, gather, settled, tell_diverged
from wiringup.experiments.launching.study import Listed, Listing
from wiringup.experiments.runs import sharing
from wiringup.experiments.runs.inputs import StudyInputs
from wiringup.experiments.runs.run import execute_alone, read_spec
from wiringup.experiments.runs.sharing import LOG, Holder, claim_of, save_failure
from wiringup.experiments.runs.trainings import SPEC
from wiringup.results.record import Record
from wiringup.results.store import Store
from wiringup.training.distributed import ALONE, ProcessGroup, join, place, started_together

log = logging.getLogger(__name__)
_ACCELERATOR: Any = getattr(torch, "AcceleratorError", ())  # in newer PyTorch
_family = logging.getLogger("wiringup")


def work(
    listing: Listing,
    store: Store,
    make: Callable[[Listed], Record],
    *,
    stay: bool = True,
    passed: Callable[[Listed], None] = lambda _one: None,
    group: ProcessGroup = ALONE,
) -> Made:
    """Make the runs of a study that are free until all are settled; SIGTERM ends it in good order.

    A run that fails is noted with its cause, and the others go on; so is one that diverges. What another
    process is at is put off until the rest is done.

    Args:
        listing: the study.
        store: where it lies.
        make: makes one run, raising `BusyError` while another process is at it.
        stay: wait for runs that others are at; otherwise leave when there is nothing else, and wait only
            for what runs that are free are born from.
        passed: told of runs that others made meanwhile.
        group: processes that train together, all of which call this; the first looks what is to be done.

    Raises:
        DivergedError: if a reference diverges.
        PreemptedError: at SIGTERM.
        Exception: any error that the rest of the ``group`` may know nothing of, or after which this process
            can compute nothing; the run is noted as failed.
    """
    worker, idle = _Worker(listing, store, make, passed, group), 0
    todo = group.broadcast([one for one in listing.in_order() if not settled(store, one)])
    with preemptible():
        while todo:
            left = [one for one in todo if not worker.settle(one)]
            idle = idle + 1 if len(left) == len(todo) else 0
            todo = left
            # who waits for what a run is born from holds it for a moment only
            held = not stay and idle > 1 and all(claim_of(store, one.run)[1] for one in todo)
            if group.broadcast(held):
                log.info("Others are at the last runs (%d); nothing is left to do here.", len(todo))
                break
            if idle:
                sharing.pause()
    return worker.made


@dataclass(frozen=True)
class _Worker:
    listing: Listing
    store: Store
    make: Callable[[Listed], Record]
    passed: Callable[[Listed], None]
    group: ProcessGroup
    made: Made = field(default_factory=Made)
    put_off: set[str] = field(default_factory=set)

    def settle(self, one: Listed) -> bool:
        """Make a run unless it is settled; return whether it is now, or another process is at it."""
        if self.group.broadcast(settled(self.store, one)):
            self.passed(one)
            return True
        busy = False
        with _logged(self.store.folder(one.run) / LOG) as kept:
            try:
                self.made.records[one.run] = self.make(one)
                kept.handle(_line(logging.INFO, "Finished."))
            except BusyError:
                busy = True
            except PreemptedError as error:
                kept.handle(_line(logging.INFO, str(error)))
                raise
            except DivergedError as error:
                tell_diverged(self.listing, self.store, one, str(error))
            except Exception as error:
                kept.handle(_line(logging.ERROR, "Failed:", error))  # with all of its traceback
                self.failed(one, error)
        if busy and one.run not in self.put_off:
            self.put_off.add(one.run)
            log.info("Put off, as another process is at it: %s", one.title)
        return not busy

    def failed(self, one: Listed, error: Exception) -> None:
        """Note that a run failed; raise its error if nothing more can be computed in this process.

        Nor can it be by several that train together: the others may be waiting for this one within the run.
        """
        cause = str(error) if isinstance(error, WiringupError) else f"{type(error).__name__}: {error}"
        if failed(self.store, one) is None:  # or that another process died tells less than why it did
            save_failure(self.store, one.run, cause)
        self.made.errors[one.run] = error
        log.warning("Failed: %s  [%s]: %s", one.title, one.run, cause)
        if self.group.size > 1 or _is_fatal(error):
            raise error
        _let_go(error)


def _is_fatal(error: Exception) -> bool:
    """Return whether the card answers this process no more."""
    return isinstance(error, _ACCELERATOR) or (isinstance(error, RuntimeError) and "CUDA error" in str(error))


def together(device: str) -> ProcessGroup:
    """Join the processes that torchrun started, if it did."""
    return join(place(device)) if started_together() else ALONE


def _let_go(error: BaseException | None) -> None:
    """Free what an error's frames hold, or a run that found too little memory leaves the next with less."""
    while error:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    torch.cuda.empty_cache()  # does nothing where no card is used


def _line(level: int, text: str, error: Exception | None = None) -> logging.LogRecord:
    about = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord(log.name, level, __file__, 0, text, (), about)


@contextmanager
def _logged(path: Path) -> Iterator[logging.Handler]:
    """Write what is said while the block runs to the log of a run too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    who = str(Holder.mine()).replace("%", "%%")
    handler.setFormatter(logging.Formatter(f"%(asctime)s  {who}: %(message)s", "%Y-%m-%d %H:%M:%S"))
    _family.addHandler(handler)
    try:
        yield handler
    finally:
        _family.removeHandler(handler)
        handler.close()


def maker(store: Store, device: str, inputs: StudyInputs) -> Callable[[Listed], Record]:
    """Return what makes a run of a study from the spec that lies in its folder."""

    def make(one: Listed) -> Record:
        path = store.folder(one.run) / SPEC
        # one run may be part of several studies, under several names
        run = replace(read_spec(path, inputs), label=one.label)
        if run.uid != one.run:
            raise InputError(
                f"{path} is another run than the study lists, or of wiringup {run.version} while this is "
                f"{__version__}. Launch the study again."
            )
        return execute_alone(run, store, device, inputs)

    return make


def take_part(root: Path | str, name: str, device: str, inputs: StudyInputs | None = None) -> Made:
    """Work on a study that was launched in a folder, with what lies there alone, until nothing is left.

    Raises:
        MissingDataError: if no such study was launched.
        DivergedError, PreemptedError: as `work`.
    """
    store = Store(root)
    listing = Listing.load(store, name)
    log.info("At work on %s: device %s, threads %d.", name, place(device), torch.get_num_threads())
    made = work(
        listing, store, maker(store, device, inputs or StudyInputs()), stay=False, group=together(device)
    )
    if all(settled(store, one) for one in listing.runs):
        try:
            gather(listing, store, made)  # for `wiringup report`
        except WiringupError as error:
            log.warning("%s", error)
    return made
