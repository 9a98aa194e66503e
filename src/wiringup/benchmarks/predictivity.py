"""Neural predictivity: how well a linear map from a model's features predicts each neuron."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.benchmarks.area import AreaBenchmark, Comparison, Resampled
from wiringup.benchmarks.benchmark import Responses
from wiringup.benchmarks.metrics import bootstrap, pls, reliability
from wiringup.benchmarks.metrics.correlation import aggregate, pearson
from wiringup.benchmarks.metrics.gram import Features
from wiringup.benchmarks.metrics.splits import Folds, make_folds
from wiringup.core.score import Ceiling
from wiringup.data.recordings import Recording

NO_CEILING = "no noise ceiling: a single repeat or published averages"


def mean_over_repeats(trials: Tensor) -> Tensor:
    """Return float64 (images, units) of trials (units, images, repeats); NaN where no trial is there."""
    present = ~trials.isnan()
    return (trials.nan_to_num(0.0).sum(2, dtype=torch.float64) / present.sum(2)).T.contiguous()


def cross_validated_r(
    features: Responses,
    targets: Tensor,
    folds: Folds,
    components: int = pls.COMPONENTS,
    solver: str = "exact",
) -> Tensor:
    """Return Pearson r (folds, units) between predicted and measured responses to held-out images.

    Args:
        features: (images, features).
        targets: (images, units), NaN where there is no response.
        folds: see `metrics.splits`.
        components: number of PLS components.
        solver: a key of `metrics.pls.SOLVERS`.
    """
    predictions = pls.predict(Features.of(features).gram, targets, folds.folds, components, solver)
    return held_out_r(predictions, targets, folds)


def held_out_r(predictions: Sequence[Tensor], targets: Tensor, folds: Folds) -> Tensor:
    """Return Pearson r (folds, units) between ``predictions`` of each fold's test images and ``targets``."""
    r = []
    for fold, predicted in zip(folds.folds, predictions, strict=True):
        measured = targets[torch.from_numpy(fold.test)].to(predicted.device)
        r.append(pearson(predicted, measured, ~measured.isnan()))
    return torch.stack(r).cpu()


@dataclass(frozen=True)
class Predictivity(AreaBenchmark[Recording]):
    """PLS predictivity of a recording, as Brain-Score defines it (with exact PLS).

    Raw: 25-component PLS from features to all units; Pearson r on held-out images per unit; median over
    units in each fold, mean over folds. Error: standard deviation over folds / sqrt(folds), as the peer.
    Ceiling: Spearman-Brown corrected split-half reliability, or none for a single repeat.
    Folds keep the recording's groups together; without groups they are the peer's ten random splits,
    stratified by label where there are labels.
    """

    solver: str = "exact"

    @property
    def metric(self) -> str:
        """``pls-25``, with the solver if it is not the exact one."""
        return f"pls-{pls.COMPONENTS}" + ("" if self.solver == "exact" else f"-{self.solver}")

    @cached_property
    def targets(self) -> Tensor:
        """Responses averaged over repeats, float64 (images, units)."""
        return mean_over_repeats(torch.from_numpy(self.data.trials))

    @cached_property
    def folds(self) -> Folds:
        """Training and test images."""
        return make_folds(len(self.stimuli), self.data.labels, self.data.groups)

    @cached_property
    def ceiling(self) -> Ceiling | None:
        """The noise ceiling, or None."""
        return reliability.ceiling(self.data.trials)

    def compare(self, responses: Features) -> Comparison:
        """Predict every unit from ``responses`` (images, features); units are neurons."""
        predictions = pls.predict(responses.gram, self.targets, self.folds.folds, solver=self.solver)
        r = held_out_r(predictions, self.targets, self.folds)
        found = aggregate(r)
        note = self.folds.kind + ("" if self.ceiling else f"; {NO_CEILING}")
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
