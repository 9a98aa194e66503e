"""The brain match of a model on a suite: its parts, their errors, and what is missing."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wiringup.core.areas import SCORED
from wiringup.core.errors import InputError
from wiringup.core.score import UNCEILED, Score
from wiringup.results.draws import Drawn, Estimate, Sample, averaged, drawn
from wiringup.results.record import MEAN

NOTHING = Estimate(float("nan"), float("nan"), float("nan"), float("nan"), {})


@dataclass(frozen=True)
class Line:
    """One benchmark of a brain match.

    Attributes:
        raw: mean over seeds.
        ceiling: None where the data support none; the score is then the raw one, and is not averaged.
        score: ceiled.
        left_out: whether it is not part of the mean, for lack of a ceiling.
    """

    area: str
    layer: str
    metric: str
    raw: float
    ceiling: float | None
    normalisation: str
    score: Estimate
    n_stimuli: int
    n_units: int
    note: str
    simulated: bool
    left_out: bool


@dataclass(frozen=True, eq=False)
class Match:
    """The brain match of one condition (a model, in one or several seeds) on one suite.

    Attributes:
        label: of the condition.
        suite: its name.
        seeds: how many.
        lines: benchmark -> its scores.
        areas: area -> mean over its benchmarks that have a ceiling.
        mean: over ``areas``; NaN if there is none.
        missing: benchmark of the suite that has no score -> why. They are not part of the mean.
        draws: what areas and mean were estimated from.
        identities: of the subjects that were scored, in order: hashes of weights and preprocessing.
    """

    label: str
    suite: str
    seeds: int
    lines: Mapping[str, Line]
    areas: Mapping[str, Estimate]
    mean: Estimate
    missing: Mapping[str, str]
    draws: Mapping[str, Drawn] = field(repr=False)
    identities: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """True if any part is simulated."""
        return any(line.simulated for line in self.lines.values())

    @property
    def left_out(self) -> tuple[str, ...]:
        """Benchmarks that have no ceiling, and therefore no part in the mean."""
        return tuple(name for name, line in self.lines.items() if line.left_out)

    def fraction_of(self, reference: "Match") -> dict[str, Estimate]:
        """Return area or "mean" -> the fraction of a reference's brain match; its error is propagated.

        NaN where the reference is within two errors of 0: nothing is a fraction of chance.

        Raises:
            InputError: if the two were not made from the same suite and the same benchmarks.
        """
        mine, other = ((m.suite, sorted(m.lines), m.left_out) for m in (self, reference))
        if mine != other:
            raise InputError(
                "Brain matches can be compared only if they were made from the same benchmarks: "
                f"{self._told()} against {reference._told()}."
            )
        return {area: d.relative_to(reference.draws[area]).estimate() for area, d in self.draws.items()}

    def _told(self) -> str:
        used = [name for name in self.lines if name not in self.left_out]
        return f"{self.label} on {', '.join(used) or 'nothing'} of {self.suite}"


def match_of(label: str, suite: str, scores: Sequence[Sequence[Score]], missing: Mapping[str, str]) -> Match:
    """Condense the scores of a condition to its brain match: areas first, then the mean over areas.

    Args:
        label: of the condition; see `draws.drawn`.
        suite: name of the suite.
        scores: for each benchmark, one score for each seed. Where one is undefined, the benchmark is missing.
        missing: benchmark of the suite that could not be scored -> why.
    """
    seeds = len(scores[0]) if scores else 0
    undefined = {s.benchmark: s.note for of in scores for s in of if np.isnan(s.score)}
    scores = [of for of in scores if of[0].benchmark not in undefined]
    samples = {of[0].benchmark: Sample.of(of) for of in scores}
    lines = {of[0].benchmark: _line(of, drawn(samples[of[0].benchmark], label)) for of in scores}
    parts: dict[str, Sample] = {}
    for area in SCORED:
        used = [s for name, s in samples.items() if lines[name].area == area and not lines[name].left_out]
        if used:
            parts[area] = averaged(used)
    draws = {area: drawn(sample, label) for area, sample in parts.items()}
    if parts:
        draws[MEAN] = drawn(averaged(list(parts.values())), label)
    return Match(
        label=label,
        suite=suite,
        seeds=seeds,
        lines=lines,
        areas={area: draws[area].estimate() for area in parts},
        mean=draws[MEAN].estimate() if parts else NOTHING,
        missing=dict(missing) | undefined,
        draws=draws,
    )


def _line(scores: Sequence[Score], of: Drawn) -> Line:
    first = scores[0]
    return Line(
        area=first.area,
        layer=first.layer,
        metric=first.metric,
        raw=float(np.mean([s.raw for s in scores])),
        ceiling=first.ceiling,
        normalisation=first.normalisation,
        score=of.estimate(),
        n_stimuli=first.n_stimuli,
        n_units=first.n_units,
        note=first.note,
        simulated=first.simulated,
        left_out=first.normalisation == UNCEILED,
    )


def to_dict(
    match: Match, fraction: Mapping[str, Estimate] | None = None, reference: str = ""
) -> dict[str, Any]:
    """Return a brain match as plain JSON types; what is not defined is None.

    Args:
        match: the brain match.
        fraction: see `Match.fraction_of`.
        reference: label of the reference.
    """
    values = {
        f.name: getattr(match, f.name) for f in dataclasses.fields(match) if f.name not in ("draws", "lines")
    }
    values |= {"benchmarks": match.lines, "left_out": match.left_out, "simulated": match.simulated}
    if fraction is not None:
        values |= {"reference": reference, "fraction": fraction}
    plain: dict[str, Any] = _plain(values)
    return plain


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
