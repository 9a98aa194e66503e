"""What to do with a budget of supervised synaptic updates: conditions ranked by the brain match they promise.

Each condition (birth, trained synapses, norms; in one network, suite and source) has a Gaussian process over
the logarithms of images and epochs, fitted to its own points alone. Nothing is said outside of the points: a
choice lies within their convex hull, or is one of them. Own and published points are never fitted together,
and each is a fraction of the fully trained network of its own source and suite.
"""

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError
from scipy.stats import norm

from wiringup.core.errors import InputError, MissingDataError
from wiringup.results.stats import LEVEL, one_more
from wiringup.results.table import OWN, Row

log = logging.getLogger(__name__)

Array = NDArray[np.float64]

STANDARD = ("kaiming_normal", "all")
"""Birth and set of the network whose last brain match is 100 %."""
FEWEST = 6  # points that a process is fitted to
STEPS = 25  # of a grid of images and of epochs
_NAMES = ("source", "suite", "architecture", "width", "size", "birth", "plasticity", "norms")


@dataclass(frozen=True)
class Choice:
    """What a condition promises within a budget: the best of its fit or, without one, of its points.

    Attributes:
        condition: its names, see `_NAMES`.
        images, epochs: the choice; 0 epochs is birth.
        synaptic_updates: that it spends.
        percent: predicted brain match, in percent of the reference of its source and suite.
        low, high: 95 % interval for a network trained so; NaN where nothing is known of it.
        points: that it rests on.
        error: root mean square error of points predicted from the others, in percent; NaN if nothing was
            fitted, and the choice is one of the points.
        covered: share of left-out points inside their 95 % interval; NaN likewise.
    """

    condition: Mapping[str, Any]
    images: float
    epochs: float
    synaptic_updates: float
    percent: float
    low: float
    high: float
    points: int
    error: float = float("nan")
    covered: float = float("nan")
    simulated: bool = False


@dataclass(frozen=True)
class Ranking:
    """Choices, best first, and why other conditions are none.

    Attributes:
        choices: best first within each source and suite; percentages of two of them are not comparable.
        refused: condition in words -> why nothing is said of it.
        references: source and suite -> what is 100 %.
    """

    choices: Sequence[Choice]
    refused: Mapping[str, str]
    references: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class _Points:
    """Points of a condition: (points,) arrays, ``y`` as percentages."""

    images: Array
    epochs: Array
    spent: Array
    y: Array
    trained: float
    simulated: bool

    @property
    def learned(self) -> NDArray[np.bool_]:
        return self.epochs > 0

    @property
    def x(self) -> Array:
        """(learned points, 2): logarithms of images and epochs."""
        return np.log10(np.stack([self.images, self.epochs], 1)[self.learned])


def rank(table: Iterable[Row], budget: float, architecture: str) -> Ranking:
    """Return what each condition promises for at most so many supervised synaptic updates.

    Args:
        table: rows of own runs, of which the births and last moments are used (learning rates fall towards
            the end), and published rows, of which all are.
        budget: supervised synaptic updates: labelled images as seen times trained synapses.
        architecture: of the networks.

    Raises:
        InputError: if the budget is not above 0.
        MissingDataError: if there are no points of the architecture that a reference makes fractions of.
    """
    if not budget > 0:
        raise InputError(f"The budget is {budget:g}, but has to be above 0 supervised synaptic updates.")
    moments = _moments(table, architecture)
    wholes = _references(moments)
    if not wholes:
        raise MissingDataError(
            f"No points of {architecture} can be ranked: fractions need a network that learned with all "
            f"synapses from {STANDARD[0]}. Train one (wiringup run), or: wiringup fetch paper-scores."
        )
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in moments:
        if _world(row) in wholes:
            groups.setdefault(tuple(row.get(name) for name in _NAMES), []).append(row)
    choices: list[Choice] = []
    refused = {}
    for key, rows in groups.items():
        named = dict(zip(_NAMES, key, strict=True))
        points = _points(rows, float(wholes[_world(rows[0])]["brain_match"]))
        found = _best(points, budget, named)
        if isinstance(found, str):
            refused[told(named)] = found
        else:
            choices.append(found)
    order = list(wholes)
    choices.sort(key=lambda choice: (order.index(_world(choice.condition)), -choice.percent))
    return Ranking(choices, refused, {world_told(row): _whole(row) for row in wholes.values()})


def told(named: Mapping[str, Any]) -> str:
    """Return a condition in words."""
    norms = f", norms {named['norms']}" if named["norms"] else ""
    return f"{named['birth']} + {named['plasticity']}{norms} ({named['source']}, {named['suite']})"


def _moments(table: Iterable[Row], architecture: str) -> list[Row]:
    """Return one row for each moment that can be used."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in table:
        usable = row["source"] != OWN or row.get("final") or row["epoch"] == 0
        known = row.get("brain_match") is not None and row.get("birth") and row.get("plasticity")
        if row.get("architecture") == architecture and usable and known and not _varied(row):
            found[row["source"], row["run"], row["epoch"]] = row
    return list(found.values())


def _varied(row: Row) -> bool:
    """Whether a published point is a control with other hyper-parameters, which its run says last."""
    return row["source"] != OWN and row["suite"] == "paper-scores" and str(row["run"]).count(":") > 3


def _world(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in _NAMES[:5])


def world_told(named: Mapping[str, Any]) -> str:
    """Return source, suite and network of a row or condition in words: what percentages are comparable in."""
    source, suite, architecture, width, size = _world(named)
    more = "" if width is None else f", width {width:g}, {size} px"
    return f"{source}, {suite}: {architecture}{more}"


def _references(moments: Sequence[Row]) -> dict[tuple[Any, ...], Row]:
    """Return, for each source, suite and network, the standard training that learned most."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in moments:
        standard = row["birth"] in (STANDARD[0], "default") and row["plasticity"] == STANDARD[1]
        if standard and row["epoch"] > 0 and row["brain_match"] > 0:
            best = found.get(_world(row))
            if best is None or row["updates"] > best["updates"]:
                found[_world(row)] = row
    return found


