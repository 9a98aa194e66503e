"""Files that are kept between runs in one folder, bounded in size: what was used longest ago goes first.

An entry appears in one step (a rename), so processes that share a folder never see half a file. One that is
evicted while another process reads it stays readable there (POSIX keeps an open file).
"""

import contextlib
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from wiringup.core.errors import InputError
from wiringup.core.files import PART, sha256_of
from wiringup.core.memory import GB, free_disk

DEFAULT_GB = 20.0
_DAY = 24 * 3600
_LOCK = ".lock"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """A kept file, its bytes and when it was used last (seconds since 1970)."""

    path: Path
    size: int
    used: float


@dataclass(frozen=True)
class CacheFolder:
    """The files of one kind in a folder.

    Attributes:
        folder: where the files lie.
        limit: GB (10^9 bytes) that they may take together.
    """

    SUFFIXES: ClassVar[tuple[str, ...]] = ("",)

    folder: Path
    limit: float = DEFAULT_GB

    def has_room(self, size: int) -> bool:
        """Return whether ``size`` bytes can be kept: within the limit, and on the disk."""
        return size <= self.limit * GB and size <= free_disk(self.folder)

    def entries(self) -> list[Entry]:
        """Return what is kept, used longest ago first."""
        found = []
        for path in (path for suffix in self.SUFFIXES for path in self.folder.glob(f"[!.]*{suffix}")):
            with contextlib.suppress(FileNotFoundError):
                parts = [part.stat() for part in self.parts(path) if part == path or part.exists()]
                used = max(part.st_mtime for part in parts)
                found.append(Entry(path, sum(part.st_size for part in parts), used))
        return sorted(found, key=lambda entry: entry.used)

    @property
    def unfinished_bytes(self) -> int:
        """Bytes of what was begun and is no entry yet; they do not count for the limit."""
        return 0

    def parts(self, path: Path) -> tuple[Path, ...]:
        """Return all files of the entry at ``path``."""
        return (path,)

    def whole(self, key: str) -> Path | None:
        """Return the entry KEY.SHA256.SUFFIX if its bytes have that hash; a damaged one is removed.

        What cannot be read counts as not kept, which is said.
        """
        for path in (path for suffix in self.SUFFIXES for path in self.folder.glob(f"{key}.*{suffix}")):
            try:
                if sha256_of(path) == path.name.split(".")[1]:
                    touch(path)
                    return path
            except FileNotFoundError:  # evicted by another process just now
                continue
            except OSError as error:
                log.warning(
                    "What was kept cannot be read (%s) and is computed again: %s", error.strerror, path
                )
                continue
            log.warning("What was kept is damaged and is computed again: %s", path)
            with contextlib.suppress(OSError):  # another user's, in a folder that may only be read
                path.unlink()
        return None

    def remove(self, path: Path) -> None:
        """Remove the entry at ``path``."""
        for part in self.parts(path):
            part.unlink(missing_ok=True)

    def clear(self) -> int:
        """Remove everything that is kept; return how many bytes that were."""
        if not self.folder.is_dir():
            return 0
        with self.locked():
            return self._remove_until(0)

    def evict(self, spared: Path | None = None) -> None:
        """Remove what is over the limit, and parts of processes that were killed.

        Args:
            spared: an entry that stays, whatever its size: the one that was written just now.
        """
        self._remove_until(self.limit * GB, spared)
        for part in self.folder.glob(f"*{PART}"):
            with contextlib.suppress(FileNotFoundError):
                if part.stat().st_mtime < time.time() - _DAY:
                    part.unlink()

    def _remove_until(self, size: float, spared: Path | None = None) -> int:
        entries = self.entries()
        total = kept = sum(entry.size for entry in entries)
        for entry in entries:
            if kept <= size:
                break
            if entry.path != spared:
                self.remove(entry.path)
                kept -= entry.size
        return total - kept

    def locked(self, patience: float = -1) -> contextlib.AbstractContextManager[Any]:
        """Keep other processes from adding and evicting while the block runs.

        Args:
            patience: seconds after which waiting for them ends with a `TimeoutError`; -1 waits for ever.
        """
        from filelock import FileLock

        return FileLock(self.folder / _LOCK, timeout=patience)


def touch(path: Path) -> None:
    """Mark an entry as used just now, where it may be written to."""
    with contextlib.suppress(OSError):  # a folder that may only be read, an entry that was evicted just now
        os.utime(path)


def limit_asked() -> float:
    """Return the limit in GB that ``$WIRINGUP_CACHE_GB`` sets, or the default.

    Raises:
        InputError: if it is no number of GB.
    """
    asked = os.environ.get("WIRINGUP_CACHE_GB") or DEFAULT_GB
    try:
        limit = float(asked)
    except ValueError:
        limit = -1.0
    if not limit >= 0:
        raise InputError(f"WIRINGUP_CACHE_GB is {asked!r}; it has to be a number of GB, as in 20.")
    return limit
