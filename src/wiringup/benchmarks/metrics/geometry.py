"""Do two populations hold the same images alike? RSA, CKA and Procrustes, from matrices (images, images).

None of these fits a map: they compare geometries, up to rotation and scale (RSA: up to monotone changes of
its dissimilarities). Bo et al. (2024, arXiv 2411.14633) found that they tell trained from untrained models
better than linear predictivity does.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from wiringup.benchmarks.metrics import rdm
from wiringup.benchmarks.metrics.arrays import in_numpy, library, native
from wiringup.benchmarks.metrics.bootstrap import Array
from wiringup.benchmarks.metrics.gram import Features
from wiringup.core.checks import at_least, same_length

FEWEST_IMAGES = 4
_EPSILON = torch.finfo(torch.float64).eps


class Measure(Protocol):
    """A similarity of two populations; a frozen dataclass, so that its parameters enter hashes."""

    @property
    def label(self) -> str:
        """How results call it."""

    def matrix(self, features: Features) -> Tensor:
        """Return (images, images): all that is needed of a population, for any subset of its images."""

    def similarity(self, x: Tensor, y: Tensor) -> float:
        """Compare two such matrices of the same images: 1 for the same geometry."""

    def resampled(self, x: Tensor, y: Tensor, counts: Array) -> Array:
        """Return (draws,): the similarity for resampled images, ``counts`` (draws, images) of each."""


@dataclass(frozen=True)
class Rsa:
    """Spearman's rho of RDMs, each 1 - Pearson r over features or units; see `rsa`."""

    label: str = "rsa-spearman"

    def matrix(self, features: Features) -> Tensor:
        """Return the RDM."""
        return rdm.correlation_distance(features)

    def similarity(self, x: Tensor, y: Tensor) -> float:
        """Return Spearman's rho."""
        return rsa(x, y)

    def resampled(self, x: Tensor, y: Tensor, counts: Array) -> Array:
        """Return Spearman's rho, NaN as in `rsa`; without pairs of an image and its own copies."""
        _check(x, y)
        vectors = native(torch.stack([rdm.upper_triangle(matrix) for matrix in (x, y)]))
        if bool(library(vectors).isnan(vectors).any()):
            return np.full(len(counts), np.nan)
        return rdm.resampled_spearman([(0, 1)], vectors, counts)[:, 0]


@dataclass(frozen=True)
class Cka:
    """Linear centred kernel alignment; see `linear_cka`."""

    debiased: bool = True

    @property
    def label(self) -> str:
        """``cka-debiased`` or ``cka-biased``."""
        return "cka-debiased" if self.debiased else "cka-biased"

    def matrix(self, features: Features) -> Tensor:
        """Return the Gram matrix."""
        return features.gram

    def similarity(self, x: Tensor, y: Tensor) -> float:
        """Return CKA."""
        return linear_cka(x, y, self.debiased)

    def resampled(self, x: Tensor, y: Tensor, counts: Array) -> Array:
        """Return CKA; debiased, the sums of HSIC are over different images: copies of one are no pair."""
        _check(x, y)
        x, y, weights = centred(x), centred(y), torch.from_numpy(counts).to(x.device).T
        hsic = _unbiased_hsic if self.debiased else _hsic
        between, own, other = (hsic(a, b, weights) for a, b in ((x, y), (x, x), (y, y)))
        return (between / own.sqrt() / other.sqrt()).cpu().numpy()


@dataclass(frozen=True)
class Procrustes:
    """Angular Procrustes similarity, 1 - 2 theta / pi; see `procrustes`."""

    label: str = "procrustes-angular"

    def matrix(self, features: Features) -> Tensor:
        """Return the Gram matrix."""
        return features.gram

    def similarity(self, x: Tensor, y: Tensor) -> float:
        """Return the similarity."""
        return procrustes(x, y)

    def resampled(self, x: Tensor, y: Tensor, counts: Array) -> Array:
        """Return the similarity of resampled images."""
        _check(x, y)
        a, b = (_factor(centred(k)) for k in (x, y))
        weights = torch.from_numpy(counts).to(x.device)
        return np.array([_weighted_procrustes(a, b, w[:, None]) for w in weights])


MEASURES: Mapping[str, Measure] = {"rsa": Rsa(), "cka": Cka(), "procrustes": Procrustes()}
"""The last part of a benchmark's name -> the similarity."""


def rsa(x: Tensor, y: Tensor) -> float:
    """Return Spearman's rho between the upper triangles of two RDMs (images, images).

    NaN if either holds NaN: an image that a population answers with a constant.
    """
    if not in_numpy(x.device):
        return float(Rsa().resampled(x, y, np.ones((1, len(x))))[0])  # as it stands: each image once
    _check(x, y)
    a, b = (rdm.upper_triangle(matrix.numpy()) for matrix in (x, y))
    return math.nan if np.isnan(a).any() or np.isnan(b).any() else float(rdm.spearman(a, b))


