"""``wiringup work``, ``status`` and ``cancel``: studies while they are made."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from wiringup.cli.arguments import Runs

StudyName = Annotated[Positional[str], arg(metavar="STUDY", help="Address of a study (12 characters).")]


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
    from wiringup.experiments.work import take_part

    take_part(out, study, device)
