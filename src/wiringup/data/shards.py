"""WebDataset shards: tar files in which ``KEY.jpg`` stands beside ``KEY.cls`` or ``KEY.json``.

The key of a member is its path up to the first dot of its file name; what follows is its field. Read over
`tarfile`: nothing is unpacked, and no member is trusted to be more than bytes.
"""

import json
import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from wiringup.core.checks import listed
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.files import sample_of
from wiringup.data.names import in_natural_order
from wiringup.data.pictures import SUFFIXES

_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")
_FIELDS = ("cls", "json")
_LABELS = ("label", "cls", "class")  # where a .json may hold the class
_LONGEST = 1_000_000  # bytes of a label


@dataclass(frozen=True)
class Member:
    """Where the bytes of a member lie in its shard."""

    start: int
    size: int
    name: str


@dataclass(frozen=True)
class Sample:
    """An image of a shard and its class, as it is written there.

    Attributes:
        shard: the tar file.
        key: see the module.
        image: the image file.
        label: a number or a name.
    """

    shard: Path
    key: str
    image: Member
    label: int | str

    @property
    def where(self) -> str:
        """How messages call the image."""
        return f"{self.image.name!r} in {self.shard}"

    def read(self) -> bytes:
        """Return the bytes of the image file."""
        return _read(self.shard, self.image)


def is_shards(path: Path) -> bool:
    """Return whether ``path`` names shards: a tar, a range in braces, or a folder that holds tars."""
    if path.is_dir():
        return next(path.glob("*.tar"), None) is not None
    return path.suffix.lower() == ".tar"


def shard_paths(path: Path) -> list[Path]:
    """Return the shards that ``path`` names, in natural order: ``shard-{000..003}.tar`` are four.

    Raises:
        MissingDataError: if one is not there.
        InputError: if a range runs backwards.
    """
    if path.is_dir():
        names = in_natural_order([file.name for file in path.glob("*.tar")])
        return [path / name for name in names]
    found = [Path(name) for name in _expanded(str(path))]
    absent = [str(shard) for shard in found if not shard.is_file()]
    if absent:
        raise MissingDataError(f"{len(absent)} of {len(found)} shards are not there: {listed(absent, 4)}.")
    return found


def sampled(samples: Sequence[Sample]) -> list[str]:
    """Return a hash of every image, see `core.files.sample_of`; a shard is opened once.

    Args:
        samples: shard by shard, as `read_samples` returns them.
    """
    found: list[str] = []
    for shard, images in groupby(samples, lambda sample: sample.shard):
        with shard.open("rb", buffering=0) as stream:
            found += [sample_of(stream, one.image.start, one.image.size) for one in images]
    return found


def _expanded(name: str) -> list[str]:
    braces = _BRACES.search(name)
    if braces is None:
        return [name]
    first, last = braces.groups()
    if int(last) < int(first):
        raise InputError(f"The range {braces[0]} in {name} runs backwards.")
    digits = len(first) if first.startswith("0") else 0
    numbers = (str(i).zfill(digits) for i in range(int(first), int(last) + 1))
    return [full for n in numbers for full in _expanded(name.replace(braces[0], n, 1))]


def read_samples(shards: Sequence[Path]) -> list[Sample]:
    """Return the samples of all shards in their order; labels are read, images are not.

    Raises:
        InputError: if a shard is damaged or compressed, has an image without a label or two images under one
            key, or no image at all.
    """
    samples = [sample for shard in shards for sample in _samples(shard)]
    if not samples:
        raise InputError(
            f"{listed([str(s) for s in shards], 3)} hold no images (looked for KEY.jpg, .png and others, "
            "beside KEY.cls or KEY.json)."
        )
    kinds = {type(sample.label) for sample in samples}
    if len(kinds) > 1:
        raise InputError(f"{shards[0].parent}: some labels are numbers and some are names; use one of them.")
    return samples


def _samples(shard: Path) -> list[Sample]:
    by_key: dict[str, dict[str, Member]] = {}
    for member in _members(shard):
        folder, _, file = member.name.rpartition("/")
        stem, _, suffix = file.partition(".")
        if stem:
            by_key.setdefault(f"{folder}/{stem}".lstrip("/."), {})[suffix.lower()] = member
    return [
        _sample(shard, key, fields)
        for key, fields in by_key.items()
        if any(f".{suffix}" in SUFFIXES for suffix in fields)
    ]


def _members(shard: Path) -> list[Member]:
    try:
        with tarfile.open(shard, "r:") as archive:
            return [Member(m.offset_data, m.size, m.name) for m in archive if m.isreg()]
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(
            f"{shard} is not a readable, uncompressed tar ({error}); is the copy complete?"
        ) from error


def _sample(shard: Path, key: str, fields: dict[str, Member]) -> Sample:
    images = [member for suffix, member in fields.items() if f".{suffix}" in SUFFIXES]
    if len(images) > 1:
        raise InputError(f"{shard}: the key {key!r} has {len(images)} images; one is allowed.")
    label = next((fields[name] for name in _FIELDS if name in fields), None)
    if label is None:
        raise InputError(
            f"{shard}: {images[0].name!r} has no label beside it; looked for {key}.cls and {key}.json."
        )
    return Sample(shard, key, images[0], _label(shard, label))


def _label(shard: Path, member: Member) -> int | str:
    where = f"{member.name!r} in {shard}"
    try:
        if member.size > _LONGEST:
            raise ValueError("it is too long for a label")
        text = _read(shard, member).decode().strip()
        value = text if member.name.endswith(".cls") else _in_json(json.loads(text))
    except ValueError as error:
        raise InputError(f"{where} holds no label ({error}).") from error
    if isinstance(value, str) and re.fullmatch(r"\d+", value):
        value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not (is_number or (isinstance(value, str) and value)):
        raise InputError(f"{where} holds no label: a number from 0 on, or a name.")
    found: int | str = value
    return found


def _in_json(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return next((value[name] for name in _LABELS if name in value), None)


def _read(shard: Path, member: Member) -> bytes:
    with shard.open("rb") as stream:
        stream.seek(member.start)
        return stream.read(member.size)
