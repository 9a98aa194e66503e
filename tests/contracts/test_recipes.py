"""What every recipe promises, on every architecture: shapes, seeds, finite responses, round trips."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from wiringup.birth.apply import BirthSpec, give_birth
from wiringup.birth.distill import as_control, distill
from wiringup.birth.gabor_layers import CONTROLS
from wiringup.birth.genome import CONVOLUTIONS, Genome
from wiringup.birth.recipes import RECIPES
from wiringup.core.seeds import torch_stream
from wiringup.core.stimuli import from_pixels
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, build
from wiringup.models.readout import subject

CASES = [(recipe, architecture) for architecture in ARCHITECTURES for recipe in RECIPES]
FITTED = [(recipe, architecture) for recipe, architecture in CASES if RECIPES[recipe].needs_genome]


def model_spec(architecture):
    return ModelSpec(architecture, width=1 / 8, classes=7, size=64)


@cache
def teacher(architecture):
    """State of a network with structure to distil: kernels that differ in mean, BatchNorm off its default."""
    model = build(model_spec(architecture))
    give_birth(model, BirthSpec("kn", seed=11))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            stream = torch_stream(1, name)
            if parameter.ndim == 4:
                offset = torch.randn(len(parameter), 1, 1, 1, generator=stream)
                parameter.add_(offset, alpha=0.3 * float(parameter.std()))
            elif isinstance(model.get_submodule(name.rpartition(".")[0]), nn.BatchNorm2d):
                parameter.normal_(1.0 if name.endswith("weight") else 0.1, 0.1, generator=stream)
    return model.state_dict()


@cache
def genome_of(recipe, architecture):
    if not RECIPES[recipe].needs_genome:
        return None
    if RECIPES[recipe].first in CONTROLS:  # spares fitting the same Gabors again
        return as_control(genome_of("weight_compression", architecture), recipe)
    hidden = 3 if CONVOLUTIONS[RECIPES[recipe].first].sized_by == "hidden units" else None  # few are fast
    return distill(teacher(architecture), recipe=recipe, architecture=architecture, hidden=hidden)


@cache
def born(recipe, architecture, seed=0, policy="default"):
    genome = genome_of(recipe, architecture)
    model = build(model_spec(architecture))
    calibration = torch.randn(12, 3, 64, 64, generator=torch_stream(0))
    give_birth(model, BirthSpec(recipe, seed, genome.sha256 if genome else "", policy), genome, calibration)
    return model.requires_grad_(False)


def convolutions(model):
    return {n: m.weight for n, m in model.named_modules() if isinstance(m, nn.Conv2d)}


def drawn(recipe, architecture, layer):
    """Whether the seed decides the values of a convolution."""
    genome, fixed = genome_of(recipe, architecture), RECIPES[recipe].fixed
    if genome:
        return genome.layers[layer].drawn
    first = next(iter(convolutions(born(recipe, architecture))))
    return fixed != "all" and (fixed != "first" or layer != first)


def correlation(a, b):
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


@pytest.mark.parametrize(("recipe", "architecture"), CASES)
def test_values_are_finite_float32_of_the_models_shapes(recipe, architecture):
    blank = build(model_spec(architecture)).state_dict()
    state = born(recipe, architecture).state_dict()
    assert {n: (v.shape, v.dtype) for n, v in state.items()} == {
        n: (v.shape, v.dtype) for n, v in blank.items()
    }
    assert all(torch.isfinite(v).all() for v in state.values())
    assert all((v != 0).any() for v in convolutions(born(recipe, architecture)).values())


@pytest.mark.parametrize(("recipe", "architecture"), CASES)
def test_the_seed_decides_and_seeds_are_independent(recipe, architecture):
    first, other = (born(recipe, architecture, seed) for seed in (0, 1))
    again = born.__wrapped__(recipe, architecture, 0)
    for (name, a), b in zip(first.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    for (layer, a), b in zip(convolutions(first).items(), convolutions(other).values(), strict=True):
        assert torch.equal(a, b) != drawn(recipe, architecture, layer), layer


@pytest.mark.parametrize(("recipe", "architecture"), CASES)
def test_layers_are_independent(recipe, architecture):
    weights = convolutions(born(recipe, architecture))
    layers = [n for n in weights if drawn(recipe, architecture, n) and weights[n].numel() > 2000]
    for a, b in pairwise(layers):
        length = min(weights[a].numel(), weights[b].numel())
        x, y = (_within_kernels(weights[n]).flatten()[:length] for n in (a, b))
        assert abs(correlation(x, y)) < 6 / length**0.5, (a, b)


def _within_kernels(weight):
    """Remove what the genome shares between births: the mean of each kernel, channel and position."""
    for dims in ((1, 2, 3), (0, 2, 3), (0, 1)):
        weight = weight - weight.mean(dims, keepdim=True)
    return weight


@pytest.mark.parametrize(("recipe", "architecture"), FITTED)
def test_layers_keep_the_spread_of_the_weights_that_were_distilled(recipe, architecture):
    for layer, weight in convolutions(born(recipe, architecture)).items():
        trained = teacher(architecture)[f"{layer}.weight"]
        if weight.numel() > 500:
            ratio = float(weight.square().mean().sqrt() / trained.square().mean().sqrt())
            assert 0.4 < ratio < 1.6, layer


@pytest.mark.parametrize(("recipe", "architecture"), FITTED)
def test_the_genome_file_gives_the_same_birth(recipe, architecture, tmp_path):
    genome = genome_of(recipe, architecture)
    genome.save(tmp_path / "genome.json")
    again = Genome.load(tmp_path / "genome.json")
    assert (again.recipe, again.sha256, again.bits(8)) == (recipe, genome.sha256, genome.bits(8))
    model = build(model_spec(architecture))
    give_birth(model, BirthSpec(again.recipe, 0, again.sha256), again)
    for (name, a), b in zip(model.named_parameters(), born(recipe, architecture).parameters(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize(("recipe", "architecture"), FITTED)
def test_every_layer_has_parameters_and_a_summary(recipe, architecture):
    genome = genome_of(recipe, architecture)
    for name, layer in genome.layers.items():
        assert layer.summary(), name
        assert layer.n_parameters > 0 or layer.kind == "linear", name
        assert layer.fault() == "", name
    assert genome.n_parameters == sum(layer.n_parameters for layer in genome.layers.values())


@pytest.mark.parametrize("policy", ["default", "calibrated"])
@pytest.mark.parametrize(("recipe", "architecture"), CASES)
def test_every_area_answers_finitely_and_images_differ(recipe, architecture, policy):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    pixels[1, :, 32:] //= 4
    spec, known = model_spec(architecture), ARCHITECTURES[architecture]
    read = subject(born(recipe, architecture, 0, policy), spec)
    for area, response in read.responses(from_pixels(pixels), list(known.readouts)).items():
        assert torch.isfinite(response).all(), area
        varied = response.std(0) > 1e-6 * response.abs().max()
        assert varied.float().mean() > 0.05, area


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_a_recipe_says_what_it_is(recipe):
    entry = RECIPES[recipe]
    assert entry.description and entry.source
    assert bool(entry.first) == bool(entry.others) == entry.needs_genome
    assert all(kind in CONVOLUTIONS for kind in (entry.first, entry.others) if kind)
