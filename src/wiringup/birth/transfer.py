"""Carrying a genome to another network: a layer map says from which distribution each layer is born.

Source: Geiger et al. 2022, transfer: the distributions of CORnet-S on ResNet-50 and MobileNet-v1.

A map is a table of name patterns, target layer -> layer of the genome::

    {"stem.*": "V1.conv1", "blocks.*.pw": "V2.conv1", "blocks.*.bn": "V2.norm1_0"}

``*`` stands for any characters, dots included (`fnmatch`). A pattern speaks only of layers of the kind that
its distribution describes: above, "stem.*" means the stem's convolutions, not its BatchNorm. The first
pattern that fits a layer decides.

What is kept, and what is not. Shares and centres of clusters, their noise, and the parameters of Gabors are
taken over as they are; at birth centres and Gabors are resized to the kernel, and counts are scaled to the
number of in-channels (see `clusters.ClusterLayer`). Weights keep their absolute size, as in the paper, so
the *gain* of a layer is not kept: the variance of a response is the fan-in times the weights' mean square,
and changes with the ratio of the fan-ins. A depthwise convolution, with one channel where its donor has
hundreds, answers that much more weakly. Calibrated BatchNorm (or BatchNorm in training) undoes this in the
responses; with default statistics the signal of a MobileNet dies out. It does not undo it for learning:
behind a frozen BatchNorm that magnifies weak responses, a step of the same rate moves more, and training
diverges at rates that the donor bears. ``keep_gain`` resizes the weights instead. Convolution biases are
born 0.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from wiringup.birth.clusters import ClusterLayer, gain
from wiringup.birth.gabor import GABOR_COLUMNS
from wiringup.birth.gabor_layers import GaborLayer
from wiringup.birth.genome import Genome
from wiringup.birth.genome_layers import BatchNormLayer, Layer, LinearLayer
from wiringup.core.checks import did_you_mean, listed
from wiringup.core.errors import InputError
from wiringup.core.files import read_json

LayerMap = Mapping[str, str]
"""Name pattern of target layers -> layer of the genome."""

_SCALE = GABOR_COLUMNS.index("scale")
_OTHERS: Mapping[type[Layer], type[nn.Module]] = {BatchNormLayer: _BatchNorm, LinearLayer: nn.Linear}
"""What distributions describe that are not of convolutions."""


def _resnet50() -> dict[str, str]:
    stages = {"layer1": "V2", "layer2": "V4", "layer3": "V4", "layer4": "IT"}
    layers = {f"conv{i}": f"conv{i}" for i in (1, 2, 3)} | {f"bn{i}": f"norm{i}_0" for i in (1, 2, 3)}
    layers |= {"downsample.0": "skip", "downsample.1": "norm_skip"}
    rows = {f"{s}.*.{k}": f"{area}.{v}" for s, area in stages.items() for k, v in layers.items()}
    return {"conv1": "V1.conv1", "bn1": "V1.norm1", **rows}


def _mobilenet_v1() -> dict[str, str]:
    blocks = {i: "V2" if i < 5 else "V4" if i < 11 else "IT" for i in range(1, 14)}
    layers = {"depthwise": "conv2", "norm_depthwise": "norm2_0"}
    layers |= {"pointwise": "conv1", "norm_pointwise": "norm1_0"}
    rows = {f"block{i}.{k}": f"{area}.{v}" for i, area in blocks.items() for k, v in layers.items()}
    return {"conv1": "V1.conv1", "bn1": "V1.norm1", **rows}


LAYER_MAPS: Mapping[str, LayerMap] = {
    "resnet50": _resnet50(),
    "mobilenet_v1": _mobilenet_v1(),
    "alexnet": {
        "features.0": "V1.conv1",
        "features.3": "V2.conv2",
        "features.6": "V4.conv2",
        "features.8": "V4.conv2",
        "features.10": "IT.conv2",
    },
}
"""Maps from a genome of CORnet-S, by architecture.

