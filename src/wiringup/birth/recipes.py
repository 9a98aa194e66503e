"""The recipes of birth: how each synapse of a network gets its first value.

A recipe sees one parameter at a time, as a `Slot`, and returns its values. Every slot has a random stream
of its own, named after the parameter, so that adding a layer never shifts another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from wiringup.birth.covariance import structured_normal
from wiringup.birth.distributions import (
    constant_mean,
    kaiming_normal,
    kaiming_normal_fan_in,
    kaiming_uniform,
    kaiming_uniform_fan_in,
    normal,
    uniform_fan_in,
)
from wiringup.birth.genome import Genome
from wiringup.birth.genome_layers import BatchNormLayer, ConvolutionLayer
from wiringup.birth.names import SHORT
from wiringup.birth.physiology import N_PARAMETERS as _PHYSIOLOGICAL
from wiringup.birth.physiology import physiological_gabors
from wiringup.birth.signs import random_pointwise_signs, random_signs
from wiringup.birth.wavelets import N_PARAMETERS as _WAVELETS
from wiringup.birth.wavelets import curved_wavelets
from wiringup.core.registry import Registry
from wiringup.core.seeds import torch_stream

OTHER_STD = 0.02

Draw = Callable[[Sequence[int], Generator], Tensor]
"""Draws weights (out, in, k, k) from (shape, generator)."""


@dataclass(frozen=True)
class Slot:
    """One parameter that is about to be born.

    Attributes:
        layer: dotted name of its module ("V2.conv1").
        parameter: its name there ("weight").
        module: the module.
        seed: the seed of the birth.
        genome: the distributions to draw from, where the recipe uses any.
        depth: of a convolution, 0 for the network's first to 1 for its last, in the order of its modules.
    """

    layer: str
    parameter: str
    module: nn.Module
    seed: int
    genome: Genome | None
    depth: float = 0.0

    @property
    def shape(self) -> torch.Size:
        """Shape of the parameter."""
        return self.module.get_parameter(self.parameter).shape

    def stream(self) -> Generator:
        """Return a fresh generator of this parameter's own random stream."""
        return torch_stream(self.seed, f"{self.layer}.{self.parameter}")


Rule = Callable[[Sequence[int], Generator, float], Tensor]
"""Draws the weights of an ungrouped convolution from (shape, generator, depth) alone."""


def everywhere(draw: Draw) -> Rule:
    """Return a rule that is the same at any depth."""
    return lambda shape, generator, depth: draw(shape, generator)


def front(first: Draw, others: Draw = kaiming_normal) -> Rule:
    """Return a rule with a first convolution of its own."""
    return lambda shape, generator, depth: (others if depth else first)(shape, generator)


_KAIMING = everywhere(kaiming_normal)


@dataclass(frozen=True)
class Recipe:
    """A way to be born: by a rule that needs no parameters, or from the distributions of a genome.

    Attributes:
        description: what it does, in one line.
        source: paper and place.
        rule: draws a convolution's weights without a genome; unused where one is needed.
        first: the genome's kind of the first convolution, a name in `genome.KINDS`; "" for rules.
        others: the genome's kind of every other convolution; "" for rules.
        fixed: which convolutions of a rule are the same for every seed: "", "first" or "all".
        n_parameters: how many a rule holds (the statistics of recorded cells, say); those of a
            genome are its own.
    """

    description: str
    source: str
    rule: Rule = _KAIMING
    first: str = ""
    others: str = ""
    fixed: str = ""
    n_parameters: int = 0

    @property
    def needs_genome(self) -> bool:
        """Whether it draws from a genome, which then has to hold every convolution."""
        return bool(self.others)

    def values(self, slot: Slot) -> Tensor:
        """Return the float32 values of a slot."""
        return from_genome(slot) if self.needs_genome else by_rule(slot, self.rule)


