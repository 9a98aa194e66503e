"""Representational dissimilarity matrices, their comparison, and its noise ceiling.

Kriegeskorte, Mur & Bandettini 2008 (Front Syst Neurosci 2:4); noise ceiling of Nili et al. 2014
(PLoS Comput Biol 10:e1003553), with ranks where RDMs are compared by Spearman, as in rsatoolbox.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.benchmarks.metrics.arrays import Array, beside, library, on_host
from wiringup.benchmarks.metrics.gram import CONSTANT, Features
from wiringup.core.errors import InputError
from wiringup.core.score import Ceiling

_RANKS_AT_ONCE = 1_000_000  # numbers in the ranks of all RDMs in some draws: 8 MB
_ON_A_CARD = 10_000_000


def correlation_distance(responses: Features | Tensor) -> Tensor:
    """Return the RDM (images, images), float64: 1 - Pearson r over features between two images.

    Rows and columns of an image whose features are all equal are NaN: it correlates with nothing. Images
    that differ by less than rounding are at distance 0, so that rounding is never ranked.
    """
    features = Features.of(responses)
    covariance = features.pattern_covariance
    variance = covariance.diagonal()
    # Squares of float32 features can overflow; these sums are float64.
    mean = features.values.mean(1, dtype=torch.float64).to(variance.device)
    power = variance + features.values.shape[1] * mean.square()
    norm = torch.where(variance > CONSTANT * power, variance, torch.nan).sqrt()
    rdm = 1 - covariance / norm[:, None] / norm[None, :]
    rdm[rdm.abs() <= CONSTANT] = 0.0
    return rdm.fill_diagonal_(0.0) if len(rdm) else rdm


def upper_triangle(rdms: Array) -> Array:
    """Return float64 (..., pairs): the dissimilarities above the diagonal of (..., images, images).

    Of numpy's arrays or tensors, as which it is returned.
    """
    rows, columns = np.triu_indices(rdms.shape[-1], 1)
    found = rdms[..., rows, columns]
    return found.double() if isinstance(found, Tensor) else np.asarray(found, np.float64)


def _ranks(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks along the last axis, ties averaged."""
    from scipy.stats import rankdata  # takes a second to import

    return np.asarray(rankdata(vectors, axis=-1))


