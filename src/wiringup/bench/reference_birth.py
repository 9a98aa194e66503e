"""Weight compression written down from its definition, one channel of one kernel at a time: the yardstick.

Source: Geiger et al. 2022, methods, "weight compression". Same statistics as `wiringup.birth.clusters`, from
another generator: the draws are not the same, their distributions are.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from wiringup.birth.clusters import ClusterLayer
from wiringup.birth.genome import Genome
from wiringup.birth.recipes import Slot, from_genome
from wiringup.core.seeds import numpy_stream

Draw = Callable[[ClusterLayer, tuple[int, ...], np.random.Generator], NDArray[np.float32]]


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
