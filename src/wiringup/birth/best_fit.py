"""The distribution family that fits a histogram of weights best, for a layer or for each output kernel.

Source: Geiger et al. 2022, supplement: of the families of scipy.stats, the smallest squared error to the
histogram. The families here are a bounded list (`FAMILIES`), each with a few values of its shape parameter,
and location and scale follow from moments or from quartiles, so that a whole network takes seconds.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from wiringup.birth.distributions import resampled
from wiringup.birth.genome_layers import Array, ConvolutionLayer, negative, rounded, values, words

FAMILIES: Mapping[str, tuple[float, ...]] = {
    "norm": (),
    "laplace": (),
    "logistic": (),
    "hypsecant": (),
    "uniform": (),
    "arcsine": (),
    "semicircular": (),
    "gumbel_l": (),
    "gumbel_r": (),
    "t": (3.0, 5.0, 10.0),
    "gennorm": (0.5, 0.75, 1.5, 4.0, 8.0),
}
"""Names in scipy.stats -> the values that are tried for the shape parameter, of families that have one.

All have a finite variance: a family without one fits some histograms well, and then draws a few weights that
are thousands of times larger than any trained one.
"""

MOST_VALUES = 4096  # of one kernel, a random subsample; 16 times as many of a layer
_BINS = 50  # at most; fewer by the Rice rule, 2 n^(1/3)
_ROWS = 64  # kernels drawn at a time, so that intermediate values stay small


@dataclass(frozen=True, eq=False)
class BestFit(ConvolutionLayer):
    """A family of distributions with its parameters for each group of weights.

    Attributes:
        families: (groups,) names in `FAMILIES`.
        shape: (groups,) the shape parameter, 0 for families without one.
        loc: (groups,) scipy's ``loc``.
        scale: (groups,) scipy's ``scale``.
    """

    families: tuple[str, ...] = words("groups", FAMILIES)
    shape: Array = values("groups")
    loc: Array = values("groups")
    scale: Array = values("groups")

    @property
    def n_parameters(self) -> int:
        """Number of parameters: the family, location, scale, and the shape parameter where there is one."""
        return sum(3 + bool(FAMILIES[family]) for family in self.families)

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        if fault := negative(self, "scale"):
            return fault
        bad = [f for f, s in zip(self.families, self.shape, strict=True) if FAMILIES[f] and s <= 0]
        return f"shape: not positive for the family {bad[0]}" if bad else ""

    def summary(self) -> str:
        """Return the most frequent families."""
        common = Counter(self.families).most_common(3)
        return ", ".join(f"{family} {n / len(self.families):.0%}" for family, n in common)

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Draw weights (out, in, k, k), any number of channels and any kernel size.

        With a family for each output kernel and another number of output kernels, each draws one of the
        fitted ones.
        """
        from scipy import stats

        group = resampled(len(self.families), shape[0], generator).numpy()
        random = np.random.default_rng(int(torch.randint(2**63 - 1, (), generator=generator)))
        keys = [(self.families[g], float(self.shape[g])) for g in group]
        weight = torch.empty(shape).flatten(1)
        for family, parameter in sorted(set(keys)):
            distribution = getattr(stats, family)(*_arguments(family, parameter))
            same = [row for row, key in enumerate(keys) if key == (family, parameter)]
            for rows in torch.split(torch.tensor(same), _ROWS):
                loc, scale = (v[group[rows], None] for v in (self.loc, self.scale))
                drawn = distribution.rvs((len(rows), weight.shape[1]), random_state=random)
                weight[rows] = torch.from_numpy(drawn * scale + loc).float()
        return weight.view(shape)


@dataclass(frozen=True, eq=False)
class BestFitLayer(BestFit):
    """One family for all weights of a layer."""

    kind: ClassVar[str] = "best_fit_layer"

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        return super().fault() or ("" if len(self.families) == 1 else "families: more than one")

    @classmethod
    def fit(cls, weight: Tensor, generator: Generator, size: int = 0) -> Self:
        """Return the family that is nearest to the histogram of all weights."""
        return cls(*_best(_subsample(weight.flatten()[None], 16 * MOST_VALUES, generator)))


