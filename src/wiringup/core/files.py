"""Files that are either whole or absent: atomic writes, and hashes of what lies on disk."""

import contextlib
import errno
import hashlib
import json
import math
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from wiringup.core.errors import BusyError, InputError, MissingDataError, UnreadableError, WiringupError
from wiringup.core.folders import below
from wiringup.core.limits import JSON_BYTES, JSON_DEPTH

SAMPLE = 4096
"""Bytes in each of the blocks that `sample_of` reads."""

PART = ".part"
"""Ending of what is being written, and of what a killed process left of it."""

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_PIECE = 1 << 20
_TOO_DEEP = f"it is nested more than {JSON_DEPTH} levels deep"
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def regular(path: Path, what: str = "file") -> Path:
    """Return ``path`` if there is a plain file, which has a size and an end.

    Every file from outside has to be one: a pipe or a device that is called like a file would keep its reader
    waiting, or never end.

    Args:
        path: where.
        what: what it is taken for, for the message.

    Raises:
        MissingDataError: if there is nothing.
        InputError: if it is something else.
        UnreadableError: if it cannot be looked at.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingDataError(f"There is no {what} {path}.") from error
    except (OSError, ValueError) as error:  # links in a circle, a name that no system takes
        raise UnreadableError(f"{str(path)!r} cannot be opened as a {what} ({error}).") from error
    if stat.S_ISREG(mode):
        return path
    kind = _KINDS.get(stat.S_IFMT(mode), "something else")
    raise InputError(f"{path} is {kind}, but has to be a {what}: a plain file.")


def read_bounded(path: Path, most: int, what: str = "file") -> bytes:
    """Return the bytes of a file from outside.

    Args:
        path: where.
        most: bytes that it may have, see `core.limits`.
        what: as in `regular`.

    Raises:
        MissingDataError, InputError: as `regular`, and if it is larger.
        UnreadableError: if it cannot be read.
    """
    regular(path, what)
    try:
        size = path.stat().st_size
        if size > most:
            raise InputError(f"{path} has {size:,} bytes; a {what} may have {most:,}.")
        with path.open("rb") as stream:
            content = stream.read(size + 1)
            # a file of /proc announces no bytes and may have any number
            while size < len(content) <= most and (more := stream.read(_PIECE)):
                content += more
    except FileNotFoundError as error:  # it was there just now
        raise MissingDataError(f"There is no {what} {path}.") from error
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read ({error.strerror or error}).") from error
    if len(content) > most:
        raise InputError(f"{path} does not end after {most:,} bytes, the most that a {what} may have.")
    return content


def files_below(folder: Path) -> list[Path]:
    """Return everything below ``folder`` that is no folder itself; links to folders are followed.

    Raises:
        InputError: as `core.folders.below`.
    """
    return [folder / name for name in below(folder).files]


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces it only if the block succeeds.

    Raises:
        WiringupError: if the disk is full; the earlier file, if there was one, is left as it was.
    """
    temporary: Path | None = None
    try:
        with full_disk_explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PART}")
            temporary.touch(exist_ok=False)
            yield temporary
            temporary.replace(path)
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def sweep(folder: Path, *names: str) -> None:
    """Remove what killed processes left of half-written files, which nobody else may be writing now.

    Args:
        folder: where.
        names: of the files, or patterns of them.
    """
    for name in names:
        for part in folder.glob(f".{name}.*{PART}"):
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def full_disk_explained(path: Path) -> Iterator[None]:
    """Raise `WiringupError` instead of the system's error if the disk is full while ``path`` is written."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise WiringupError(
                f"No space left to write {path}. Free some space and run the same command again: "
                "what was finished before is kept and not computed twice."
            ) from error
        raise


@contextlib.contextmanager
def locked(path: Path, busy: str, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock file ``path`` while the block runs; a process that dies lets go of it.

    Raises:
        BusyError: saying ``busy``, if another process, or another block of this one, holds it for more than
            ``patience`` seconds.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(path).acquire(timeout=patience, poll_interval=0.01)
    except Timeout as error:
        raise BusyError(busy) from error
    with lock:
        yield


def is_locked(path: Path) -> bool:
    """Return whether some process holds the lock file ``path``; whoever only looks is not taken for one."""
    try:
        import fcntl
    except ImportError:  # where locks are not shared, a look is a short hold
        try:
            with locked(path, "held"):
                return False
        except BusyError:
            return True
    try:
        looked = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(looked, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(looked)
    return False


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write ``content`` to ``path`` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text to ``path`` atomically."""
    write_bytes(path, content.encode())


def read_json(path: Path) -> Any:
    """Read JSON from ``path``.

    Raises:
        MissingDataError: if there is no such file.
        InputError: as `parsed_json`, or if it is no plain file or too large.
    """
    return parsed_json(read_bounded(path, JSON_BYTES), str(path))


def parsed_json(content: bytes, where: str) -> Any:
    """Return the value of a JSON document.

    Raises:
        InputError: naming ``where``, if it is not JSON, holds a number that is not finite (JSON has none), or
            is nested too deeply.
    """
    try:
        value = json.loads(content, parse_constant=_not_finite)
        if not _is_finite(value):
            json.loads(content, parse_float=_finite)  # which says what stands there
    except (ValueError, RecursionError) as error:
        reason = _TOO_DEEP if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{where} is not valid JSON ({reason}).") from error
    return value


def _is_finite(value: Any) -> bool:
    """Return whether all numbers are finite; raise `ValueError` if it is nested too deeply."""
    level: list[Any] = [[value]]
    finite = True
    for _ in range(JSON_DEPTH):
        deeper: list[Any] = []
        for holder in level:
            for child in holder.values() if type(holder) is dict else holder:
                kind = type(child)
                if kind is dict or kind is list:
                    deeper.append(child)
                elif kind is float and not math.isfinite(child):
                    finite = False
        if not deeper:
            return finite
        level = deeper
    raise ValueError(_TOO_DEEP)


def _not_finite(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _not_finite(text)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes."""
    return hash_of(path, "sha256")


def hash_of(path: Path, algorithm: str) -> str:
    """Return the hash (hex) of a file's bytes; ``algorithm`` as `hashlib` calls it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def sample_of(stream: BinaryIO, start: int, size: int) -> str:
    """Return a hash (hex) of the first, middle and last `SAMPLE` bytes of what lies in a stream.

    What is no longer than three blocks is hashed whole. The middle is read because two bitmaps of things on a
    plain ground agree at both ends.

    Args:
        stream: unbuffered, or more is read than is asked for.
        start: of the content, in bytes.
        size: of the content, in bytes.
    """
    digest = hashlib.blake2b(digest_size=16)
    if size <= 3 * SAMPLE:
        blocks = [(start, size)]
    else:
        blocks = [(start + at, SAMPLE) for at in (0, (size - SAMPLE) // 2, size - SAMPLE)]
    for at, length in blocks:
        stream.seek(at)
        digest.update(stream.read(length))
    return digest.hexdigest()