def by_rule(slot: Slot, rule: Rule = _KAIMING) -> Tensor:
    """Return a slot's values under standard initialisation; no parameters at all.

    Convolutions as the rule has it, BatchNorm weight 1 and every bias 0; linear weights and biases uniform
    within 1/sqrt(inputs) (PyTorch's default). Each group of a grouped convolution is a convolution of its
    own: with all outputs counted, as PyTorch does, a depthwise network's signal dies out. In any other kind
    of module biases are 0, what else has one number a channel (the weight of a norm, a scale) is 1, and the
    rest (tokens, positions, projections of attention) normal with a deviation of `OTHER_STD`, as in
    transformers.
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
        return torch.cat([rule(shape, stream, slot.depth) for _ in range(module.groups)])
    if slot.parameter.endswith("bias"):
        return torch.zeros(slot.shape)
    alone = slot.shape[1:].numel() == 1
    return torch.ones(slot.shape) if alone else normal(slot.shape, 0.0, OTHER_STD, slot.stream())


def from_genome(slot: Slot) -> Tensor:
    """Return a slot's values drawn from its genome; what the genome does not describe as in `by_rule`.

    BatchNorm weight and bias are drawn where the genome holds them (the published distributions hold none).
    """
    layer = slot.genome.layers.get(slot.layer) if slot.genome else None
    if isinstance(layer, BatchNormLayer):
        mean, std = getattr(layer, f"{slot.parameter}_mean"), getattr(layer, f"{slot.parameter}_std")
        return normal(slot.shape, mean, std, slot.stream())
    if slot.parameter == "weight" and isinstance(layer, ConvolutionLayer):
        return layer.sample(slot.shape, slot.stream())
    return by_rule(slot)


GEIGER = "Geiger et al. 2022"
_CONTROL = f"{GEIGER}, supplement, comparison of initialisations"

RECIPES: Registry[Recipe] = Registry("birth recipe")


def _rule(
    name: str, description: str, source: str, rule: Rule, fixed: str = "", n_parameters: int = 0
) -> None:
    RECIPES.add(name, Recipe(description, source, rule, fixed=fixed, n_parameters=n_parameters))


def _fitted(source: str, others: str = "", **descriptions: str) -> None:
    """Add recipes called as the kind of their first layer, and of all others unless these are of one kind."""
    for kind, description in descriptions.items():
        RECIPES.add(kind, Recipe(description, source, first=kind, others=others or kind))


def _short(name: str) -> list[str]:
    return [short for short, full in SHORT.items() if full == name]


RECIPES.add(
    "kaiming_normal",
    Recipe("normal, std sqrt(2 / (k k out)): standard initialisation", "He et al. 2015, eq. 14"),
    *_short("kaiming_normal"),
)
RECIPES.add(
    "weight_compression",
    Recipe("Gabor mixture, then clusters of kernels", f"{GEIGER}, methods", first="gabor", others="clusters"),
    *_short("weight_compression"),
)
_rule(
    "kaiming_normal_fan_in", "normal, std sqrt(2 / (k k in))", "He et al. 2015, eq. 10",
    everywhere(kaiming_normal_fan_in),
)  # fmt: skip
_rule("uniform", "uniform about 0 with the variance of kaiming_normal", _CONTROL, everywhere(kaiming_uniform))
_rule("constant", "every kernel averages its input", _CONTROL, everywhere(constant_mean), fixed="all")
_fitted(
    _CONTROL,
    layer_normal="one normal distribution for each layer",
    kernel_normal="a normal distribution for each output kernel",
    channel_normal="a normal distribution for each input channel",
    best_fit_layer="the best fitting family of distributions for each layer",
    best_fit_kernel="the best fitting family of distributions for each output kernel",
    kernel_mixture="a Gaussian mixture over whole output kernels",
    channel_mixture="a Gaussian mixture over single k x k kernels",
    shuffled_layer="the trained weights, shuffled within each layer",
    shuffled_kernel="the trained weights, shuffled within each output kernel",
    shuffled_channel="the trained weights, shuffled within each input channel",
)
_fitted(
    _CONTROL,
    "clusters",
    fixed_gabors="the fitted Gabors one for one, then clusters",
    scrambled_gabors="the fitted Gabors with each parameter shuffled on its own, then clusters",
    gabor_bank="a regular bank of Gabors, then clusters",
)

_CLUSTERS = f"after the published clusters of 1x1 layers, {GEIGER}"

_rule(
    "random_signs", "+c or -c with the variance of kaiming_normal, all layers", _CLUSTERS,
    everywhere(random_signs),
)  # fmt: skip
_rule(
    "random_pointwise_signs", "1x1 layers +c or -c, the others kaiming_normal", _CLUSTERS,
    everywhere(random_pointwise_signs),
)  # fmt: skip
_fitted(_CLUSTERS, signs="+c or -c, with the share and size of each layer")

_TROCKMAN = "Trockman, Willmott & Kolter 2023"
_SMOOTH = "smooth normal kernels, smoother with depth"
_rule("structured_normal", _SMOOTH, f"{_TROCKMAN}, closed form", structured_normal, n_parameters=3)
_fitted(f"{_TROCKMAN}, covariance transfer", covariance="normal kernels with the covariance of each layer")
_rule(
    "v1_physiology",
    "Gabors with the statistics of recorded V1 cells, then kaiming_normal",
    "De Valois et al. 1982, Ringach 2002, Schiller et al. 1976, as in Dapello et al. 2020",
    front(physiological_gabors),
    n_parameters=_PHYSIOLOGICAL,
)
_rule(
    "wavelets",
    "a fixed bank of curved wavelets, then uniform by fan-in",
    "after Kazemian, Elmoznino & Bonner 2025",
    front(curved_wavelets, kaiming_uniform_fan_in),
    fixed="first",
    n_parameters=_WAVELETS,
)
_fitted(
    "after Shuvaev, Lachi, Koulakov & Zador 2024",
    g_network="what a small network says of every weight of a layer; nothing is drawn",
    noisy_g_network="what a small network says of every weight, and noise of the power that it misses",
)
