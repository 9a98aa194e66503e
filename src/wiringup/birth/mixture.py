"""Gaussian mixtures: fitted with as many components as the BIC supports, sampled from a generator."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

_RIDGE = 1e-3  # added to every variance, in units of a column's variance


@dataclass(frozen=True)
class Mixture:
    """A Gaussian mixture in d dimensions.

    Attributes:
        weights: float64 (k,), the components' shares.
        means: float64 (k, d).
        factors: float64 (k, d, d), lower triangular; factor times its transpose is the covariance. Or
            (k, d), the standard deviations of independent columns.
    """

    weights: Tensor
    means: Tensor
    factors: Tensor


def fit_mixture(vectors: NDArray[np.float64], most: int = 6, *, diagonal: bool = False) -> Mixture:
    """Fit a Gaussian mixture to (n, d) vectors, with as many components (up to ``most``) as the BIC chooses.

    Covariances are full unless ``diagonal``, so that what belongs together (the colour channels of a
    filter) is drawn together. Diagonal ones have the lower BIC on the 64 filters of
    CORnet-S, since a full one costs 465 parameters, but draw the colours of a filter independently within a
    component. Columns are standardised; a
    small ridge keeps components with fewer members than dimensions from collapsing, which would win the
    BIC by an infinite likelihood. The fit is deterministic.
    """
    center, spread = vectors.mean(0), vectors.std(0)
    spread = np.where(spread > 0, spread, 1.0)
    standard = (vectors - center) / spread
    candidates = _candidates(standard, most, "diag" if diagonal else "full")
    best = min(candidates, key=lambda fitted: float(fitted.bic(standard)))
    factors = np.sqrt(best.covariances_) if diagonal else np.linalg.cholesky(best.covariances_)
    return Mixture(
        torch.from_numpy(best.weights_.copy()),
        torch.from_numpy(best.means_ * spread + center),
        torch.from_numpy(factors * (spread if diagonal else spread[:, None])),
    )


def sample_mixture(mixture: Mixture, n: int, generator: Generator) -> Tensor:
    """Draw float64 (n, d) vectors; of a mixture with full covariances."""
    component = torch.multinomial(mixture.weights, n, replacement=True, generator=generator)
    drawn = torch.randn(n, mixture.means.shape[1], generator=generator, dtype=torch.float64)
    for k, (mean, factor) in enumerate(zip(mixture.means, mixture.factors, strict=True)):
        members = component == k
        drawn[members] = drawn[members] @ factor.T + mean
    return drawn


def _candidates(vectors: NDArray[np.float64], most: int, covariance: str) -> list[Any]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1):  # threads cost ten times what they gain here
        # One that has not converged has the worse BIC for it; that is all it needs.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return [
            GaussianMixture(k, covariance_type=covariance, reg_covar=_RIDGE, n_init=2, random_state=0).fit(
                vectors
            )
            for k in range(1, min(most, len(vectors) // 2) + 1)
        ]
