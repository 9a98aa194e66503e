"""Files that are either whole or absent: atomic writes, and hashes of what lies on disk."""

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from wiringup.core.errors import InputError, MissingDataError, WiringupError

SAMPLE = 4096
"""Bytes in each of the blocks that `sample_of` reads."""

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


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
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
            os.close(handle)
            temporary = Path(name)
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text to ``path`` atomically."""
    write_bytes(path, content.encode())


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` to ``path`` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON from ``path``.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it is not JSON.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError as error:
        raise MissingDataError(f"There is no file {path}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid JSON ({error}).") from error


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
