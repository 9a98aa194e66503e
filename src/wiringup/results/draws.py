"""Numbers with the parts of their error: stimuli, units and seeds are resampled together.

One bootstrap draw takes the same resample of stimuli and units for every model (`Score.evidence`) and
resamples the seeds of each condition. Means and fractions follow draw by draw, so that what two models owe
to the same stimuli and neurons cancels in their ratio. Resamples of stimuli and units are gone through again
and again, each time with other seeds: with 500 draws of seeds the same runs under another label would have an
interval that ends a point elsewhere. Draws of stimuli and units at once spread too widely
(see `_counted_twice`): intervals are drawn in by as much. The spread over seeds is known from few of them:
intervals are widened as a t interval is, with Satterthwaite's degrees of freedom.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from wiringup.core.errors import InputError
from wiringup.core.score import Score
from wiringup.core.spec import content_hash
from wiringup.results.stats import LEVEL, Estimate, normal_weights, percentiles, t_over_normal

SEEDS = "seeds"
RESAMPLED = ("stimuli", "units", "both")
FEW_SEEDS = 5
SEED = 0
KEPT = 500  # draws of a score that a record keeps, in half precision
DRAWS = 10_000
"""Of everything at once. By seeds ends of intervals are then known to a thirtieth of a standard error; by the
`KEPT` resamples of stimuli and units, that are gone through again and again, to a tenth of one."""

Array = NDArray[np.float64]


def condensed(score: Score) -> Score:
    """Return a score whose evidence is a few kilobytes of draws, instead of predictions of every image."""
    if score.evidence is None:
        return score
    drawn = {
        source: (draws[:KEPT] - score.score).astype("<f2") for source, draws in score.evidence(KEPT).items()
    }
    errors = {s: round(_variance(d.astype(np.float64)) ** 0.5, 8) for s, d in drawn.items() if s != "both"}
    return replace(score, evidence=partial(_around, score.score, drawn), errors=errors)


def _around(
    value: float, deviations: Mapping[str, NDArray[np.float16]], most: int | None = None, /
) -> dict[str, Array]:
    return {source: value + some[:most].astype(np.float64) for source, some in deviations.items()}


def to_text(score: Score) -> dict[str, str]:
    """Return source -> draws of a condensed score as text: deviations from it, half precision, in base 64."""
    if score.evidence is None:
        return {}
    drawn = {source: (draws - score.score).astype("<f2") for source, draws in score.evidence().items()}
    return {source: base64.b64encode(some.tobytes()).decode() for source, some in drawn.items()}


def from_text(value: float, texts: Mapping[str, str], most: int | None = None, /) -> dict[str, Array]:
    """Return the draws (draws,) of a score of ``value`` that `to_text` wrote.

    Raises:
        InputError: if they are not what it writes.
    """
    try:
        found = {s: np.frombuffer(base64.b64decode(t, validate=True), "<f2") for s, t in texts.items()}
    except ValueError as error:
        raise InputError(f"the draws of a score are damaged ({error}).") from error
    return _around(value, found, most)


@dataclass(frozen=True, eq=False)
class Sample:
    """One score of all seeds of a condition.

    Attributes:
        values: (seeds,).
        draws: source -> (seeds, draws); a source that cannot be resampled is not there.
    """

    values: Array
    draws: Mapping[str, Array] = field(default_factory=dict)

    @classmethod
    def of(cls, scores: Sequence[Score]) -> "Sample":
        """Return the sample of one benchmark, one score for each seed."""
        drawn = [{} if s.evidence is None else s.evidence() for s in scores]
        sources = [source for source in RESAMPLED if any(source in d for d in drawn)]
        length = max((len(d[source]) for d in drawn for source in d), default=0)
        values = np.array([s.score for s in scores])
        pairs = list(zip(drawn, values, strict=True))
        return cls(values, {s: np.stack([d.get(s, np.full(length, v)) for d, v in pairs]) for s in sources})

    def chosen(self, index: Sequence[int]) -> "Sample":
        """Return the sample of some of the seeds, in this order."""
        rows = list(index)
        return Sample(self.values[rows], {source: draws[rows] for source, draws in self.draws.items()})

    def over(self, source: str) -> Array:
        """Return (seeds, draws); constant where the source cannot be resampled."""
        return self.draws.get(source, self.values[:, None])


def subtracted(a: Sample, b: Sample) -> Sample:
    """Return the difference of two scores, seed by seed and draw by draw."""
    sources = [source for source in RESAMPLED if source in a.draws or source in b.draws]
    return Sample(a.values - b.values, {s: np.subtract(*_as_many(a.over(s), b.over(s))) for s in sources})


def mixed(a: Sample, b: Sample, share: float) -> Sample:
    """Return (1 - share) a + share b: a score between two moments of the same seeds."""
    sources = [source for source in RESAMPLED if source in a.draws or source in b.draws]
    parts = {s: _as_many(a.over(s), b.over(s)) for s in sources}
    drawn = {s: (1 - share) * one + share * other for s, (one, other) in parts.items()}
    return Sample((1 - share) * a.values + share * b.values, drawn)


def averaged(samples: Sequence[Sample]) -> Sample:
    """Return the mean of several scores, draw by draw."""
    sources = [source for source in RESAMPLED if any(source in s.draws for s in samples)]
    draws = {s: np.mean(np.broadcast_arrays(*(one.over(s) for one in samples)), axis=0) for s in sources}
    return Sample(np.mean([s.values for s in samples], axis=0), draws)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Bootstrap draws of a number, by source and of all together.

    Attributes:
        value: the number itself.
        parts: source -> (draws,); "both" is stimuli and units at once.
        total: (draws,), with everything resampled, seeds too.
        df_seeds: degrees of freedom of the spread over seeds; 0 if there is one.
        resamples: of stimuli and units: ``total`` goes through so many again and again.
    """

    value: float
    parts: Mapping[str, Array]
    total: Array
    df_seeds: float
    resamples: int = 1

    def over(self, source: str) -> Array:
        """Return the draws (draws,) of one source; the number itself where it cannot be resampled."""
        return self.parts.get(source, np.array([self.value]))

    def estimate(self) -> Estimate:
        """Return the number with its error and interval."""
        if not self.parts:
            return Estimate(self.value)
        variance = {source: _variance(draws) for source, draws in self.parts.items()}
        errors = {source: float(np.sqrt(v)) for source, v in variance.items() if source != "both"}
        drawn = _variance(self.total)
        kept = np.sqrt(max(drawn - _counted_twice(variance), 0.0) / drawn) if drawn > 0 else 1.0
        low, high = percentiles(self.total, LEVEL, self._df(variance, drawn * kept**2))
        low, high = (self.value + float(kept) * (end - self.value) for end in (low, high))
        return Estimate(self.value, float(np.sqrt(drawn) * kept), low, high, errors)

    def widened(self) -> Array:
        """Return draws (draws,) whose plain percentiles are the interval of `estimate`."""
        whole = self.estimate()
        spread = float(np.sqrt(_variance(self.total)))
        df = self._df({s: e**2 for s, e in whole.errors.items()}, whole.error**2)
        wider = whole.error / spread * t_over_normal(df) if spread > 0 else 1.0
        return self.value + wider * (self.total - self.value)

    def _df(self, variance: Mapping[str, float], total: float) -> float:
        of_seeds = variance.get(SEEDS, 0.0)
        return self.df_seeds * (total / of_seeds) ** 2 if of_seeds > 0 else float("inf")

    def mapped(self, by: Callable[[Array], Array]) -> "Drawn":
        """Return a function of the number, draw by draw."""
        parts = {source: by(draws) for source, draws in self.parts.items()}
        value = float(by(np.array([self.value]))[0])
        return replace(self, value=value, parts=parts, total=by(self.total))

    def relative_to(self, other: "Drawn") -> "Drawn":
        """Return the fraction of ``other``, draw by draw."""
        sources = {*self.parts, *other.parts}
        each = (SEEDS, *RESAMPLED)
        parts = {s: np.divide(*_as_many(self.over(s), other.over(s))) for s in each if s in sources}
        n = in_common([self, other])
        total = np.divide(self.total[:n], other.total[:n])
        resamples = min((d.resamples for d in (self, other) if d.resamples > 1), default=1)
        value = float(np.divide(self.value, other.value))
        spread = [_variance(self.over(SEEDS)), value**2 * _variance(other.over(SEEDS))]
        df = _df_of_both(spread, [self.df_seeds, other.df_seeds])
        return Drawn(value, parts, total, df, resamples)


