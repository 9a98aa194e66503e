"""A small study's records, made by hand so that every percentage is known."""

import re
from dataclasses import replace

import numpy as np

from wiringup.core.score import Score
from wiringup.results.draws import condensed
from wiringup.results.record import Point, Record


def score(benchmark: str = "b.V4", value: float = 0.5, **changes: object) -> Score:
    fields = {
        "benchmark": benchmark, "area": "V4", "metric": "pls-25", "layer": "V4", "raw": value, "ceiling": 0.8,
        "score": value, "normalisation": "r/c", "error": 0.01, "n_stimuli": 10, "n_units": 2,
        "units": np.array([0.25, np.nan]),
    }  # fmt: skip
    return Score(**{**fields, **changes})  # type: ignore[arg-type]


def point(epoch: float, synaptic: int, v4: float, **changes: object) -> Point:
    match = {"V4": v4, "mean": v4}
    fields = {
        "epoch": epoch, "updates": int(100 * epoch), "synaptic_updates": synaptic, "top1": 0.25,
        "match": match, "missing": (), "scores": (score(value=v4),),
    }  # fmt: skip
    return Point(**{**fields, **changes})  # type: ignore[arg-type]


def make_record(label: str, seed: int, *values: float, uid: str = "", trained: int = 10) -> Record:
    points = tuple(point(i, i * 100 * trained, v) for i, v in enumerate(values))
    return Record(
        uid=uid or f"{label}-{seed}",
        label=label,
        seed=seed,
        spec={"lr": 0.1},
        synapses={"trained": trained, "all": 100, "V4": trained},
        points=points,
        losses=(1.5, 1.0),
        provenance={"seconds": 2.0, "date": "2026-01-01T00:00:00+00:00", "machine": "a machine"},
    )


def evidence(value, errors=(0.03, 0.02), seed=0, draws=1000):
    """Return draws of a score with known errors; those of one ``seed`` are of the same stimuli and units."""
    stimuli, units = np.random.default_rng(seed).standard_normal((2, draws))
    a, b = value * (1 + errors[0] / 0.4 * stimuli), value * (1 + errors[1] / 0.4 * units)
    return {"stimuli": a, "units": b, "both": a + b - value}


def with_draws(record, **how):
    def drawn(s):
        return condensed(replace(s, evidence=lambda _=None: evidence(s.score, **how)))

    points = [replace(p, scores=tuple(map(drawn, p.scores)), errors={"stimuli": 0.03}) for p in record.points]
    return replace(record, points=tuple(points))


def without_scripts(page):
    """Return a report as it is read: without the library and the script that draw its figure."""
    return re.sub("<script>/.*?</script>", "", page, flags=re.S)
