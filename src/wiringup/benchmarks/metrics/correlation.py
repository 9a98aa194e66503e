"""Pearson correlations, many at a time, and how Brain-Score condenses them to one number."""

from dataclasses import dataclass

import torch
from torch import Tensor


def pearson(x: Tensor, y: Tensor, valid: Tensor | None = None) -> Tensor:
    """Return Pearson r over the first axis, NaN where either side is constant.

    Args:
        x: (images, ...).
        y: the same shape.
        valid: bool, the same shape: False entries are left out.
    """
    x, y = x.double(), y.double()
    if valid is None:
        n = x.new_tensor(len(x))
        dx, dy = x - x.sum(0) / n, y - y.sum(0) / n
    else:
        x, y, n = x.where(valid, 0.0), y.where(valid, 0.0), valid.double().sum(0)
        dx, dy = (x - x.sum(0) / n).where(valid, 0.0), (y - y.sum(0) / n).where(valid, 0.0)
    sx: Tensor = dx.norm(dim=0)
    sy: Tensor = dy.norm(dim=0)
    # A constant has a mean of the same value up to rounding; what is left is no variation.
    constant = (sx <= 1e-13 * _largest(x) * n.sqrt()) | (sy <= 1e-13 * _largest(y) * n.sqrt())
    return ((dx * dy).sum(0) / (sx * sy)).masked_fill(constant, torch.nan)


def _largest(x: Tensor) -> Tensor:
    return torch.maximum(x.amax(0), -x.amin(0))


@dataclass(frozen=True)
class Aggregate:
    """One number from (splits, units): median over units, mean over splits.

    Attributes:
        value: the mean over splits of the median over units; NaN if nothing could be correlated.
        error: standard deviation over splits (ddof 0) / sqrt(number of splits), as Brain-Score reports.
        units: (units,) mean over splits.
    """

    value: float
    error: float
    units: Tensor


def aggregate(r: Tensor) -> Aggregate:
    """Condense r (splits, units) as Brain-Score does; a unit that is NaN in a split is skipped there."""
    medians = median(r)
    medians = medians[~medians.isnan()]
    if not len(medians):
        return Aggregate(float("nan"), float("nan"), r.nanmean(0))
    error = medians.std(correction=0) / len(medians) ** 0.5
    return Aggregate(float(medians.mean()), float(error), r.nanmean(0))


def median(r: Tensor) -> Tensor:
    """Return the median over the last axis without NaN, the mean of the middle two for even counts."""
    return torch.nanquantile(r, 0.5, dim=-1)