def _df_of_both(spread: Sequence[float], df: Sequence[float]) -> float:
    """Return the degrees of freedom of a spread over seeds to which two conditions contribute.

    Satterthwaite's, but never more than one of them has: with few seeds those cover too little. Ten births
    in percent of a reference of three seeds are known by ten, if it is the births that differ.
    """
    if not sum(spread) > 0:
        return max(df)
    parts = sum(own**2 / of for own, of in zip(spread, df, strict=True) if own > 0)
    return min(sum(spread) ** 2 / parts, max(df))


def in_common(each: Sequence[Drawn]) -> int:
    """Return how many draws of several numbers belong together, one by one.

    Those that went through equally many resamples of stimuli and units (or none) agree in all; of others, as
    records of earlier versions keep more, only the first time through.
    """
    resamples = {one.resamples for one in each if one.resamples > 1}
    many = (len(one.total) for one in each if one.parts)
    return min(resamples) if len(resamples) > 1 else min(many, default=1)


def together(each: Sequence[Drawn]) -> Array:
    """Return (numbers, draws) of several numbers, widened as their intervals are.

    Draws in which one of them is not known, for want of a ceiling, are left out, as in its own interval.
    """
    length = in_common(each)
    many = np.stack([np.broadcast_to(one.widened()[:length], length) for one in each])
    known: Array = many[:, ~np.isnan(many).any(0)]
    return known


