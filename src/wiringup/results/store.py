"""The store: one folder for each run, named by the hash of its specification."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wiringup.core.checks import did_you_mean
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.files import read_json, write_json
from wiringup.core.spec import changed
from wiringup.core.spec import to_dict as plain
from wiringup.results.record import Record, from_dict, to_dict

RECORD = "record.json"
DIVERGED = "diverged.json"
STUDY = "study.json"
SCORES = "scores.json"
MATCH = "match.json"


@dataclass(frozen=True)
class Store:
    """Runs, studies and single scores below one folder.

    ``<root>/<uid>/record.json`` is a finished run; ``<root>/<uid>/study.json`` lists the runs of a study;
    ``<root>/<uid>/scores.json`` holds scores made by ``wiringup score``, ``match.json`` a brain match.
    """

    root: Path

    def folder(self, uid: str) -> Path:
        """Return the folder of a run, whether it exists or not."""
        return self.root / uid

    def finished(self, uid: str, spec: Any) -> Record | None:
        """Return the record of ``uid`` if that run is finished.

        Raises:
            InputError: if the stored specification is another one (a changed file, or a broken hash).
        """
        path = self.folder(uid) / RECORD
        if not path.is_file():
            return None
        record = from_dict(read_json(path))
        if differs := changed(dict(record.spec), spec):
            raise InputError(
                f"{path} was written for another specification; it differs in {sorted(differs)}."
            )
        return record

    def save(self, record: Record) -> None:
        """Write a finished run."""
        write_json(self.folder(record.uid) / RECORD, to_dict(record))

    def diverged(self, uid: str) -> str | None:
        """Return why the training of ``uid`` diverged, if it did."""
        path = self.folder(uid) / DIVERGED
        return str(read_json(path)["why"]) if path.is_file() else None

    def save_diverged(self, uid: str, spec: Any, why: str) -> None:
        """Write down that a training diverged, so that nobody tries it again; remove the folder to do so."""
        write_json(self.folder(uid) / DIVERGED, {"spec": plain(spec), "why": why})

    def save_study(self, uid: str, spec: Any, runs: list[str]) -> None:
        """Write the list of runs of a study."""
        write_json(self.folder(uid) / STUDY, {"uid": uid, "spec": spec, "runs": runs})

    def save_scores(self, uid: str, rows: list[dict[str, Any]]) -> None:
        """Write the rows of one ``wiringup score`` call."""
        write_json(self.folder(uid) / SCORES, rows)

    def save_match(self, uid: str, match: dict[str, Any]) -> Path:
        """Write the brain match of one ``wiringup match`` call; return where."""
        path = self.folder(uid) / MATCH
        write_json(path, match)
        return path

    def study(self, name: str) -> tuple[dict[str, Any], list[Record]]:
        """Return the study's document and its records.

        Raises:
            MissingDataError: if there is no such study, or if some of its runs are not finished.
        """
        path = self.folder(name) / STUDY
        if not path.is_file():
            known = [p.parent.name for p in self.root.glob(f"*/{STUDY}")]
            raise MissingDataError(
                f"There is no study {name!r} in {self.root}.{did_you_mean(name, known)} "
                f"Known: {', '.join(sorted(known)) or 'none yet; make one with wiringup run'}."
            )
        document: dict[str, Any] = read_json(path)
        return document, [self._record(uid) for uid in document["runs"]]

    def _record(self, uid: str) -> Record:
        try:
            return from_dict(read_json(self.folder(uid) / RECORD))
        except MissingDataError as error:
            raise MissingDataError(
                f"Run {uid} of this study is not finished. Start wiringup run again to continue it."
            ) from error

    def records(self) -> Iterator[Record]:
        """Yield every finished run; records of another format are passed over."""
        for path in sorted(self.root.glob(f"*/{RECORD}")):
            with contextlib.suppress(InputError):
                yield from_dict(read_json(path))

    def scores(self) -> list[dict[str, Any]]:
        """Return the rows of every ``wiringup score`` call that was kept."""
        return [row for path in sorted(self.root.glob(f"*/{SCORES}")) for row in read_json(path)]

    def matches(self) -> list[dict[str, Any]]:
        """Return every brain match that was kept."""
        return [read_json(path) for path in sorted(self.root.glob(f"*/{MATCH}"))]
