"""Do two populations hold the same images alike? RSA, CKA and Procrustes, from matrices (images, images).

None of these fits a map: they compare geometries, up to rotation and scale (RSA: up to monotone changes of
its dissimilarities). Bo et al. (2024, arXiv 2411.14633) found that they tell trained from untrained models
better than linear predictivity does.
"""

import math

import numpy as np
import torch
from torch import Tensor

from wiringup.benchmarks.metrics import rdm
from wiringup.core.checks import at_least, same_length

FEWEST_IMAGES = 4
_EPSILON = torch.finfo(torch.float64).eps


def rsa(x: Tensor, y: Tensor) -> float:
    """Return Spearman's rho between the upper triangles of two RDMs (images, images).

    NaN if either holds NaN: an image that a population answers with a constant.
    """
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
    theta = angular_distance(x, y)
    return 1 - 2 * theta / math.pi


def angular_distance(x: Tensor, y: Tensor) -> float:
    """Return theta of `procrustes`, in radians (0 to pi / 2)."""
    _check(x, y)
    a, b = (_factor(centred(k)) for k in (x, y))
    norm = float(a.norm() * b.norm())
    if not norm > 0:
        return math.nan
    overlap = float(torch.linalg.svdvals(a.T @ b).sum()) / norm
    return math.acos(min(1.0, overlap))


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
