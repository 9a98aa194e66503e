"""The store: one folder for each run, named by the hash of its specification."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from wiringup.core.checks import did_you_mean
from wiringup.core.errors import InputError, MissingDataError, WiringupError
from wiringup.core.sealed import read_sealed, write_sealed
from wiringup.core.spec import changed, check_shape
from wiringup.core.spec import to_dict as plain
from wiringup.results.documents import (
    DivergedDocument,
    ListingDocument,
    MatchDocument,
    ScoresDocument,
    StudyDocument,
)
from wiringup.results.record import Record, from_dict, to_dict

log = logging.getLogger(__name__)

Kept = TypeVar("Kept")

RECORD = "record.json"
DIVERGED = "diverged.json"
STUDY = "study.json"
RUNS = "runs.json"  # of a study that was launched
SCORES = "scores.json"
MATCH = "match.json"

AGAIN = (
    "Restore it from a copy, or delete it and run the command that made it again: what else is whole is not "
    "computed twice."
)


@dataclass(frozen=True)
class Store:
    """Runs, studies and single scores below one folder.

    ``<root>/<uid>/record.json`` is a finished run; ``<root>/<uid>/study.json`` lists the runs of a study;
    ``<root>/<uid>/scores.json`` holds scores made by ``wiringup score``, ``match.json`` a brain match.

    Args:
        root: the folder.
        unreadable: told of files that cannot be read while all of a kind are listed; by default a warning.
    """

    root: Path | str
    unreadable: Callable[[Path, str], None] = lambda _path, why: log.warning("Left out: %s", why)

    def folder(self, uid: str) -> Path:
        """Return the folder of a run, whether it exists or not."""
        return Path(self.root) / uid

    def finished(self, uid: str, spec: Any) -> Record | None:
        """Return the record of ``uid`` if that run is finished.

        Raises:
            InputError: if the record is damaged, or was written for another specification.
        """
        path = self.folder(uid) / RECORD
        if not path.is_file():
            return None
        record = self.record(uid)
        if differs := changed(dict(record.spec), spec):
            raise InputError(
                f"{path} was written for another specification; it differs in {sorted(differs)}."
            )
        return record

    def record(self, uid: str) -> Record:
        """Return the record of a finished run.

        Raises:
            MissingDataError: if there is none.
            InputError: if it is damaged, changed by hand, or of another format.
        """
        path = self.folder(uid) / RECORD
        return _formed(path, lambda: from_dict(read_sealed(path, AGAIN)))

    def save(self, record: Record) -> None:
        """Write a finished run."""
        write_sealed(self.folder(record.uid) / RECORD, to_dict(record))

    def made(self, uid: str) -> bool:
        """Return whether there is a record of a run; it is not read."""
        return (self.folder(uid) / RECORD).is_file()

    def diverged(self, uid: str, needs: str = "") -> str | None:
        """Return why the training of ``uid``, or of the run that it is born from, diverged, if one did."""
        for path in (self.folder(one) / DIVERGED for one in (uid, needs) if one):
            if path.is_file():
                return str(_document(path, DivergedDocument)["why"])
        return None

    def save_diverged(self, uid: str, spec: Any, why: str) -> None:
        """Write down that a training diverged, so that nobody tries it again; remove the folder to do so."""
        write_sealed(self.folder(uid) / DIVERGED, {"spec": plain(spec), "why": why})

    def save_study(self, uid: str, spec: Any, runs: list[str]) -> None:
        """Write the list of runs of a study."""
        write_sealed(self.folder(uid) / STUDY, {"uid": uid, "spec": spec, "runs": runs})

    def save_scores(self, uid: str, rows: list[dict[str, Any]]) -> None:
        """Write the rows of one ``wiringup score`` call."""
        write_sealed(self.folder(uid) / SCORES, {"rows": rows})

    def save_match(self, uid: str, match: dict[str, Any]) -> Path:
        """Write the brain match of one ``wiringup match`` call; return where."""
        path = self.folder(uid) / MATCH
        write_sealed(path, match)
        return path

    def study(self, name: str) -> tuple[dict[str, Any], list[Record]]:
        """Return the study's document and its records; of one that is not finished, those that are made.

        Raises:
            MissingDataError: if there is no such study, or none of its runs is made, or one is gone.
            InputError: if it is damaged or changed by hand.
        """
        path = self.folder(name) / STUDY
        if not is_study(path.parent):
            known = [p.parent.name for p in Path(self.root).glob(f"*/{STUDY}")]
            raise MissingDataError(
                f"There is no study {name!r} in {self.root}.{did_you_mean(name, known)} "
                f"Known: {', '.join(sorted(known)) or 'none yet; make one with wiringup run'}."
            )
        document = _document(path, StudyDocument) if path.is_file() else self._so_far(name)
        records = [self._of_study(uid) for uid in document["runs"]]
        labels = document["spec"].get("labels") or [r.label for r in records]
        # one run may be of several studies, and of several conditions
        return document, [replace(r, label=label) for r, label in zip(records, labels, strict=True)]

    def _so_far(self, name: str) -> dict[str, Any]:
        """Return the document that a study would have if it consisted of the runs that are made."""
        listed = _document(self.folder(name) / RUNS, ListingDocument)
        made, lost = [], []
        for one in listed["runs"]:
            if why := self.diverged(one["run"], one.get("needs", "")):
                lost.append({"label": one["label"], "seed": one["seed"], "why": why})
            elif self.made(one["run"]):
                made.append(one)
        if not made:
            raise MissingDataError(f"No run of study {name} is made yet; see wiringup status {name}.")
        spec = {**listed["spec"], "labels": [one["label"] for one in made], "diverged": lost}
        found = {"uid": listed["uid"], "spec": spec, "runs": [one["run"] for one in made]}
        whole = listed["spec"].get("reference") not in (one["label"] for one in lost)
        if whole and len(made) + len(lost) == len(listed["runs"]):
            return found
        told = f"{len(made)} of {len(listed['runs'])} runs"
        log.warning("Study %s is not finished: what follows is of %s.", name, told)
        return found | {"so_far": told}

    def studies(self) -> list[dict[str, Any]]:
        """Return the document of every study and sweep."""
        return self._each(STUDY, lambda path: _document(path, StudyDocument))

    def _of_study(self, uid: str) -> Record:
        try:
            return self.record(uid)
        except MissingDataError as error:
            raise MissingDataError(
                f"Run {uid} of this study is not finished. Start wiringup run again to continue it."
            ) from error

    def records(self) -> list[Record]:
        """Return every finished run."""
        return self._each(RECORD, lambda path: self.record(path.parent.name))

    def scores(self) -> list[dict[str, Any]]:
        """Return the rows of every ``wiringup score`` call that was kept."""
        return [row for rows in self._each(SCORES, _score_rows) for row in rows]

    def scores_of(self, uid: str) -> list[dict[str, Any]]:
        """Return the rows of one ``wiringup score`` call; raise `InputError` if they are damaged."""
        return _score_rows(self.folder(uid) / SCORES)

    def matches(self) -> list[dict[str, Any]]:
        """Return every brain match that was kept."""
        return self._each(MATCH, lambda path: _document(path, MatchDocument))

    def _each(self, name: str, read: Callable[[Path], Kept]) -> list[Kept]:
        """Read every file called ``name``; what cannot be read is told, and hides nothing else."""
        found = []
        for path in sorted(Path(self.root).glob(f"*/{name}")):
            try:
                found.append(read(path))
            except WiringupError as error:
                self.unreadable(path, str(error))
        return found


def is_study(folder: Path) -> bool:
    """Return whether a folder is that of a study, finished or not."""
    return (folder / STUDY).is_file() or (folder / RUNS).is_file()


def _score_rows(path: Path) -> list[dict[str, Any]]:
    # the first versions wrote the rows alone
    kept = _read(path)
    document = {"rows": kept} if isinstance(kept, list) else kept
    _formed(path, lambda: check_shape(document, ScoresDocument, "the file"))
    rows: list[dict[str, Any]] = document["rows"]
    return rows


def _document(path: Path, kind: type) -> dict[str, Any]:
    document: dict[str, Any] = _read(path)
    _formed(path, lambda: check_shape(document, kind, "the file"))
    return document


def _read(path: Path) -> Any:
    return read_sealed(path, AGAIN)


def _formed(path: Path, read: Callable[[], Kept]) -> Kept:
    """Return what ``read`` returns; its errors name the file."""
    try:
        return read()
    except MissingDataError:
        raise
    except InputError as error:
        told = str(error)
        raise InputError(told if str(path) in told else f"{path}: {told} {AGAIN}") from error
