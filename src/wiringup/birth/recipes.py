"""The recipes of birth: how each synapse of a network gets its first value.

A recipe sees one parameter at a time, as a `Slot`, and returns its values. Every slot has a random stream
of its own, named after the parameter, so that adding a layer never shifts another.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from wiringup.birth.clusters import sample_clusters
from wiringup.birth.distributions import kaiming_normal, normal, uniform_fan_in
from wiringup.birth.gabor import sample_gabors
from wiringup.birth.genome import Genome
from wiringup.birth.layers import BatchNormLayer, ClusterLayer, GaborLayer
from wiringup.core.errors import InputError
from wiringup.core.registry import Registry
from wiringup.core.seeds import torch_stream


@dataclass(frozen=True)
class Slot:
    """One parameter that is about to be born.

    Attributes:
        layer: dotted name of its module ("V2.conv1").
        parameter: its name there ("weight").
        module: the module.
        seed: the seed of the birth.
        genome: the distributions to draw from, where the recipe uses any.
    """

    layer: str
    parameter: str
    module: nn.Module
    seed: int
    genome: Genome | None

    @property
    def shape(self) -> torch.Size:
        """Shape of the parameter."""
        return self.module.get_parameter(self.parameter).shape

    def stream(self) -> Generator:
        """Return a fresh generator of this parameter's own random stream."""
        return torch_stream(self.seed, f"{self.layer}.{self.parameter}")


@dataclass(frozen=True)
class Recipe:
    """A way to be born.

    Attributes:
        values: returns the float32 values of a slot.
        needs_genome: whether it draws from a genome, which then has to hold every convolution.
    """

    values: Callable[[Slot], Tensor]
    needs_genome: bool = False


def kaiming(slot: Slot) -> Tensor:
    """Return a slot's values under standard initialisation; no figures at all.

    Convolutions normal with std sqrt(2 / (k k out)), BatchNorm weight 1 and every bias 0; linear weights
    and biases uniform within 1/sqrt(inputs) (PyTorch's default). Each group of a grouped convolution is a
    convolution of its own: with all outputs counted, as PyTorch does, a depthwise network's signal dies out.

    Raises:
        InputError: for a parameter of any other kind of module.
    """
    module = slot.module
    if isinstance(module, nn.Linear):
        return uniform_fan_in(slot.shape, module.in_features, slot.stream())
    if isinstance(module, _ConvNd | _BatchNorm) and slot.parameter == "bias":
        return torch.zeros(slot.shape)
    if isinstance(module, _BatchNorm):
        return torch.ones(slot.shape)
    if isinstance(module, _ConvNd):
        stream, shape = slot.stream(), (slot.shape[0] // module.groups, *slot.shape[1:])
        return torch.cat([kaiming_normal(shape, stream) for _ in range(module.groups)])
    raise InputError(
        f"No recipe for {slot.layer}.{slot.parameter}, a parameter of {type(module).__name__}; "
        "births are defined for convolutions, BatchNorm and linear layers."
    )


def weight_compression(slot: Slot) -> Tensor:
    """Return a slot's values drawn from its genome; what the genome does not describe as in `kaiming`.

    Source: Geiger et al. 2022: a Gabor mixture for the first convolution, clusters for the others, and
    fitted BatchNorm weight and bias where the genome holds them (the published figures hold none).
    """
    layer = slot.genome.layers.get(slot.layer) if slot.genome else None
    if isinstance(layer, BatchNormLayer):
        mean, std = getattr(layer, f"{slot.parameter}_mean"), getattr(layer, f"{slot.parameter}_std")
        return normal(slot.shape, mean, std, slot.stream())
    if slot.parameter == "weight" and isinstance(layer, GaborLayer):
        return sample_gabors(layer, slot.shape, slot.stream())
    if slot.parameter == "weight" and isinstance(layer, ClusterLayer):
        return sample_clusters(layer, slot.shape, slot.stream())
    return kaiming(slot)


RECIPES: Registry[Recipe] = Registry("birth recipe")
RECIPES.add("kaiming_normal", Recipe(kaiming), "kn")
RECIPES.add("weight_compression", Recipe(weight_compression, needs_genome=True), "wc")
