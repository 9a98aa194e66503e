"""Bring public data into the data folder: downloaded, or copied from a folder; every file verified."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from wiringup.core.checks import listed, one_of
from wiringup.core.errors import InputError, MissingDataError, WiringupError
from wiringup.core.files import atomic_path, files_below
from wiringup.core.home import data_home, writable
from wiringup.data.sources.addresses import Source, SourceFile, find_source
from wiringup.data.sources.download import download

_log = logging.getLogger(__name__)


def fetch(name: str, home: Path | None = None, from_dir: Path | None = None) -> list[Path]:
    """Make the files of a source present and verified below ``home / source name``.

    Source, licence, size and citation are logged before anything is copied. Files that are present
    with the right hash are not fetched again. From a folder, either every missing file is copied or none.

    Args:
        name: a source (``cowley2023``), or a part of one (``cowley2023.210325``).
        home: the data folder; by default `data_home`.
        from_dir: a folder anywhere below which the files lie, under their own names or others.

    Returns:
        The paths of all files of the source or part.

    Raises:
        InputError: if the name is unknown, a file has the wrong hash, or is not below ``from_dir``.
        MissingDataError: if a file has no public address, or there is no folder ``from_dir``.
        WiringupError: if there is no connection, no space or no permission to write.
    """
    source, files = files_of(name)
    if from_dir is not None and _lie_below(source.condensed, from_dir):
        files = list(source.condensed)
    _announce(source, files)
    folder = writable(data_home(home) / source.name)
    missing = [file for file in files if not file.is_at(folder / file.name)]
    if from_dir is not None:
        for file, path in _located(name, missing, from_dir).items():
            with atomic_path(folder / file.name) as temporary:
                shutil.copyfile(path, temporary)
    elif missing:
        _download_all(source, missing, folder)
    fetched = f"{len(missing)} fetched, {len(files) - len(missing)} already there"
    _log.info(f"  {_counted(files)} verified in {folder} ({fetched}).")
    return [folder / file.name for file in files]


def files_of(name: str) -> tuple[Source, list[SourceFile]]:
    """Return the source behind ``name`` and the files that it, or the part it names, needs.

    Raises:
        InputError: if there is no such source, or no such part of it.
    """
    source_name, dot, part = name.partition(".")
    source = find_source(source_name)
    if not dot:
        return source, list(source.files)
    one_of(part, source.parts, f"part of {source.name}")
    return source, [file for file in source.files if file.part in ("", part)]


def check_whole(name: str, home: Path) -> None:
    """Check that the files of a source, or of a part of one, or its condensed ones, still have their hashes.

    A file that is not there is left to its reader. One that was checked is not read again before it changes.

    Raises:
        InputError: naming those that have not, and how to bring them back.
    """
    source, files = files_of(name)
    paths = {file: home / source.name / file.name for file in (*files, *source.condensed)}
    damaged = [str(path) for file, path in paths.items() if path.is_file() and not _is_whole(file, path)]
    if damaged:
        raise InputError(
            f"Damaged, or changed since they were fetched (another hash): {listed(damaged)}. "
            f"Bring them back with: {fetch_command(source)}"
        )


def _is_whole(file: SourceFile, path: Path) -> bool:
    about = path.stat()
    return _has_hash(file, path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=1024)
def _has_hash(file: SourceFile, path: Path, _changed: int, _size: int) -> bool:
    return file.is_at(path)


def fetch_command(source: Source) -> str:
    """Return the exact command that makes ``source`` present."""
    return f"wiringup fetch {source.name}" + ("" if source.public else " --from DIR")


def _counted(files: list[SourceFile]) -> str:
    return f"{len(files)} file{'s' if len(files) > 1 else ''}"


def _announce(source: Source, files: list[SourceFile]) -> None:
    sizes = [file.size for file in files if file.size is not None]
    megabytes = f"{sum(sizes) / 1e6:.1f} MB" if len(sizes) == len(files) else "unknown"
    _log.info(f"{source.name}: {source.what}")
    _log.info(f"  source:   {source.origin}")
    _log.info(f"  licence:  {source.licence}")
    _log.info(f"  size:     {megabytes} in {_counted(files)}")
    _log.info(f"  cite:     {source.citation}")


def _download_all(source: Source, missing: list[SourceFile], folder: Path) -> None:
    if not source.public:
        raise MissingDataError(
            f"{source.name} has no verified public address to download from; the data come from "
            f"{source.origin}. With a copy of the files ({', '.join(f.name for f in missing)}) in a folder, "
            f"run: {fetch_command(source)}. Data in any other form: wiringup import recordings --help."
        )
    for file in missing:
        try:
            download(file, folder / file.name)
        except ConnectionError as error:
            raise WiringupError(
                f"{error} What has arrived is kept and continued next time. Without a network, download the "
                f"files on another machine, copy them here and run: wiringup fetch {source.name} --from DIR."
            ) from error


def _lie_below(files: Sequence[SourceFile], folder: Path) -> bool:
    below = files_below(folder) if files and folder.is_dir() else []
    return bool(below) and all(any(_matches(file, below)) for file in files)


def _located(name: str, missing: list[SourceFile], from_dir: Path) -> dict[SourceFile, Path]:
    if not from_dir.is_dir():
        raise MissingDataError(f"There is no folder {from_dir} to fetch {name} from.")
    below = files_below(from_dir)
    found: dict[SourceFile, Path] = {}
    problems: list[str] = []
    for file in missing:
        match = next(_matches(file, below), None)
        if match is None:
            problems.append(_why_not_found(file, below))
        else:
            found[file] = match
    if problems:
        raise InputError(f"Nothing was copied for {name}: " + "; ".join(problems) + ".")
    return found


def _matches(file: SourceFile, below: list[Path]) -> Iterator[Path]:
    """Yield the verified copies of a file: those that bear its name first, then others like it.

    Another file is worth its hash if it has the size, or, where no size was recorded, the suffix.
    """
    named = [path for path in below if path.name == file.name and path.is_file()]
    others = (path for path in below if path.name != file.name and path.is_file())
    alike = (path for path in others if path.suffix == Path(file.name).suffix or file.size is not None)
    return (path for path in (*named, *alike) if file.is_at(path))


def _why_not_found(file: SourceFile, below: list[Path]) -> str:
    named = next((path for path in below if path.name == file.name), None)
    hashed = f"({file.algorithm} {file.digest})"
    if named is None:
        return f"no file below the folder is {file.name} {hashed}"
    return f"{named} is not the expected {file.name} {hashed}: its hash is another; copy it again"
