"""Recipes on whole networks: moments, streams, policies, refusals."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from wiringup.birth.apply import BirthSpec, describe_birth, give_birth
from wiringup.birth.clusters import ClusterLayer
from wiringup.birth.distill import distill
from wiringup.birth.gabor_layers import GaborLayer
from wiringup.birth.genome import Genome
from wiringup.birth.genome_layers import BatchNormLayer
from wiringup.birth.recipes import RECIPES
from wiringup.core.errors import InputError
from wiringup.core.progress import Progress
from wiringup.core.seeds import torch_stream
from wiringup.core.spec import content_hash
from wiringup.core.stimuli import from_pixels
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, build
from wiringup.models.readout import subject

SMALL = ModelSpec(width=1 / 8, classes=7, size=32)


@pytest.fixture(scope="module")
def published(shared):
    return Genome.load(shared / "reference" / "weight_compression_published.json")


@pytest.fixture(scope="module")
def genome():
    """A genome of a small network that was never trained, with fitted BatchNorm."""
    model = build(SMALL)
    give_birth(model, BirthSpec("kn", seed=11))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.normal_(
                    0.5 if name.endswith("weight") else -0.25, 0.1, generator=torch_stream(1, name)
                )
    return distill(model.state_dict(), cluster_counts={"V4.conv2": 3})


@pytest.fixture
def images():
    return torch.randn(16, 3, 32, 32, generator=torch_stream(4))


def born(spec, genome=None, model_spec=SMALL, **options):
    model = build(model_spec)
    give_birth(model, spec, genome, **options)
    return model.requires_grad_(False)


def wc(genome, seed=0, batchnorm="default"):
    return BirthSpec("wc", seed, genome.sha256, batchnorm)


def same(a, b):
    return all(
        torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


def test_kaiming_normal_of_the_full_network_has_the_std_of_every_layer():
    model = born(BirthSpec("kn"), model_spec=ModelSpec())
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] ** 2
            assert module.weight.std() == pytest.approx(math.sqrt(2 / fan_out), rel=0.03), name
        elif isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all() and (module.bias == 0).all()
            assert (module.running_mean == 0).all() and (module.running_var == 1).all()
    linear = model.decoder.linear
    for parameter in (linear.weight, linear.bias):
        assert parameter.abs().max() <= 1 / math.sqrt(512)
        assert parameter.std() == pytest.approx(1 / math.sqrt(3 * 512), rel=0.06)


def test_aliases_and_addresses():
    assert BirthSpec("kn") == BirthSpec("kaiming_normal")
    assert RECIPES.canonical("wc") == "weight_compression"
    assert content_hash(BirthSpec("kn")) == content_hash(BirthSpec())
    others = (BirthSpec(seed=1), BirthSpec(batchnorm="calibrated"), BirthSpec("wc", genome="ab"))
    assert len({content_hash(BirthSpec()), *map(content_hash, others)}) == 4


def test_seed_decides_every_parameter_of_a_compressed_birth(genome):
    first, other = (born(wc(genome, seed), genome) for seed in (0, 1))
    for (key, a), b in zip(first.named_parameters(), other.parameters(), strict=True):
        assert not torch.equal(a, b), key
        if a.numel() > 1000 and a.unique().numel() > 4:
            assert torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1].abs() < 0.15, key


def test_kaiming_normal_keeps_the_gradients_variance_in_a_depthwise_convolution():
    """The derivation of He et al.: the weights double a gradient's variance, which a ReLU then halves."""
    model = nn.Sequential(nn.Conv2d(256, 256, 3, groups=256, padding=1, bias=False))
    give_birth(model, BirthSpec("kn"))
    x = torch.zeros(4, 256, 20, 20, requires_grad=True)
    model(x).backward(torch.randn(4, 256, 20, 20, generator=torch_stream(1)))
    assert x.grad[..., 1:-1, 1:-1].var() == pytest.approx(2.0, rel=0.06)


def test_layers_have_independent_streams():
    model = born(BirthSpec("kn"))
    a, b = model.V4.conv3.weight.flatten(), model.V4.conv1.weight.flatten()
    assert a.shape == b.shape
    assert torch.corrcoef(torch.stack([a, b]))[0, 1].abs() < 0.03


def test_adding_a_layer_shifts_no_other():
    model = build(SMALL)
    model.V1.register_module("extra", nn.Conv2d(3, 3, 1))
    give_birth(model, BirthSpec("kn", seed=3))
    plain = born(BirthSpec("kn", seed=3))
    assert torch.equal(model.V2.conv1.weight, plain.V2.conv1.weight)