def _whole(row: Row) -> str:
    return f"{row['label']} after {row['epoch']:g} epochs, brain match {row['brain_match']:.3f}"


def _points(rows: Sequence[Row], whole: float) -> _Points:
    def column(name: str) -> Array:
        return np.array([row.get(name) or 0 for row in rows], np.float64)

    return _Points(
        images=column("n_images"),
        epochs=column("epoch"),
        spent=column("synaptic_updates"),
        y=100 * column("brain_match") / whole,
        trained=float(np.median(column("trained"))),
        simulated=any(row.get("simulated") for row in rows),
    )


def _best(points: _Points, budget: float, named: Mapping[str, Any]) -> Choice | str:
    """Return the best choice of a condition, or why there is none."""
    choices = _observed(points, budget, named)
    if points.learned.sum() >= FEWEST:
        choices += _predicted(points, budget, named)
    if not choices:
        least = points.spent.min()
        return f"its cheapest point spends {least:.3g} synaptic updates; less would be extrapolated"
    # beside a fit, single points are lucky ones; but births are no part of it
    fitted = [choice for choice in choices if np.isfinite(choice.error)]
    births = [choice for choice in choices if choice.epochs == 0]
    return max([*fitted, *births] if fitted else choices, key=lambda choice: choice.percent)


def _observed(points: _Points, budget: float, named: Mapping[str, Any]) -> list[Choice]:
    """Return the points themselves that the budget allows, runs of one choice together."""
    found = []
    for images, epochs in {(i, e) for i, e in zip(points.images, points.epochs, strict=True)}:
        # a birth has seen none of its images
        same = (points.epochs == epochs) & ((points.images == images) | (epochs == 0))
        if points.spent[same].max() <= budget:
            y = points.y[same]
            low, high = one_more(y)
            seen, spent = float(images) if epochs else 0.0, float(points.spent[same].mean())
            value, n = float(y.mean()), len(y)
            found.append(
                Choice(named, seen, float(epochs), spent, value, low, high, n, simulated=points.simulated)
            )
    return found


def _predicted(points: _Points, budget: float, named: Mapping[str, Any]) -> list[Choice]:
    """Return the best of a grid within the hull of the points, by a Gaussian process; none if it is empty."""
    x, y = points.x, points.y[points.learned]
    grid = np.array([at for at in _grid(x) if _spent(at, points) <= budget])
    if not len(grid):
        return []
    process = _fitted(x, y)
    mean, sd = process.predict(grid, return_std=True)
    k = int(np.argmax(mean))
    error, covered = _left_out(process, x, y)
    half = float(norm.ppf((1 + LEVEL) / 2)) * max(float(sd[k]), error)
    return [
        Choice(named, float(10 ** grid[k, 0]), float(10 ** grid[k, 1]), float(_spent(grid[k], points)),
               float(mean[k]), float(mean[k]) - half, float(mean[k]) + half, len(y), error, covered,
               points.simulated)
    ]  # fmt: skip


def _spent(at: Array, points: _Points) -> float:
    return float(10 ** at.sum() * points.trained)


def _grid(x: Array) -> Array:
    """Return (choices, 2): a grid within the convex hull of points, or along their line."""
    low, high = x.min(0), x.max(0)
    axes = [np.linspace(a, b, STEPS if b > a else 1) for a, b in zip(low, high, strict=True)]
    grid: Array = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    if min(len(axis) for axis in axes) == 1:
        return grid
    try:
        inside = Delaunay(x).find_simplex(grid) >= 0
    except QhullError:  # on a slanted line: nothing lies between but the points
        grid, inside = x, np.ones(len(x), bool)
    chosen: Array = grid[inside]
    return chosen


def _fitted(x: Array, y: Array) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    # in units of the spread of y (normalised) and of decades of images and epochs
    kernel = ConstantKernel(1.0, (0.1, 10.0)) * RBF([1.0, 1.0], (0.3, 5.0)) + WhiteKernel(0.05, (1e-3, 1.0))
    process = GaussianProcessRegressor(kernel, normalize_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a bound that is reached is meant
        return process.fit(x, y)


def _left_out(process: Any, x: Array, y: Array) -> tuple[float, float]:
    """Return the error of points predicted from the others, and the share that their intervals cover.

    All points of one choice of images and epochs are left out together, so that other seeds do not tell.
    """
    from sklearn.gaussian_process import GaussianProcessRegressor

    misses, hits = np.zeros(len(y)), np.zeros(len(y))
    _, groups = np.unique(x, axis=0, return_inverse=True)
    for group in np.unique(groups):
        out = groups == group
        if out.all():
            return float("nan"), float("nan")
        rest = GaussianProcessRegressor(process.kernel_, optimizer=None, normalize_y=True).fit(
            x[~out], y[~out]
        )
        mean, sd = rest.predict(x[out], return_std=True)
        misses[out] = y[out] - mean
        hits[out] = np.abs(misses[out]) <= norm.ppf((1 + LEVEL) / 2) * sd
    return float(np.sqrt((misses**2).mean())), float(hits.mean())
