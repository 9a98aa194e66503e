"""Neural predictivity: how well a map from a model's features predicts each neuron."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.benchmarks.area import Comparison, Resampled
from wiringup.benchmarks.benchmark import Responses
from wiringup.benchmarks.mappings import Mapping, Pls
from wiringup.benchmarks.metrics import bootstrap, reliability
from wiringup.benchmarks.metrics.correlation import aggregate, pearson
from wiringup.benchmarks.metrics.gram import Features
from wiringup.benchmarks.metrics.splits import Folds
from wiringup.benchmarks.metrics.threads import one_thread
from wiringup.benchmarks.recorded import NO_CEILING, RecordingBenchmark
from wiringup.core.score import Ceiling
from wiringup.core.spec import content_hash


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
    """Return Pearson r (folds, units) between ``predictions`` of each fold's test images and ``targets``."""
    r = []
    with one_thread():
        for fold, predicted in zip(folds.folds, predictions, strict=True):
            measured = targets[torch.from_numpy(fold.test)].to(predicted.device)
            r.append(pearson(predicted, measured, ~measured.isnan()))
    return torch.stack(r).cpu()


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
        return reliability.ceiling(self.data.trials)

    def compare(self, responses: Features) -> Comparison:
        """Predict every unit from ``responses`` (images, features); units are neurons."""
        predictions = self.mapping.predict(responses, self.targets, self.folds.folds)
        r = held_out_r(predictions, self.targets, self.folds)
        found = aggregate(r)
        note = self.folds.kind + self.leak_note + ("" if self.ceiling else f"; {NO_CEILING}")
        units, resample = found.units.numpy(), partial(self._resample, [p.cpu() for p in predictions], r)
        return Comparison(found.value, found.error, self.ceiling, units, note, resample)

    def _resample(self, predictions: Sequence[Tensor], r: Tensor) -> Resampled:
        held_out = [p.numpy() for p in predictions]
        drawn = bootstrap.held_out_r(held_out, self.targets.numpy(), self.folds.folds, self.image_counts)
        raw = bootstrap.condensed_draws(drawn, r.numpy(), self.unit_draws(r.shape[1]))
        return {source: (draws, self._ceiling_draws.get(source)) for source, draws in raw.items()}

    @cached_property
    def _ceiling_draws(self) -> dict[str, NDArray[np.float64]]:
        """Draws of the ceiling from the images and units that are resampled for the score."""
        if self.ceiling is None:
            return {}
        trials = self.data.trials
        drawn = reliability.resampled_reliability(trials, self.image_counts)
        measured = reliability.split_half_reliability(trials).numpy()
        return bootstrap.condensed_draws(drawn, measured, self.unit_draws(len(trials)))
