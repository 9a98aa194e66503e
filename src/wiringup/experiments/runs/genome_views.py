"""What there is to see of a genome: its content, its drawing, and how it differs from another."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.modules.conv import _ConvNd

from wiringup.birth.apply import BirthSpec
from wiringup.birth.batchnorm import POLICIES
from wiringup.birth.clusters import ClusterLayer
from wiringup.birth.compare import batchnorm_distances, distances
from wiringup.birth.description import PARAMETER_BITS, Description, of_birth
from wiringup.birth.gabor import GABOR_COLUMNS, canonical
from wiringup.birth.gabor_layers import GaborLayer
from wiringup.birth.genome import Genome
from wiringup.birth.genome_layers import BatchNormLayer, ConvolutionLayer, Layer, layer_to_dict
from wiringup.birth.panels import Drawing, Filters, Kernels, Norms
from wiringup.birth.published import left_out
from wiringup.birth.recipes import RECIPES
from wiringup.core.checks import one_of
from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream
from wiringup.core.threads import one_thread
from wiringup.experiments.runs.genomes import birth_argument
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, outline


def content(genome: Genome, precision: int = PARAMETER_BITS) -> dict[str, Any]:
    """Return what a genome holds, as plain JSON types, its size at ``precision`` bits for each parameter."""
    layers = [
        {
            "layer": name,
            "kind": layer.kind,
            "parameters": layer.n_parameters,
            "bits": Description(layer.n_parameters, precision).bits,
            "summary": layer.summary(),
        }
        for name, layer in genome.layers.items()
    ]
    size = Description(genome.n_parameters, precision)
    note = left_out(genome, precision)
    return {
        "architecture": genome.architecture,
        "recipe": genome.recipe,
        "source": dict(genome.source),
        "sha256": genome.sha256,
        "parameters": size.n_parameters,
        f"bits at {PARAMETER_BITS} per parameter": genome.bits(PARAMETER_BITS),
        "precision": precision,
        "bits": size.bits,
        **(_statistics(genome, precision) if genome.statistics else {}),
        **({"note": note} if note else {}),
        "layers": layers,
    }


def _statistics(genome: Genome, precision: int) -> dict[str, int]:
    """Return how much of the size are running statistics, which births by other policies do not need."""
    bare = genome.without_statistics().n_parameters
    return {
        "running statistics among the parameters": genome.n_statistics,
        "parameters without them": bare,
        "bits without them": Description(bare, precision).bits,
    }


@dataclass(frozen=True)
class Difference:
    """One layer of two genomes.

    Attributes:
        layer: its name.
        kinds: of both; "" where a genome lacks the layer.
        n_parameters: of both.
        same: whether both hold the same distribution.
        distances: see `birth.compare`; empty where there is nothing to compare.
        chance: the same distances between two draws of the first genome.
        note: why there are none, if there should be.
    """

    layer: str
    kinds: tuple[str, str]
    n_parameters: tuple[int, int]
    same: bool
    distances: Mapping[str, float]
    chance: Mapping[str, float]
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as plain JSON types."""
        return asdict(self)


def differences(a: Genome, b: Genome, seed: int = 0) -> list[Difference]:
    """Compare two genomes layer by layer; layers correspond by name."""
    shapes = shapes_of(a) | {k: v for k, v in shapes_of(b).items() if k not in a.layers}
    names = dict.fromkeys([*a.layers, *b.layers])
    with one_thread():
        return [_difference(name, a, b, shapes.get(name), seed) for name in names]


def same_statistics(a: Genome, b: Genome) -> bool:
    """Return whether two genomes hold the same running statistics, or none."""
    return a.to_dict().get("statistics") == b.to_dict().get("statistics")


def _difference(name: str, a: Genome, b: Genome, shape: torch.Size | None, seed: int) -> Difference:
    one, other = a.layers.get(name), b.layers.get(name)
    found: dict[str, float] = {}
    chance: dict[str, float] = {}
    note = ""
    same = one is not None and other is not None and layer_to_dict(one) == layer_to_dict(other)
    if one is not None and other is not None and not same:
        try:
            found, chance = _distances(one, other, shape, seed)
        except InputError as error:
            note = str(error)
    kinds = (one.kind if one else "", other.kind if other else "")
    counts = (one.n_parameters if one else 0, other.n_parameters if other else 0)
    return Difference(name, kinds, counts, same, found, chance, note)


def _distances(
    one: Layer, other: Layer, shape: torch.Size | None, seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    if isinstance(one, BatchNormLayer) and isinstance(other, BatchNormLayer):
        return batchnorm_distances(one, other), {}
    if not (isinstance(one, ConvolutionLayer) and isinstance(other, ConvolutionLayer)):
        raise InputError(f"{one.kind} and {other.kind} describe layers of different kinds.")
    if shape is None:
        raise InputError("The shape of this layer is not known: it is of none of the built-in architectures.")
    return distances(one, other, shape, seed), distances(one, one, shape, seed)


def shapes_of(genome: Genome) -> dict[str, torch.Size]:
    """Return the weights' shapes of the convolutions of a genome's architecture; empty for unknown ones."""
    if genome.architecture not in ARCHITECTURES:
        return {}
    model = outline(ModelSpec(genome.architecture))
    return {name: m.weight.shape for name, m in model.named_modules() if isinstance(m, _ConvNd)}


def recipes() -> list[dict[str, Any]]:
    """Return a row for every birth recipe, as plain JSON types."""
    return [
        {
            "recipe": name,
            "aliases": RECIPES.aliases(name),
            "description": recipe.description,
            "source": recipe.source,
            "needs_genome": recipe.needs_genome,
            "parameters": None if recipe.needs_genome else of_birth(BirthSpec(name)).n_parameters,
            "batchnorm": list(POLICIES),
            "birth": birth_argument(name),
        }
        for name, recipe in ((name, RECIPES[name]) for name in RECIPES)
    ]


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
    norms = {name: layer for name, layer in layers.items() if isinstance(layer, BatchNormLayer)}
    if not norms:
        return None
    weight = np.array([[n.weight_mean, n.weight_std] for n in norms.values()])
    return Norms(list(norms), weight, np.array([[n.bias_mean, n.bias_std] for n in norms.values()]))
