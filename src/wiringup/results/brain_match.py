"""The brain match of a model on a suite: the mean over areas of ceiled scores, its errors, what is missing.

This is the only place where scores become the value of an area and the mean over areas, where an area counts
as being at chance, and where a brain match becomes a fraction of a reference's. It holds for one run as for
several seeds; errors are over whatever is known: stimuli and units where scores bring their evidence, seeds
where there are several.

An area is at chance if its correlation is not above two of its standard errors, by whatever is known of them
(see `BrainMatch.chance`): it has no fraction, and no part in the mean of which fractions are taken.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wiringup.core.areas import BEHAVIOR, SCORED
from wiringup.core.errors import InputError
from wiringup.core.score import UNCEILED, Score
from wiringup.results.draws import Drawn, Sample, averaged, drawn
from wiringup.results.record import MEAN, plain
from wiringup.results.stats import Estimate

NOTHING = Estimate(float("nan"))
ROOTS = {"(r/c)^2": "r/c", "r^2/c": "r/sqrt(c)"}
"""Normalisation that squares -> what it squares."""


@dataclass(frozen=True)
class BenchmarkResult:
    """One benchmark of a brain match.

    Attributes:
        raw, error: means over seeds of the raw score and of its standard error, as the metric reports it.
        ceiling: None where the data support none; the score is then the raw one, and is not averaged.
        score: ceiled.
        left_out: whether it is not part of the mean, for lack of a ceiling.
    """

    area: str
    layer: str
    metric: str
    raw: float
    error: float
    ceiling: float | None
    normalisation: str
    score: Estimate
    n_stimuli: int
    n_units: int
    note: str
    simulated: bool
    left_out: bool


@dataclass(frozen=True, eq=False)
class BrainMatch:
    """The brain match of one condition (a model, in one or several seeds) on one suite.

    Attributes:
        label: of the condition.
        suite: its name.
        seeds: how many.
        benchmarks: by name.
        areas: area -> mean over its benchmarks that have a ceiling.
        mean: over ``areas``; NaN if there is none.
        missing: benchmark of the suite that has no score -> why. They are not part of the mean.
        samples: area -> what it was estimated from.
        identities: of the subjects that were scored, in order: hashes of weights and preprocessing.
    """

    label: str
    suite: str
    seeds: int
    benchmarks: Mapping[str, BenchmarkResult]
    areas: Mapping[str, Estimate]
    mean: Estimate
    missing: Mapping[str, str]
    samples: Mapping[str, Sample] = field(repr=False)
    identities: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """True if any part is simulated."""
        return any(result.simulated for result in self.benchmarks.values())

    @property
    def left_out(self) -> tuple[str, ...]:
        """Benchmarks that have no ceiling, and therefore no part in the mean."""
        return tuple(name for name, result in self.benchmarks.items() if result.left_out)

    @property
    def not_resampled(self) -> tuple[str, ...]:
        """Averaged benchmarks of which no stimuli were resampled while those of others were.

        What they owe to the choice of stimuli is in no interval of a mean in which they stand.
        """
        used = [name for name, result in self.benchmarks.items() if not result.left_out]
        still = tuple(name for name in used if "stimuli" not in self.benchmarks[name].score.errors)
        return still if len(still) < len(used) else ()

    @property
    def values(self) -> dict[str, float]:
        """Area or "mean" -> the brain match itself, without errors."""
        return {area: e.value for area, e in self.areas.items()} | {MEAN: self.mean.value}

    def sample(self, area: str, averaged_areas: Collection[str]) -> Sample:
        """Return what an area, or the mean over ``averaged_areas``, was estimated from.

        An area that is not there, or a mean that lacks one, is NaN in every seed.
        """
        asked = averaged_areas if area == MEAN else [area]
        if not asked or not set(asked) <= self.samples.keys():
            return Sample(np.full(self.seeds, np.nan))
        return averaged([self.samples[a] for a in asked]) if area == MEAN else self.samples[area]

    @cached_property
    def chance(self) -> Mapping[str, "Chance"]:
        """The areas that are not two standard errors above zero: nothing is a fraction of chance.

        That is the raw score with the metric's own error, which every record keeps; or the ceiled score, if
        it is not positive, or, where stimuli or units were resampled, not above two of the errors found by
        that. A squared score is judged by its root: the standard error of r^2 is 2 r times that of r, so that
        r would have to be above four of its own. Area -> the score, with its error, that decided.
        """
        found = {}
        for area, sample in self.samples.items():
            parts = [self.benchmarks[name] for name in sorted(self.behind(area))]
            raw, error = (float(np.mean([getattr(r, name) for r in parts])) for name in ("raw", "error"))
            root = ROOTS.get(parts[0].normalisation, "")
            ceiled = drawn(sample, self.label)
            estimate = (ceiled.mapped(_signed_root) if root else ceiled).estimate()
            resampled = bool({"stimuli", "units"} & estimate.errors.keys())
            if raw <= 2 * np.nan_to_num(error):  # never of published scores, which come without
                found[area] = Chance("raw", raw, error)
            elif not estimate.value > (2 * np.nan_to_num(estimate.error) if resampled else 0.0):
                found[area] = Chance(root or "ceiled", estimate.value, estimate.error, tuple(estimate.errors))
        return found

    @property
    def above_chance(self) -> list[str]:
        """The other areas, of which there are fractions."""
        return [area for area in self.areas if area not in self.chance]

    def fraction_of(self, reference: "BrainMatch") -> dict[str, Estimate]:
        """Return area or "mean" -> the fraction of a reference's brain match; its error is propagated.

        The mean is over the areas in which the reference is above chance, on both sides of the fraction.
        NaN in the others, and of the mean if there is none: nothing is a fraction of chance.

        Raises:
            InputError: if the two were not made from the same suite and the same benchmarks.
        """
        mine, other = ((m.suite, sorted(m.benchmarks), m.left_out) for m in (self, reference))
        if mine != other:
            raise InputError(
                "Brain matches can be compared only if they were made from the same benchmarks: "
                f"{self._described()} against {reference._described()}. Score the missing ones first."
            )
        return self.fractions(reference)

    def fractions(self, reference: "BrainMatch") -> dict[str, Estimate]:
        """Return what `fraction_of` does, with NaN where not the same benchmarks are behind an area."""
        above = reference.above_chance
        found = dict.fromkeys((*reference.areas, MEAN), NOTHING)
        for area in [*above, MEAN] if above else []:
            parts = above if area == MEAN else [area]
            if all(self.behind(a) == reference.behind(a) for a in parts):
                mine, other = (drawn(m.sample(area, above), m.label) for m in (self, reference))
                found[area] = mine.relative_to(other).estimate()
        return found

    def behind(self, area: str) -> set[str]:
        """Return the benchmarks that an area is the mean of."""
        return {name for name, r in self.benchmarks.items() if r.area == area and not r.left_out}

    def _described(self) -> str:
        used = [name for name in self.benchmarks if name not in self.left_out]
        return f"{self.label} on {', '.join(used) or 'nothing'} of {self.suite}"


class Chance(NamedTuple):
    """The score by which an area is at chance.

    Attributes:
        kind: "raw", or what the ceiled score is the square of, as in "r/c"; "ceiled", if it is no square.
        value, error: of it, means over seeds and over the area's benchmarks; NaN where there is no error.
        sources: what the error of a ceiled score is over.
    """

    kind: str
    value: float
    error: float
    sources: tuple[str, ...] = ()

    def __str__(self) -> str:
        over = f" over {', '.join(self.sources)}" if self.sources else ""
        return f"{self.kind} {self.value:.3f}" + (
            "" if np.isnan(self.error) else f", error {self.error:.3f}{over}"
        )


def _signed_root(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the roots; of a negative score, which is a square with its sign kept, the negative one."""
    roots: NDArray[np.float64] = np.sign(values) * np.sqrt(np.abs(values))
    return roots


