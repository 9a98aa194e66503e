"""Distilling every registered architecture, and giving birth from what was distilled."""

import numpy as np
import pytest
import torch
from torch import nn

from wiringup.birth.apply import BirthSpec, give_birth
from wiringup.birth.clusters import ClusterLayer
from wiringup.birth.distill import distill
from wiringup.birth.gabor_layers import GaborLayer
from wiringup.birth.genome_layers import BatchNormLayer, LinearLayer
from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, build

FIRST = {"cornet_s": "V1.conv1", "resnet50": "conv1", "mobilenet_v1": "conv1", "alexnet": "features.0"}


@pytest.fixture(autouse=True)
def quiet_threads(one_thread):
    """Every network is distilled on one thread."""


@pytest.fixture(scope="module", params=list(ARCHITECTURES))
def distilled(request):
    """A network of which nothing is 0 (biases, affines), and its genome."""
    model = build(ModelSpec(request.param, 1 / 8, 5, 64))
    give_birth(model, BirthSpec("kn", 2))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn(parameter.shape, generator=torch_stream(1, name)), alpha=0.1)
    return model, distill(model.state_dict(), architecture=request.param)


def test_weights_that_are_not_finite_are_not_distilled():
    state = build(ModelSpec("cornet_s", 1 / 16, 5, 32)).state_dict()
    state["V2.conv2.weight"][0] = torch.nan
    with pytest.raises(InputError, match=r"NaN or infinite weights, the first in V2\.conv2\.weight"):
        distill(state)


def test_every_layer_has_the_kind_of_distribution_that_belongs_to_it(distilled):
    model, genome = distilled
    kinds = {nn.Conv2d: ClusterLayer, nn.BatchNorm2d: BatchNormLayer, nn.Linear: LinearLayer}
    named = model.named_modules()
    expected = {n: kind for n, m in named for base, kind in kinds.items() if isinstance(m, base)}
    expected[FIRST[genome.architecture]] = GaborLayer
    assert {name: type(layer) for name, layer in genome.layers.items()} == expected


def test_clusters_describe_the_weights_they_were_fitted_to(distilled):
    model, genome = distilled
    for name, layer in genome.layers.items():
        if not isinstance(layer, ClusterLayer):
            continue
        weight = model.get_submodule(name).weight.detach().double()
        share = layer.count_mean / weight.shape[1]
        size = layer.kernel_size
        assert size == weight.shape[-1] and layer.in_channels == pytest.approx(weight.shape[1])
        # mean square = that of the centres + that within, as in an analysis of variance; exact if the
        # centres were their members' means, which they are up to where the iterations stopped
        mean = (share[:, None, None] * layer.centers).sum(0)
        assert mean == pytest.approx(weight.mean((0, 1)).numpy(), abs=0.02 * weight.std().item()), name
        square = (share * ((layer.centers**2).mean((1, 2)) + layer.noise_std**2)).sum()
        assert square == pytest.approx(weight.square().mean().item(), rel=0.02), name


def test_births_from_it_have_its_second_moments(distilled):
    model, genome = distilled
    again = build(ModelSpec(genome.architecture, 1 / 8, 5, 64))
    give_birth(again, BirthSpec("wc", 0, genome.sha256), genome)
    for name, layer in genome.layers.items():
        if isinstance(layer, ClusterLayer):
            before, after = (m.get_submodule(name).weight.detach().square() for m in (model, again))
            kernels = len(after.flatten(2).flatten(0, 1))
            assert after.mean().item() == pytest.approx(before.mean().item(), rel=4 / kernels**0.5), name


def test_numbers_of_clusters_are_the_layers_own_where_the_paper_names_none():
    generator = torch_stream(0)
    patterns = 2 * torch.randn(3, 3, 3, generator=generator)
    spatial = patterns[torch.arange(40 * 60) % 3].view(40, 60, 3, 3)
    state = {
        "first.weight": torch.randn(4, 3, 3, 3, generator=generator),
        "V1.conv2.weight": spatial + 0.1 * torch.randn(40, 60, 3, 3, generator=generator),
        "depthwise.weight": torch.randn(2, 1, 3, 3, generator=generator),
        "pointwise.weight": torch.randn(1, 1, 1, 1, generator=generator),
    }

    def clusters(**options):
        layers = distill(state, **options).layers
        return {n: len(layer.centers) for n, layer in layers.items() if isinstance(layer, ClusterLayer)}

    assert clusters(architecture="mine") == {"V1.conv2": 3, "depthwise": 1, "pointwise": 1}
    assert clusters()["V1.conv2"] == 7
    assert clusters(architecture="mine", cluster_counts={"V1.conv2": 6})["V1.conv2"] == 6


def test_gabors_of_an_11_px_layer_are_recovered():
    from wiringup.birth.gabor import gabor
    from wiringup.core.seeds import numpy_stream

    rng = numpy_stream(3)
    low = np.array([0.12, 0, 2.0, 2.0, -np.pi, -1, -1, 0.5])
    high = np.array([0.4, np.pi, 3.5, 3.5, np.pi, 1, 1, 2])
    parameters = rng.uniform(low, high, (20, 3, 8))
    weight = gabor(torch.from_numpy(parameters), 11)
    weight += (
        0.05
        * weight.square().mean((2, 3), keepdim=True).sqrt()
        * torch.randn(weight.shape, generator=torch_stream(0), dtype=torch.float64)
    )
    found = distill({"features.0.weight": weight}, architecture="alexnet").layers["features.0"].fits
    assert np.abs(found[..., 0] / parameters[..., 0] - 1).max() < 0.02
    turned = np.abs((found[..., 1] - parameters[..., 1] + np.pi / 2) % np.pi - np.pi / 2)
    assert np.degrees(turned).max() < 2
