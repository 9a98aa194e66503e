"""`Results`: the table of what was kept, as a frame, a figure, or a file."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.files import write_text
from wiringup.results.brain_match import BrainMatch, to_dict
from wiringup.results.comparison import Comparison, compare, diverged_of
from wiringup.results.confirmation import alone, confirmed, others
from wiringup.results.curves import Compared, Curve, Reached, compared, curves, reached
from wiringup.results.kept import save_parquet
from wiringup.results.labels import told_apart
from wiringup.results.lengths import by_length, joined, lines, named
from wiringup.results.pareto import OnFront, front
from wiringup.results.record import Diverged, Record, plain
from wiringup.results.stats import Estimate
from wiringup.results.store import Store, is_study
from wiringup.results.table import Row, rows, to_csv

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


_COUNTED = {
    "run": "runs", "label": "conditions", "model": "models", "benchmark": "benchmarks", "layer": "layers",
}  # fmt: skip


class Results:
    """A row for every run, scored moment, benchmark and layer; see `results.table.rows`.

    It lives beside the figures because it draws itself; nothing of it needs torch.

    Args:
        found: records, or rows of such a table or of ``wiringup score``.
        reference: label of the condition that percentages are of; "" where there is none.
        diverged: runs that have no score.
        so_far: how many runs these are of, if their study is not finished.
    """

    def __init__(
        self,
        found: Iterable[Record | Row],
        reference: str = "",
        diverged: Sequence[Diverged] = (),
        so_far: str = "",
    ) -> None:
        each = list(found)
        records = [one for one in each if isinstance(one, Record)]
        self._with_draws: list[dict[str, Any]] = rows(records, evidence=True)
        self._with_draws += [dict(plain(one)) for one in each if not isinstance(one, Record)]
        self.rows = [{k: v for k, v in row.items() if k != "evidence"} for row in self._with_draws]
        self.reference, self.diverged, self.so_far = reference, tuple(diverged), so_far

    @classmethod
    def load(cls, folder: Path | str) -> "Results":
        """Return the results in a folder: of a study, finished or not, or of all runs of a store.

        Runs of a store that have one label but differ in more than seeds get labels that say in what.

        Raises:
            MissingDataError: if there are none.
            InputError: if a record is damaged.
        """
        folder = Path(folder)
        if is_study(folder):
            document, records = Store(folder.resolve().parent).study(folder.resolve().name)
            reference, so_far = document["spec"]["reference"], document.get("so_far", "")
            return cls(records, reference, diverged_of(document), so_far)
        if not (records := Store(folder).records()):
            raise MissingDataError(
                f"{folder} holds neither a study nor finished runs. Name a folder of runs "
                "(by default runs), or that of a study in it; make one with wiringup run."
            )
        return cls(told_apart(records))

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        counts = [
            f"{len({row.get(column) for row in self.rows} - {None})} {name}"
            for column, name in _COUNTED.items()
            if any(row.get(column) is not None for row in self.rows)
        ]
        of = f", reference {self.reference!r}" if self.reference else ""
        return f"Results({len(self.rows)} rows: {', '.join(counts)}{of})"

    def only(self, keep: Callable[[Row], bool]) -> "Results":
        """Return the results of the rows for which ``keep`` is true."""
        return Results(
            [row for row in self._with_draws if keep(row)], self.reference, self.diverged, self.so_far
        )

    def to_frame(self) -> "pandas.DataFrame":
        """Return the table as a pandas frame, a column for each name."""
        import pandas

        return pandas.DataFrame(self.rows)

    def compare(self, reference: str = "") -> Comparison:
        """Return every condition beside a reference, over seeds; by default beside that of the study.

        Raises:
            InputError: if no reference is known, or there is no run of that label.
        """
        return compare(self._with_draws, self._named(reference), self.diverged)

    def _named(self, reference: str) -> str:
        if reference := reference or self.reference:
            return reference
        labels = ", ".join(repr(label) for label in dict.fromkeys(row["label"] for row in self.rows))
        raise InputError(f"Percentages need a reference. Name one of the conditions: {labels}.")

    def curves(
        self, reference: str = "", benchmarks: Sequence[str] = (), *, fractions: bool = True
    ) -> dict[str, Curve]:
        """Return the learning curve of every condition, see `results.curves`.

        Args:
            reference: as of `compare`.
            benchmarks: that count alone, see `results.confirmation.alone`; by default all.
            fractions: whether fractions of the reference will be asked for.
        """
        table = alone(self._with_draws, benchmarks) if benchmarks else self._with_draws
        return curves(table, self._named(reference), fractions=fractions)

    def pair(
        self, first: str, second: str, reference: str = "", benchmarks: Sequence[str] = ()
    ) -> tuple[Curve, Curve]:
        """Return the curves of two conditions, or of lines of trainings that differ in their length alone."""
        found = self.curves(reference, benchmarks, fractions=False)
        of_lines = joined(found, lines(self.rows))
        return named(first, found, of_lines), named(second, found, of_lines)

    def difference(
        self,
        first: str,
        second: str,
        by: str = "updates",
        reference: str = "",
        benchmarks: Sequence[str] = (),
    ) -> list[Compared]:
        """Return by how much a condition is above another at equal updates, see `results.curves.compared`."""
        return compared(*self.pair(first, second, reference, benchmarks), by)

    def reach(
        self,
        percent: float = 80.0,
        by: str = "synaptic_updates",
        reference: str = "",
        benchmarks: Sequence[str] = (),
    ) -> list[Reached]:
        """Return what each condition spent until it reached a part of the reference, the least first.

        Raises:
            InputError: if ``percent`` is none, or as `curves`.
        """
        if not 0 < percent <= 100:
            raise InputError(
                f"What is reached is {percent:g}, but has to be a percentage above 0 and up to 100."
            )
        found = self.curves(reference, benchmarks)
        whole = found[self._named(reference)]
        each = joined(found, lines(self.rows)).values()
        return sorted((reached(c, whole, percent / 100, by) for c in each), key=lambda r: r.spent)

    def front(
        self, by: str = "synaptic_updates", reference: str = "", benchmarks: Sequence[str] = ()
    ) -> list[OnFront]:
        """Return the Pareto front of brain match against a cost, see `results.pareto.front`."""
        return front(self.curves(reference, benchmarks), self._named(reference), by)

    def others(self, benchmarks: Sequence[str]) -> list[str]:
        """Return the benchmarks but for some; raise `InputError` if none is left or one is unknown."""
        return others(self._with_draws, benchmarks)

    def confirm(
        self, points: Sequence[OnFront], benchmarks: Sequence[str], reference: str = ""
    ) -> list[dict[str, Estimate]]:
        """Return what points of a front are worth on other benchmarks, see `results.confirmation`."""
        return confirmed(self._with_draws, points, reference or self.reference, benchmarks)

    def plot(self, reference: str = "") -> "Figure":
        """Return the figure of brain match against supervised synaptic updates; arguments as `compare`.

        Of scores without a training, as ``wiringup score`` keeps them, it is that of layers and benchmarks.
        """
        from wiringup.figures import scores, updates

        if any("epoch" in row for row in self.rows):
            found = self.compare(reference)
            return updates.draw(found, by_length(found, lines(self.rows)))
        return scores.draw(self.rows)

    def to_csv(self, path: Path | str) -> None:
        """Write the table as CSV, every number with all its digits."""
        write_text(Path(path), to_csv(self.rows))

    def to_parquet(self, path: Path | str) -> None:
        """Write the table as Parquet.

        Raises:
            MissingDataError: if DuckDB, which writes it, is not installed.
        """
        save_parquet(self.rows, Path(path))


@dataclass(frozen=True)
class BrainMatchResult:
    """A brain match, and the fraction that it is of a reference's, where there is one."""

    match: BrainMatch
    reference: BrainMatch | None = None

    def __repr__(self) -> str:
        mean = self.match.mean
        return (
            f"BrainMatchResult({self.match.label} on {self.match.suite}: {mean.value:.3f} ± {mean.error:.3f})"
        )

    def to_frame(self) -> "pandas.DataFrame":
        """Return a row for every area and the mean: value, error, interval, fraction of the reference."""
        import pandas

        found = {**self.match.areas, "mean": self.match.mean}
        frame = pandas.DataFrame(
            {
                area: {"value": e.value, "error": e.error, "low": e.low, "high": e.high}
                for area, e in found.items()
            }
        ).T
        if self.reference is not None:
            fraction = self.match.fraction_of(self.reference)
            frame["fraction"] = pandas.Series({area: e.value for area, e in fraction.items()})
        return frame

    def plot(self) -> "Figure":
        """Return the figure: a bar for every area and the mean, with 95 % intervals."""
        from wiringup.figures.brain_match import draw

        return draw([to_dict(m) for m in (self.match, self.reference) if m is not None])
