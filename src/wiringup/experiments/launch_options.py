"""Where the runs of a study are made: fields that are flags of the command line, with their help."""

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg

from wiringup.core.checks import at_least
from wiringup.core.errors import InputError

LOCAL, PROCESSES = "here", "processes"


@dataclass(frozen=True)
class LaunchOptions:
    """Where the runs of a study are made.

    Attributes:
        launch: here, one run after the other; or processes:N, N at once on this machine, which share its
            cores and take its cards in turn.

    Raises:
        InputError: for another place.
    """

    launch: Annotated[str, arg(metavar="here|processes:N")] = LOCAL

    def __post_init__(self) -> None:
        kind, colon, number = self.launch.partition(":")
        if not ((kind == LOCAL and not colon) or (kind == PROCESSES and number.isdecimal())):
            raise InputError(
                f"Runs are launched here or by processes:N, as in processes:4; got {self.launch!r}."
            )
        at_least(self.number, 1, "the number of processes")

    @property
    def kind(self) -> str:
        """`LOCAL` or `PROCESSES`."""
        return self.launch.partition(":")[0]

    @property
    def number(self) -> int:
        """How many at once."""
        return int(self.launch.partition(":")[2] or 1)


HERE = LaunchOptions()
