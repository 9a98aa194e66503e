"""Clusters of in-channel kernels: fitted to a trained layer, sampled for a newborn one.

Source: Geiger et al. 2022, methods, "weight compression": every convolution after the first.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from wiringup.birth.distributions import kernel_side, resized
from wiringup.birth.genome_layers import Array, ConvolutionLayer, negative, rounded, values
from wiringup.birth.kmeans import elbow, kmeans

POINTWISE = 2
"""Clusters of 1x1 convolutions, as published; in every network."""

_ROWS = 64  # output kernels drawn at a time, so that intermediate values stay in the cache


@dataclass(frozen=True, eq=False)
class ClusterLayer(ConvolutionLayer):
    """Clusters of in-channel kernels (Geiger et al. 2022, methods).

    Attributes:
        kernel_size: side of the kernels in px.
        count_mean: (clusters,) mean over output kernels of the number of in-channels in each cluster.
        count_std: (clusters,) its standard deviation.
        noise_std: (clusters,) standard deviation of a cluster's members around its centre.
        centers: (clusters, kernel_size, kernel_size).
    """

    kind: ClassVar[str] = "clusters"
    sized_by: ClassVar[str] = "clusters"
    kernel_size: int
    count_mean: Array = values("clusters")
    count_std: Array = values("clusters")
    noise_std: Array = values("clusters")
    centers: Array = values("clusters", "kernel_size", "kernel_size")

    @property
    def in_channels(self) -> float:
        """Number of input channels of the layer that was distilled: the counts add up to it."""
        return float(self.count_mean.sum())

    @property
    def shares(self) -> NDArray[np.float64]:
        """(clusters,) the mean share of the in-channels that belong to each cluster."""
        return self.count_mean / self.in_channels

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        if fault := negative(self, "count_mean", "count_std", "noise_std"):
            return fault
        return "" if self.in_channels > 0 else "count_mean: all counts are 0"

    def summary(self) -> str:
        """Return the clusters' shares."""
        shares = " ".join(f"{share:.0%}" for share in self.shares)
        return f"{len(self.shares)} clusters of {self.kernel_size}x{self.kernel_size}: {shares}"

    @classmethod
    def fit(cls, weight: Tensor, generator: Generator, size: int = 0) -> Self:
        """Describe trained weights (out, in, k, k) by clusters of their k x k kernels.

        The noise of a cluster is the root mean square distance, for each weight, of its members from its
        centre; means and standard deviations (over all output kernels, not a sample's) are taken of how many
        in-channels of an output kernel belong to it. Clusters are ordered from the rarest to the most
        frequent, since the last one fills up what the drawn counts leave open.

        Raises:
            InputError: if the kernels are not square.
        """
        side = kernel_side(weight.shape, "Clusters describe")
        clusters = size or fitting_count(weight, generator)
        found = kmeans(weight.detach().float().reshape(-1, side * side), clusters, generator)
        labels = found.labels.view(weight.shape[0], weight.shape[1])
        counts = torch.stack([(labels == c).sum(1) for c in range(clusters)], 1).double()
        members = counts.sum(0).clamp(min=1) * side * side
        order = counts.mean(0).argsort(stable=True)
        parameters = {
            "count_mean": counts.mean(0),
            "count_std": counts.std(0, correction=0),
            "noise_std": (found.scatter / members).sqrt(),
            "centers": found.centers.view(clusters, side, side),
        }
        return cls(side, **{name: rounded(value[order].numpy()) for name, value in parameters.items()})

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Draw weights (out, in, k, k), any number of channels and any kernel size.

        For each output kernel: draw each cluster's count from its normal (not below 0), scale it to the
        number of in-channels, fill channels with centre + noise in the order of the clusters until none is
        left, top up with the last cluster, shuffle the channels. Kernels with fewer channels than there are
        clusters (depthwise convolutions have one) cannot hold such counts: there the cluster of every channel
        is drawn by its share, and so it is if the counts were taken of such kernels. Another kernel size
        resizes the centres (bilinear, antialiased).

        Raises:
            InputError: if the kernels are not square.
        """
        size = kernel_side(shape, "Clusters describe")
        centers = resized(torch.from_numpy(self.centers).float(), size).flatten(1)
        noise_std = torch.from_numpy(self.noise_std).float()[:, None]
        weight = torch.empty(shape)
        for rows in torch.split(weight.flatten(2), _ROWS):
            labels = _assignment(self, rows.shape[0], rows.shape[1], generator).flatten()
            drawn = centers.index_select(0, labels)
            if noise_std.any():
                drawn.addcmul_(noise_std[labels], torch.randn(drawn.shape, generator=generator))
            rows.copy_(drawn.view(rows.shape))
        return weight


def fitting_count(weight: Tensor, generator: Generator) -> int:
    """Return a number of clusters for a layer (out, in, k, k) that no publication decides.

    Larger kernels have as many as the elbow of the layer's own inertia says (the paper's criterion is not
    told; it uses 4 to 8).
    """
    kernels = weight.float().flatten(2).flatten(0, 1)
    return min(POINTWISE, len(kernels)) if weight.shape[-1] == 1 else elbow(kernels, generator)


def _assignment(layer: ClusterLayer, outputs: int, inputs: int, generator: Generator) -> Tensor:
    """Return the cluster of every channel of every output kernel, int64 (outputs, inputs).

    Topping up with the last cluster makes its own draw redundant: it receives what the others leave.
    """
    if min(inputs, layer.in_channels) < len(layer.count_mean):
        share = torch.from_numpy(layer.count_mean / layer.in_channels)
        drawn = torch.multinomial(share, outputs * inputs, replacement=True, generator=generator)
        return drawn.view(outputs, inputs)
    mean, std = (torch.from_numpy(v[:-1]).float() for v in (layer.count_mean, layer.count_std))
    drawn = torch.randn(outputs, len(mean), generator=generator).mul_(std).add_(mean).clamp_(min=0)
    ends = drawn.mul_(inputs / layer.in_channels).round_().cumsum(1)
    places = torch.arange(inputs, dtype=torch.float32).repeat(outputs, 1)
    filled = torch.searchsorted(ends, places, right=True)
    return _shuffled(filled, generator)


def _shuffled(labels: Tensor, generator: Generator) -> Tensor:
    """Shuffle the small whole numbers of each row of (rows, n) independently.

    Every label rides in the low bits of a random key; sorting the keys alone (numpy's vectorised sort) is
    several times faster than an argsort.
    """
    bits = int(labels.max()).bit_length()
    keys = torch.randint(1 << (31 - bits), labels.shape, generator=generator, dtype=torch.int32)
    mixed = np.sort((keys << bits | labels.int()).numpy(), axis=1)
    return torch.from_numpy(mixed & ((1 << bits) - 1)).long()


def gain(layer: ClusterLayer, channels: float, size: int) -> float:
    """Return the variance of responses to white noise of kernels (channels, size, size) from ``layer``."""
    share = torch.from_numpy(layer.count_mean / layer.in_channels)
    noise = size**2 * torch.from_numpy(layer.noise_std**2)
    centers = resized(torch.from_numpy(layer.centers).float(), size).double()
    return channels * float(share @ (centers.square().flatten(1).sum(1) + noise))
