"""What there is to see of a genome: its content, its drawing, and how it differs from another."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.nn.modules.conv import _ConvNd

from wiringup.birth.apply import BirthSpec
from wiringup.birth.batchnorm import POLICIES
from wiringup.birth.compare import batchnorm_distances, distances
from wiringup.birth.description import PARAMETER_BITS, Description, of_birth
from wiringup.birth.genome import Genome
from wiringup.birth.genome_layers import BatchNormLayer, ConvolutionLayer, Layer, layer_to_dict
from wiringup.birth.published import left_out
from wiringup.birth.recipes import RECIPES
from wiringup.core.errors import InputError
from wiringup.core.threads import one_thread
from wiringup.experiments.genomes import birth_argument
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, outline


def content(genome: Genome, precision: int = PARAMETER_BITS) -> dict[str, Any]:
    """Return what a genome holds, as plain JSON types, its size at ``precision`` bits for each parameter."""
    layers = [
        {
            "layer": name,
            "kind": layer.kind,
            "figures": layer.n_parameters,
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
        "figures": size.n_parameters,
        "parameters": size.n_parameters,
        f"bits at {PARAMETER_BITS} per figure": genome.bits(PARAMETER_BITS),
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
        "running statistics among the figures": genome.n_statistics,
        "figures without them": bare,
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
        return asdict(self) | {"figures": self.n_parameters}


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
    layers = (one, other)
    kinds = tuple(layer.kind if layer else "" for layer in layers)
    parameters = tuple(layer.n_parameters if layer else 0 for layer in layers)
    return Difference(name, (kinds[0], kinds[1]), (parameters[0], parameters[1]), same, found, chance, note)


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
            **dict.fromkeys(
                ("figures", "parameters"),
                None if recipe.needs_genome else of_birth(BirthSpec(name)).n_parameters,
            ),
            "batchnorm": list(POLICIES),
            "birth": birth_argument(name),
        }
        for name, recipe in ((name, RECIPES[name]) for name in RECIPES)
    ]
