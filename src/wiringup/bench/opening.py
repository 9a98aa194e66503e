"""A made-up folder in the shape of ImageNet, and what it costs to open, pack and hold it, by its size."""

import io
import logging
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from wiringup.bench.timing import peak_of_its_own
from wiringup.core.folders import SETTLED
from wiringup.core.seeds import numpy_stream
from wiringup.data.images.listing import MOST_SAMPLED

log = logging.getLogger(__name__)

SIZES = (10_000, 30_000, 100_000)
QUICK = (1_000, 2_000, 4_000)
IMAGENET = 1_281_167
SIDE = 64  # px at which images are packed

CLASSES = 1000
SIDES = (
    ((500, 375), 0.5), ((375, 500), 0.17), ((500, 333), 0.12), ((333, 500), 0.04), ((500, 500), 0.03),
    ((640, 480), 0.04), ((250, 250), 0.02), ((160, 120), 0.02), ((1024, 768), 0.03), ((1600, 1200), 0.02),
    ((2592, 1944), 0.01),
)  # fmt: skip
"""(Width, height) in px and their share: most are 500 px long, some small and a few large, as in ImageNet."""

_CONTENTS = 300  # pictures that are drawn; every file is one of them with a comment of its own
_GRAIN = 125  # px between independent values: as coarse as can be, so that 100,000 files fit a small disk
_QUALITY = 20

FIRST, AGAIN, PACK, OPEN = (
    "list and fingerprint, first time",
    "list and fingerprint, known",
    f"pack at {SIDE} px, listed before",
    "open the pack, hash all of it",
)
COMMAND = "whole command, second time (wiringup pack)"


def imagenet_like(folder: Path, n: int, seed: int = 0, start: int = 0) -> Path:
    """Write ``n`` JPEG files in class folders, named and mixed in size as ImageNet's are; return ``folder``.

    The files are small (2 to 3 KB, the few large ones up to 80; ImageNet's have 110) and without detail, so
    that decoding one costs less than a photograph of its size. `_CONTENTS` pictures are drawn; files that
    show the same one differ by the number in their comment.

    Args:
        folder: where.
        n: how many.
        seed: of sizes and contents.
        start: how many of them are there already.
    """
    stream = numpy_stream(seed, "ImageNet-like")
    contents = _contents(stream)
    shown = stream.integers(len(contents), size=n)  # with one seed, fewer are the first of more
    for label in range(min(CLASSES, n)):
        (folder / _name(label)).mkdir(parents=True, exist_ok=True)
    for i, which in enumerate(shown[start:].tolist(), start):
        name = _name(i % CLASSES)
        head, rest = contents[which]
        text = f"{i:010d}".encode()
        comment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
        (folder / name / f"{name}_{i * 7 % 100_003}.JPEG").write_bytes(head + comment + rest)
    return folder


def _name(label: int) -> str:
    return f"n{1_440_764 + 15_013 * label:08d}"


def _contents(stream: np.random.Generator) -> list[tuple[bytes, bytes]]:
    """Return JPEG files, each in two parts between which a comment may stand."""
    sides, shares = zip(*SIDES, strict=True)
    numbers = np.maximum(1, np.round(np.array(shares) * _CONTENTS)).astype(int)
    return [_drawn(side, stream) for side, number in zip(sides, numbers, strict=True) for _ in range(number)]


def _drawn(side: tuple[int, int], stream: np.random.Generator) -> tuple[bytes, bytes]:
    width, height = side
    coarse = stream.integers(0, 256, (-(-height // _GRAIN), -(-width // _GRAIN), 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(side, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue()[:2], buffer.getvalue()[2:]


@dataclass(frozen=True)
class Cost:
    """What some work on a folder of images took, in a process of its own.

    Attributes:
        work: what was done.
        images: in the folder.
        seconds: of the clock.
        cpu: seconds of the processor, of all threads: what the clock would show on one idle core.
        memory: MB at the peak beyond what was there before, without pages of files, which the system can
            drop; None where that was not measured.
        extrapolated: whether it was not measured, but lies on the straight line through the smallest and the
            largest folder that were.
    """

    work: str
    images: int
    seconds: float
    cpu: float
    memory: float | None
    extrapolated: bool = False


def measure(sizes: Sequence[int] = SIZES) -> list[Cost]:
    """Return what opening and packing a made-up folder cost at ``sizes``.

    If not all files of the largest are sampled (`SIZES`), the costs of ImageNet's number are extrapolated.
    Files have just been written: the system holds them in memory, and no disk is waited for.
    """
    found: list[Cost] = []
    with tempfile.TemporaryDirectory(prefix="wiringup-bench-") as scratch:
        folder = Path(scratch) / "images"
        for before, n in zip([0, *sizes], sizes, strict=False):
            log.info("Making %s images ...", f"{n - before:,}")
            imagenet_like(folder, n, start=before)
            cache = Path(scratch) / f"cache of {n}"  # or images of the smaller pack were taken over
            time.sleep(2 * SETTLED)  # what has just changed is not kept
            for work in (FIRST, AGAIN, PACK, OPEN):
                log.info("%s images: %s ...", f"{n:,}", work)
                found.append(_apart(work, n, folder, cache))
            found.append(_command(n, folder, cache))
    if sizes[-1] < MOST_SAMPLED:
        return found
    return [*found, *(_extrapolated(found, work) for work in dict.fromkeys(cost.work for cost in found))]


def _apart(work: str, n: int, folder: Path, cache: Path) -> Cost:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_measured, work, n, folder, cache).result()


def _measured(work: str, n: int, folder: Path, cache: Path) -> Cost:
    os.environ["WIRINGUP_CACHE"] = str(cache)
    from wiringup.data.images.cache import default_cache
    from wiringup.data.images.source import open_source

    def opened() -> None:
        with open_source(folder) as source:
            source.fingerprint  # noqa: B018

    def loaded() -> None:
        default_cache().load(folder, SIDE).sha256  # noqa: B018

    taken: list[float] = []

    def timed() -> None:
        began, cpu = time.perf_counter(), time.process_time()
        opened() if work in (FIRST, AGAIN) else loaded()
        taken.extend((time.perf_counter() - began, time.process_time() - cpu))

    memory = peak_of_its_own(timed)
    return Cost(work, n, taken[0], taken[1], memory)


def _command(n: int, folder: Path, cache: Path) -> Cost:
    import resource  # Windows has none

    command = [sys.executable, "-m", "wiringup", "pack", str(folder), "--size", str(SIDE), "--json"]
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=os.environ | {"WIRINGUP_CACHE": str(cache)}, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(COMMAND, n, time.perf_counter() - began, cpu, None)


def _extrapolated(found: Iterable[Cost], work: str) -> Cost:
    small, *_, large = [cost for cost in found if cost.work == work]
    times = (IMAGENET - large.images) / (large.images - small.images)

    def on_the_line(less: float, more: float) -> float:
        return more + times * (more - less)

    known = small.memory is not None and large.memory is not None
    return Cost(
        work,
        IMAGENET,
        on_the_line(small.seconds, large.seconds),
        on_the_line(small.cpu, large.cpu),
        on_the_line(small.memory or 0, large.memory or 0) if known else None,
        extrapolated=True,
    )
