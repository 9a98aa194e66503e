"""Giving birth: a recipe, a seed and a genome become the synapses of a network."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from wiringup.birth.batchnorm import (
    POLICIES,
    STATISTICS,
    calibrate_batchnorm,
    images_for,
    parts,
    uses_images,
)
from wiringup.birth.genome import Genome
from wiringup.birth.genome_layers import ConvolutionLayer, RunningStatistics
from wiringup.birth.recipes import RECIPES, Slot
from wiringup.core.checks import listed, one_of
from wiringup.core.errors import InputError
from wiringup.core.threads import one_thread
from wiringup.models.batchnorm import batchnorms

OWN = "own"
"""What stands for a recipe where a network of another package keeps the weights that it has."""


@dataclass(frozen=True)
class BirthSpec:
    """Everything that decides a birth state, apart from the calibration images.

    Attributes:
        recipe: a name or alias in `RECIPES`; kept as the full name. Or `OWN`: then no more than a new decoder
            is drawn, and there is no choice of BatchNorm.
        seed: seed of all its random streams.
        genome: `Genome.sha256` of the genome it draws from, or "" for recipes that use none; of own weights
            their hash, or "" for any.
        batchnorm: one of `batchnorm.POLICIES`.

    Raises:
        InputError: for an unknown recipe or policy, a policy that own weights have no use for, or a genome
            that is missing or of no use.
    """

    recipe: str = "kaiming_normal"
    seed: int = 0
    genome: str = ""
    batchnorm: str = "default"

    def __post_init__(self) -> None:
        if self.recipe == OWN:
            if self.batchnorm not in ("default", "calibrated"):
                raise InputError(
                    f"BatchNorm {self.batchnorm!r} is of births, and own weights are kept as they are; leave "
                    "out --batchnorm, or name a birth: --birth kn."
                )
            object.__setattr__(self, "batchnorm", "default")
            return
        object.__setattr__(self, "recipe", RECIPES.canonical(self.recipe))
        one_of(self.batchnorm, POLICIES, "BatchNorm policy")
        needed = RECIPES[self.recipe].needs_genome
        if needed != bool(self.genome):
            raise InputError(
                f"The recipe {self.recipe} "
                + ("draws from a genome; name it (its sha256)." if needed else "uses no genome; name none.")
            )


def give_birth(
    model: nn.Module,
    spec: BirthSpec,
    genome: Genome | None = None,
    calibration: Tensor | Iterable[Tensor] | None = None,
    size: int = 224,
) -> None:
    """Set every parameter and running statistic of ``model`` to the birth state of ``spec``, in place.

    Args:
        model: a network of convolutions, BatchNorm and linear layers.
        spec: the birth.
        genome: the genome that ``spec`` names, for recipes that draw from one.
        calibration: preprocessed images (n, 3, size, size), or batches of them, for policies that are
            calibrated on images.
        size: side in px of the white noise, for policies that are calibrated on it.

    Raises:
        InputError: if the genome is missing, another than the named one, of another recipe, or lacks a
            convolution of the model; or if images to calibrate on, or fitted BatchNorm parameters, are
            missing, or running statistics do not fit. The model is then left untouched.
    """
    recipe = RECIPES[spec.recipe]
    if recipe.needs_genome:
        _check_genome(model, spec, genome)
    if uses_images(spec.batchnorm) and calibration is None:
        raise InputError(
            f"BatchNorm {spec.batchnorm!r} needs unlabelled images to calibrate on; none were given."
        )
    drawn = described(spec, genome)
    if drawn is not None and drawn.statistics:
        _check_statistics(model, drawn)
    with one_thread():  # layer after layer of small steps: several times faster than with two
        values = {slot: recipe.values(slot) for slot in _slots(model, spec, drawn)}
    with torch.no_grad():
        for slot, value in values.items():
            slot.module.get_parameter(slot.parameter).copy_(value)
    for norm in batchnorms(model).values():
        norm.reset_running_stats()
    if drawn is not None:
        _set_statistics(model, drawn.statistics)
    images = images_for(spec.batchnorm, calibration, spec.seed, size)
    if images is not None:
        calibrate_batchnorm(model, images)


def described(spec: BirthSpec, genome: Genome | None) -> Genome | None:
    """Return the part of a genome that a birth draws from; None for recipes that draw from none.

    Raises:
        InputError: if the BatchNorm policy asks for fitted parameters, or for the teacher's statistics,
            and there are none.
    """
    drawn = genome if RECIPES[spec.recipe].needs_genome else None
    statistics, affine = parts(spec.batchnorm)
    if statistics == "teacher":
        _check_taught(spec, drawn)
    elif drawn is not None:
        drawn = drawn.without_statistics()
    if affine == "fitted" and not (drawn and drawn.has_batchnorm):
        raise InputError(
            f"BatchNorm {spec.batchnorm!r} needs fitted parameters, and "
            + ("this genome holds none" if drawn else f"the recipe {spec.recipe} draws from no genome")
            + f". Leave out '-{affine}' for weight 1 and bias 0."
        )
    return drawn.without_batchnorm() if drawn and affine == "plain" else drawn


def describe_birth(spec: BirthSpec, genome: Genome | None = None) -> dict[str, str | int]:
    """Return what a record says about a birth, with its parameters and what became of BatchNorm."""
    drawn = described(spec, genome)
    fitted = drawn is not None and drawn.has_batchnorm
    count = drawn.n_parameters if drawn else RECIPES[spec.recipe].n_parameters
    return {
        "recipe": spec.recipe,
        "seed": spec.seed,
        "genome": spec.genome,
        "parameters": count,
        "batchnorm_affine": "fitted distribution" if fitted else "weight 1, bias 0",
        "batchnorm_statistics": STATISTICS[parts(spec.batchnorm)[0]],
    }


def _check_taught(spec: BirthSpec, drawn: Genome | None) -> None:
    if drawn is None or not drawn.statistics:
        none = "this genome holds none (one that is carried to another architecture leaves them behind)"
        why = none if drawn else f"the recipe {spec.recipe} draws from no genome"
        raise InputError(
            f"BatchNorm {spec.batchnorm!r} takes the running statistics of the network that a genome was "
            f"distilled from, and {why}. Keep them when you distil (wiringup distill WEIGHTS "
            "--statistics, or --add-to GENOME beside distributions that are there already, such as the "
            "published ones), or choose another policy."
        )


def _check_statistics(model: nn.Module, genome: Genome) -> None:
    there = {name: norm.num_features for name, norm in batchnorms(model).items()}
    held = {name: len(statistics.mean) for name, statistics in genome.statistics.items()}
    if wrong := [name for name in there | held if held.get(name) != there.get(name)]:
        raise InputError(
            f"The running statistics in the genome do not fit {len(wrong)} of the network's {len(there)} "
            f"BatchNorms, such as {wrong[0]} with {there.get(wrong[0], 'no')} channels (in the genome "
            f"{held.get(wrong[0], 'none')}): they go with a network of the teacher's architecture and width."
        )


def _set_statistics(model: nn.Module, statistics: Mapping[str, RunningStatistics]) -> None:
    for layer, held in statistics.items():
        norm = model.get_submodule(layer)
        norm.get_buffer("running_mean").copy_(torch.from_numpy(held.mean))
        norm.get_buffer("running_var").copy_(torch.from_numpy(held.variance))


def _slots(model: nn.Module, spec: BirthSpec, genome: Genome | None) -> Iterator[Slot]:
    convolutions = [name for name, module in model.named_modules() if isinstance(module, _ConvNd)]
    depths = {name: i / max(1, len(convolutions) - 1) for i, name in enumerate(convolutions)}
    for layer, module in model.named_modules():
        for parameter, _ in module.named_parameters(recurse=False):
            yield Slot(layer, parameter, module, spec.seed, genome, depths.get(layer, 0.0))


def _check_genome(model: nn.Module, spec: BirthSpec, genome: Genome | None) -> None:
    if genome is None:
        raise InputError(f"The recipe {spec.recipe} draws from a genome; none was given.")
    if genome.sha256 != spec.genome:
        raise InputError(
            f"The birth names the genome {spec.genome:.12}..., but {genome.sha256:.12}... was given."
        )
    _check_kinds(spec.recipe, genome)
    convolutions = [name for name, module in model.named_modules() if isinstance(module, _ConvNd)]
    held = {n for n, layer in genome.layers.items() if isinstance(layer, ConvolutionLayer)}
    if missing := [name for name in convolutions if name not in held]:
        raise InputError(
            f"The genome of {genome.architecture} lacks {len(missing)} of the model's "
            f"{len(convolutions)} convolutions: {listed(missing, 5)}."
        )


def _check_kinds(name: str, genome: Genome) -> None:
    """Refuse a genome of another recipe, or one that names this recipe and holds other kinds."""
    if genome.recipe != name:
        raise InputError(
            f"The recipe {name} was asked for, but this is a genome of {genome.recipe}. Ask for that recipe, "
            f"or distil the weights again with it (wiringup distill --recipe {name})."
        )
    allowed = {RECIPES[name].first, RECIPES[name].others}
    for layer, held in genome.layers.items():
        if isinstance(held, ConvolutionLayer) and held.kind not in allowed:
            kinds = " and ".join(sorted(allowed))
            raise InputError(f"Genome, layer {layer}: a genome of {name} holds {kinds}, not {held.kind}.")