def test_weight_compression_draws_from_the_genome(published):
    model = born(wc(published), published, ModelSpec())
    signs = model.IT.conv1.weight.unique()
    assert signs.tolist() == pytest.approx(sorted(published.layers["IT.conv1"].centers.ravel()))
    layer = published.layers["IT.conv2"]
    weight = model.IT.conv2.weight.detach()
    expected = (layer.count_mean[:, None, None] * layer.centers).sum(0) / layer.in_channels
    assert weight.mean((0, 1)).numpy() == pytest.approx(expected, abs=3e-4)
    assert model.V1.conv1.weight.std() == pytest.approx(0.0140, rel=0.35)
    linear = model.decoder.linear.weight
    assert linear.abs().max() <= 1 / math.sqrt(512)


@pytest.mark.parametrize("policy", ["default", "calibrated"])
@pytest.mark.parametrize("recipe", ["kn", "wc"])
def test_published_birth_answers_in_every_area(recipe, policy, published):
    spec = ModelSpec(width=0.5, classes=10, size=64)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    birth = BirthSpec(recipe, 0, published.sha256 if recipe == "wc" else "", policy)
    calibration = torch.randn(8, 3, 64, 64, generator=torch_stream(0))
    model = born(birth, published, spec, calibration=calibration)
    architecture = ARCHITECTURES["cornet_s"]
    found = subject(model, spec).responses(from_pixels(pixels), list(architecture.readouts))
    for area, response in found.items():
        assert torch.isfinite(response).all(), area
        varied = response.std(0) > 1e-6 * response.abs().max()
        assert varied.float().mean() > 0.2, area


def test_fitted_batchnorm_has_its_moments(genome):
    layers = {**genome.layers, "IT.norm1_1": BatchNormLayer(0.3, 0.05, -0.2, 0.1)}
    other = Genome(layers)
    norm = born(wc(other), other).IT.norm1_1
    n = len(norm.weight)
    assert norm.weight.mean() == pytest.approx(0.3, abs=4 * 0.05 / math.sqrt(n))
    assert norm.weight.std() == pytest.approx(0.05, rel=0.25)
    assert norm.bias.mean() == pytest.approx(-0.2, abs=4 * 0.1 / math.sqrt(n))
    assert norm.bias.std() == pytest.approx(0.1, rel=0.25)


def test_birth_forgets_what_was_before(genome, images):
    model = build(SMALL)
    give_birth(model, BirthSpec("kn", batchnorm="calibrated"), calibration=images)
    assert model.V1.norm1.running_mean.abs().max() > 0
    give_birth(model, BirthSpec("kn"))
    assert same(model, born(BirthSpec("kn")))


def test_calibrated_statistics_are_the_only_difference(images):
    plain = born(BirthSpec("kn"))
    calibrated = born(BirthSpec("kn", batchnorm="calibrated"), calibration=images)
    for (name, a), b in zip(plain.state_dict().items(), calibrated.state_dict().values(), strict=True):
        assert torch.equal(a, b) == ("running" not in name), name


def test_a_genome_is_carried_to_another_width(published):
    model = born(wc(published), published, ModelSpec(width=0.25, classes=5, size=64))
    weight = model.V4.conv3.weight[..., 0, 0]
    layer = published.layers["V4.conv3"]
    share = (weight == torch.tensor(layer.centers.ravel()[0], dtype=torch.float32)).float().mean()
    assert share == pytest.approx(layer.count_mean[0] / layer.in_channels, abs=0.02)


def test_record(genome, published):
    assert describe_birth(BirthSpec("kn", 4)) == {
        "recipe": "kaiming_normal",
        "seed": 4,
        "genome": "",
        "parameters": 0,
        "batchnorm_affine": "weight 1, bias 0",
        "batchnorm_statistics": "mean 0, variance 1",
    }
    assert describe_birth(wc(genome, batchnorm="calibrated"), genome) == {
        "recipe": "weight_compression",
        "seed": 0,
        "genome": genome.sha256,
        "parameters": genome.n_parameters,
        "batchnorm_affine": "fitted distribution",
        "batchnorm_statistics": "calibrated",
    }
    assert describe_birth(wc(published), published)["batchnorm_affine"] == "weight 1, bias 0"


def test_refusals_of_a_spec():
    with pytest.raises(InputError, match=r"birth recipe 'kaimin_normal'\. Did you mean 'kaiming_normal'"):
        BirthSpec("kaimin_normal")
    with pytest.raises(InputError, match=r"BatchNorm policy 'calibrate'\. Did you mean 'calibrated'"):
        BirthSpec(batchnorm="calibrate")
    with pytest.raises(InputError, match="weight_compression draws from a genome; name it"):
        BirthSpec("wc")
    with pytest.raises(InputError, match="kaiming_normal uses no genome"):
        BirthSpec("kn", genome="ab")


