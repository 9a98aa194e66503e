"""Files that carry a seal: the SHA-256 of all their bytes, written into them and checked when they are read.

A seal is a line of text for which the file's own format has room: the first field of a JSON document, the
metadata of a safetensors or Parquet file, the comment of a zip archive (as PyTorch's and numpy's files are).
While the hash is computed the seal's 64 digits count as zeros, so that it covers every other byte: headers,
white space and padding too. Nothing lies beside the file that could get lost, or be older after a process was
killed.

The line begins and ends with words of its own. A file in which only one end is left is damaged; it is not
mistaken for one that never had a seal, which is read with a word.
"""

import hashlib
import io
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from wiringup.core.errors import InputError
from wiringup.core.files import atomic_path, parsed_json, read_bounded
from wiringup.core.limits import JSON_BYTES

KEY = "seal"
"""The field of a JSON document, or the entry of a safetensors file's metadata, that holds the seal."""

_ENDS = "sha256 with these digits as zeros: ", " (seal of wiringup)"
_ZEROS = "0" * 64
BLANK = _ZEROS.join(_ENDS)
"""The seal before its digits are known; `sealed_path` fills them in."""

_SEAL = re.compile(re.escape(_ENDS[0].encode()) + b"([0-9a-f]{64})" + re.escape(_ENDS[1].encode()))
_NEAR = 1 << 20  # bytes at the beginning of a file among which a seal is looked for, besides its very end
_PARQUET_END = 8  # bytes: the length of the metadata before them, and PAR1
_READ = 1 << 24  # bytes that are hashed at a time
_LOG = logging.getLogger(__name__)
_SAID: set[str] = set()


@contextmanager
def sealed_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path, as `atomic_path` does; what is written there holds `BLANK`, and is sealed."""
    with atomic_path(path) as temporary:
        yield temporary
        with temporary.open("r+b") as stream:
            start, _ = _found(stream) or (-1, b"")
            if start < 0:
                raise ValueError(f"{path} was written without a blank seal")
            digits = hash_with_zeros(stream, start)
            stream.seek(start)
            stream.write(digits.encode())


def write_sealed(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON object with its seal, indented, atomically."""
    with sealed_path(path) as temporary:
        text = json.dumps({KEY: BLANK, **document}, indent=2, allow_nan=False) + "\n"
        temporary.write_text(text, encoding="utf-8", newline="\n")


def read_sealed(path: Path, advice: str, needed: bool = False, most: int = JSON_BYTES) -> Any:
    """Return what a JSON file holds, without its seal, after checking it.

    The file is read once: what is checked is what is returned, even if another process replaces it meanwhile.

    Args:
        path: the file.
        advice: see `verify`.
        needed: refuse a file without a seal, which is otherwise read with a word.
        most: bytes that it may have.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if the seal does not match, or the content is not JSON, or too large.
    """
    content = read_bounded(path, most)
    if not _matches(io.BytesIO(content), path, advice):
        if needed:
            raise InputError(f"{path} is damaged: it carries no hash of itself. {advice}")
        _say_unsealed(path)
    value = parsed_json(content, str(path))
    return {k: v for k, v in value.items() if k != KEY} if isinstance(value, dict) else value


def add_comment(archive: Path) -> None:
    """Give a zip archive that has no comment a blank seal as its comment."""
    with archive.open("r+b") as stream:
        stream.seek(-2, os.SEEK_END)  # it ends with the length of its comment
        stream.write(len(BLANK).to_bytes(2, "little") + BLANK.encode())


def expect_seal(path: Path, advice: str) -> None:
    """Check the seal of a file, if there is one to read; say in one line if it has none.

    Raises:
        InputError: as `verify`.
    """
    if path.is_file() and not verify(path, advice):
        _say_unsealed(path)


def _say_unsealed(path: Path) -> None:
    if path.name in _SAID:
        return
    _SAID.add(path.name)
    _LOG.warning(
        "%s carries no hash of itself (an earlier version or another program wrote it): it is read as it "
        "is, and damage to it may go unnoticed. This is said once for all files called %s.",
        path, path.name,
    )  # fmt: skip


def verify(path: Path, advice: str) -> bool:
    """Return whether a file carries a seal, which then matches its content.

    Args:
        path: the file.
        advice: a sentence on what to do if it is damaged.

    Raises:
        InputError: if the seal does not match.
    """
    with path.open("rb") as stream:
        return _matches(stream, path, advice)


def _matches(stream: BinaryIO, path: Path, advice: str) -> bool:
    """Return what `verify` does, of the content of a file; raise as it does."""
    found = _found(stream)
    if found is None:
        return False
    start, digits = found
    if start < 0 or hash_with_zeros(stream, start).encode() != digits:
        raise InputError(
            f"{path} is damaged, or was changed after it was written: its content does not match the "
            f"hash that it carries. {advice}"
        )
    return True


def _found(stream: BinaryIO) -> tuple[int, bytes] | None:
    """Return where the digits of a seal begin and what they are; -1 for a broken seal, None for no seal."""
    size = stream.seek(0, os.SEEK_END)
    for start in (0, max(0, size - max(len(BLANK), _footer(stream, size)))):
        stream.seek(start)
        part = stream.read(_NEAR)
        if seal := _SEAL.search(part):
            return start + seal.start(1), seal[1]
        if any(end.encode() in part for end in _ENDS):
            return -1, b""
    return None


def _footer(stream: BinaryIO, size: int) -> int:
    """Return the length of the metadata with which a Parquet file ends; 0 for other files."""
    if size < _PARQUET_END:
        return 0
    stream.seek(size - _PARQUET_END)
    length, mark = stream.read(4), stream.read(4)
    return _PARQUET_END + int.from_bytes(length, "little") if mark == b"PAR1" else 0


def hash_with_zeros(stream: BinaryIO, start: int) -> str:
    """Return the SHA-256 (hex) of a file in which 64 digits from byte ``start`` on count as zeros."""
    digest = hashlib.sha256()
    stream.seek(0)
    while block := stream.read(min(_READ, start - stream.tell())):
        digest.update(block)
    digest.update(_ZEROS.encode())
    stream.seek(start + len(_ZEROS))
    while block := stream.read(_READ):
        digest.update(block)
    return digest.hexdigest()
