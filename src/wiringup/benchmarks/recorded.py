"""What all benchmarks on a neural recording share: mean responses, folds, and the leak of near-copies."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from wiringup.benchmarks.area import AreaBenchmark
from wiringup.benchmarks.metrics.splits import Folds, make_folds
from wiringup.data.measurements import Recording
from wiringup.data.recordings.near_copies import near_copies

NO_CEILING = "no noise ceiling: a single repeat or published averages"


def mean_over_repeats(trials: Tensor) -> Tensor:
    """Return float64 (images, units) of trials (units, images, repeats); NaN where no trial is there."""
    present = ~trials.isnan()
    return (trials.nan_to_num(0.0).sum(2, dtype=torch.float64) / present.sum(2)).T.contiguous()


@dataclass(frozen=True)
class RecordingBenchmark(AreaBenchmark[Recording]):
    """A benchmark on a recording; units are neurons.

    Folds keep the recording's groups together; without groups they are Brain-Score's ten random splits,
    stratified by label where there are labels.
    """

    @property
    def n_units(self) -> int:
        """The number of neurons."""
        return len(self.data.trials)

    @property
    def unit_ids(self) -> tuple[str, ...] | None:
        """How the recording's own file calls each neuron; None if by its place, from 0."""
        return self.data.unit_ids

    @cached_property
    def targets(self) -> Tensor:
        """Responses averaged over repeats, float64 (images, units)."""
        return mean_over_repeats(torch.from_numpy(self.data.trials))

    @cached_property
    def folds(self) -> Folds:
        """Training and test images."""
        return make_folds(len(self.stimuli), self.data.labels, self.data.groups)

    @cached_property
    def leaking(self) -> int:
        """How many images are tested in a fold that trains on a near-copy of them."""
        first, second = near_copies(self.stimuli)
        leaks = np.zeros(len(self.stimuli), bool)
        for fold in self.folds.folds:
            trained = np.zeros(len(self.stimuli), bool)
            trained[fold.train] = True
            leaks[first[~trained[first] & trained[second]]] = True
            leaks[second[~trained[second] & trained[first]]] = True
        return int(leaks.sum())

    @cached_property
    def leak_note(self) -> str:
        """A warning if near-copies straddle folds; empty if none do."""
        if not self.leaking:
            return ""
        return (
            f"; {self.leaking} images have near-copies on the other side of a fold: r is inflated; import "
            "with --group to keep them together"
        )