def brain_match(
    label: str, suite: str, scores: Sequence[Sequence[Score]], missing: Mapping[str, str] | None = None
) -> BrainMatch:
    """Condense the scores of a condition to its brain match: areas first, then the mean over areas.

    Args:
        label: of the condition; see `draws.drawn`.
        suite: name of the suite.
        scores: for each benchmark, one score for each seed. Where one is undefined, the benchmark is missing.
        missing: benchmark of the suite that could not be scored -> why.

    Raises:
        InputError: if a benchmark has several scores in one seed, or normalisations are mixed.
    """
    _check(scores)
    undefined = {s.benchmark: s.note for of in scores for s in of if np.isnan(s.score)}
    known = [of for of in scores if of[0].benchmark not in undefined]
    samples = {of[0].benchmark: Sample.of(of) for of in known}
    results = {of[0].benchmark: _result(of, drawn(samples[of[0].benchmark], label)) for of in known}
    areas: dict[str, Sample] = {}
    for area in SCORED:
        used = [s for name, s in samples.items() if results[name].area == area and not results[name].left_out]
        if used:
            areas[area] = averaged(used)
    return BrainMatch(
        label=label,
        suite=suite,
        seeds=len(scores[0]) if scores else 0,
        benchmarks=results,
        areas={area: drawn(sample, label).estimate() for area, sample in areas.items()},
        mean=drawn(averaged(list(areas.values())), label).estimate() if areas else NOTHING,
        missing=dict(missing or {}) | undefined,
        samples=areas,
    )


