"""A genome and what is born of it, as arrays to be drawn."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.birth.clusters import ClusterLayer
from wiringup.birth.gabor import GABOR_COLUMNS, canonical
from wiringup.birth.gabor_layers import GaborLayer
from wiringup.birth.genome import Genome
from wiringup.birth.genome_layers import BatchNormLayer, ConvolutionLayer, Layer
from wiringup.birth.panels import Drawing, Filters, Kernels, Norms
from wiringup.core.checks import one_of
from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream
from wiringup.core.threads import one_thread
from wiringup.experiments.genome_views import shapes_of

PARAMETERS = GABOR_COLUMNS[:8]
RGB = 3
MOST = 64  # output kernels, and channels, of a layer that are kept to be drawn

State = Mapping[str, Tensor]


def drawing(
    genome: Genome, seed: int = 0, trained: State | None = None, layers: Sequence[str] = ()
) -> Drawing:
    """Return what is drawn of a genome: its distributions, and the weights that are born of it.

    The weights are those of the birth with ``seed`` in the network of the genome's architecture (or, with
    ``trained`` weights, in one of their shapes).

    Args:
        genome: the genome.
        seed: of the birth.
        trained: state dict of the network that it was distilled from, or of any other with its layers.
        layers: names of the layers to draw; all by default.

    Raises:
        InputError: if there is no such layer, or shapes are not known: the architecture is none of the
            built-in ones and there are no trained weights.
    """
    chosen = {one_of(n, list(genome.layers), "layer of the genome"): genome.layers[n] for n in layers}
    chosen = chosen or dict(genome.layers)
    shapes = _shapes(genome, chosen, trained)
    first, others = None, []
    with one_thread():
        for name, shape in shapes.items():
            panel = _panel(name, chosen[name], shape, seed, trained)
            if isinstance(panel, Filters) and first is None:
                first = panel
            elif isinstance(panel, Kernels):
                others.append(panel)
    norms = _norms(chosen)
    if not (first or others or norms):
        raise InputError(f"There is nothing to draw of {', '.join(chosen)}: no convolution, no BatchNorm.")
    size = f"{genome.n_parameters:,} parameters"
    title = f"{genome.recipe} of {genome.architecture}, {size}, birth with seed {seed}"
    return Drawing(title, first, others, norms)


def _shapes(genome: Genome, chosen: Mapping[str, Layer], trained: State | None) -> dict[str, torch.Size]:
    names = [name for name, layer in chosen.items() if isinstance(layer, ConvolutionLayer)]
    known = shapes_of(genome)
    if trained is not None:
        known = {name: trained[f"{name}.weight"].shape for name in names if f"{name}.weight" in trained}
    if missing := [name for name in names if name not in known]:
        where = "the weights have" if trained is not None else f"the architecture {genome.architecture} has"
        raise InputError(
            f"The shape of {missing[0]} is not known: {where} no such layer. Name a checkpoint of the "
            "network that the genome is of (--weights FILE)."
        )
    return {name: known[name] for name in names}


def _panel(name: str, layer: Layer, shape: torch.Size, seed: int, trained: State | None) -> Filters | Kernels:
    if not isinstance(layer, ConvolutionLayer):
        raise TypeError(f"{name} is no convolution")
    stream = f"{name}.weight"
    born = layer.sample(shape, torch_stream(seed, stream)).numpy()
    learned = None if trained is None else trained[stream].float().numpy()
    if shape[1] == RGB:
        fitted, drawn = _gabors(layer, shape[0], seed, stream)
        return Filters(name, layer.summary(), born, learned, fitted, drawn)
    centers, shares = (layer.centers, layer.shares) if isinstance(layer, ClusterLayer) else (None, None)
    learned = None if learned is None else learned[:MOST, :MOST].copy()
    return Kernels(name, layer.summary(), born[:MOST, :MOST].copy(), learned, centers, shares)


Columns = dict[str, NDArray[np.float64]]


def _gabors(layer: Layer, filters: int, seed: int, stream: str) -> tuple[Columns, Columns]:
    if not isinstance(layer, GaborLayer):
        return {}, {}
    fitted = dict(zip(PARAMETERS, canonical(layer.fits[..., :8]).reshape(-1, 8).T, strict=True))
    if type(layer) is not GaborLayer:  # controls, whose parameters are the fitted ones, shuffled or not
        return fitted, {}
    drawn = layer.sample_parameters(filters, torch_stream(seed, stream)).numpy()
    return fitted, dict(zip(PARAMETERS, drawn.reshape(-1, 8).T, strict=True))


def _norms(layers: Mapping[str, Layer]) -> Norms | None:
    norms = dict(_batchnorms(layers))
    if not norms:
        return None
    weight = np.array([[n.weight_mean, n.weight_std] for n in norms.values()])
    return Norms(list(norms), weight, np.array([[n.bias_mean, n.bias_std] for n in norms.values()]))


def _batchnorms(layers: Mapping[str, Layer]) -> Iterator[tuple[str, BatchNormLayer]]:
    for name, layer in layers.items():
        if isinstance(layer, BatchNormLayer):
            yield name, layer
