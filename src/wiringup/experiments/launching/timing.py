"""How long the runs that several processes make will still take, by how long those took that are made."""

from collections.abc import Callable, Collection, Mapping, Sequence

from wiringup.core.progress import DOUBT

A_RUN = 120.0  # seconds, where nothing is known


class TimeLeft:
    """Time left of runs that are shared.

    What a run is expected to take is a guess: it is multiplied by how much longer than theirs those took that
    are made. Of a run that somebody is at, what it took so far is behind us.

    Args:
        expected: run -> seconds that it is likely to take.
        number: of processes.
        resumed: runs of which a part was made before: what the rest takes says nothing of whole ones.
    """

    def __init__(self, expected: Mapping[str, float], number: int, resumed: Collection[str] = ()) -> None:
        self.expected, self.number, self.resumed = expected, number, resumed
        self._begun: dict[str, float] = {}
        self._took: dict[str, float] = {}

    def seconds(
        self, todo: Sequence[str], at_work: Collection[str], now: float, made: Callable[[str], bool]
    ) -> float:
        """Return the seconds that are left.

        Args:
            todo: runs that are not made, and may be.
            at_work: those of them that a process is at.
            now: seconds, of any clock.
            made: whether a run that is not among them any more is made, and did not fail.
        """
        for run in at_work:
            self._begun.setdefault(run, now)
        for run in self._begun.keys() - set(at_work):
            begun = self._begun.pop(run)
            if run not in todo and run not in self.resumed and made(run):
                self._took[run] = now - begun
        guessed = sum(self._guess(run) for run in self._took)
        longer = sum(self._took.values()) / guessed if guessed else 1.0
        each = [self._of_run(run, longer, run in at_work, now) for run in todo]
        return max(sum(each) / self.number, max(each, default=0.0))

    def _guess(self, run: str) -> float:
        return self.expected.get(run, A_RUN)

    def _of_run(self, run: str, longer: float, at_work: bool, now: float) -> float:
        whole = longer * self._guess(run)
        if not at_work:
            return whole
        spent = now - self._begun[run]
        doubted = spent - whole if self._took else spent  # a guess is doubted from the beginning
        return max(whole - spent, DOUBT * doubted)
