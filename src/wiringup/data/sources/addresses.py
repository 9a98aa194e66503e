"""The public sources of data: their files, how each is verified, and what has to be told about it.

Addresses and hashes stand in ``addresses.toml``.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wiringup.core.checks import one_of
from wiringup.core.files import hash_of

_ALGORITHMS = {40: "sha1", 64: "sha256"}  # by the number of hex digits


@dataclass(frozen=True)
class SourceFile:
    """One file of a source.

    Attributes:
        name: file name in the data folder, below the source's name.
        digest: hash of its bytes in hex: SHA-256 (64 digits), or SHA-1 (40) where its publisher gives no
            other.
        size: bytes, or None where it was not recorded.
        url: address, or None if the file can only be copied from a folder.
        part: the part of the source (a recording session) that needs it; empty if all do.
        mirrors: further addresses of the same bytes, tried in this order where the first refuses.
    """

    name: str
    digest: str
    size: int | None = None
    url: str | None = None
    part: str = ""
    mirrors: tuple[str, ...] = ()

    @property
    def algorithm(self) -> str:
        """The hash function of ``digest``."""
        return _ALGORITHMS[len(self.digest)]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address, in the order in which they are tried."""
        return () if self.url is None else (self.url, *self.mirrors)

    def is_at(self, path: Path) -> bool:
        """Return whether the file at ``path`` is this one, by its size (where recorded) and its hash."""
        if not path.is_file() or self.size not in (None, path.stat().st_size):
            return False
        return hash_of(path, self.algorithm) == self.digest


@dataclass(frozen=True)
class Source:
    """A public data set: what it is, where it comes from, what it may be used for and what to cite.

    Attributes:
        condensed: files that say the same in other words; a folder that holds them can stand for ``files``.
    """

    name: str
    what: str
    origin: str
    licence: str
    citation: str
    files: tuple[SourceFile, ...]
    condensed: tuple[SourceFile, ...] = ()

    @property
    def line(self) -> str:
        """Citation and licence in one line."""
        return f"{self.citation} Licence: {self.licence}."

    @property
    def public(self) -> bool:
        """Whether every file has an address to download it from."""
        return all(file.url is not None for file in self.files)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that can be fetched alone."""
        return tuple(dict.fromkeys(file.part for file in self.files if file.part))


def _read(name: str, about: Mapping[str, Any]) -> Source:
    def listed(key: str) -> tuple[SourceFile, ...]:
        return tuple(SourceFile(**f | {"mirrors": tuple(f.get("mirrors", ()))}) for f in about.get(key, ()))

    return Source(name, **{**about, "files": listed("files"), "condensed": listed("condensed")})


_LISTED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
SOURCES: Mapping[str, Source] = {name: _read(name, about) for name, about in _LISTED.items()}
"""Every public source by its name."""


def find_source(name: str) -> Source:
    """Return the source called ``name``; raise `InputError` with the closest name if there is none."""
    return SOURCES[one_of(name, SOURCES, "data source")]
