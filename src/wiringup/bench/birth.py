"""``wiringup bench birth``: weight compression against the loops of its definition, in one run.

The definition: Geiger et al. 2022, methods, "weight compression", one channel of one kernel at a time. Same
statistics as `wiringup.birth.clusters`, from another generator: the draws differ, their distributions do not.
"""

import logging
import math
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.conv import _ConvNd

from wiringup.bench.timing import Row, medians, peak_memory, seconds_of
from wiringup.birth.apply import BirthSpec, give_birth
from wiringup.birth.clusters import POINTWISE, ClusterLayer
from wiringup.birth.distill import CLUSTER_COUNTS
from wiringup.birth.gabor_layers import GaborLayer
from wiringup.birth.genome import Genome
from wiringup.birth.genome_layers import Layer
from wiringup.birth.recipes import Slot, from_genome
from wiringup.core.seeds import numpy_stream, torch_stream
from wiringup.core.threads import one_thread
from wiringup.models.architecture import ModelSpec, build

LOOP = "weight compression in nested Python loops: output kernels, clusters, channels"
AIM = 20.0
NOTES = (
    "Aims: 20 times faster than the loops, and a whole birth within 3 s on 2 cores.",
    "Such loops were recorded at about 23 s for all layers, on another machine: no ratio is taken of that.",
)

Draw = Callable[[ClusterLayer, tuple[int, ...], np.random.Generator], NDArray[np.float32]]

log = logging.getLogger(__name__)
REPEATS = 5
QUICK_WIDTH = 0.25


def reference_clusters(
    layer: ClusterLayer, shape: tuple[int, ...], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return weights (out, in, k, k); k is the layer's own kernel size."""
    outputs, inputs = shape[:2]
    side = layer.kernel_size
    weight = np.empty((outputs, inputs, side, side), np.float32)
    last = len(layer.centers) - 1
    for kernel in range(outputs):
        places = rng.permutation(inputs).tolist()
        filled = 0
        for cluster, center in enumerate(layer.centers):
            drawn = max(0.0, rng.normal(layer.count_mean[cluster], layer.count_std[cluster]))
            count = inputs if cluster == last else round(drawn * inputs / layer.in_channels)
            noise = layer.noise_std[cluster]
            for place in places[filled : filled + count]:
                if noise:
                    weight[kernel, place] = center + noise * rng.standard_normal((side, side))
                else:
                    weight[kernel, place] = center
            filled += count
    return weight


def reference_birth(model: nn.Module, genome: Genome, draw: Draw = reference_clusters) -> None:
    """Give birth to ``model`` from a genome of its own kernel sizes, in place; clusters by ``draw``.

    What the genome describes otherwise (Gabors, the decoder's rule) is drawn as wiringup does it.
    """
    with torch.no_grad():
        for name, module in model.named_modules():
            layer = genome.layers.get(name)
            for parameter, value in module.named_parameters(recurse=False):
                if isinstance(layer, ClusterLayer):
                    drawn = torch.from_numpy(draw(layer, tuple(value.shape), numpy_stream(0, name)))
                else:
                    drawn = from_genome(Slot(name, parameter, module, 0, genome))
                value.copy_(drawn)


def made_genome(model: nn.Module, seed: int = 0) -> Genome:
    """Return a genome of ``model``, a CORnet-S, with as many clusters as published and invented parameters.

    As in the published distributions, the clusters of 1x1 convolutions have no spread.
    """
    rng = numpy_stream(seed, "bench", "genome")
    layers: dict[str, Layer] = {}
    for name, module in model.named_modules():
        if isinstance(module, _ConvNd) and module.in_channels > 3:
            layers[name] = _clusters(name, module, rng)
        elif isinstance(module, _ConvNd):
            layers[name] = _gabors(module, rng)
    return Genome(layers)


def _clusters(name: str, module: _ConvNd, rng: np.random.Generator) -> ClusterLayer:
    n, side = CLUSTER_COUNTS.get(name, POINTWISE), module.kernel_size[0]
    shares = rng.dirichlet(np.full(n, 8.0)) * module.in_channels
    spread = np.full(n, 0.0 if side == 1 else 0.05)
    return ClusterLayer(side, shares, 0.1 * shares, spread, rng.standard_normal((n, side, side)) / 10)


def _gabors(module: _ConvNd, rng: np.random.Generator) -> GaborLayer:
    side = module.kernel_size[0]
    low = np.array([0.5 / side, 0, 1, 1, -math.pi, -1, -1, 0.1, 0])
    high = np.array([0.5, math.pi, side / 2, side / 2, math.pi, 1, 1, 1, 0])
    fits = rng.uniform(low, high, (module.out_channels, module.in_channels, len(low)))
    return GaborLayer(side, fits)


def rows(*, quick: bool) -> list[Row]:
    """Return the comparisons: clusters alone, and the whole birth; ``quick`` at a quarter of the width."""
    spec = ModelSpec("cornet_s", QUICK_WIDTH if quick else 1.0)
    genome = made_genome(build(ModelSpec("cornet_s")))
    layers = {name: layer for name, layer in genome.layers.items() if isinstance(layer, ClusterLayer)}
    unborn = build(spec)
    shapes = {name: unborn.get_parameter(f"{name}.weight").shape for name in layers}

    def clusters() -> None:
        with one_thread():
            for name, layer in layers.items():
                layer.sample(shapes[name], torch_stream(0, name))

    def whole() -> None:
        give_birth(build(spec), BirthSpec("weight_compression", 0, genome.sha256), genome)

    log.info("Births, ours ...")
    whole()  # the first call loads libraries
    ours = medians({"clusters": clusters, "whole": whole}, REPEATS)
    log.info("The same birth in loops " + ("..." if quick else "(half a minute or more) ..."))
    spent: list[float] = []

    def loops(layer: ClusterLayer, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
        started = time.perf_counter()
        weight = reference_clusters(layer, shape, rng)
        spent.append(time.perf_counter() - started)
        return weight

    with one_thread():
        birth = seconds_of(lambda: reference_birth(build(spec), genome, loops))
    weights = sum(shape.numel() for shape in shapes.values())
    network = f"CORnet-S, width {spec.width:g}"
    name = f"Clusters of {network}: {len(layers)} layers, {weights / 1e6:.1f} M weights"
    return [
        Row(name, ours["clusters"], sum(spent), LOOP, target=AIM, memory=peak_memory(clusters)),
        Row(f"Whole birth of {network}", ours["whole"], birth, LOOP, memory=peak_memory(whole)),
    ]