def test_refusals_leave_the_model_untouched(genome):
    model = build(SMALL)
    lacking = Genome({k: v for k, v in genome.layers.items() if k not in ("V2.conv1", "IT.skip")})
    cases = [
        (wc(genome), None, "weight_compression draws from a genome; none was given"),
        (wc(genome), lacking, f"names the genome {genome.sha256[:12]}.*{lacking.sha256[:12]}.* was given"),
        (wc(lacking), lacking, "lacks 2 of the model's 17 convolutions: V2.conv1, IT.skip"),
        (BirthSpec(batchnorm="calibrated"), None, "needs unlabelled images to calibrate on"),
    ]
    for spec, given, message in cases:
        with pytest.raises(InputError, match=message):
            give_birth(model, spec, given)
    assert all((p == 0).all() for p in model.decoder.parameters())
    assert (model.V1.conv1.weight == 0).all()


def test_other_modules_are_born_as_transformers_are():
    model = nn.Sequential(nn.Embedding(300, 40), nn.MultiheadAttention(8, 2), nn.LayerNorm(8))
    model.scale, model.token = nn.Parameter(torch.empty(8, 1, 1)), nn.Parameter(torch.empty(1, 1, 8))
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    give_birth(model, BirthSpec())
    assert model[0].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert model[1].in_proj_weight.std() > 0.01 and (model[1].in_proj_bias == 0).all()
    assert (model[2].weight == 1).all() and (model[2].bias == 0).all()
    assert (model.scale == 1).all() and 0 < model.token.std() < 0.1


class TestDistill:
    def test_every_layer_of_the_state_is_described(self, genome):
        model = build(SMALL)
        named = {n for n, m in model.named_modules() if any(True for _ in m.parameters(recurse=False))}
        assert genome.layers.keys() == named
        assert isinstance(genome.layers["V1.conv1"], GaborLayer)
        clusters = {n: len(v.centers) for n, v in genome.layers.items() if isinstance(v, ClusterLayer)}
        assert clusters["V1.conv2"] == 7 and clusters["V2.conv2"] == 5 and clusters["IT.conv2"] == 4
        assert clusters["V4.conv2"] == 3 and clusters["V4.conv1"] == 2
        norm = genome.layers["IT.norm2_1"]
        assert norm.weight_mean == pytest.approx(0.5, abs=0.03)
        assert norm.bias_mean == pytest.approx(-0.25, abs=0.03)
        assert norm.bias_std == pytest.approx(0.1, rel=0.2)
        assert len(genome.source["state_sha256"]) == 64

    def test_saved_and_loaded_it_gives_the_same_births(self, genome, tmp_path):
        genome.save(tmp_path / "genome.json")
        again = Genome.load(tmp_path / "genome.json")
        assert same(born(wc(genome), genome), born(wc(again), again))

    def test_a_birth_distilled_again_recovers_its_clusters(self, published):
        spec = ModelSpec(width=0.5, classes=5, size=64)
        model = born(wc(published), published, spec)
        state = {
            k: v
            for k, v in model.state_dict().items()
            if k in ("V1.conv1.weight", "V4.conv1.weight", "IT.conv3.weight")
        }
        again = distill(state, seed=1)
        for name in ("V4.conv1", "IT.conv3"):
            old, new = published.layers[name], again.layers[name]
            order = np.argsort(old.count_mean)
            assert new.centers.ravel() == pytest.approx(old.centers.ravel()[order], rel=1e-4)
            assert new.count_mean == pytest.approx(old.count_mean[order] / 2, rel=0.03)
            assert new.count_std == pytest.approx(old.count_std[order] / 2, rel=0.2)
            assert new.noise_std == pytest.approx(np.zeros(2), abs=1e-5)

    def test_progress_and_determinism(self):
        state = {k: v for k, v in born(BirthSpec()).state_dict().items() if k.startswith("V1")}
        with Progress() as shown:
            first = distill(state, 5)
        assert shown.done == shown.planned == {"distil layer": 4}
        assert distill(state, 5).sha256 == first.sha256
        assert distill(state, 6).sha256 != first.sha256

    def test_refusals(self):
        weight = torch.zeros(4, 8, 3, 3)
        with pytest.raises(InputError, match="0 convolutions with three in-channels among 1; name the first"):
            distill({"a.weight": weight})
        with pytest.raises(InputError, match="convolution to fit Gabors to 'b'"):
            distill({"a.weight": weight}, gabor_layer="b")
        state = {"a.weight": torch.randn(4, 3, 7, 7), "n.weight": torch.ones(4)}
        with pytest.raises(InputError, match=r"n: a weight of shape \(4,\) is no layer"):
            distill(state)


def test_spec_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        BirthSpec().seed = 2
