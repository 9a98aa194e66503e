"""Representational dissimilarity matrices, their comparison, and its noise ceiling.

Kriegeskorte, Mur & Bandettini 2008 (Front Syst Neurosci 2:4); noise ceiling of Nili et al. 2014
(PLoS Comput Biol 10:e1003553), with ranks where RDMs are compared by Spearman, as in rsatoolbox.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from wiringup.benchmarks.metrics.gram import CONSTANT, Features
from wiringup.core.errors import InputError
from wiringup.core.score import Ceiling


def correlation_distance(responses: Features | Tensor) -> Tensor:
    """Return the RDM (images, images), float64: 1 - Pearson r over features between two images.

    Rows and columns of an image whose features are all equal are NaN: it correlates with nothing.
    """
    features = Features.of(responses)
    covariance = features.pattern_covariance
    variance = covariance.diagonal()
    power = features.values.square().sum(1, dtype=torch.float64)
    norm = torch.where(variance > CONSTANT * power, variance, torch.nan).sqrt()
    rdm = 1 - covariance / norm[:, None] / norm[None, :]
    return rdm.fill_diagonal_(0.0) if len(rdm) else rdm


def upper_triangle(rdms: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (..., pairs): the dissimilarities above the diagonal of (..., images, images)."""
    rows, columns = np.triu_indices(rdms.shape[-1], 1)
    return np.asarray(rdms[..., rows, columns], np.float64)


def _standard_ranks(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks (ties averaged) along the last axis with mean 0 and norm 1; NaN if all are tied."""
    ranks = rankdata(vectors, axis=-1)
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
    ranks = rankdata(vectors, axis=-1)
    total = ranks.sum(0)
    lower = spearman(total - ranks, vectors)
    return Ceiling(float(lower.mean()), standard_error(lower), float(spearman(total, vectors).mean()))
