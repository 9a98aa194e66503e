"""WebDataset shards: tar files in which ``KEY.jpg`` stands beside ``KEY.cls`` or ``KEY.json``.

The key of an image or a label is its path without the suffix that says which of the two it is, so that names
may hold dots (``obj_001_scale0.5.png``). An image without a label of its own is another field of the sample
whose key, in WebDataset's way, ends at the first dot (``000.seg.png`` beside ``000.jpg``). What is no image
and no label of a sample is counted, and an image or a label that stands alone is refused. Read over
`tarfile`: nothing is unpacked, and no member is trusted to be more than bytes.
"""

import math
import re
import tarfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from wiringup.core.checks import listed
from wiringup.core.errors import InputError, MissingDataError, UnreadableError, WiringupError
from wiringup.core.files import parsed_json, regular, sample_of
from wiringup.core.limits import LABEL_BYTES, LABEL_LENGTH, PICTURE_BYTES, SHARDS
from wiringup.core.progress import task
from wiringup.data.images.decoding import SUFFIXES
from wiringup.data.images.names import in_natural_order, is_hidden

_BRACES = re.compile(r"\{(\d{1,18})\.\.(\d{1,18})\}")
REPORTED = 10  # shards between two reports of progress
_FIELDS = (".cls", ".json")
_LABELS = ("label", "cls", "class")  # where a .json may hold the class


@dataclass(frozen=True, slots=True)
class Member:
    """Where the bytes of a member lie in its shard."""

    start: int
    size: int
    name: str


@dataclass(frozen=True, slots=True)
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
        """Return the bytes of the image file; raise `UnreadableError` if the shard cannot be read."""
        try:
            with self.shard.open("rb") as stream:
                return _read(stream, self.image)
        except OSError as error:
            raise UnreadableError(f"{self.where} cannot be read ({error}).") from error


def is_shards(path: Path) -> bool:
    """Return whether ``path`` names shards: a tar, a range in braces, or a folder that holds tars."""
    if path.is_dir():
        return next(path.glob("*.tar"), None) is not None
    return path.suffix.lower() == ".tar"


def shard_paths(path: Path) -> list[Path]:
    """Return the shards that ``path`` names, in natural order: ``shard-{000..003}.tar`` are four.

    Raises:
        MissingDataError: if one is not there.
        InputError: if a range runs backwards or names more than `core.limits.SHARDS`.
    """
    if path.is_dir():
        names = in_natural_order([file.name for file in path.glob("*.tar")])
        return [path / name for name in names]
    found = [Path(name) for name in _expanded(str(path))]
    absent = [str(shard) for shard in found if not shard.exists()]
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
    pieces = _BRACES.split(name)
    texts, ranges = pieces[::3], list(zip(pieces[1::3], pieces[2::3], strict=True))
    for first, last in ranges:
        if int(last) < int(first):
            raise InputError(f"The range {{{first}..{last}}} in {name} runs backwards.")
    if math.prod(int(last) - int(first) + 1 for first, last in ranges) > SHARDS:
        raise InputError(f"{name} names more than {SHARDS:,} shards; is the range right?")
    numbers = [_counted(first, last) for first, last in ranges]
    return [
        "".join(piece for pair in zip(texts, (*chosen, ""), strict=True) for piece in pair)
        for chosen in product(*numbers)
    ]


def _counted(first: str, last: str) -> list[str]:
    digits = len(first) if first.startswith("0") else 0
    return [str(i).zfill(digits) for i in range(int(first), int(last) + 1)]


def read_samples(shards: Sequence[Path]) -> tuple[list[Sample], Counter[str]]:
    """Return the samples of all shards in their order; labels are read, images are not.

    Returns:
        The samples; and of which endings there are how many files that are no image or label of a sample.

    Raises:
        MissingDataError: if a shard is not there.
        InputError: if a shard is damaged or compressed, has an image without a label, a label without an
            image or two images under one key, or no image at all.
    """
    unused: Counter[str] = Counter()
    samples: list[Sample] = []
    with task("list", len(shards), "shards listed") as finished:
        for done, shard in enumerate(shards, 1):
            samples += _samples(shard, unused)
            if done % REPORTED == 0:
                finished(done)
    if not samples:
        raise InputError(
            f"{listed([str(s) for s in shards], 3)} hold no images (looked for KEY.jpg, .png and others, "
            "beside KEY.cls or KEY.json)."
        )
    kinds = {type(sample.label) for sample in samples}
    if len(kinds) > 1:
        raise InputError(f"{shards[0].parent}: some labels are numbers and some are names; use one of them.")
    return samples, unused


