"""A study on a cluster with SLURM: an array of jobs, each of which takes what is free (needs ``submitit``).

A job is one process at work on the study, see `work`. Before its time ends, SLURM sends SIGUSR2: the training
writes its checkpoint, and submitit puts the job back into the queue. At SIGTERM (another job takes the
machine, or it was cancelled) the checkpoint is written too; SLURM itself decides what becomes of the job.
"""

import getpass
import hashlib
import logging
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from wiringup.core.errors import MissingDataError, PreemptedError, WiringupError
from wiringup.core.preemption import stop
from wiringup.experiments.launching.options import SLURM, LaunchOptions
from wiringup.experiments.launching.processes import THREADS
from wiringup.experiments.launching.study import Listing
from wiringup.results.store import Store

FOLDER = "slurm"  # of scripts and logs, in the study's
WARNING = 120  # seconds before a job's time ends in which it may write its checkpoint
AGAIN = 1000  # times that a job whose time ended goes back into the queue
TAKEN = 600.0  # seconds in which SLURM, after SIGTERM, has to end the process
ANSWER = 30.0  # seconds for a command of SLURM

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Queued:
    """A job in SLURM's queue: its number, its state and why it waits."""

    job: str
    state: str
    reason: str


@dataclass(frozen=True)
class Participant:
    """What a job does: it takes part in a study.

    Attributes:
        root: folder of runs.
        study: the study's address.
        device: where networks run.
        home: the data folder.
    """

    root: str
    study: str
    device: str
    home: str

    def __call__(self, number: int) -> None:
        """Work until nothing is left, or until SLURM wants the machine back."""
        from wiringup.experiments.launching.work import take_part
        from wiringup.experiments.runs.inputs import StudyInputs

        logging.basicConfig(level=logging.INFO, format="%(asctime)s  %(message)s")
        requeue, ended = signal.getsignal(signal.SIGUSR2), list[int]()

        def end(number: int, frame: FrameType | None) -> None:
            ended.append(number)
            hear = signal.getsignal(signal.SIGTERM)  # a training ends its step first
            if callable(hear):
                hear(number, frame)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGUSR2, end)
        try:
            take_part(self.root, self.study, self.device, StudyInputs(Path(self.home)))
        except PreemptedError:
            if ended and callable(requeue):
                requeue(signal.SIGUSR2, None)
            time.sleep(TAKEN)
            raise

    def checkpoint(self, number: int) -> Any:
        """Return what the job does when it comes again: the same, from the checkpoints of the runs."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, number)


def submit(how: LaunchOptions, listing: Listing, store: Store, device: str, home: Path, runs: int) -> str:
    """Put jobs for a study into the queue, unless enough are there; return the number of their array.

    Args:
        how: what a job may use.
        listing: the study.
        store: where it lies, as every machine of the cluster sees it.
        device: where networks run.
        home: the data folder.
        runs: how many are to be made.

    Raises:
        MissingDataError: if there is no SLURM, or no submitit.
        WiringupError: if SLURM refuses the jobs; its answer is told.
    """
    executor_of, refused = _submitit()
    root = str(Path(store.root).absolute())
    there = len(queued(store, listing.uid) or ())
    number = min(how.number, runs) - there
    if number <= 0:
        log.info("%d jobs are at it, or wait for it, already.", there)
        return ""
    executor = executor_of(store.folder(listing.uid).absolute() / FOLDER, max_num_timeout=AGAIN)
    executor.update_parameters(**_parameters(how, name_of(store, listing.uid)))
    work = Participant(root, listing.uid, device, str(home.absolute()))
    try:
        jobs = executor.map_array(work, list(range(number)))
    except refused as error:
        answer = str(error).strip().splitlines()
        raise WiringupError(f"SLURM refuses the jobs: {answer[-1] if answer else error}") from error
    array = str(jobs[0].job_id).partition("_")[0]
    log.info("Job %s: %d jobs for %d runs; what they say is in %s.", array, number, runs, executor.folder)
    return array


def check_here(how: LaunchOptions) -> None:
    """Raise `MissingDataError` if runs are to be launched by a SLURM that is not here."""
    if how.kind == SLURM:
        _submitit()


def _submitit() -> tuple[Any, type[Exception]]:
    """Return submitit's executor, and the error that it raises when SLURM refuses a job."""
    if shutil.which("sbatch") is None:
        raise MissingDataError(
            "There is no SLURM here (no sbatch). Launch on a machine of the cluster, or by processes:N."
        )
    try:
        from submitit import SlurmExecutor
        from submitit.core.utils import FailedJobError
    except ImportError as error:
        raise MissingDataError("Jobs need submitit: pip install 'wiringup[slurm]'") from error
    return SlurmExecutor, FailedJobError


def _parameters(how: LaunchOptions, name: str) -> dict[str, Any]:
    """Return what submitit calls the options of a job."""
    own = {"partition": how.partition, "account": how.account, "mem": how.memory}
    own["gpus_per_node"] = str(how.gpus) if how.gpus else None
    cores = "${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}"
    parameters: dict[str, Any] = {
        "job_name": name,
        "time": how.minutes,
        "signal_delay_s": WARNING,
        "array_parallelism": how.number,
        "additional_parameters": {k: v for k, v in own.items() if v} | {"requeue": True} | how.more(),
        "setup": [f"export {' '.join(f'{variable}={cores}' for variable in THREADS)}"],
    }
    if how.cpus:  # srun does not take it over from sbatch
        parameters |= {"cpus_per_task": how.cpus, "srun_args": [f"--cpus-per-task={how.cpus}"]}
    return parameters


def name_of(store: Store, study: str) -> str:
    """Return what jobs for a study in a folder are called."""
    return f"wiringup-{study}-{hashlib.sha256(str(Path(store.root).resolve()).encode()).hexdigest()[:6]}"


def queued(store: Store, study: str) -> list[Queued] | None:
    """Return the jobs for a study that wait or run; None if it has none, or there is no SLURM here.

    Raises:
        WiringupError: if SLURM does not answer.
    """
    if shutil.which("squeue") is None or not (store.folder(study) / FOLDER).is_dir():
        return None
    asked = ["squeue", "-h", "-r", "-u", getpass.getuser(), "-n", name_of(store, study), "-o", "%i|%T|%r"]
    lines = (line.split("|") for line in _answer(asked).splitlines())
    return [Queued(*(part.strip() for part in line)) for line in lines]


def cancel(store: Store, study: str) -> int:
    """Take the jobs for a study out of the queue and end those that run; return how many there were."""
    jobs = queued(store, study)
    if jobs:
        _answer(["scancel", "-u", getpass.getuser(), "-n", name_of(store, study)])
    return len(jobs or ())


def _answer(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER, check=False)
    except subprocess.TimeoutExpired as error:
        raise WiringupError(f"SLURM does not answer ({' '.join(command)}). Try again later.") from error
    if done.returncode:
        raise WiringupError(f"SLURM does not answer ({' '.join(command)}): {' '.join(done.stderr.split())}")
    return done.stdout