def _standard_ranks(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks (ties averaged) along the last axis with mean 0 and norm 1; NaN if all are tied."""
    ranks = _ranks(vectors)
    ranks -= ranks.mean(-1, keepdims=True)
    norm = np.linalg.norm(ranks, axis=-1, keepdims=True)
    standard: NDArray[np.float64] = ranks / np.where(norm > 0, norm, np.nan)
    return standard


def spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Spearman's rho along the last axis; leading axes broadcast."""
    rho: NDArray[np.float64] = (_standard_ranks(a) * _standard_ranks(b)).sum(-1)
    return rho


@dataclass(frozen=True)
class Similarity:
    """Spearman correlation of one RDM with every subject's.

    Attributes:
        value: mean over subjects.
        error: standard error over subjects.
        subjects: (subjects,).
    """

    value: float
    error: float
    subjects: NDArray[np.float64]


def compare(model: NDArray[np.float64], subjects: NDArray[np.floating]) -> Similarity:
    """Compare a model's RDM (images, images) with those of subjects (subjects, images, images).

    NaN throughout if the model's RDM has NaN (images it answers with a constant).
    """
    vector = upper_triangle(model)
    if np.isnan(vector).any():
        rho = np.full(len(subjects), np.nan)
    else:
        rho = spearman(vector, upper_triangle(subjects))
    return Similarity(float(rho.mean()), standard_error(rho), rho)


def standard_error(values: NDArray[np.float64]) -> float:
    """Return the standard error of the mean; NaN for a single value."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def noise_ceiling(subjects: NDArray[np.floating]) -> Ceiling | None:
    """Return the noise ceiling of subjects' RDMs (subjects, images, images); None for one subject.

    ``value`` is the lower bound: each subject against the mean rank-transformed RDM of the others.
    ``upper``: against the mean of all. The true ceiling lies between. ``error``: of the lower bound, over
    subjects.

    Raises:
        InputError: if an RDM holds NaN.
    """
    vectors = upper_triangle(subjects)
    if np.isnan(vectors).any():
        raise InputError("The subjects' dissimilarities hold NaN; leave out the images that lack a value.")
    if len(vectors) < 2:
        return None
    total = _ranks(vectors).sum(0)
    lower = lower_bounds(subjects)
    return Ceiling(float(lower.mean()), standard_error(lower), float(spearman(total, vectors).mean()))


def lower_bounds(subjects: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (subjects,): rho of each subject with the mean rank-transformed RDM of the others."""
    vectors = upper_triangle(subjects)
    return spearman(_others(vectors), vectors)


def _others(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the summed ranks of all other subjects' dissimilarities, (subjects, pairs)."""
    ranks: NDArray[np.float64] = _ranks(vectors)
    summed: NDArray[np.float64] = ranks.sum(0) - ranks
    return summed


@dataclass(frozen=True, eq=False)
class _Ranking:
    """The order of a vector (pairs,), from which its ranks follow whatever the pairs weigh.

    Attributes:
        order: (pairs,) the places of the values in ascending order.
        group: (pairs,) which of the different values each is, in that order; None if all differ.
        last: the place of the last one of each value, in that order.
    """

    order: Array
    group: Array | None
    last: Array

    @classmethod
    def of(cls, vector: Array) -> "_Ranking":
        order = vector.argsort(stable=True) if isinstance(vector, Tensor) else vector.argsort(kind="stable")
        differs = vector[order[1:]] != vector[order[:-1]]
        if bool(differs.all()):
            return cls(order, None, order)
        group = library(vector).zeros_like(order)
        group[1:] = differs.cumsum(0)
        return cls(order, group, library(vector).bincount(group).cumsum(0) - 1)

    def ranks(self, weights: Array) -> Array:
        """Return ranks (pairs, draws), ties averaged, less one half: each pair is there ``weights`` times.

        Weights are whole numbers, so that their sums are exact in whatever order.
        """
        own = weights[self.order]
        middle = own.cumsum(0)
        if self.group is not None:
            middle = middle[self.last]
            own = library(weights).concatenate([middle[:1], middle[1:] - middle[:-1]])
        middle -= own / 2
        ranks = library(weights).empty_like(weights)
        ranks[self.order] = middle if self.group is None else middle[self.group]
        return ranks


def resampled_spearman(
    pairs: Sequence[tuple[int, int]], vectors: Array, counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return Spearman's rho (draws, pairs) between RDMs, with resampled images ranked anew.

    The dissimilarity of two images counts as often as the product of their counts; those of an image with
    its own copies, which are 0 by construction, are left out.

    Args:
        pairs: which two of ``vectors`` are correlated.
        vectors: (rdms, dissimilarities), see `upper_triangle`; numpy's, or a tensor on a card.
        counts: (draws, images), how often an image is in each resample.
    """
    rankings = [_Ranking.of(v) for v in vectors]
    rows, columns = np.triu_indices(counts.shape[1], 1)
    at_once = _ON_A_CARD if isinstance(vectors, Tensor) else _RANKS_AT_ONCE
    step = max(1, at_once // (len(vectors) * len(rows)))
    chunks = (np.ascontiguousarray(counts[i : i + step].T) for i in range(0, len(counts), step))
    drawn = (beside(vectors, chunk) for chunk in chunks)
    return np.concatenate([on_host(_spearman(pairs, rankings, c[rows] * c[columns])) for c in drawn])


def _spearman(pairs: Sequence[tuple[int, int]], rankings: Sequence[_Ranking], weights: Array) -> Array:
    # Ranks less one half have the mean total / 2; their products are weighted once, in ``weighted``.
    ranks = [r.ranks(weights) - weights.sum(0) / 2 for r in rankings]
    weighted = [r * weights for r in ranks]
    einsum, sqrt = library(weights).einsum, library(weights).sqrt
    variance = [einsum("pd,pd->d", w, r) for w, r in zip(weighted, ranks, strict=True)]
    with np.errstate(invalid="ignore"):
        rho = [einsum("pd,pd->d", weighted[a], ranks[b]) / sqrt(variance[a] * variance[b]) for a, b in pairs]
    return library(weights).stack(rho, 1)


def resampled_subjects(
    model: NDArray[np.float64], subjects: NDArray[np.floating], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return rho (draws, subjects) of a model's RDM with every subject's, for resampled images.

    Args:
        model: (images, images), without NaN.
        subjects: (subjects, images, images).
        counts: (draws, images).
    """
    vectors = upper_triangle(np.concatenate([subjects, model[None]]))
    return resampled_spearman([(len(subjects), i) for i in range(len(subjects))], vectors, counts)


def resampled_lower_bounds(
    subjects: NDArray[np.floating], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return `lower_bounds` (draws, subjects) for resampled images.

    The others are represented by their mean ranks among all images, which are not averaged anew.
    """
    vectors = upper_triangle(subjects)
    others = _others(vectors)
    pairs = [(i, len(vectors) + i) for i in range(len(vectors))]
    return resampled_spearman(pairs, np.concatenate([vectors, others]), counts)