def linear_cka(x: Tensor, y: Tensor, debiased: bool = True) -> float:
    """Return linear centred kernel alignment of two Gram matrices (images, images).

    <Kx, Ky> / (|Kx| |Ky|) of the centred matrices (Kornblith et al. 2019, ICML). ``debiased`` replaces each
    inner product by the unbiased estimator of HSIC (Song et al. 2012, JMLR 13:1393, eq. 5), as in Nguyen,
    Raghu & Kornblith (2021, ICLR): unrelated populations are then at 0, with as few images as one likes,
    where the plain one approaches 1 as features outnumber images. It can be negative.

    NaN if one of the two does not vary.
    """
    _check(x, y)
    x, y = (u_centred(k) if debiased else centred(k) for k in (x, y))
    norm = float(x.norm() * y.norm())
    return float((x * y).sum()) / norm if norm > 0 else math.nan


def procrustes(x: Tensor, y: Tensor) -> float:
    """Return the angular Procrustes similarity of two Gram matrices (images, images): 1 - 2 theta / pi.

    theta = arccos(|X'Y|_nuclear / (|X| |Y|)), X and Y centred over images, is the angular distance of
    Williams et al. (2021, NeurIPS, generalised shape metrics, alpha = 1): the angle that is left after the
    best rotation and scale. 1: the same shape; 0: a right angle. Unlike debiased CKA it has no zero at
    chance: with few images and many features even unrelated populations can be turned towards each other.

    NaN if one of the two does not vary.
    """
    _check(x, y)
    return 1 - 2 * _angle(*(_factor(centred(k)) for k in (x, y))) / math.pi


def _angle(a: Tensor, b: Tensor) -> float:
    norm = float(a.norm() * b.norm())
    if not norm > 0:
        return math.nan
    overlap = float(torch.linalg.svdvals(a.T @ b).sum()) / norm
    return math.acos(min(1.0, overlap))


def _hsic(x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """Return (draws,): the inner product of two Gram matrices, centred over weighted images."""
    a, b, n = x @ weights, y @ weights, weights.sum(0)
    pairs = (weights * ((x * y) @ weights)).sum(0)
    total = (weights * a).sum(0) * (weights * b).sum(0)
    return pairs - 2 * (weights * a * b).sum(0) / n + total / n**2


def _unbiased_hsic(x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """Return (draws,): HSIC of weighted images, as a sum over four different ones.

    Of k_ij (l_ij + l_qr - 2 l_iq): with weights 1, eq. 5 of Song et al. (2012) times the number of terms.
    """
    x, y = (k.clone().fill_diagonal_(0.0) for k in (x, y))
    w, w2, w3 = weights, weights**2, weights**3
    a, b, product = x @ w, y @ w, x * y
    once, twice = product @ w, product @ w2
    n, n2 = w.sum(0), w2.sum(0)
    pairs = (n**2 - n2) * (w * once).sum(0) - 4 * n * (w2 * once).sum(0) + 4 * (w3 * once).sum(0)
    pairs += 2 * (w2 * twice).sum(0)
    triples = (n - w) * (a * b - twice) - (x @ w2) * b - a * (y @ w2) + 2 * (product @ w3)
    separate = (w * a).sum(0) * (w * b).sum(0) - 4 * (w2 * a * b).sum(0) + 2 * (w2 * twice).sum(0)
    return pairs - 2 * (w * triples).sum(0) + separate


def _weighted_procrustes(a: Tensor, b: Tensor, weights: Tensor) -> float:
    a, b = ((f - (weights * f).sum(0) / weights.sum()) * weights.sqrt() for f in (a, b))
    return 1 - 2 * _angle(a, b) / math.pi


def centred(gram: Tensor) -> Tensor:
    """Return a Gram matrix (images, images) of features centred over just these images."""
    rows = gram.mean(1)
    return gram - rows[:, None] - rows + rows.mean()


def u_centred(gram: Tensor) -> Tensor:
    """Return the U-centred matrix: its diagonal is 0, and inner products of two estimate HSIC without bias.

    Szekely & Rizzo (2014, Ann Stat 42:2382); equal to eq. 5 of Song et al. (2012) times images x (images -
    3), a factor that CKA loses.
    """
    n = len(gram)
    inner = gram.clone().fill_diagonal_(0.0)
    rows = inner.sum(1) / (n - 2)
    mean = float(inner.sum()) / ((n - 1) * (n - 2))
    result: Tensor = (inner - rows[:, None] - rows + mean).fill_diagonal_(0.0)
    return result


def _factor(gram: Tensor) -> Tensor:
    """Return A (images, rank) with AA' = ``gram``: the population, turned to its principal axes."""
    power, axes = torch.linalg.eigh(gram)
    kept = power > len(gram) * _EPSILON * power[-1]
    factor: Tensor = axes[:, kept] * power[kept].sqrt()
    return factor


def _check(x: Tensor, y: Tensor) -> None:
    same_length(len(x), len(y), "one of the matrices", "the other")
    at_least(len(x), FEWEST_IMAGES, "The number of images whose geometry is compared")
