"""A study: as a value, and as the list of runs that lies in its folder for every process that works on it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wiringup.core.checks import did_you_mean
from wiringup.core.errors import InputError, MissingDataError, WiringupError
from wiringup.core.files import read_json
from wiringup.core.sealed import read_sealed, write_sealed
from wiringup.core.spec import check_shape, uid
from wiringup.experiments.runs.spec import RunSpec
from wiringup.results.documents import ListingDocument
from wiringup.results.store import RUNS, STUDY, Store, is_study

BEGINNING = 4  # characters of an address that may stand for it
AGAIN = "Restore it from a copy, or delete it and run the command again that launched the study."


@dataclass(frozen=True)
class Study:
    """Runs that are compared with a reference.

    Attributes:
        runs: pinned; the conditions in the order in which they are told.
        reference: label of the runs that percentages are of.
        about: what a reader of the records needs to know besides, as plain JSON types.
    """

    runs: tuple[RunSpec, ...]
    reference: str
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def uid(self) -> str:
        """The study's address: its runs and how they are called."""
        runs = [[run.uid, run.label] for run in self.runs]
        return uid("study", {"runs": runs, "reference": self.reference, "about": self.about})

    def document(self) -> dict[str, Any]:
        """Return what the report says of the study as a whole."""
        first = self.runs[0]
        return {
            "reference": self.reference,
            "images": first.images.sha256,
            "exam": asdict(first.exam),
            **self.about,
        }

    def listing(self) -> "Listing":
        """Return what every process that works on the study needs to know of it."""
        return Listing(self.uid, self.document(), tuple(Listed.of(run) for run in self.runs))


@dataclass(frozen=True)
class Listed:
    """One run of a study.

    Attributes:
        run: its address.
        label: how this study calls it.
        seed: of its birth.
        title: how messages call it.
        needs: address of the run whose genome it is born from; "" if it needs none.
    """

    run: str
    label: str
    seed: int
    title: str
    needs: str = ""

    @classmethod
    def of(cls, run: RunSpec) -> "Listed":
        """Return the entry of a run."""
        parent = run.genome.distilled_from
        return cls(run.uid, run.label, run.birth.seed, run.title, parent.uid if parent else "")


@dataclass(frozen=True)
class Listing:
    """The runs of a study as they lie in its folder; the spec of each lies in the run's own.

    Attributes:
        uid: the study's address.
        document: what the report says of it.
        runs: in the order in which they are told.
    """

    uid: str
    document: Mapping[str, Any]
    runs: tuple[Listed, ...]

    @property
    def reference(self) -> str:
        """Label of the runs that percentages are of."""
        return str(self.document["reference"])

    def in_order(self) -> list[Listed]:
        """Return every run once, those that others are born from first."""
        needed = {one.needs for one in self.runs}
        once: dict[str, Listed] = {}
        for one in self.runs:
            once.setdefault(one.run, one)
        return sorted(once.values(), key=lambda one: one.run not in needed)

    def save(self, store: Store) -> None:
        """Write it down."""
        runs = [asdict(one) for one in self.runs]
        write_sealed(store.folder(self.uid) / RUNS, {"uid": self.uid, "spec": self.document, "runs": runs})

    @classmethod
    def load(cls, store: Store, name: str) -> "Listing":
        """Return the study that was launched under an address.

        Raises:
            MissingDataError: if none was.
            InputError: if its list is damaged or was changed by hand.
        """
        path = store.folder(name) / RUNS
        if not path.is_file():
            if (store.folder(name) / STUDY).is_file():
                raise MissingDataError(
                    f"All runs of study {name} are done; an earlier version made it, which kept no list of "
                    f"them. What came of it: wiringup report {name}."
                )
            known = studies(store)
            raise MissingDataError(
                f"No study {name!r} was launched in {store.root}.{did_you_mean(name, known)} "
                f"Known: {', '.join(known) or 'none yet; see wiringup sweep --help'}."
            )
        values = read_sealed(path, AGAIN)
        try:
            check_shape(values, ListingDocument, "the list of runs")
        except InputError as error:
            raise InputError(f"{path}: {error} {AGAIN}") from error
        return cls(values["uid"], values["spec"], tuple(Listed(**one) for one in values["runs"]))


def studies(store: Store) -> list[str]:
    """Return the addresses of all studies that were launched in a folder."""
    return sorted(path.parent.name for path in Path(store.root).glob(f"*/{RUNS}"))


def find_study(runs: Path, name: str) -> Path:
    """Return the folder of a study.

    Args:
        runs: the folder of runs.
        name: its address, the beginning of it, its folder, or the recipe that it is of.

    Raises:
        InputError: if several studies are called so.
        MissingDataError: if none is.
    """
    for folder in (runs / name, Path(name)):
        if name and is_study(folder):
            return folder.absolute()
    recipes = _recipes(runs)
    found = [
        a
        for a, recipe in recipes.items()
        if (recipe and recipe == name) or (len(name) >= BEGINNING and a.startswith(name))
    ]
    if len(found) > 1:
        raise InputError(
            f"{name!r} could be any of {len(found)} studies in {runs}; name one: {', '.join(found)}."
        )
    if not found:
        known = [f"{a} ({recipe})" if recipe else a for a, recipe in recipes.items()]
        near = did_you_mean(name, [*recipes, *filter(None, recipes.values())])
        raise MissingDataError(
            f"There is no study {name!r} in {runs}.{near} "
            f"Known: {', '.join(known) or 'none yet; make one with wiringup run'}."
        )
    return (runs / found[0]).absolute()


def _recipes(runs: Path) -> dict[str, str]:
    """Return address of a study -> the recipe that it is of, or ""; of what cannot be read "" too."""
    found: dict[str, str] = {}
    for path in sorted([*runs.glob(f"*/{STUDY}"), *runs.glob(f"*/{RUNS}")]):
        try:
            spec = read_json(path)["spec"]
            found[path.parent.name] = str(spec.get("recipe", ""))
        except (WiringupError, KeyError, TypeError, AttributeError):
            found.setdefault(path.parent.name, "")
    return found