def _samples(shard: Path, unused: Counter[str]) -> list[Sample]:
    by_key: dict[str, dict[str, Member]] = {}
    for member in _members(shard):
        key, suffix = _key_of(member.name)
        if suffix not in (*SUFFIXES, *_FIELDS):
            unused[_field_of(member.name)] += 1
            continue
        fields = by_key.setdefault(key, {})
        if suffix in fields:
            raise InputError(f"{shard} holds {member.name!r} twice; make the shard again.")
        fields[suffix] = member
    whole = {key for key, fields in by_key.items() if _is_whole(fields)}
    for key, fields in by_key.items():
        if key in whole:
            unused[".json"] += ".cls" in fields and ".json" in fields
        elif _webdataset_key(key) in whole:
            unused.update(_field_of(member.name) for member in fields.values())
        else:
            raise _alone(shard, key, fields)
    with shard.open("rb") as stream:
        return [_sample(shard, stream, key, by_key[key]) for key in by_key if key in whole]


def _key_of(name: str) -> tuple[str, str]:
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix).lstrip("/."), suffix.lower()


def _webdataset_key(key: str) -> str:
    folder, slash, file = key.rpartition("/")
    return folder + slash + file.partition(".")[0]


def _field_of(name: str) -> str:
    return "." + name.rpartition("/")[2].partition(".")[2]


def _is_whole(fields: dict[str, Member]) -> bool:
    return any(suffix in SUFFIXES for suffix in fields) and any(suffix in _FIELDS for suffix in fields)


def _alone(shard: Path, key: str, fields: dict[str, Member]) -> InputError:
    member = next(iter(fields.values()))
    if any(suffix in SUFFIXES for suffix in fields):
        lacks = f"no label beside it; looked for {key}.cls and {key}.json"
    else:
        lacks = f"no image beside it; looked for {', '.join(key + suffix for suffix in SUFFIXES)}"
    return InputError(f"{shard}: {member.name!r} has {lacks}.")


def _members(shard: Path) -> list[Member]:
    """Return the files of a shard, hidden ones left out as in folders."""
    found: list[Member] = []
    before = -1
    try:
        with tarfile.open(regular(shard, "shard"), "r:") as archive:
            size = shard.stat().st_size
            for m in archive:
                if m.offset <= before or m.size < 0 or m.offset_data + m.size > size:
                    raise tarfile.TarError(f"{m.name!r} does not lie in it")
                before = m.offset
                if m.isreg() and not is_hidden(m.name):
                    _check_member(shard, m)
                    found.append(Member(m.offset_data, m.size, m.name))
    except WiringupError:
        raise
    except Exception as error:  # of a damaged header tarfile raises nearly every kind there is
        raise InputError(
            f"{shard} is not a readable, uncompressed tar ({error}); is the copy complete?"
        ) from error
    return found


def _check_member(shard: Path, member: tarfile.TarInfo) -> None:
    if member.issparse():
        raise InputError(
            f"{member.name!r} in {shard} is stored with holes, which are not read; make the shard again."
        )
    if member.size > PICTURE_BYTES and member.name.lower().endswith(SUFFIXES):
        raise InputError(
            f"{member.name!r} in {shard} has {member.size:,} bytes; a picture may have {PICTURE_BYTES:,}."
        )


def _sample(shard: Path, stream: BinaryIO, key: str, fields: dict[str, Member]) -> Sample:
    images = [member for suffix, member in fields.items() if suffix in SUFFIXES]
    if len(images) > 1:
        raise InputError(f"{shard}: the key {key!r} has {len(images)} images; one is allowed.")
    label = next(fields[name] for name in _FIELDS if name in fields)
    return Sample(shard, key, images[0], _label(shard, stream, label))


def _label(shard: Path, stream: BinaryIO, member: Member) -> int | str:
    where = f"{member.name!r} in {shard}"
    try:
        if member.size > LABEL_BYTES:
            raise InputError("it is too long for a label")
        content = _read(stream, member)
        is_text = member.name.lower().endswith(".cls")
        value = content.decode().strip() if is_text else _in_json(parsed_json(content, "it"))
    except ValueError as error:  # InputError is one
        raise InputError(f"{where} holds no label ({error}).") from error
    if isinstance(value, str) and len(value) <= LABEL_LENGTH and re.fullmatch(r"[0-9]+", value):
        value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not (is_number or (isinstance(value, str) and 0 < len(value) <= LABEL_LENGTH)):
        raise InputError(
            f"{where} holds no label: a number from 0 on, or a name of at most {LABEL_LENGTH} characters."
        )
    found: int | str = value
    return found


def _in_json(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return next((value[name] for name in _LABELS if name in value), None)


def _read(stream: BinaryIO, member: Member) -> bytes:
    stream.seek(member.start)
    return stream.read(member.size)
