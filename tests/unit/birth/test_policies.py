"""BatchNorm policies: what each of them changes, and that it changes nothing else."""

import numpy as np
import pytest
import torch
from torch import nn

from wiringup.birth.apply import BirthSpec, describe_birth, give_birth
from wiringup.birth.batchnorm import POLICIES, white_noise
from wiringup.birth.clusters import ClusterLayer
from wiringup.birth.genome import Genome
from wiringup.birth.genome_layers import BatchNormLayer, RunningStatistics
from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream
from wiringup.models.batchnorm import batchnorms

CLUSTERS = ClusterLayer(
    3, np.array([1.0, 2.0]), np.array([0.5, 0.5]), np.array([0.1, 0.2]), np.ones((2, 3, 3))
)
TAUGHT = {"1": RunningStatistics(np.arange(6, dtype=np.float32), np.arange(2, 8, dtype=np.float32))}
FITTED = Genome({"0": CLUSTERS, "1": BatchNormLayer(3.0, 0.1, -1.0, 0.1)}, "two layers", statistics=TAUGHT)
BARE = Genome({"0": CLUSTERS}, "two layers")
SIZE = 16


@pytest.fixture
def images():
    return 2 + torch.randn(32, 3, SIZE, SIZE, generator=torch_stream(4))


def born(policy, genome=None, images=None, seed=0):
    model = nn.Sequential(nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6))
    spec = BirthSpec("wc" if genome else "kn", seed, genome.sha256 if genome else "", policy)
    give_birth(model, spec, genome, images, SIZE)
    return model.requires_grad_(False).eval()


def moments(responses):
    variance, mean = torch.var_mean(responses, (0, 2, 3), correction=0)
    return mean, variance


def test_noise_is_standard_normal_and_drawn_from_the_seed():
    noise = white_noise(0, 32)
    assert noise.shape == (64, 3, 32, 32)
    assert noise.mean().abs() < 4 / noise.numel() ** 0.5
    assert noise.std() == pytest.approx(1, abs=0.01)
    assert torch.equal(noise, white_noise(0, 32))
    assert not torch.equal(noise, white_noise(1, 32))


def test_statistics_on_noise_standardise_noise_and_those_on_images_images(images):
    seen = {"noise": white_noise(0, SIZE), "calibrated": images}
    for policy, shown in seen.items():
        mean, variance = moments(born(policy, images=images)(shown))
        assert mean.abs().max() < 1e-4
        assert (variance - 1).abs().max() < 1e-3
    mean, _ = moments(born("noise")(images))
    assert mean.abs().max() > 0.1


def test_noise_needs_no_images_and_its_size_decides():
    small, large = (build_on(size) for size in (SIZE, 2 * SIZE))
    assert not torch.equal(small, large)


def build_on(size):
    model = nn.Sequential(nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6))
    give_birth(model, BirthSpec(batchnorm="noise"), size=size)
    return model[1].running_var


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_changes_batchnorm_alone(policy, images):
    model, reference = (born(p, FITTED, images) for p in (policy, "default"))
    assert torch.equal(model[0].weight, reference[0].weight)
    (norm,), (fitted,) = batchnorms(model).values(), batchnorms(reference).values()
    statistics, _, affine = policy.partition("-")
    assert torch.equal(norm.running_var, fitted.running_var) == (statistics == "default")
    if affine == "plain":
        assert (norm.weight == 1).all() and (norm.bias == 0).all()
    else:
        assert torch.equal(norm.weight, fitted.weight) and norm.weight.mean() > 2
        assert torch.equal(norm.bias, fitted.bias) and norm.bias.mean() < -0.5


def test_fitted_parameters_are_demanded_where_a_policy_names_them(images):
    with pytest.raises(InputError, match=r"'noise-fitted' needs fitted parameters, and this genome holds"):
        born("noise-fitted", BARE)
    with pytest.raises(InputError, match=r"the recipe kaiming_normal draws from no genome. Leave out '-f"):
        born("calibrated-fitted", images=images)
    with pytest.raises(InputError, match=r"'calibrated-plain' needs unlabelled images"):
        born("calibrated-plain", FITTED)


def test_records_name_both_and_count_only_what_is_drawn():
    def told(policy):
        return describe_birth(BirthSpec("wc", 0, FITTED.sha256, policy), FITTED)

    assert told("noise")["batchnorm_statistics"] == "calibrated on white noise"
    assert told("noise")["batchnorm_affine"] == "fitted distribution"
    assert told("calibrated-plain")["batchnorm_statistics"] == "calibrated"
    assert told("calibrated-plain")["batchnorm_affine"] == "weight 1, bias 0"
    bare = FITTED.without_statistics().n_parameters
    assert told("noise")["parameters"] == told("noise-plain")["parameters"] + 4 == bare
    assert told("teacher")["parameters"] == told("teacher-plain")["parameters"] + 4 == bare + 2 * 6
