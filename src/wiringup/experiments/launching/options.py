"""Where the runs of a study are made: fields that are flags of the command line, with their help."""

import re
from dataclasses import dataclass, fields
from typing import Annotated, Any

from tyro.conf import arg

from wiringup.core.checks import at_least
from wiringup.core.errors import InputError

LOCAL, PROCESSES, SLURM = "here", "processes", "slurm"
JOBS = 32
"""Jobs of a study at once on a cluster, unless another number is asked for."""
LEAST_MINUTES = 5.0  # of a job: it needs some to begin, and two to end in good order

_OWN = {
    "partition": "--partition",
    "time": "--time",
    "gpus": "--gpus",
    "gpus_per_node": "--gpus",
    "cpus_per_task": "--cpus",
    "mem": "--memory",
    "account": "--account",
    "array": "--launch slurm:N",
}
_SET = ("signal", "requeue", "no_requeue", "output", "error", "open_mode", "job_name", "nodes", "ntasks")


@dataclass(frozen=True)
class LaunchOptions:
    """Where the runs of a study are made.

    Attributes:
        launch: here, one run after the other; processes:N, N at once on this machine, which share its
            cores and take its cards in turn; or slurm, by jobs on a cluster (slurm:N for at most N at once,
            32 by default).
        partition: Of the cluster, for slurm.
        time: Limit of a job, in minutes or as 4:00:00 or 1-12:00:00; a job that reaches it goes on later.
        gpus: Cards of a job, 0 or 1: more jobs use more cards.
        cpus: Cores of a job.
        memory: Of a job, as in 16G.
        account: Who pays.
        slurm: Any other option of sbatch, as in qos=long constraint=a100.

    Raises:
        InputError: for another place, and for options that nothing would look at.
    """

    launch: Annotated[str, arg(metavar="here|processes:N|slurm")] = LOCAL
    partition: Annotated[str | None, arg(metavar="NAME")] = None
    time: Annotated[str, arg(metavar="TIME")] = "4:00:00"
    gpus: int = 0
    cpus: Annotated[int | None, arg(metavar="N")] = None
    memory: Annotated[str | None, arg(metavar="SIZE")] = None
    account: Annotated[str | None, arg(metavar="NAME")] = None
    slurm: Annotated[tuple[str, ...], arg(metavar="KEY=VALUE [...]")] = ()

    def __post_init__(self) -> None:
        kind, colon, number = self.launch.partition(":")
        alone = kind in (LOCAL, SLURM) and not colon
        if not (alone or (kind in (PROCESSES, SLURM) and number.isdecimal())):
            raise InputError(
                f"Runs are launched here, by processes:N (as in processes:4) or slurm; got {self.launch!r}."
            )
        at_least(self.number, 1, f"the number of {'jobs' if kind == SLURM else 'processes'}")
        if kind != SLURM:
            for field in fields(self)[1:]:
                if getattr(self, field.name) != field.default:
                    raise InputError(f"--{field.name} is of jobs on a cluster; give --launch slurm too.")
        at_least(self.minutes, LEAST_MINUTES, "the minutes of a job")
        if self.gpus not in (0, 1):
            raise InputError(f"A run uses one card, so a job has 0 or 1; got {self.gpus}. Ask for more jobs.")
        if self.cpus is not None:
            at_least(self.cpus, 1, "the cores of a job")
        self.more()

    @property
    def kind(self) -> str:
        """`LOCAL`, `PROCESSES` or `SLURM`."""
        return self.launch.partition(":")[0]

    @property
    def number(self) -> int:
        """How many at once."""
        return int(self.launch.partition(":")[2] or (JOBS if self.kind == SLURM else 1))

    @property
    def minutes(self) -> int:
        """The time of a job."""
        days, hours, minutes, seconds = _clock(self.time)
        return round(days * 1440 + hours * 60 + minutes + seconds / 60)

    def more(self) -> dict[str, Any]:
        """Return the other options of sbatch, by name; True for one without a value."""
        found: dict[str, Any] = {}
        for text in self.slurm:
            key, given, value = text.lstrip("-").partition("=")
            name = key.replace("-", "_")
            if not re.fullmatch(r"[a-z_]+", name) or name in found:
                raise InputError(f"--slurm takes KEY=VALUE, every key once; got {text!r}.")
            if name in _OWN:
                raise InputError(f"{key} of sbatch has a flag of its own here: {_OWN[name]}.")
            if name in _SET:
                raise InputError(f"{key} of sbatch is set by wiringup, whose jobs depend on it.")
            found[name] = value if given else True
        return found


def _clock(text: str) -> tuple[int, int, int, int]:
    """Return days, hours, minutes and seconds as SLURM reads them."""
    forms = (
        r"(?:(?P<d>\d+)-)(?P<h>\d+)(?::(?P<m>\d+)(?::(?P<s>\d+))?)?",
        r"(?:(?P<h>\d+):)?(?P<m>\d+):(?P<s>\d+)|(?P<m2>\d+)",
    )
    for form in forms:
        if found := re.fullmatch(form, text):
            parts = found.groupdict()
            d, h, m, s = (int(parts.get(name) or 0) for name in "dhms")
            return d, h, m + int(parts.get("m2") or 0), s
    raise InputError(f"--time is in minutes, or as 4:00:00 or 1-12:00:00; got {text!r}.")


HERE = LaunchOptions()