def _as_many(a: Array, b: Array) -> tuple[Array, Array]:
    """Return as many draws of one as of the other: records of earlier versions keep none, or more."""
    n = min(a.shape[-1], b.shape[-1])
    return (a, b) if n == 1 else (a[..., :n], b[..., :n])


def _variance(draws: Array) -> float:
    known = draws[~np.isnan(draws)]
    return float(known.var(ddof=1)) if len(known) > 1 else 0.0


def _counted_twice(variance: Mapping[str, float]) -> float:
    """Return by how much crossed resampling makes a variance too large.

    With stimuli S, units U and what is peculiar to a stimulus in a unit, E: resampling stimuli gives S + E,
    units U + E, both S + U + 3 E, so that both - stimuli - units is E, which is there twice too often.
    """
    stimuli, units = variance.get("stimuli", 0.0), variance.get("units", 0.0)
    peculiar = variance.get("both", 0.0) - stimuli - units
    return 2 * min(max(peculiar, 0.0), stimuli, units)


def drawn(sample: Sample, label: str) -> Drawn:
    """Resample the seeds of a condition too, and condense it to its mean over seeds.

    Args:
        sample: scores of all seeds.
        label: of the condition: two conditions resample their seeds independently, all scores of one alike.
    """
    n = len(sample.values)
    both = sample.over("both")
    generator = np.random.default_rng(int(content_hash([SEED, SEEDS, label])[:16], 16))
    draws = both.shape[1] if n == 1 else DRAWS
    weights = normal_weights(n, draws, generator) / n
    parts = {s: values.mean(0) for s, values in sample.draws.items()}
    if n > 1:
        parts[SEEDS] = weights @ sample.values
    total = (weights * np.resize(both.T, weights.shape)).sum(1)
    return Drawn(float(sample.values.mean()), parts, total, n - 1, both.shape[1])
