"""``wiringup bench scoring``: brain scoring against plain references, in one run on the same inputs."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.bench import reference_scoring as reference
from wiringup.bench.inputs import FREEMAN_V1, MAJAJ_IT, Size, choices, features, labels, trials
from wiringup.bench.reference_behavior import reference_i2n
from wiringup.bench.timing import Row, Step, medians, peak_memory, product_rate, seconds_of
from wiringup.benchmarks.metrics import i2n, pca, pls, reliability
from wiringup.benchmarks.metrics.correlation import aggregate
from wiringup.benchmarks.metrics.gram import Features
from wiringup.benchmarks.metrics.splits import Fold, Folds, make_folds
from wiringup.benchmarks.predictivity import cross_validated_r
from wiringup.benchmarks.recorded import mean_over_repeats

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
        return reference.predictivity(self.responses.numpy(), self.targets.numpy(), folds)


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
    case.ours()  # the first call loads libraries
    found: list[NDArray[np.float64]] = []
    long = case.timed_folds < n
    times = medians(
        {
            "ours": case.ours,
            "reference": lambda: found.append(case.plain(case.folds.folds[:some])),
        },
        1 if long else 3,
    )
    ours = np.median([times["ours"], seconds_of(case.ours), seconds_of(case.ours)])
    against = SKLEARN if some == n else f"{SKLEARN}; {some} of {n} folds timed"
    agreement = abs(_score(case.ours()[:some]) - _score(torch.from_numpy(found[0])))
    return Row(
        case.name,
        float(ours),
        times["reference"] * n / some,
        against,
        case.peer,
        case.target,
        agreement,
        peak_memory(case.ours),
    )


def _score(r: Tensor) -> float:
    return aggregate(r).value


BY_IMAGE = "a loop over splits and units, with SciPy's pearsonr"
BY_TRIAL = "a loop over trials, images and classes"
PCA = "scikit-learn PCA(1000), full SVD"

CEILINGS = ((MAJAJ_IT, 30.29), (FREEMAN_V1, 3.548))


def ceiling_row(size: Size, peer: float) -> Row:
    """Time the noise ceiling of one recording."""
    log.info(f"Ceiling, {size.name} ...")
    repeats = trials(size)
    ours = reliability.split_half_reliability(repeats)
    plain = reference.internal_consistency(repeats)
    works = {
        "ours": lambda: reliability.split_half_reliability(repeats),
        "reference": lambda: reference.internal_consistency(repeats),
    }
    times = medians(works, 3)
    return Row(
        f"Internal consistency, {size.name} ({size.images} x {size.units} x {size.repeats})",
        times["ours"],
        times["reference"],
        BY_IMAGE,
        peer,
        30,
        float(np.abs(ours.numpy() - plain).max()),
        peak_memory(works["ours"]),
    )


def behavior_row() -> Row:
    """Time i2n, score and ceiling together, from trials and probabilities on."""
    log.info("i2n ...")
    made = choices()
    trials = i2n.Trials(made.image, made.sample, made.distractor, made.choice)
    images, classes = made.probabilities.shape

    def ours() -> i2n.Consistency:
        halves = i2n.trial_halves(trials, images, classes)
        return i2n.consistency(i2n.two_way(made.probabilities, made.truth), halves, made.truth)

    def plain() -> tuple[float, float, float]:
        return reference_i2n(
            made.image, made.sample, made.distractor, made.choice, made.truth, made.probabilities
        )

    ours()
    times = medians({"ours": ours, "reference": plain}, 3)
    name = f"i2n ({images} images x {classes} objects, {len(made.image):,} trials)"
    agreement = max(
        abs(a - b) for a, b in zip((ours().raw, ours().ceiling, ours().ceiled), plain(), strict=True)
    )
    return Row(name, times["ours"], times["reference"], BY_TRIAL, 19.724, 50, agreement, peak_memory(ours))


def pca_row() -> Row:
    """Time the fit of 1,000 components to 1,000 images, as the peer's layer search does."""
    from sklearn.decomposition import PCA as Sklearn

    log.info("PCA ...")
    values = features(replace(MAJAJ_IT, name="PCA", images=1000), 25_088)
    responses = torch.from_numpy(values)
    works: dict[str, Callable[[], object]] = {
        "ours": lambda: pca.fit(responses),
        "reference": lambda: Sklearn(1000, svd_solver="full").fit(values),
    }
    ours = pca.fit(responses).explained_variance.numpy()
    plain = Sklearn(1000, svd_solver="full").fit(values).explained_variance_[: len(ours)]
    times = medians(works, 3)
    agreement = float(np.abs(ours / plain - 1).max())
    name = "PCA, 1,000 components of 1,000 images, 25,088 features"
    return Row(name, times["ours"], times["reference"], PCA, 4.032, 3, agreement, peak_memory(works["ours"]))


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
