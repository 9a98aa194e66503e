"""The table of a folder of made-up runs, made and asked again, beside reading every record."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wiringup.bench.timing import Row, compare, seconds_of
from wiringup.core.progress import task
from wiringup.core.score import Score
from wiringup.core.seeds import numpy_stream
from wiringup.results.draws import KEPT, condensed
from wiringup.results.kept import FILE
from wiringup.results.query import Query, ask
from wiringup.results.record import MEAN, Point, Record
from wiringup.results.store import RECORD, Store

RUNS, QUICK = 10_000, 500
MOMENTS = (0.0, 0.1, 0.5, 1.0, 2.0, 6.0, 43.0)
BENCHMARKS = {"a.V1": "V1", "b.V2": "V2", "c.V4": "V4", "d.IT": "IT", "e.behavior": "behavior"}
BIRTHS = ("kaiming_normal", "weight_compression")
SETS = ("all", "critical", "decoder", "conv1")
UNITS = 100
AGAINST = "json.load of every record.json, and means by dictionaries"
QUESTION = Query(where="epoch = 6", group=("birth", "plasticity"))
NOTES = (
    f"Made-up runs of {len(MOMENTS)} moments and {len(BENCHMARKS)} benchmarks with {KEPT} bootstrap draws. "
    "Their files had just been written, so no disk was waited for.",
)


def rows(runs: int) -> list[Row]:
    """Return what a question to so many runs takes: when none was read before, and when nothing changed."""
    with made_up(runs) as root:
        table = root / FILE

        def anew() -> dict[tuple[str, str], float]:
            table.unlink(missing_ok=True)
            return _asked(root)

        first = compare(f"{runs:,} runs read, and asked", AGAINST, anew, lambda: _plain(root), _difference)
        seconds = seconds_of(lambda: _asked(root))
        return [first, replace(first, name=f"{runs:,} runs, none of them new, asked", ours=seconds)]


@contextmanager
def made_up(runs: int) -> Iterator[Path]:
    """Yield a folder of so many made-up runs, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="wiringup-") as folder:
        store, root = Store(Path(folder)), Path(folder)
        with task("list", runs, "made-up runs") as tell:
            for i in range(runs):
                store.save(record(i))
                tell(i + 1)
        yield root


def record(i: int) -> Record:
    """Return the ``i``-th made-up run."""
    stream = numpy_stream(0, "bench", "results", i)
    birth, learns = BIRTHS[i % 2], SETS[i // 2 % 4]
    spec = {
        "birth": {"recipe": birth, "seed": i // 8, "batchnorm": "calibrated", "genome": ""},
        "training": {"plasticity": learns, "seed": i // 8, "lr": 0.1, "batch": 256, "norms": "batch"},
        "model": {"architecture": "cornet_s", "width": 1.0, "size": 224},
        "images": {"sha256": "0" * 64, "number": 1_281_167},
        "exam": {"suite": "made-up@1", "normalisation": "(r/c)^2"},
    }
    return Record(
        uid=f"{i:012x}",
        label=f"{birth} + {learns}",
        seed=i // 8,
        spec=spec,
        synapses={"trained": 1000, "all": 53_000_000},
        points=tuple(_point(epoch, stream) for epoch in MOMENTS),
        losses=(7.0, 6.0),
        provenance={"seconds": 1.0, "date": "2026-01-01T00:00:00+00:00"},
    )


def _point(epoch: float, stream: np.random.Generator) -> Point:
    scores = tuple(_score(name, area, stream) for name, area in BENCHMARKS.items())
    match = {score.area: score.score for score in scores}
    match[MEAN] = float(np.mean(list(match.values())))
    return Point(
        epoch=epoch,
        updates=int(epoch * 1e6),
        synaptic_updates=int(epoch * 1e9),
        top1=0.1,
        match=match,
        missing=(),
        scores=scores,
    )


def _score(name: str, area: str, stream: np.random.Generator) -> Score:
    value = float(stream.uniform(0.1, 0.6))
    draws = value + 0.01 * stream.standard_normal((3, KEPT))
    known = dict(zip(("stimuli", "units", "both"), draws, strict=True))
    made = Score(
        benchmark=name,
        area=area,
        metric="pls-25",
        layer=area,
        raw=value**0.5,
        ceiling=0.9,
        score=value,
        normalisation="(r/c)^2",
        error=0.01,
        n_stimuli=640,
        n_units=UNITS,
        simulated=True,
        units=stream.uniform(0, 1, UNITS),
        evidence=lambda _=None: known,
    )
    return condensed(made)


def _asked(root: Path) -> dict[tuple[str, str], float]:
    return {(row["birth"], row["plasticity"]): row["brain_match"] for row in ask(root, QUESTION)}


def _plain(root: Path) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], list[float]] = {}
    for path in root.glob(f"*/{RECORD}"):
        run: dict[str, Any] = json.loads(path.read_text())
        key = run["spec"]["birth"]["recipe"], run["spec"]["training"]["plasticity"]
        for point in run["points"]:
            if point["epoch"] == 6:
                found.setdefault(key, []).append(point["match"][MEAN])
    return {key: float(np.mean(values)) for key, values in found.items()}


def _difference(ours: dict[tuple[str, str], float], plain: dict[tuple[str, str], float]) -> float:
    return max(abs(ours[key] - value) for key, value in plain.items())
