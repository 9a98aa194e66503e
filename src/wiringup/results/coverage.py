"""How often intervals cover the truth, in simulated studies whose truth is known.

A study has seeds, stimuli and units, each with an effect of its own, and noise that is peculiar to a stimulus
in a unit; the same stimuli and units are shown to every network. Scores bring real bootstrap draws along.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import at_least
from wiringup.core.progress import task
from wiringup.results.curves import Curve, compared, reached
from wiringup.results.draws import Sample, drawn, subtracted
from wiringup.results.stats import Estimate, mean_interval, mean_of_runs

Array = NDArray[np.float64]

STIMULI, UNITS, DRAWS = 60, 25, 500
WORLDS = {"stimuli and units": (0.02, 0.15, 0.1, 0.3), "seeds": (0.02, 0.01, 0.01, 0.02)}
"""What differs most -> standard deviations of seeds, stimuli, units, and of what is peculiar to both."""
MOMENTS = np.array([0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0])


class World:
    """Stimuli and units that all networks of a study are scored on.

    Args:
        rng: of the study.
        sd: standard deviations of the effects of seeds, stimuli, units, and of what is peculiar to both.
    """

    def __init__(self, rng: np.random.Generator, sd: tuple[float, ...]) -> None:
        self.rng, self.sd = rng, sd
        self.common = self._effects(0.7)
        counts = [rng.multinomial(n, np.full(n, 1 / n), DRAWS) / n for n in (STIMULI, UNITS)]
        self.stimuli, self.units = counts

    def _effects(self, share: float) -> Array:
        _, stimuli, units, both = (share * sd for sd in self.sd)
        rng = self.rng
        effects: Array = stimuli * rng.standard_normal((STIMULI, 1)) + units * rng.standard_normal((1, UNITS))
        return effects + both * rng.standard_normal((STIMULI, UNITS))

    def sample(self, truth: Array) -> Sample:
        """Return the scores of a condition with a true score (seeds,), and what resampling makes of them.

        Effects of stimuli and units are partly common to all networks, partly a seed's own.
        """
        y = [value + self.common + self._effects(0.7) for value in truth]
        values = np.array([one.mean() for one in y])
        draws = {
            "stimuli": np.stack([self.stimuli @ one.mean(1) for one in y]),
            "units": np.stack([self.units @ one.mean(0) for one in y]),
            "both": np.stack([((self.stimuli @ one) * self.units).sum(1) for one in y]),
        }
        return Sample(values, draws)

    def seeds(self, n: int) -> Array:
        """Return the effects (n,) of seeds."""
        return self.sd[0] * self.rng.standard_normal(n)


def curve_of(world: World, label: str, end: float, seeds: int) -> Curve:
    """Return a learning curve from 0.1 to ``end``, half of the way at 4 updates."""
    effects = world.seeds(seeds)
    truth = [0.1 + (end - 0.1) * float(at / (at + 4)) for at in MOMENTS]
    samples = [world.sample(value + effects) for value in truth]
    costs = dict.fromkeys(("updates", "synaptic_updates", "epoch", "flops"), MOMENTS)
    return Curve(label, tuple(range(seeds)), costs, samples, simulated=True)


def _covers(found: Estimate, truth: float) -> bool:
    return found.low <= truth <= found.high


def mean_over_seeds(world: World, seeds: int) -> bool:
    """Bootstrap interval of a mean over seeds."""
    return _covers(mean_interval(0.5 + world.seeds(seeds), world.rng, 1000), 0.5)


def group_of_table(world: World, seeds: int) -> bool:
    """Interval of a group of the table: seeds, with errors of stimuli and units of single runs."""
    sample = world.sample(0.5 + world.seeds(seeds))
    common = {s: float(sample.draws[s].std(1, ddof=1).mean()) for s in ("stimuli", "units")}
    return _covers(mean_of_runs(sample.values, common), 0.5)


def brain_match(world: World, seeds: int) -> bool:
    """Interval of a brain match: seeds, stimuli and units resampled together."""
    return _covers(drawn(world.sample(0.5 + world.seeds(seeds)), "A").estimate(), 0.5)


def fraction(world: World, seeds: int) -> bool:
    """Interval of a fraction of the reference."""
    a, b = (drawn(world.sample(v + world.seeds(seeds)), n) for v, n in ((0.4, "A"), (0.5, "B")))
    return _covers(a.relative_to(b).estimate(), 0.8)


def ten_of_few(world: World, seeds: int) -> bool:
    """Interval of a fraction of the reference: ten births, and as many references as there are seeds."""
    a, b = drawn(world.sample(0.4 + world.seeds(10)), "A"), drawn(world.sample(0.5 + world.seeds(seeds)), "B")
    return _covers(a.relative_to(b).estimate(), 0.8)


def points(world: World, seeds: int) -> bool:
    """Interval of a difference, seed by seed, in percent of the reference: as claims are tested."""
    a, b, whole = (world.sample(value + world.seeds(seeds)) for value in (0.4, 0.3, 0.5))
    found = drawn(subtracted(a, b), "paired").relative_to(drawn(whole, "ref"))
    return _covers(found.estimate(), 0.2)


def paired(world: World, seeds: int) -> bool:
    """Interval of a difference at equal updates, seed by seed."""
    a, b = curve_of(world, "A", 0.5, seeds), curve_of(world, "B", 0.4, seeds)
    found = compared(a, b)[3]
    return _covers(found.difference, 0.1 * 4 / (4 + 4))


def updates_to_reach(world: World, seeds: int) -> bool:
    """Interval of the updates to reach 80 % of the reference; the truth is where its curve is there."""
    whole, curve = curve_of(world, "ref", 0.5, seeds), curve_of(world, "A", 0.5, seeds)
    last = 0.1 + 0.4 * 32 / 36
    share = (0.8 * last - 0.1) / 0.4
    truth = 4 * share / (1 - share)
    found = reached(curve, whole, 0.8, "updates")
    return found.low <= truth <= found.high


KINDS: dict[str, Callable[[World, int], bool]] = {
    "mean over seeds": mean_over_seeds,
    "group of the table": group_of_table,
    "brain match": brain_match,
    "fraction of the reference": fraction,
    "ten seeds, of the reference": ten_of_few,
    "difference at equal updates": paired,
    "difference, of the reference": points,
    "updates to reach 80 %": updates_to_reach,
}


def coverages(
    simulations: int, seed: int = 0, n_seeds: tuple[int, ...] = (2, 3, 5, 10)
) -> list[dict[str, Any]]:
    """Return, for each world, kind of interval and number of seeds, in how many studies it covers the truth.

    Args:
        simulations: studies of each kind in each world.
        seed: of the simulations.
        n_seeds: numbers of seeds that studies have.

    Raises:
        InputError: if there are fewer than two simulations.
    """
    at_least(simulations, 2, "the number of simulations")
    found: list[dict[str, Any]] = []
    each = [(most, sd, name) for most, sd in WORLDS.items() for name in KINDS]
    with task("coverage", len(each), "kinds of intervals simulated") as tell:
        for done, (most, sd, name) in enumerate(each, 1):
            row: dict[str, Any] = {"differing most": most, "interval": name}
            for n in n_seeds:
                worlds = (World(np.random.default_rng([seed, n, i]), sd) for i in range(simulations))
                row[f"{n} seeds"] = float(np.mean([KINDS[name](world, n) for world in worlds]))
            found.append(row)
            tell(done)
    return found
