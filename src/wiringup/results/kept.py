"""The table of all results in a folder, kept as one Parquet file and brought up to date when it is opened.

The folders of runs are the truth; the file is made from them and may be deleted at any time. Every row says
from which file it was read, with that file's size and time stamp, so that only what changed is read again.
Many processes may do so at once: each writes a whole file in one step, and what another has added meanwhile
is found missing, and read, by the next.
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wiringup.core.checks import one_of
from wiringup.core.errors import InputError, MissingDataError, WiringupError
from wiringup.core.files import atomic_path, write_text
from wiringup.core.progress import task
from wiringup.core.sealed import BLANK, KEY, sealed_path, verify
from wiringup.core.spec import content_hash
from wiringup.results.record import plain
from wiringup.results.store import RECORD, SCORES, Store
from wiringup.results.table import COLUMNS, Row, rows, score_rows, to_csv

log = logging.getLogger(__name__)

FILE = "results.parquet"
_AT_ONCE = 256  # files whose rows are in memory as Python objects
_FORM = 2  # counts up when rows are made otherwise than before
_OF_FILE = {"file": "VARCHAR", "file_bytes": "BIGINT", "file_changed": "BIGINT", "form": "VARCHAR"}
_ALL = COLUMNS | _OF_FILE
_MADE = content_hash([_FORM, list(_ALL.items())])[:12]

_KINDS = {"VARCHAR": "object", "DOUBLE": "float64", "BIGINT": "Int64", "BOOLEAN": "boolean"}
"""SQL type -> that of a pandas column."""

Stamp = tuple[int, int]
"""Size in bytes and time stamp in ns."""


def engine() -> Any:
    """Return the module DuckDB.

    Raises:
        MissingDataError: if it is not installed.
    """
    try:
        import duckdb
    except ImportError as error:
        raise MissingDataError(
            "Parquet is written, and the table of results queried, by DuckDB, which is not installed. Run: "
            "pip install 'wiringup[results]', or write a CSV."
        ) from error
    return duckdb


@contextmanager
def opened(root: Path, more: Sequence[Row] = ()) -> Iterator[Any]:
    """Yield a DuckDB connection whose table ``results`` holds all that is kept in ``root``, up to date.

    It is a copy in memory: nothing that is done to it reaches the disk, nor can it reach any other file.

    Args:
        root: a folder of runs; one that is not there holds nothing.
        more: further rows, which are not kept.

    Raises:
        MissingDataError: if DuckDB is not installed.
    """
    with engine().connect() as connection:
        columns = ", ".join(f"{name} {kind}" for name, kind in _ALL.items())
        connection.execute(f"CREATE TABLE results ({columns})")
        _load(connection, root / FILE)
        if _refresh(connection, root):
            _write(connection, root / FILE)
        _insert(connection, more)
        for column in _OF_FILE:
            connection.execute(f"ALTER TABLE results DROP COLUMN {column}")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def save_parquet(table: Sequence[Row], path: Path) -> None:
    """Write rows as Parquet; columns that the kept table has are of its types.

    Raises:
        MissingDataError: if DuckDB is not installed.
    """
    names = list(dict.fromkeys(name for row in table for name in row))
    with atomic_path(path) as temporary, engine().connect() as connection:
        connection.register("new", _frame(table, names))
        connection.execute(f"COPY new TO {_text(temporary)} (FORMAT parquet)")


def save(table: Sequence[Row], path: Path) -> None:
    """Write rows as a file: CSV, JSON or Parquet, as its ending says.

    Raises:
        InputError: for another ending.
        MissingDataError: if DuckDB, which writes Parquet, is not installed.
    """
    kind = one_of(path.suffix.lower(), (".csv", ".parquet", ".json"), "ending of a table's file")
    if kind == ".parquet":
        save_parquet(table, path)
    elif kind == ".csv":
        write_text(path, to_csv(table))
    else:
        write_text(path, json.dumps(plain(list(table)), indent=2) + "\n")


def _load(connection: Any, path: Path) -> None:
    """Read the kept file, if it is whole and of this form; another is made anew."""
    if not path.is_file():
        return
    try:
        whole = verify(path, "It is made again.")
        if whole and set(_columns(connection, path)) == set(_ALL):
            connection.execute(
                "INSERT INTO results BY NAME SELECT * FROM read_parquet(?) WHERE form = ?",
                [str(path), _MADE],
            )
    except (InputError, engine().Error) as error:
        log.warning("%s is made again from the runs. %s", path, error)


def _columns(connection: Any, path: Path) -> Sequence[str]:
    found = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    return [name for name, *_ in found]


def _refresh(connection: Any, root: Path) -> bool:
    """Read what is new or has changed, drop what is gone; return whether anything was."""
    found = connection.execute("SELECT DISTINCT file, file_bytes, file_changed FROM results").fetchall()
    known = {file: (size, changed) for file, size, changed in found}
    here = _stamps(root)
    old = [file for file in known if known[file] != here.get(file)]
    new = [file for file in here if known.get(file) != here[file]]
    if old:
        connection.execute("DELETE FROM results WHERE file IN (SELECT unnest(?))", [old])
    added = 0
    with task("results", len(new), f"runs read of {root}") as tell:
        for start in range(0, len(new), _AT_ONCE):
            files = new[start : start + _AT_ONCE]
            read = [{**row, **_of_file(file, here[file])} for file in files for row in _rows(root, file)]
            added += _insert(connection, read)
            tell(start + len(files))
    return bool(old or added)


def _stamps(root: Path) -> dict[str, Stamp]:
    """Return every file that rows are made from -> its stamp, taken before it is read."""
    found: dict[str, Stamp] = {}
    if not root.is_dir():
        return found
    with os.scandir(root) as folders:
        for folder in folders:
            for name in (RECORD, SCORES):
                try:
                    stat = os.stat(f"{folder.path}/{name}")  # noqa: PTH116 (ten thousand of them)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                found[f"{folder.name}/{name}"] = stat.st_size, stat.st_mtime_ns
    return found


def _of_file(file: str, stamp: Stamp) -> Mapping[str, Any]:
    return {"file": file, "file_bytes": stamp[0], "file_changed": stamp[1], "form": _MADE}


def _rows(root: Path, file: str) -> list[dict[str, Any]]:
    uid, _, name = file.partition("/")
    store = Store(root)
    try:
        return rows([store.record(uid)]) if name == RECORD else score_rows(uid, store.scores_of(uid))
    except WiringupError as error:
        log.warning("Left out: %s", error)
        return []


def _insert(connection: Any, read: Sequence[Row]) -> int:
    if not read:
        return 0
    connection.register("new", _frame(read, list(_ALL)))
    connection.execute("INSERT INTO results BY NAME SELECT * FROM new")
    connection.unregister("new")
    return len(read)


def _frame(table: Sequence[Row], names: Sequence[str]) -> Any:
    """Return rows as a pandas frame whose columns keep their types where all values are None."""
    import pandas

    columns = {name: [row.get(name) for row in table] for name in names}
    return pandas.DataFrame(
        {n: pandas.Series(values, dtype=_KINDS.get(_ALL.get(n, ""))) for n, values in columns.items()}
    )


def _text(path: Path) -> str:
    """Return a path as a text of SQL."""
    return "'" + str(path).replace("'", "''") + "'"


def _write(connection: Any, path: Path) -> None:
    """Keep the table for the next time; where nothing can be written it is made again then."""
    try:
        with sealed_path(path) as temporary:
            connection.execute(
                f"COPY (SELECT * FROM results ORDER BY file) TO {_text(temporary)} "
                f"(FORMAT parquet, KV_METADATA {{{KEY}: '{BLANK}'}})"
            )
    except (OSError, WiringupError) as error:
        log.warning("The table is read from the runs every time, because it cannot be kept: %s", error)
