"""How far apart two distributions of a layer are, whatever their kinds: told from what is drawn from them."""

import math

import torch
from torch import Generator, Tensor

from wiringup.birth.genome_layers import BatchNormLayer, ConvolutionLayer
from wiringup.core.seeds import torch_stream

KERNELS = 256
"""Output kernels that are drawn at most to compare two layers."""

_VECTORS = 5000
_PROJECTIONS = 64


def distances(a: ConvolutionLayer, b: ConvolutionLayer, shape: torch.Size, seed: int = 0) -> dict[str, float]:
    """Return distances between two convolutions' distributions, in units of the weights' root mean square.

    "channels" compares the k x k kernels of single input channels by their sliced Wasserstein distance;
    "kernels" the mean weights of output kernels, so how counts and sums vary from kernel to kernel, by the
    Wasserstein distance, in units of their own root mean square about 0.

    Args:
        a: one distribution.
        b: another, of any kind that draws convolutions.
        shape: weights to draw (out, in, k, k); at most `KERNELS` output kernels of them.
        seed: of the draws; ``b`` has streams of its own.
    """
    first = drawn_from(a, shape, torch_stream(seed, "a"))
    second = drawn_from(b, shape, torch_stream(seed, "b"))
    stream = torch_stream(seed, "directions")
    return {
        "channels": _relative(_channels(first, stream), _channels(second, stream), stream),
        "kernels": _relative(_means(first), _means(second), stream),
    }


def batchnorm_distances(a: BatchNormLayer, b: BatchNormLayer) -> dict[str, float]:
    """Return the Wasserstein (2) distances between the normals of weights and of biases, as they are."""
    return {
        name: math.hypot(
            getattr(a, f"{name}_mean") - getattr(b, f"{name}_mean"),
            getattr(a, f"{name}_std") - getattr(b, f"{name}_std"),
        )
        for name in ("weight", "bias")
    }


def drawn_from(layer: ConvolutionLayer, shape: torch.Size, generator: Generator) -> Tensor:
    """Return weights of ``shape``, of at most `KERNELS` output kernels, drawn from a convolution's layer."""
    return layer.sample(torch.Size((min(shape[0], KERNELS), *shape[1:])), generator)


def sliced_wasserstein(a: Tensor, b: Tensor, generator: Generator) -> float:
    """Return the mean over directions of the Wasserstein (1) distance between projections, (n, d) and (n, d).

    Source: Bonneel, Rabin, Peyre & Pfister 2015.
    """
    d = a.shape[1]
    axes = torch.randn(d, _PROJECTIONS if d > 1 else 1, generator=generator)
    axes = axes / axes.norm(dim=0)
    x, y = ((v.double() @ axes.double()).sort(dim=0).values for v in (a, b))
    return float((x - y).abs().mean())


def _channels(weight: Tensor, generator: Generator) -> Tensor:
    vectors = weight.flatten(0, 1).flatten(1)
    return vectors[torch.randint(len(vectors), (_VECTORS,), generator=generator)]


def _means(weight: Tensor) -> Tensor:
    return weight.flatten(1).mean(1, keepdim=True)


def _relative(a: Tensor, b: Tensor, generator: Generator) -> float:
    unit = float(torch.cat([a, b]).square().mean().sqrt())
    return sliced_wasserstein(a, b, generator) / unit if unit else 0.0
