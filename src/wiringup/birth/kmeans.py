"""k-means for millions of short vectors: k-means++ and Lloyd's iterations in chunks that fit the cache."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from wiringup.core.errors import InputError

_CHUNK = 1 << 16


@dataclass(frozen=True)
class Clustering:
    """The result of k-means on (n, d) points.

    Attributes:
        centers: (k, d).
        labels: int64 (n,), the nearest centre of each point.
        inertia: sum of squared distances of the points to their centres.
        scatter: (k,) the same sum within each cluster.
    """

    centers: Tensor
    labels: Tensor
    inertia: float
    scatter: Tensor


def kmeans(
    points: Tensor,
    k: int,
    generator: Generator,
    *,
    restarts: int = 4,
    subsample: int = 50_000,
    tolerance: float = 1e-5,
    iterations: int = 300,
) -> Clustering:
    """Cluster float (n, d) points into ``k`` by Lloyd's algorithm.

    Each restart begins with k-means++ (Arthur & Vassilvitskii 2007) and converges on a random subsample;
    the best then converges on all points. Iterations end when one lowers the inertia by less than
    ``tolerance`` of itself. A cluster that loses all its members keeps its centre.

    Raises:
        InputError: if there are fewer points than clusters.
    """
    if not 1 <= k <= len(points):
        raise InputError(f"Cannot make {k} clusters of {len(points)} points.")
    few = points
    if len(points) > subsample:
        few = points[torch.randint(len(points), (subsample,), generator=generator)]
    starts = [_lloyd(few, _plus_plus(few, k, generator), tolerance, iterations) for _ in range(restarts)]
    best = min(starts, key=lambda clustering: clustering.inertia)
    return best if few is points else _lloyd(points, best.centers, tolerance, iterations)


def elbow(points: Tensor, generator: Generator, most: int = 10, subsample: int = 5000) -> int:
    """Return the number of clusters, below ``most``, at which more of them stop paying.

    It is the elbow of the inertia of a random subsample at 1, 2, ..., ``most`` clusters: the number whose
    point lies farthest below the line from the first to the last. As many as there are, if the points
    form clusters equally far apart (up to one less where distances differ much); 3 to 6 for a cloud
    without any structure; 1 if all points are the same.

    Source: Satopää et al. 2011, "Finding a 'kneedle' in a haystack".
    """
    if len(points) > subsample:
        points = points[torch.randint(len(points), (subsample,), generator=generator)]
    last = min(most, len(points))
    numbers = torch.arange(1, last + 1)
    found = (kmeans(points, k, generator, restarts=2, tolerance=1e-3) for k in numbers.tolist())
    inertia = torch.tensor([clustering.inertia for clustering in found])
    line = inertia[0] + (inertia[-1] - inertia[0]) * (numbers - 1) / max(1, last - 1)
    return int(numbers[(line - inertia).argmax()])


def _plus_plus(points: Tensor, k: int, generator: Generator) -> Tensor:
    """Choose k points as centres, each with probability proportional to its squared distance so far."""
    centers = points[torch.randint(len(points), (1,), generator=generator)]
    for _ in range(k - 1):
        nearest = torch.cdist(points, centers).amin(1).square() + torch.finfo(points.dtype).tiny
        centers = torch.cat([centers, points[torch.multinomial(nearest, 1, generator=generator)]])
    return centers


def _lloyd(points: Tensor, centers: Tensor, tolerance: float, iterations: int) -> Clustering:
    previous = float("inf")
    squares = [chunk.square().sum(1) for chunk in torch.split(points, _CHUNK)]
    for _ in range(iterations):
        found, means = _assign(points, squares, centers)
        if previous - found.inertia <= tolerance * found.inertia:
            break
        centers, previous = means, found.inertia
    return found


def _assign(points: Tensor, squares: Sequence[Tensor], centers: Tensor) -> tuple[Clustering, Tensor]:
    """Return the points' assignment to ``centers`` and the means of the clusters that it makes.

    Args:
        points: (n, d).
        squares: squared length of every point, chunk by chunk.
        centers: (k, d).
    """
    k = len(centers)
    labels = torch.empty(len(points), dtype=torch.int64)
    sums = torch.zeros(k, points.shape[1], dtype=torch.float64)
    scatter = torch.zeros(k, dtype=torch.float64)
    offset, each = centers.square().sum(1, keepdim=True), torch.arange(k)[:, None]
    chunks = zip(torch.split(points, _CHUNK), torch.split(labels, _CHUNK), squares, strict=True)
    for chunk, target, square in chunks:
        distance, nearest = torch.addmm(offset, centers, chunk.T, alpha=-2).min(0)
        target.copy_(nearest)
        member = (nearest == each).to(points.dtype)
        sums += member @ chunk
        scatter += member @ (distance + square).clamp_(min=0)
    counts = torch.bincount(labels, minlength=k)[:, None]
    means = torch.where(counts > 0, sums / counts.clamp(min=1), centers).to(points.dtype)
    return Clustering(centers, labels, float(scatter.sum()), scatter), means
