"""Neural predictivity: how well a map from a model's features predicts each neuron, and the maps."""

from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.benchmarks.area import NO_CEILING, Comparison, RecordingBenchmark, Resampled, beside_ceilings
from wiringup.benchmarks.benchmark import Responses
from wiringup.benchmarks.metrics import bootstrap, one_to_one, pls, reliability, ridge
from wiringup.benchmarks.metrics.correlation import aggregate, pearson
from wiringup.benchmarks.metrics.gram import Features
from wiringup.benchmarks.metrics.splits import FEWEST_TEST_IMAGES, Fold, Folds
from wiringup.core.errors import InputError
from wiringup.core.score import Ceiling
from wiringup.core.spec import content_hash
from wiringup.core.threads import one_thread


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


_FEW_HALVES = f"fewer than {reliability.FEWEST_HALVES} images with both halves of the repeats"
NO_RELIABILITY = f"no noise ceiling: every neuron is constant or has {_FEW_HALVES}"


def cross_validated_r(
    features: Responses, targets: Tensor, folds: Folds, mapping: Mapping | None = None
) -> Tensor:
    """Return Pearson r (folds, units) between predicted and measured responses to held-out images.

    Args:
        features: (images, features).
        targets: (images, units), NaN where there is no response.
        folds: see `metrics.splits`.
        mapping: how units are predicted; by default PLS.
    """
    predictions = (mapping or Pls()).predict(Features.of(features), targets, folds.folds)
    return held_out_r(predictions, targets, folds)


def held_out_r(predictions: Sequence[Tensor], targets: Tensor, folds: Folds) -> Tensor:
    """Return Pearson r (folds, units) between ``predictions`` of each fold's test images and ``targets``.

    NaN where a unit has responses to fewer than `FEWEST_TEST_IMAGES` of a fold's test images.
    """
    r = []
    with one_thread():
        for fold, predicted in zip(folds.folds, predictions, strict=True):
            measured = targets[torch.from_numpy(fold.test)].to(predicted.device)
            r.append(pearson(predicted, measured, ~measured.isnan()))
    return torch.stack(r).cpu().masked_fill(too_few(targets, folds), torch.nan)


def too_few(targets: Tensor, folds: Folds) -> Tensor:
    """Return bool (folds, units): True where a unit has too few test images with a response.

    Args:
        targets: (images, units), NaN where there is no response.
        folds: see `metrics.splits`.
    """
    present = ~targets.cpu().isnan()
    counts = torch.stack([present[torch.from_numpy(fold.test)].sum(0) for fold in folds.folds])
    return counts < FEWEST_TEST_IMAGES


@dataclass(frozen=True)
class Predictivity(RecordingBenchmark):
    """Predictivity of a recording; with the default map as Brain-Score defines it (with exact PLS).

    Raw: the map from features to all units; Pearson r on held-out images per unit; median over units in
    each fold, mean over folds. Error: standard deviation over folds / sqrt(folds), as the peer.
    Ceiling: Spearman-Brown corrected split-half reliability, or none for a single repeat.

    Attributes:
        mapping: how units are predicted from features.
    """

    mapping: Mapping = field(default_factory=Pls)

    @property
    def metric(self) -> str:
        """The label of the map, such as ``pls-25``."""
        return self.mapping.label

    @cached_property
    def sha256(self) -> str:
        """Hash of data, images, metric and all its parameters."""
        return content_hash([self.metric, self.mapping, self.data.sha256])

    @cached_property
    def ceiling(self) -> Ceiling | None:
        """The noise ceiling, or None."""
        return reliability.ceiling(self.data.trials, self.drawn_images(reliability.SAMPLING_DRAWS))

    @cached_property
    def undefined(self) -> str:
        """Why no model has a score: no neuron has test images to which its responses differ."""
        return (
            "no score: no recorded neuron varies over the test images of any fold"
            if self._still.all()
            else ""
        )

    @cached_property
    def _still(self) -> NDArray[np.bool_]:
        """(neurons,): True where responses are there, but the same to all test images of every fold."""
        own = [self.targets[torch.from_numpy(fold.test)] for fold in self.folds.folds]
        constant = held_out_r(own, self.targets, self.folds).isnan().all(0)
        return (constant & ~too_few(self.targets, self.folds).all(0)).numpy()

    @property
    def _still_note(self) -> str:
        n = int(self._still.sum())
        told = "do not vary over the test images of any fold and have no score"
        return f"; {n} of {self.n_units} neurons {told}" if n else ""

    def compare(self, responses: Features) -> Comparison:
        """Predict every unit from ``responses`` (images, features); units are neurons.

        Raises:
            InputError: if no unit has enough test images with a response.
        """
        note = self.folds.kind + self.leak_note + self._left_out_note + self._still_note + self._ceiling_note
        predictions = self.mapping.predict(responses, self.targets, self.folds.folds)
        r = held_out_r(predictions, self.targets, self.folds)
        found = aggregate(r)
        units, resample = found.units.numpy(), partial(self._resample, [p.cpu() for p in predictions], r)
        return Comparison(found.value, found.error, self.ceiling, units, note, resample)

    @cached_property
    def _left_out_note(self) -> str:
        few = too_few(self.targets, self.folds)
        if bool(few.all()):
            raise InputError(
                f"{self.data.name}: no neuron has responses to {FEWEST_TEST_IMAGES} of the test images of "
                "any fold, so that none can be scored. Leave out images that few neurons were shown."
            )
        n = int(few.any(0).sum())
        told = f"fewer than {FEWEST_TEST_IMAGES} test images with a response, left out there"
        return f"; {n} of {few.shape[1]} neurons have folds of {told}" if n else ""

    @property
    def _ceiling_note(self) -> str:
        if self.ceiling is None:
            return f"; {NO_CEILING if self.data.trials.shape[2] < 2 else NO_RELIABILITY}"
        n = self.ceiling.left_out
        told = f"{n} of {self.n_units} neurons, which are constant or have {_FEW_HALVES}, in some halvings"
        return f"; noise ceiling without {told}" if n else ""

    def _resample(self, predictions: Sequence[Tensor], r: Tensor, most: int | None) -> Resampled:
        held_out = [p.numpy() for p in predictions]
        drawn = bootstrap.held_out_r(
            held_out, self.targets.numpy(), self.folds.folds, self.image_counts[:most]
        )
        raw = bootstrap.condensed_draws(drawn, r.numpy(), self.unit_draws(r.shape[1])[:most])
        return beside_ceilings(raw, self._ceiling_draws)

    @cached_property
    def _ceiling_draws(self) -> dict[str, NDArray[np.float64]]:
        """Draws of the ceiling from the images and units that are resampled for the score."""
        if self.ceiling is None:
            return {}
        trials = self.data.trials
        drawn = reliability.resampled_reliability(trials, self.image_counts)
        measured = reliability.split_half_reliability(trials).numpy()
        return bootstrap.condensed_draws(drawn, measured, self.unit_draws(len(trials)))