def match_of_run(scores: Sequence[Score], suite: str, benchmarks: Sequence[str]) -> BrainMatch:
    """Return the brain match of a single run; what the suite asks for and is not there is missing.

    Args:
        scores: of the run; those of benchmarks outside the suite are not used.
        suite: its name.
        benchmarks: the names that it consists of.

    Raises:
        InputError: as `brain_match`.
    """
    used = [s for s in scores if s.benchmark in benchmarks]
    absent = [name for name in benchmarks if name not in {s.benchmark for s in used}]
    return brain_match(suite, suite, [[s] for s in used], dict.fromkeys(absent, "not scored"))


def _check(scores: Sequence[Sequence[Score]]) -> None:
    names = [of[0].benchmark for of in scores]
    if several := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"Several scores for {', '.join(several)}. A brain match takes one layer of one model for each "
            "benchmark; pass only those scores."
        )
    # Behaviour has its own normalisation (i2n: r/sqrt(c)), as in the published brain match.
    ceiled = [s for of in scores for s in of if s.area != BEHAVIOR and s.normalisation != UNCEILED]
    if len(used := sorted({s.normalisation for s in ceiled})) > 1:
        raise InputError(f"The scores were normalised in different ways ({', '.join(used)}); use one.")


def _result(scores: Sequence[Score], of: Drawn) -> BenchmarkResult:
    first = scores[0]
    return BenchmarkResult(
        area=first.area,
        layer=first.layer,
        metric=first.metric,
        raw=float(np.mean([s.raw for s in scores])),
        error=float(np.mean([s.error for s in scores])),
        ceiling=first.ceiling,
        normalisation=first.normalisation,
        score=of.estimate(),
        n_stimuli=first.n_stimuli,
        n_units=first.n_units,
        note=first.note,
        simulated=first.simulated,
        left_out=first.normalisation == UNCEILED,
    )


def to_dict(match: BrainMatch, reference: BrainMatch | None = None) -> dict[str, Any]:
    """Return a brain match as plain JSON types, with its fractions of a reference; NaN is None."""
    kept = [f.name for f in dataclasses.fields(match) if f.name not in ("samples", "benchmarks")]
    values = {name: getattr(match, name) for name in kept}
    values |= {name: getattr(match, name) for name in ("benchmarks", "left_out", "simulated")}
    if reference is not None:
        values |= {"reference": reference.label, "fraction": match.fraction_of(reference)}
    found: dict[str, Any] = plain(values)
    return found
