"""Maps from features to units, as values: what `Predictivity` fits, with every parameter that decides it."""

from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from wiringup.benchmarks.metrics import one_to_one, pls, ridge
from wiringup.benchmarks.metrics.gram import Features
from wiringup.benchmarks.metrics.splits import Fold


class Mapping(Protocol):
    """A way to predict units from features; a frozen dataclass, so that its parameters enter hashes."""

    @property
    def label(self) -> str:
        """How results call it."""

    def predict(self, features: Features, targets: Tensor, folds: Sequence[Fold]) -> list[Tensor]:
        """Return (test images, units) for each fold, fitted on its training images.

        Args:
            features: (images, features).
            targets: (images, units), NaN where there is no response.
            folds: indices of training and test images.
        """


@dataclass(frozen=True)
class Pls:
    """Partial least squares; see `metrics.pls`.

    Attributes:
        components: number of components.
        solver: "exact", or "sklearn" for the iteration that scikit-learn stops early.
    """

    components: int = pls.COMPONENTS
    solver: str = "exact"

    @property
    def label(self) -> str:
        """``pls-25``, with the solver if it is not the exact one."""
        return f"pls-{self.components}" + ("" if self.solver == "exact" else f"-{self.solver}")

    def predict(self, features: Features, targets: Tensor, folds: Sequence[Fold]) -> list[Tensor]:
        """As `Mapping.predict`."""
        return pls.predict(features, targets, folds, self.components, self.solver)


@dataclass(frozen=True)
class Ridge:
    """Ridge regression, its penalty chosen inside the training images; see `metrics.ridge.ridge`.

    Attributes:
        alphas: penalties to choose from, in units of the mean power of a training image.
        shared: one penalty for all units instead of one for each.
    """

    alphas: tuple[float, ...] = ridge.ALPHAS
    shared: bool = False

    @property
    def label(self) -> str:
        """``ridge-loo``: the penalty is chosen by leaving out one training image (or group) at a time."""
        return "ridge-loo" + ("-shared" if self.shared else "")

    def predict(self, features: Features, targets: Tensor, folds: Sequence[Fold]) -> list[Tensor]:
        """As `Mapping.predict`."""
        return ridge.ridge(features, targets, folds, self.alphas, self.shared)


@dataclass(frozen=True)
class Linear:
    """Least squares of minimum norm; see `metrics.ridge.linear`."""

    label: str = "linear"

    def predict(self, features: Features, targets: Tensor, folds: Sequence[Fold]) -> list[Tensor]:
        """As `Mapping.predict`."""
        return ridge.linear(features, targets, folds)


@dataclass(frozen=True)
class OneToOne:
    """Every unit from its single best feature; see `metrics.one_to_one`."""

    label: str = "one-to-one"

    def predict(self, features: Features, targets: Tensor, folds: Sequence[Fold]) -> list[Tensor]:
        """As `Mapping.predict`."""
        return one_to_one.one_to_one(features, targets, folds)


MAPPINGS: Dictionary[str, Mapping] = {
    "pls": Pls(),
    "ridge": Ridge(),
    "linear": Linear(),
    "one-to-one": OneToOne(),
}
"""The last part of a benchmark's name -> the map."""