ResNet-50 and MobileNet-v1 as in the paper; their BatchNorms take those of the first time step beside the
same convolution. AlexNet's is ours: its 3x3 and 5x5 convolutions take the spatial one of their area; its
linear layers have no counterpart and are born by the rule of every recipe (uniform within 1/sqrt(inputs)).
"""

DONOR = "cornet_s"
"""The architecture whose layers `LAYER_MAPS` name."""


def transfer(
    genome: Genome, model: nn.Module, layer_map: LayerMap, architecture: str = "", *, keep_gain: bool = False
) -> Genome:
    """Return a genome from which ``model`` can be born, with the distributions of ``genome``.

    Args:
        genome: the donor.
        model: the target; only its layers' names, kinds and shapes are looked at.
        layer_map: see above. BatchNorms that it leaves out, or whose layer a genome without any BatchNorm
            (such as the published one) lacks, are born with weight 1 and bias 0.
        architecture: what results call the target; by default its class.
        keep_gain: resize the weights of every convolution so that its responses to white noise have the
            variance of the donor's (for equal kernel sizes, by the root of donor's fan-in / own fan-in).
            Not in the paper.

    Raises:
        InputError: if a pattern names nothing in the target, a layer is not in the genome or does not suit,
            or a convolution of the target is left without a distribution.
    """
    named = {name: module for name, module in model.named_modules() if name}
    for pattern, donor in layer_map.items():
        _check_row(pattern, donor, named, genome)
    layers = {name: _found(name, module, layer_map, genome) for name, module in named.items()}
    if bare := [n for n, m in named.items() if isinstance(m, _ConvNd) and layers[n] is None]:
        raise InputError(
            f"The layer map leaves {len(bare)} convolutions without a distribution: {listed(bare)}. "
            f"Map each to one of {listed([n for n, d in genome.layers.items() if _kind(d) is _ConvNd], 40)}."
        )
    return replace(
        genome,
        layers={
            name: _of_same_gain(layer, named[name]) if keep_gain else layer
            for name, layer in layers.items()
            if layer is not None
        },
        architecture=architecture or type(model).__name__,
        source={
            "donor": genome.sha256,
            "donor_architecture": genome.architecture,
            "donor_source": dict(genome.source),
            "layer_map": dict(layer_map),
            "keep_gain": keep_gain,
        },
        statistics={},  # they belong to the channels of the donor's teacher
    )


def read_layer_map(path: Path) -> LayerMap:
    """Read a layer map from a JSON file: one object of strings.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it holds anything else.
    """
    content = read_json(path)
    rows = content.items() if isinstance(content, dict) else ()
    if not rows or any(not isinstance(value, str) for _, value in rows):
        raise InputError(f'{path} is no layer map; expected an object such as {{"conv1": "V1.conv1", ...}}.')
    return dict(rows)


def _check_row(pattern: str, donor: str, named: Mapping[str, nn.Module], genome: Genome) -> None:
    modules = [module for name, module in named.items() if fnmatchcase(name, pattern)]
    if not modules:
        raise InputError(
            f"Layer map: {pattern!r} fits no layer of the network.{did_you_mean(pattern, named)} "
            f"Its layers: {listed([n for n, m in named.items() if _is_layer(m)], 12)}."
        )
    layer = genome.layers.get(donor)
    if layer is not None and not any(isinstance(module, _kind(layer)) for module in modules):
        raise InputError(
            f"Layer map: {pattern!r} fits no layer of the kind that {donor!r} describes "
            f"({_kind(layer).__name__.strip('_')})."
        )
    if layer is None and not _is_absent_norm(modules, genome):
        raise InputError(
            f"Layer map, {pattern!r}: the genome of {genome.architecture} has no layer {donor!r}."
            f"{did_you_mean(donor, genome.layers)} Its layers: {listed(list(genome.layers), 40)}."
        )


def _is_absent_norm(modules: list[nn.Module], genome: Genome) -> bool:
    """Return whether a row speaks of BatchNorms alone, and the genome has none at all."""
    layers = [module for module in modules if _is_layer(module)]
    return all(isinstance(m, _BatchNorm) for m in layers) and not any(
        isinstance(layer, BatchNormLayer) for layer in genome.layers.values()
    )


def _found(name: str, module: nn.Module, layer_map: LayerMap, genome: Genome) -> Layer | None:
    """Return the distribution of the first row that fits a layer of the target."""
    for pattern, donor in layer_map.items():
        layer = genome.layers.get(donor)
        if layer is not None and fnmatchcase(name, pattern) and isinstance(module, _kind(layer)):
            _check_shape(name, module, donor, layer)
            return layer
    return None


def _check_shape(name: str, module: nn.Module, donor: str, layer: Layer) -> None:
    if not isinstance(module, _ConvNd):
        return
    shape = tuple(module.weight.shape)
    if len(shape) != 4 or shape[2] != shape[3]:
        raise InputError(f"{name}: births need convolutions with square kernels; its weight is {shape}.")
    if isinstance(layer, GaborLayer) and shape[1] != layer.fits.shape[1]:
        raise InputError(
            f"{name} has weights {shape}, but the Gabors of {donor} are for {layer.fits.shape[1]} colour "
            "channels; map it to a layer of clusters."
        )


def _of_same_gain(layer: Layer, module: nn.Module) -> Layer:
    """Return a distribution with its weights sized for the fan-in of a convolution of the target."""
    if not isinstance(module, _ConvNd):
        return layer
    if isinstance(layer, ClusterLayer):
        found = gain(layer, *module.weight.shape[1:3])
        factor = math.sqrt(gain(layer, layer.in_channels, layer.kernel_size) / found) if found else 1.0
        return replace(layer, centers=layer.centers * factor, noise_std=layer.noise_std * factor)
    if isinstance(layer, GaborLayer):
        fits = layer.fits.copy()
        fits[..., _SCALE] *= layer.kernel_size / module.kernel_size[0]  # as many colours in both
        return replace(layer, fits=fits)
    raise InputError(f"The gain is kept for Gabors and clusters; the genome holds a {layer.kind!r} too.")


def _kind(layer: Layer) -> type[nn.Module]:
    """Return the kind of module that a distribution describes."""
    return _OTHERS.get(type(layer), _ConvNd)


def _is_layer(module: nn.Module) -> bool:
    return isinstance(module, (_ConvNd, *_OTHERS.values()))