@dataclass(frozen=True, eq=False)
class BestFitKernel(BestFit):
    """A family for each output kernel."""

    kind: ClassVar[str] = "best_fit_kernel"

    @classmethod
    def fit(cls, weight: Tensor, generator: Generator, size: int = 0) -> Self:
        """Return the family that is nearest to the histogram of each output kernel of (out, in, k, k)."""
        return cls(*_best(_subsample(weight.flatten(1), MOST_VALUES, generator)))


def _best(values: NDArray[np.float64]) -> tuple[Any, ...]:
    """Return families, shape parameters, locations and scales that fit (groups, n) values best."""
    edges, density = _histograms(values)
    quartiles = np.quantile(values, (0.25, 0.5, 0.75), axis=1)
    mean, std = values.mean(1), values.std(1)
    least = np.full(len(values), np.inf)
    families = np.full(len(values), "norm", dtype=object)
    best = np.zeros((3, len(values)))
    for family, parameters in FAMILIES.items():
        for parameter in parameters or (0.0,):
            for loc, scale in _placements(family, parameter, mean, std, quartiles):
                error = _error(family, parameter, loc, scale, edges, density)
                better = error < least
                least = np.where(better, error, least)
                families[better] = family
                best = np.where(better, [np.full_like(loc, parameter), loc, scale], best)
    return (tuple(families), *rounded(best))


def _placements(family: str, parameter: float, mean: Any, std: Any, quartiles: Any) -> list[tuple[Any, Any]]:
    """Return location and scale (groups,) that give these means and deviations, and these quartiles."""
    from scipy import stats

    standard = getattr(stats, family)(*_arguments(family, parameter))
    low, middle, high = quartiles
    a, b, c = standard.ppf((0.25, 0.5, 0.75))
    by_moments, by_quartiles = std / standard.std(), (high - low) / (c - a)
    return [
        (mean - standard.mean() * by_moments, by_moments),
        (middle - b * by_quartiles, by_quartiles),
    ]


def _histograms(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return edges (groups, bins + 1) and density (groups, bins) of each row."""
    groups, n = values.shape
    bins = min(_BINS, max(2, round(2 * n ** (1 / 3))))
    low, span = values.min(1, keepdims=True), np.ptp(values, 1, keepdims=True)
    span = np.where(span > 0, span, 1.0)
    place = np.minimum((values - low) / span * bins, bins - 1).astype(np.int64)
    flat = (place + np.arange(groups)[:, None] * bins).ravel()
    counts = np.bincount(flat, minlength=groups * bins).reshape(groups, bins)
    return low + span * np.linspace(0, 1, bins + 1), counts / n * bins / span


def _error(
    family: str,
    parameter: float,
    loc: Any,
    scale: Any,
    edges: NDArray[np.float64],
    density: NDArray[np.float64],
) -> NDArray[np.float64]:
    from scipy import stats

    with np.errstate(over="ignore"):
        z = (edges - loc[:, None]) / np.maximum(scale, np.finfo(float).tiny)[..., None]
    probability = np.diff(getattr(stats, family).cdf(z, *_arguments(family, parameter)), axis=1)
    error: NDArray[np.float64] = np.square(probability / np.diff(edges, axis=1) - density).mean(1)
    return error


def _arguments(family: str, parameter: float) -> tuple[float, ...]:
    """Return the shape parameter as scipy takes it: none for families without one."""
    return (parameter,) if FAMILIES[family] else ()


def _subsample(values: Tensor, most: int, generator: Generator) -> NDArray[np.float64]:
    """Return at most ``most`` columns of (groups, n) values, drawn at random."""
    if values.shape[1] > most:
        values = values[:, torch.randperm(values.shape[1], generator=generator)[:most]]
    array: NDArray[np.float64] = values.detach().double().numpy()
    return array
