"""What lies in shards, kept in the cache folder: reading a thousand of them takes minutes.

It is taken as long as every shard has the size, the times of its last change and of its inode's, and the
inode that it had; so is the hash of the samples (`listing`).
"""

import contextlib
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wiringup.core.cache import touch
from wiringup.core.errors import WiringupError
from wiringup.core.files import regular
from wiringup.core.folders import SETTLED
from wiringup.core.sealed import write_sealed
from wiringup.data.images.listing import (
    LARGE,
    MOST_SAMPLED,
    default_listings,
    known_samples,
    read_kept,
    write_kept,
)
from wiringup.data.images.shards import Member, Sample, read_samples, sampled


def samples_of(shards: Sequence[Path]) -> tuple[list[Sample], Counter[str]]:
    """Return the samples of all shards in their order, and which files are none; see `shards.read_samples`.

    Raises:
        MissingDataError, InputError: as `shards.read_samples`.
    """
    path, stamps, now = _place(shards), _stamps(shards), time.time()
    if (kept := read_samples_kept(path, shards, stamps)) is not None:
        touch(path)
        return kept
    samples, unused = read_samples(shards)
    if len(samples) >= LARGE and _settled(stamps, now):
        with contextlib.suppress(OSError, WiringupError):  # a cache that may only be read, a full disk
            write_samples(path, shards, stamps, samples, unused)
            default_listings().evict()
    return samples, unused


def marks_of(shards: Sequence[Path], samples: Sequence[Sample]) -> list[Any]:
    """Return what changes when shards do: sizes and times, what lies where, and hashes of images.

    Of more than `listing.MOST_SAMPLED` images that many are hashed, see `core.files.sample_of`.
    """
    stamps, now = _stamps(shards), time.time()
    path = _place(shards).with_suffix(".json")
    seen = hashlib.sha256(json.dumps(stamps).encode()).hexdigest()
    hashes = known_samples(path, seen)
    if hashes is None:
        found = sampled(samples[:: -(-len(samples) // MOST_SAMPLED) or 1])
        hashes = hashlib.sha256("\n".join(found).encode()).hexdigest()
        if len(samples) >= LARGE and _settled(stamps, now):
            with contextlib.suppress(OSError, WiringupError):
                write_sealed(path, {"seen": seen, "samples": hashes})
    files = [(shard.name, size, time_) for shard, (size, time_, *_) in zip(shards, stamps, strict=True)]
    return [files, [(s.key, s.image.start, s.image.size, s.label) for s in samples], hashes]


def write_samples(
    path: Path,
    shards: Sequence[Path],
    stamps: Sequence[Sequence[int]],
    samples: Sequence[Sample],
    unused: Counter[str],
) -> None:
    """Keep what lies in shards whose files have these ``stamps``."""
    counts = Counter(sample.shard for sample in samples)
    columns = {
        "keys": [sample.key for sample in samples],
        "names": [sample.image.name for sample in samples],
        "starts": [sample.image.start for sample in samples],
        "sizes": [sample.image.size for sample in samples],
        "labels": [sample.label for sample in samples],
    }
    about = {"stamps": stamps, "counts": [counts[shard] for shard in shards], "unused": unused}
    write_kept(path, about, json.dumps(columns).encode())


def read_samples_kept(
    path: Path, shards: Sequence[Path], stamps: Sequence[Sequence[int]]
) -> tuple[list[Sample], Counter[str]] | None:
    """Return what `write_samples` kept; None if it is not whole, or of other ``stamps``."""
    kept = read_kept(path)
    if kept is None or kept[0]["stamps"] != [list(stamp) for stamp in stamps]:
        return None
    about, columns = kept[0], json.loads(kept[1])
    places = [shard for shard, n in zip(shards, about["counts"], strict=True) for _ in range(n)]
    images = map(Member, columns["starts"], columns["sizes"], columns["names"])
    samples = list(map(Sample, places, columns["keys"], images, columns["labels"]))
    return samples, Counter(about["unused"])


def _place(shards: Sequence[Path]) -> Path:
    names = b"\0".join(os.fsencode(os.path.realpath(shard)) for shard in shards)
    return default_listings().folder / f"{hashlib.sha256(names).hexdigest()[:40]}.samples"


def _stamps(shards: Sequence[Path]) -> list[tuple[int, int, int, int]]:
    about = [regular(shard, "shard").stat() for shard in shards]
    return [(one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_ino) for one in about]


def _settled(stamps: Sequence[tuple[int, int, int, int]], now: float) -> bool:
    return all(now - max(modified, changed) / 1e9 > SETTLED for _, modified, changed, _ in stamps)
