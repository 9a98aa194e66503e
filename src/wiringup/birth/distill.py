"""Distilling: the weights of a trained network become a genome.

Source: Geiger et al. 2022, methods, "weight compression".
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.birth.gabor_layers import CONTROLS, GaborLayer
from wiringup.birth.genome import CONVOLUTIONS, Genome
from wiringup.birth.genome_layers import (
    BatchNormLayer,
    ConvolutionLayer,
    Layer,
    LinearLayer,
    RunningStatistics,
    rounded,
)
from wiringup.birth.recipes import RECIPES, Recipe
from wiringup.core.checks import at_least, one_of
from wiringup.core.errors import InputError
from wiringup.core.progress import task
from wiringup.core.seeds import torch_stream
from wiringup.models.weights import check_finite

CLUSTER_COUNTS: Mapping[str, int] = {"V1.conv2": 7, "V2.conv2": 5, "V4.conv2": 8, "IT.conv2": 4}
"""Numbers of clusters of the published CORnet-S genome, where they are not `clusters.POINTWISE`."""


Kinds = tuple[type[ConvolutionLayer], type[ConvolutionLayer]]


def distill(
    state: Mapping[str, Tensor],
    seed: int = 0,
    source: Mapping[str, Any] | None = None,
    *,
    recipe: str = "weight_compression",
    architecture: str = "cornet_s",
    gabor_layer: str | None = None,
    cluster_counts: Mapping[str, int] | None = None,
    hidden: int | None = None,
    statistics: bool = False,
) -> Genome:
    """Describe trained weights by the distributions that a recipe draws from, and BatchNorm's moments.

    Args:
        state: state dict of a network; weights with 4 dimensions are convolutions (grouped or not), with
            2 linear layers (hidden or read-out: born by rule, they need no parameters), with 1 BatchNorm.
            Biases of convolutions are not described: they are born 0.
        seed: seed of the clusterings and subsamples; each layer has a random stream of its own.
        source: what the weights are (citation, training); kept in the genome, with their hash.
        recipe: a name or alias in `RECIPES`, of a recipe that draws from a genome.
        architecture: name of the network.
        gabor_layer: the first convolution, the one to describe by Gabors; by default the only one with
            three in-channels.
        cluster_counts: number of clusters for layers by name, over the defaults: for CORnet-S
            `CLUSTER_COUNTS`, and otherwise what `clusters.fitting_count` finds.
        hidden: hidden units of every g-network; by default what `g_networks.hidden_units` says.
        statistics: also keep the running statistics of every BatchNorm, see `with_statistics`.

    Raises:
        InputError: if a weight is not finite, the recipe needs no genome, the first convolution cannot be
            told, a layer is of another kind, or the number of hidden units is below 1 or names what the
            recipe has not.
    """
    check_finite(state, "the network")
    recipe = RECIPES.canonical(recipe)
    kinds = _kinds(RECIPES[recipe], recipe)
    weights = {k.removesuffix(".weight"): v.detach() for k, v in state.items() if k.endswith(".weight")}
    first = _first_convolution(weights, gabor_layer) if kinds[0] is not kinds[1] else ""
    counts = {**(CLUSTER_COUNTS if architecture == "cornet_s" else {}), **(cluster_counts or {})}
    units = _hidden_units(hidden, kinds, recipe)
    layers: dict[str, Layer] = {}
    with task("distil layer", len(weights), "layers distilled") as finished:
        for name, weight in weights.items():
            finished(len(layers))
            if weight.ndim == 4:
                stream = torch_stream(seed, "distill", name)
                kind = kinds[name != first]
                sizes = {"clusters": counts.get(name, 0), "hidden units": units}
                layers[name] = kind.fit(weight, stream, sizes.get(kind.sized_by, 0))
            elif weight.ndim == 2:
                layers[name] = LinearLayer()
            else:
                layers[name] = _batchnorm(name, weight, state)
        finished(len(layers))
    genome = Genome(layers, architecture, {**(source or {}), "state_sha256": state_hash(state)}, recipe)
    return with_statistics(genome, state) if statistics else genome


def with_statistics(genome: Genome, state: Mapping[str, Tensor]) -> Genome:
    """Return a genome that also holds the running statistics of a trained network of its architecture.

    Args:
        genome: the distributions, of this network or of another of the same shape.
        state: state dict of the trained network; its hash is kept in the source.

    Raises:
        InputError: if the state dict has no running statistics, or some that are not finite.
    """
    ending = ".running_mean"
    layers = [key.removesuffix(ending) for key in state if key.endswith(ending)]
    if not layers:
        raise InputError("The state dict has no running statistics of BatchNorm; there are none to keep.")
    found = {
        layer: RunningStatistics(*(_plain(state[f"{layer}.{of}"]) for of in ("running_mean", "running_var")))
        for layer in layers
    }
    for layer, held in found.items():
        if not np.isfinite([held.mean, held.variance]).all():
            raise InputError(
                f"The running statistics of {layer} are not all finite; there is no keeping them."
            )
    return replace(genome, statistics=found, source={**genome.source, "statistics": state_hash(state)})


def _plain(values: Tensor) -> NDArray[np.float32]:
    return values.detach().cpu().float().numpy()


def as_control(genome: Genome, recipe: str) -> Genome:
    """Return a genome of weight compression as one that differs in its first layer alone.

    Args:
        genome: a genome with fitted Gabors.
        recipe: a recipe of one of the kinds in `gabor_layers.CONTROLS`.
    """
    change = CONTROLS[RECIPES[recipe].first]
    layers = {n: change(v) if isinstance(v, GaborLayer) else v for n, v in genome.layers.items()}
    return replace(genome, layers=layers, recipe=recipe)


def _kinds(recipe: Recipe, name: str) -> Kinds:
    """Return the kind of the first convolution, and that of the others."""
    if not recipe.needs_genome:
        fitted = ", ".join(n for n in RECIPES if RECIPES[n].needs_genome)
        raise InputError(
            f"The recipe {name} is a rule without parameters; nothing is fitted. Fitted are: {fitted}."
        )
    return CONVOLUTIONS[recipe.first], CONVOLUTIONS[recipe.others]


def _hidden_units(hidden: int | None, kinds: Kinds, recipe: str) -> int:
    if hidden is None:
        return 0
    if all(kind.sized_by != "hidden units" for kind in kinds):
        raise InputError(f"The recipe {recipe} has no hidden units; leave their number out.")
    return int(at_least(hidden, 1, "the number of hidden units"))


def state_hash(state: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 (hex) of a state dict's names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name}/{tensor.dtype}/{tuple(tensor.shape)}/".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _first_convolution(weights: Mapping[str, Tensor], named: str | None) -> str:
    convolutions = [name for name, weight in weights.items() if weight.ndim == 4]
    if named is not None:
        return one_of(named, convolutions, "convolution to fit Gabors to")
    coloured = [name for name in convolutions if weights[name].shape[1] == 3]
    if len(coloured) != 1:
        raise InputError(
            f"The state dict has {len(coloured)} convolutions with three in-channels among "
            f"{len(convolutions)}; name the first layer, the one to fit Gabors to (gabor_layer)."
        )
    return coloured[0]


def _batchnorm(name: str, weight: Tensor, state: Mapping[str, Tensor]) -> BatchNormLayer:
    bias = state.get(f"{name}.bias")
    if weight.ndim != 1 or bias is None:
        raise InputError(
            f"{name}: a weight of shape {tuple(weight.shape)} is no layer that can be distilled."
        )
    moments = [m for v in (weight, bias) for m in (v.mean().item(), v.std(correction=0).item())]
    return BatchNormLayer(*rounded(np.array(moments)).tolist())
