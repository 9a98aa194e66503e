"""``wiringup bench scoring``: brain scoring against plain references, in one run on the same inputs."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.bench import references
from wiringup.bench.inputs import FREEMAN_V1, MAJAJ_IT, Size, choices, features, labels, trials
from wiringup.bench.timing import Row, Step, compare, medians, product_rate
from wiringup.benchmarks.area import mean_over_repeats
from wiringup.benchmarks.metrics import i2n, pca, pls, reliability
from wiringup.benchmarks.metrics.correlation import aggregate
from wiringup.benchmarks.metrics.gram import Features
from wiringup.benchmarks.metrics.splits import Fold, Folds, make_folds
from wiringup.benchmarks.predictivity import cross_validated_r

log = logging.getLogger(__name__)

SKLEARN = "scikit-learn PLSRegression(25, scale=False) in a loop"


@dataclass(frozen=True)
class Case:
    """PLS predictivity of one size.

    Attributes:
        timed_folds: how many of the ten folds the reference is run on when time is short; the rest is
            extrapolated.
    """

    size: Size
    features: int
    target: float
    peer: float
    timed_folds: int = 10

    @property
    def name(self) -> str:
        """What is computed."""
        return f"PLS, {self.size.name} ({self.size.images} x {self.size.units}), {self.features:,} features"

    @cached_property
    def responses(self) -> Tensor:
        """Features of the model."""
        return torch.from_numpy(features(self.size, self.features))

    @cached_property
    def targets(self) -> Tensor:
        """Mean responses of the units."""
        return mean_over_repeats(torch.from_numpy(trials(self.size)))

    @cached_property
    def folds(self) -> Folds:
        """The peer's ten splits."""
        return make_folds(self.size.images, labels(self.size))

    def ours(self) -> Tensor:
        """Return r (folds, units), from the features on."""
        return cross_validated_r(self.responses, self.targets, self.folds)

    def plain(self, folds: Sequence[Fold]) -> NDArray[np.float64]:
        """Return r (folds, units) of the reference."""
        return references.predictivity(self.responses.numpy(), self.targets.numpy(), folds)


CASES = (
    Case(FREEMAN_V1, 1000, 20, 2.719),
    Case(FREEMAN_V1, 25_088, 100, 84.239, timed_folds=1),
    Case(MAJAJ_IT, 1000, 20, 20.417),
    Case(MAJAJ_IT, 25_088, 100, 748.508, timed_folds=1),
)
"""The peer's medians: brainscore-vision 2.4.2 with scikit-learn 1.5.2, 2 quiet cores, without the ceiling."""


def predictivity_row(case: Case, *, full: bool) -> Row:
    """Time one case; the reference on all folds only if asked to, or if it is fast."""
    n = len(case.folds)
    some = n if full else min(case.timed_folds, n)
    log.info(f"{case.name}: reference on {some} of {n} folds ...")
    return compare(
        case.name,
        SKLEARN if some == n else f"{SKLEARN}; {some} of {n} folds timed",
        case.ours,
        lambda: case.plain(case.folds.folds[:some]),
        lambda ours, plain: abs(aggregate(ours[:some]).value - aggregate(torch.from_numpy(plain)).value),
        part=some / n,
        peer=case.peer,
        target=case.target,
    )


BY_IMAGE = "a loop over splits and units, with SciPy's pearsonr"
BY_TRIAL = "a loop over trials, images and classes"
PCA = "scikit-learn PCA(1000), full SVD"

CEILINGS = ((MAJAJ_IT, 30.29), (FREEMAN_V1, 3.548))


def ceiling_row(size: Size, peer: float) -> Row:
    """Time the noise ceiling of one recording."""
    log.info(f"Ceiling, {size.name} ...")
    repeats = trials(size)
    return compare(
        f"Internal consistency, {size.name} ({size.images} x {size.units} x {size.repeats})",
        BY_IMAGE,
        lambda: reliability.split_half_reliability(repeats).numpy(),
        lambda: references.internal_consistency(repeats),
        lambda ours, plain: float(np.abs(ours - plain).max()),
        peer=peer,
        target=30,
    )


def behavior_row() -> Row:
    """Time i2n, score and ceiling together, from trials and probabilities on."""
    log.info("i2n ...")
    made, truth, probabilities = choices()
    images, classes = probabilities.shape

    def ours() -> tuple[float, float, float]:
        halves = i2n.trial_halves(made, images, classes)
        found = i2n.consistency(i2n.two_way(probabilities, truth), halves, truth)
        return found.raw, found.ceiling, found.ceiled

    return compare(
        f"i2n ({images} images x {classes} objects, {len(made.image):,} trials)",
        BY_TRIAL,
        ours,
        lambda: references.i2n(made, truth, probabilities),
        lambda ours, plain: float(np.abs(np.subtract(ours, plain)).max()),
        peer=19.724,
        target=50,
    )


def pca_row() -> Row:
    """Time the fit of 1,000 components to 1,000 images, as the peer's layer search does."""
    from sklearn.decomposition import PCA as Sklearn

    log.info("PCA ...")
    values = features(replace(MAJAJ_IT, name="PCA", images=1000), 25_088)
    responses = torch.from_numpy(values)
    return compare(
        "PCA, 1,000 components of 1,000 images, 25,088 features",
        PCA,
        lambda: pca.fit(responses).explained_variance.numpy(),
        lambda: Sklearn(1000, svd_solver="full").fit(values).explained_variance_,
        lambda ours, plain: float(np.abs(ours / plain[: len(ours)] - 1).max()),
        peer=4.032,
        target=3,
    )


def steps(case: Case, repeats: int = 3) -> list[Step]:
    """Return where the time of one case goes, and the floor of each step."""
    n, p, q = case.size.images, case.features, case.size.units
    rate = product_rate()
    folds, components = len(case.folds), pls.COMPONENTS
    gram = float(n) * n * p if p >= n else 0.0
    m = n if p >= n else p
    # per component and fold: the image of a score (twice if the features themselves are used), Y'KPYc and
    # the products with earlier scores; once: Y'K, and what the test images contribute to it
    per_component = 2 * m * q + (2 * n * n if p >= n else 4 * n * p) + 8 * n * components
    fitting = folds * components * per_component + 2 * n * m * q * 2 + folds * 2 * m * q * q
    shared = Features(case.responses)
    works: dict[str, Callable[[], object]] = {
        "fits of all folds": lambda: cross_validated_r(shared, case.targets, case.folds)
    }
    if p >= n:
        _ = shared.gram
        works = {"Gram matrix": lambda: Features(case.responses).gram} | works
    times = medians(works, repeats)
    operations = {"Gram matrix": gram, "fits of all folds": float(fitting)}
    return [Step(f"{case.name}: {name}", times[name], operations[name], rate) for name in works]


def rows(*, full: bool, quick: bool) -> list[Row]:
    """Return all comparisons; ``quick`` leaves out those whose reference takes more than half a minute."""
    cases = [c for c in CASES if not (quick and c.features > MAJAJ_IT.images)]
    found = [predictivity_row(case, full=full) for case in cases]
    found += [ceiling_row(size, peer) for size, peer in CEILINGS]
    return [*found, behavior_row(), pca_row()]
