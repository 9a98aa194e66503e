"""One-to-one mapping: every unit is predicted by the single feature that correlates best with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wiringup.benchmarks.metrics.gram import CONSTANT, Features, check_finite
from wiringup.benchmarks.metrics.splits import Fold
from wiringup.core.checks import same_length
from wiringup.models.storage import BLOCK


@dataclass(frozen=True)
class Match:
    """The best feature of each unit on the training images of one fold.

    Attributes:
        feature: (units,) its index.
        r: (units,) its correlation with the unit, with sign; 0 where no feature varies.
    """

    feature: Tensor
    r: Tensor


def one_to_one(
    features: Features, targets: Tensor, folds: Sequence[Fold], block: int = BLOCK
) -> list[Tensor]:
    """Predict each unit from the feature with the largest absolute r on the training images.

    The prediction is the feature itself, with the sign of its training correlation: r with held-out
    responses is that of a regression on this one feature.

    Args:
        features: (images, features); a block of columns is in memory at a time.
        targets: (images, units), NaN where a unit has no response; such images are left out for that unit.
        folds: indices of training and test images.
        block: features at a time.

    Returns:
        One float64 (test images, units) for each fold; constant where no feature varies.

    Raises:
        InputError: if lengths differ, or a response is NaN or infinite.
    """
    predictions = []
    for fold, match in zip(folds, best_features(features, targets, folds, block), strict=True):
        column = match.feature.to(features.values.device)
        chosen = features.values[:, column][torch.from_numpy(fold.test)].to(features.place)
        predictions.append(chosen.double() * match.r.sign())
    return predictions


def best_features(
    features: Features, targets: Tensor, folds: Sequence[Fold], block: int = BLOCK
) -> list[Match]:
    """Return each unit's best feature for every fold; the first of several that are equally good."""
    same_length(len(targets), len(features), "targets", "the set of responses")
    check_finite(features.values)
    targets = targets.to(features.place, torch.float64)
    trained = [_Trained.of(targets, fold) for fold in folds]
    nothing = torch.zeros(targets.shape[1], dtype=torch.float64, device=targets.device)
    found = [Match(nothing.long(), nothing)] * len(folds)
    for start, columns in _blocks(features, block):
        for i, fold in enumerate(trained):
            found[i] = _better(found[i], fold.correlations(columns), start)
    return found


def _blocks(features: Features, block: int) -> Iterator[tuple[int, Tensor]]:
    for start in range(0, features.values.shape[1], block):
        columns = features.values[:, start : start + block].to(features.place).double()
        mean = columns.mean(0)
        centred = columns - mean
        # rounding of float32 is never read as signal: as in `gram.gram`
        varies = centred.square().sum(0) > CONSTANT * columns.square().sum(0)
        yield start, centred * varies


def _better(so_far: Match, r: Tensor, start: int) -> Match:
    column = r.abs().argmax(1)
    best = r.gather(1, column[:, None])[:, 0]
    better = best.abs() > so_far.r.abs()
    return Match(column.add(start).where(better, so_far.feature), best.where(better, so_far.r))


@dataclass(frozen=True)
class _Trained:
    """Training responses of one fold.

    Attributes:
        index: (train images,).
        values: (units, train images) with mean 0 and norm 1 over those that are there, 0 elsewhere.
        present: the same shape, 1 where there is a response; (1, train images) if all are.
    """

    index: Tensor
    values: Tensor
    present: Tensor

    @classmethod
    def of(cls, targets: Tensor, fold: Fold) -> "_Trained":
        index = torch.from_numpy(fold.train).to(targets.device)
        rows = targets[index].T
        present = (~rows.isnan()).double()
        values = (rows - rows.nanmean(1, keepdim=True)).nan_to_num(0.0)
        norm = values.norm(dim=1, keepdim=True)
        values = values / norm.where(norm > 0, torch.inf)
        return cls(index, values, present[:1] if bool(present.all()) else present)

    def correlations(self, columns: Tensor) -> Tensor:
        """Return r (units, columns), 0 where a column does not vary over the images of a unit."""
        rows = columns[self.index]
        power = self.present @ rows.square()
        variation = power - (self.present @ rows).square() / self.present.sum(1, keepdim=True).clamp(min=1)
        return self.values @ rows / variation.where(variation > CONSTANT * power, torch.inf).sqrt()
