"""Brain match: a named, versioned list of benchmarks, condensed to one number that shows its parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wiringup.core.areas import BEHAVIOR, SCORED
from wiringup.core.errors import InputError
from wiringup.core.score import UNCEILED, Score


@dataclass(frozen=True)
class Suite:
    """A list of benchmarks by name. A change of the list is a new version, in the suite's own name.

    Attributes:
        name: with its version, as in ``"real@1"``.
        benchmarks: names of the benchmarks that count.
    """

    name: str
    benchmarks: tuple[str, ...]


@dataclass(frozen=True)
class BrainMatch:
    """The mean over areas of ceiling-normalised scores.

    Attributes:
        suite: name of the suite.
        mean: mean over ``areas``; NaN if there is none.
        areas: area -> mean over its benchmarks.
        missing: benchmarks of the suite that have no score, or an undefined one.
        unceiled: benchmarks whose score has no ceiling. They are listed, not averaged: a raw correlation is
            no fraction of what can be explained.
        simulated: True if any part is simulated.
    """

    suite: str
    mean: float
    areas: dict[str, float]
    missing: tuple[str, ...] = ()
    unceiled: tuple[str, ...] = ()
    simulated: bool = False

    def fraction_of(self, reference: "BrainMatch") -> float:
        """Return this brain match as a fraction of a reference model's.

        Raises:
            InputError: if the two were not made from the same suite and the same benchmarks.
        """
        mine, other = ((m.suite, m.missing, m.unceiled, sorted(m.areas)) for m in (self, reference))
        if mine != other:
            raise InputError(
                "Brain matches can be compared only if they were made from the same benchmarks: "
                f"{_told(self)} against {_told(reference)}. Score the missing ones first."
            )
        if not reference.mean > 0:
            raise InputError(f"The reference's brain match is {reference.mean}; nothing is a fraction of it.")
        return self.mean / reference.mean


def _told(match: BrainMatch) -> str:
    left_out = ", ".join((*match.missing, *match.unceiled)) or "none"
    return f"{match.suite} with {', '.join(match.areas) or 'no area'} (left out: {left_out})"


def brain_match(scores: Sequence[Score], suite: Suite) -> BrainMatch:
    """Condense ``scores`` to the brain match of ``suite``: first the mean in each area, then over areas.

    Scores of benchmarks outside the suite are not used. What the suite asks for and is not there is named
    in the result, never silently averaged away.

    Raises:
        InputError: if a benchmark has several scores (layers, models), or normalisations are mixed.
    """
    found = {s.benchmark: s for s in scores if s.benchmark in suite.benchmarks and not np.isnan(s.score)}
    _check_single(scores, suite)
    present = [found[name] for name in suite.benchmarks if name in found]
    ceiled = [s for s in present if s.normalisation != UNCEILED]
    _check_normalisations(ceiled)
    areas = {
        area: float(np.mean([s.score for s in ceiled if s.area == area]))
        for area in SCORED
        if any(s.area == area for s in ceiled)
    }
    return BrainMatch(
        suite=suite.name,
        mean=float(np.mean(list(areas.values()))) if areas else float("nan"),
        areas=areas,
        missing=tuple(name for name in suite.benchmarks if name not in found),
        unceiled=tuple(s.benchmark for s in present if s.normalisation == UNCEILED),
        simulated=any(s.simulated for s in ceiled),
    )


def _check_single(scores: Sequence[Score], suite: Suite) -> None:
    names = [s.benchmark for s in scores if s.benchmark in suite.benchmarks]
    several = sorted({name for name in names if names.count(name) > 1})
    if several:
        raise InputError(
            f"Several scores for {', '.join(several)}. A brain match takes one layer of one model for each "
            "benchmark; pass only those scores."
        )


def _check_normalisations(scores: Sequence[Score]) -> None:
    # Behaviour has its own normalisation (i2n: r/sqrt(c)), as in the published brain match.
    names = sorted({s.normalisation for s in scores if s.area != BEHAVIOR})
    if len(names) > 1:
        raise InputError(f"The scores were normalised in different ways ({', '.join(names)}); use one.")
