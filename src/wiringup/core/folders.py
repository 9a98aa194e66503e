"""What lies below a folder, listed in threads; and stamps by which it is later known to be as it was."""

import contextlib
import os
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wiringup.core.ahead import ahead
from wiringup.core.cautions import caution
from wiringup.core.errors import InputError
from wiringup.core.limits import SAME_FOLDER
from wiringup.core.progress import task

SETTLED = 2.0
"""Seconds within which two changes may leave one time stamp, on the coarsest of file systems."""

REPORTED = 100  # folders between two reports of progress

Stamp = tuple[int, int, int]
"""Of a folder: its inode, and when its list of files and the inode itself changed last, in ns.

A system call can put the second back (rsync and tar do), but not the third.
"""


@dataclass(frozen=True)
class Below:
    """What lies below a folder.

    Attributes:
        files: names below it with forward slashes, of all that is no folder, in no particular order.
        stamps: name of each folder ("" is the one itself) -> its stamp before it was listed; None if it had
            changed just then, or could not be listed: the list may be another a moment later.
    """

    files: list[str]
    stamps: dict[str, Stamp | None]


def stamp_of(path: str | Path) -> Stamp | None:
    """Return the stamp of the folder at ``path``; None if it is not there."""
    try:
        about = Path(path).stat()
    except (OSError, ValueError):
        return None
    return about.st_ino, about.st_mtime_ns, about.st_ctime_ns


def below(folder: Path) -> Below:
    """List everything below ``folder``; links to folders are followed.

    A folder that cannot be listed is passed over, with a caution.

    Raises:
        InputError: if a link leads back to a folder that it lies in, or links lead to one folder again and
            again (`core.limits.SAME_FOLDER`).
    """
    found, visits, level = Below([], {}), Counter[str](), [""]
    while level:
        deeper: list[str] = []
        with task("list", len(level), "folders listed") as finished:
            for done, one in enumerate(ahead(partial(_listed, str(folder)), level), 1):
                found.stamps[one.name] = one.stamp
                found.files.extend(one.files)
                deeper.extend(one.folders)
                visits[one.real] += 1
                if visits[one.real] > SAME_FOLDER:
                    raise InputError(
                        f"Links below {folder} lead to {one.real} more than {SAME_FOLDER} times; remove them."
                    )
                if one.error:
                    caution(f"{one.real} cannot be listed and is passed over ({one.error}).")
                if done % REPORTED == 0:
                    finished(done)
        level = deeper
    return found


@dataclass(frozen=True)
class _Listed:
    """One folder: its names below the first one, and where it really lies."""

    name: str
    real: str
    stamp: Stamp | None
    files: list[str]
    folders: list[str]
    error: str = ""


def _listed(top: str, name: str) -> _Listed:
    path = f"{top}/{name}" if name else top
    real, stamp, now = os.path.realpath(path), stamp_of(path), time.time()
    start = f"{name}/" if name else ""
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                is_folder = _is_folder(entry)
                if is_folder and entry.is_symlink() and _leads_back(entry.path, real):
                    raise InputError(f"{entry.path} is a link to a folder that it lies in; remove the link.")
                (folders if is_folder else files).append(start + entry.name)
    except OSError as error:
        return _Listed(name, real, None, files, folders, error.strerror or str(error))
    settled = stamp is not None and now - max(stamp[1:]) / 1e9 > SETTLED
    return _Listed(name, real, stamp if settled else None, files, folders)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    with contextlib.suppress(OSError):  # a link in a circle
        return entry.is_dir()
    return False


def _leads_back(link: str, real: str) -> bool:
    return Path(real).is_relative_to(os.path.realpath(link))
