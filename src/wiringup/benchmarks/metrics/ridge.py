"""Linear maps from features to units in closed form: ridge regression and minimum-norm least squares.

Features enter through the Gram matrix of the images alone (the dual form), so that more features than
images cost no more than few. With the eigenvectors U and eigenvalues s of the training images' Gram matrix,
centred by the training images themselves, the fit is U diag(s / (s + penalty)) U'y, and the residual of an
image that was left out follows from the fit with it: (y - fit) / (1 - leverage) (Golub, Heath & Wahba
1979, Technometrics 21:215), and that of a group of images by the same formula with the group's block of the
hat matrix. One decomposition serves all penalties, units and left-out images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.benchmarks.metrics.arrays import in_numpy
from wiringup.benchmarks.metrics.gram import Features
from wiringup.benchmarks.metrics.splits import Fold
from wiringup.benchmarks.metrics.threads import in_groups
from wiringup.core.checks import at_least, same_length
from wiringup.core.errors import InputError

ALPHAS = tuple(10.0 ** (k / 2) for k in range(-12, 9))
"""1e-6 ... 1e4 in half decades, in units of the mean power of a training image."""

_EPSILON = torch.finfo(torch.float64).eps


def ridge(
    features: Features,
    targets: Tensor,
    folds: Sequence[Fold],
    alphas: Sequence[float] = ALPHAS,
    shared: bool = False,
) -> list[Tensor]:
    """Fit ridge regression on each fold's training images and predict its test images.

    The penalty is chosen inside the training images by exact leave-one-out squared error; where the fold
    has groups, by leaving out one group at a time, because near-copies would tell on each other. It is
    ``alpha`` times the mean squared norm of the centred training images: rescaled features give the same
    prediction.

    Args:
        features: (images, features).
        targets: (images, units). NaN where a unit has no response: the image is then at the unit's training
            mean, as in `metrics.pls`, and does not count in the choice of the penalty.
        folds: indices of training and test images.
        alphas: the penalties to choose from.
        shared: one penalty for all units, by the sum of their errors relative to their variance; otherwise
            one for each unit.

    Returns:
        One float64 (test images, units) for each fold.

    Raises:
        InputError: if lengths differ, ``alphas`` is empty or not positive, or a fold trains on one group.
    """
    at_least(len(alphas), 1, "The number of ridge penalties")
    if not min(alphas) > 0:
        raise InputError(f"Ridge penalties have to be positive; got {min(alphas)}. For none, use linear.")
    if any(fold.groups is not None and len(np.unique(fold.groups)) < 2 for fold in folds):
        raise InputError(
            "Ridge chooses its penalty by leaving out one group of the training images at a time, and a fold "
            "trains on one group only: it needs at least three groups. Use pls or linear, or smaller groups."
        )
    return _predictions(features, targets, folds, partial(_ridge, alphas=alphas, shared=shared))


def linear(features: Features, targets: Tensor, folds: Sequence[Fold]) -> list[Tensor]:
    """Fit least squares on each fold's training images, of minimum norm where many maps fit alike.

    Directions in which the training images vary by less than float64 rounding of their Gram matrix are left
    out, which is about 1e-7 of the largest: the precision of float32 features. Arguments, result and errors
    as `ridge`.
    """
    return _predictions(features, targets, folds, lambda axes, fit: axes.test @ (axes.train.T @ fit.values))


@dataclass(frozen=True)
class Axes:
    """Principal axes of the training images of a fold, centred by their own mean.

    Attributes:
        train: (train images, axes), orthonormal columns.
        test: (test images, axes), positions of the test images in the same units.
        power: (axes,) eigenvalues of the Gram matrix.
    """

    train: Tensor
    test: Tensor
    power: Tensor


def principal_axes(gram: Tensor, fold: Fold) -> Axes:
    """Return the principal axes of ``fold``, from the Gram matrix (images, images) of all images."""
    train, test = (torch.from_numpy(index).to(gram.device) for index in (fold.train, fold.test))
    within, across = gram[train][:, train], gram[test][:, train]
    rows = within.mean(1)
    # centred by training rows on both sides; no test image has a say in the origin
    across = across - across.mean(1, keepdim=True) - rows + rows.mean()
    power, axes = torch.linalg.eigh(within - rows[:, None] - rows + rows.mean())
    kept = power > len(train) * _EPSILON * torch.maximum(power[-1], gram.diagonal().max())
    power, axes = power[kept], axes[:, kept]
    return Axes(axes, across @ axes / power, power)


@dataclass(frozen=True)
class Training:
    """Training responses of one fold.

    Attributes:
        values: (images, units) around each unit's mean, 0 where missing.
        present: (images, units), False where missing.
        groups: index of the images of each group; None to leave out one image at a time.
    """

    values: Tensor
    present: Tensor
    groups: list[Tensor] | None


_Solve = Callable[[Axes, Training], Tensor]


def _predictions(features: Features, targets: Tensor, folds: Sequence[Fold], solve: _Solve) -> list[Tensor]:
    same_length(len(targets), len(features), "targets", "the set of responses")
    gram = features.gram
    targets = targets.to(gram.device, torch.float64)

    def predict(group: Sequence[Fold]) -> list[Tensor]:
        return [_predict(gram, targets, fold, solve) for fold in group]

    return in_groups(predict, folds) if in_numpy(gram.device) else predict(folds)


def _predict(gram: Tensor, targets: Tensor, fold: Fold, solve: _Solve) -> Tensor:
    trained = targets[torch.from_numpy(fold.train)]
    mean = trained.nanmean(0).nan_to_num(0.0)
    fit = Training((trained - mean).nan_to_num(0.0), ~trained.isnan(), _members(fold.groups))
    return solve(principal_axes(gram, fold), fit) + mean


def _ridge(axes: Axes, fit: Training, alphas: Sequence[float], shared: bool) -> Tensor:
    projected = axes.train.T @ fit.values
    penalties = axes.power.new_tensor(alphas) * axes.power.sum() / len(axes.train)
    errors = left_out_errors(axes, fit, penalties)
    if shared:
        variance = fit.values.square().sum(0)
        errors = (errors / variance.where(variance > 0, torch.inf)).sum(1, keepdim=True)
    best = penalties[errors.argmin(0)]
    return axes.test @ (axes.power[:, None] / (axes.power[:, None] + best) * projected)


def left_out_errors(axes: Axes, fit: Training, penalties: Tensor) -> Tensor:
    """Return (penalties, units): the mean squared error on training images, each predicted without itself.

    Args:
        axes: of the training images.
        fit: their responses, and which of them are left out together.
        penalties: (penalties,) added to the eigenvalues.
    """
    projected = axes.train.T @ fit.values
    outside = fit.values - axes.train @ projected  # what no penalty reaches
    left_out = _one_by_one(axes.train) if fit.groups is None else _by_group(axes.train, fit.groups)
    count = fit.present.sum(0).clamp(min=1)
    errors = []
    for penalty in penalties:
        shrunk = penalty / (axes.power + penalty)
        residual = left_out(outside + axes.train @ (shrunk[:, None] * projected), shrunk)
        errors.append((residual.square() * fit.present).sum(0) / count)
    return torch.stack(errors)


_LeftOut = Callable[[Tensor, Tensor], Tensor]
"""Residuals (images, units) of the fit, penalty / (power + penalty) of each axis -> left-out residuals."""


def _one_by_one(u: Tensor) -> _LeftOut:
    squares = u.square()
    free = (1 - 1 / len(u) - squares.sum(1)).clamp(min=0)  # 1 - leverage, as far as it is free of the penalty
    return lambda residual, shrunk: residual / (free + squares @ shrunk)[:, None]


def _by_group(u: Tensor, groups: list[Tensor]) -> _LeftOut:
    def left_out(residual: Tensor, shrunk: Tensor) -> Tensor:
        found = residual.clone()
        for rows, own in zip(groups, free, strict=True):
            found[rows] = torch.linalg.solve(own + (u[rows] * shrunk) @ u[rows].T, residual[rows])
        return found

    free = [torch.eye(len(r)).to(u) - 1 / len(u) - u[r] @ u[r].T for r in groups]
    return left_out


def _members(names: NDArray[np.str_] | None) -> list[Tensor] | None:
    if names is None:
        return None
    return [torch.from_numpy(np.flatnonzero(names == name)) for name in np.unique(names)]
