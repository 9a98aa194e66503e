"""Genomes on other networks: the maps, what is kept of a distribution, and what happens to the gain."""

import json
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from wiringup.birth.apply import BirthSpec, give_birth
from wiringup.birth.clusters import ClusterLayer
from wiringup.birth.gabor import gabor
from wiringup.birth.gabor_layers import GaborLayer
from wiringup.birth.genome import Genome
from wiringup.birth.genome_layers import BatchNormLayer
from wiringup.birth.transfer import LAYER_MAPS, read_layer_map, transfer
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.seeds import numpy_stream, torch_stream
from wiringup.core.stimuli import from_pixels
from wiringup.models.architecture import ModelSpec, build
from wiringup.models.cornet_s import CORnetS
from wiringup.models.preprocessing import preprocess
from wiringup.models.readout import subject

SIGNS = ClusterLayer(
    1, np.array([20.0, 44.0]), np.array([4.0, 4.0]), np.zeros(2), np.array([[[-0.5]], [[0.25]]])
)
SPATIAL = ClusterLayer(
    3,
    np.array([12.0, 18.0, 30.0]),
    np.array([3.0, 3.0, 3.0]),
    np.array([0.01, 0.05, 0.02]),
    np.stack([np.outer(a, a) for a in ([0.5, 1, 0.5], [-1, 0, 1], [1, -1, 1])]),
)


def gabors():
    parameters = np.tile([0.2, 0.7, 2.0, 2.0, 0.3, 0.0, 0.0, 1.0, 0.0], (20, 3, 1))
    parameters[..., 1] += numpy_stream(0).normal(0, 0.1, (20, 1))
    return GaborLayer(7, parameters)


def donor(norms=True):
    """A genome of CORnet-S in which every layer has parameters that tell it from the others."""
    with torch.device("meta"):
        model = CORnetS()
    layers = {}
    for i, (name, module) in enumerate(model.named_modules()):
        if isinstance(module, nn.Conv2d):
            base = SIGNS if module.kernel_size[0] == 1 else SPATIAL
            fields = (base.count_mean, base.count_std, base.noise_std, base.centers * (1 + i / 1000))
            layers[name] = ClusterLayer(base.kernel_size, *fields)
        elif isinstance(module, nn.BatchNorm2d) and norms:
            layers[name] = BatchNormLayer(1 + i / 100, 0.0, i / 100, 0.0)
    return Genome(layers | {"V1.conv1": gabors()}, "cornet_s", {"paper": "x"})


def target(name, width=1 / 8):
    return build(ModelSpec(name, width, 5, 64))


def shares(weight, centers):
    """Share of every cluster among kernels that lie nearest to its centre."""
    distance = torch.cdist(weight.flatten(2).flatten(0, 1), torch.from_numpy(centers).float().flatten(1))
    return distance.argmin(1).bincount(minlength=len(centers)) / len(distance), distance.argmin(1)


class TestMaps:
    @pytest.mark.parametrize("name", list(LAYER_MAPS))
    def test_every_convolution_and_norm_of_the_architecture_has_a_distribution(self, name):
        genome, model = donor(), target(name)
        carried = transfer(genome, model, LAYER_MAPS[name], name)
        described = {n for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)}
        assert carried.layers.keys() == described
        assert carried.architecture == name
        assert carried.source["donor"] == genome.sha256
        assert carried.source["donor_source"] == {"paper": "x"}

    @pytest.mark.parametrize(
        ("name", "layer", "expected"),
        [
            ("resnet50", "conv1", "V1.conv1"),
            ("resnet50", "bn1", "V1.norm1"),
            ("resnet50", "layer1.2.conv1", "V2.conv1"),
            ("resnet50", "layer2.0.conv2", "V4.conv2"),
            ("resnet50", "layer3.5.conv3", "V4.conv3"),
            ("resnet50", "layer4.0.downsample.0", "IT.skip"),
            ("resnet50", "layer4.0.downsample.1", "IT.norm_skip"),
            ("resnet50", "layer1.0.bn1", "V2.norm1_0"),
            ("resnet50", "layer3.0.bn3", "V4.norm3_0"),
            ("mobilenet_v1", "conv1", "V1.conv1"),
            ("mobilenet_v1", "block1.depthwise", "V2.conv2"),
            ("mobilenet_v1", "block4.pointwise", "V2.conv1"),
            ("mobilenet_v1", "block5.depthwise", "V4.conv2"),
            ("mobilenet_v1", "block10.pointwise", "V4.conv1"),
            ("mobilenet_v1", "block11.norm_pointwise", "IT.norm1_0"),
            ("mobilenet_v1", "block13.norm_depthwise", "IT.norm2_0"),
            ("alexnet", "features.0", "V1.conv1"),
            ("alexnet", "features.3", "V2.conv2"),
            ("alexnet", "features.8", "V4.conv2"),
            ("alexnet", "features.10", "IT.conv2"),
        ],
    )
    def test_layers_take_the_distribution_that_the_method_names(self, name, layer, expected):
        genome = donor()
        carried = transfer(genome, target(name), LAYER_MAPS[name])
        assert carried.layers[layer] is genome.layers[expected]

    @pytest.mark.parametrize("name", list(LAYER_MAPS))
    def test_a_genome_without_any_norm_leaves_them_to_the_rule(self, name):
        model = target(name)
        carried = transfer(donor(norms=False), model, LAYER_MAPS[name])
        give_birth(model, BirthSpec("wc", 0, carried.sha256), carried)
        assert {n for n, m in model.named_modules() if isinstance(m, nn.Conv2d)} == carried.layers.keys()
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        assert all((m.weight == 1).all() and (m.bias == 0).all() for m in norms)

    @pytest.mark.parametrize("name", list(LAYER_MAPS))
    def test_newborns_answer_differently_to_different_images_in_every_area(self, name):
        model, spec = target(name), ModelSpec(name, 1 / 8, 5, 64)
        carried = transfer(donor(norms=False), model, LAYER_MAPS[name])
        images = from_pixels(numpy_stream(0).integers(0, 256, (8, 64, 64, 3)).astype(np.uint8))
        birth = BirthSpec("wc", 0, carried.sha256, "calibrated")
        give_birth(model, birth, carried, preprocess(images.pixels, 64))
        read = subject(model, spec)
        for area, response in read.responses(images, list(read.areas)).items():
            varied = response.std(0) > 1e-4 * response.abs().max()
            assert torch.isfinite(response).all() and varied.float().mean() > 0.2, area

    def test_it_is_saved_and_loaded_as_any_genome_and_counts_shared_parameters_once(self, tmp_path):
        genome = donor()
        carried = transfer(genome, target("resnet50"), LAYER_MAPS["resnet50"], "resnet50")
        carried.save(tmp_path / "g.json")
        again = Genome.load(tmp_path / "g.json")
        assert again.sha256 == carried.sha256 != genome.sha256
        used = {LAYER_MAPS["resnet50"][p] for p in LAYER_MAPS["resnet50"]}
        expected = sum(genome.layers[name].n_parameters for name in used)
        assert again.n_parameters == carried.n_parameters == expected


class TestWhatIsKept:
    def test_shares_centres_and_noise_at_another_width_and_the_same_kernel(self):
        weight = SPATIAL.sample(torch.Size((400, 150, 3, 3)), torch_stream(0))
        share, labels = shares(weight, SPATIAL.centers)
        assert share.numpy() == pytest.approx(SPATIAL.count_mean / 60, abs=0.005)
        kernels = weight.flatten(2).flatten(0, 1)
        for c in range(3):
            members = kernels[labels == c]
            assert members.mean(0).numpy() == pytest.approx(SPATIAL.centers[c].ravel(), abs=2e-3)
            spread = (members - members.mean(0)).std()
            assert spread == pytest.approx(SPATIAL.noise_std[c], rel=0.02)

    def test_the_spread_of_counts_grows_with_the_channels(self):
        weight = SIGNS.sample(torch.Size((3000, 256, 1, 1)), torch_stream(0))
        counts = (weight[..., 0, 0] == -0.5).sum(1).float()
        assert (counts.mean(), counts.std()) == pytest.approx((80, 16), rel=0.03)

    def test_centres_are_resized_with_their_shape(self):
        weight = SPATIAL.sample(torch.Size((200, 60, 5, 5)), torch_stream(0))
        resized = nn.functional.interpolate(
            torch.from_numpy(SPATIAL.centers).float()[:, None], (5, 5), mode="bilinear"
        )[:, 0].numpy()
        share, labels = shares(weight, resized)
        assert share.numpy() == pytest.approx(SPATIAL.count_mean / 60, abs=0.01)
        for c in range(3):
            mean = weight.flatten(0, 1)[labels == c].mean(0).numpy()
            assert mean == pytest.approx(resized[c], abs=5e-3)

    @pytest.mark.parametrize("channels", [1, 2])
    def test_kernels_of_one_or_two_channels_draw_their_clusters_by_share(self, channels):
        weight = SPATIAL.sample(torch.Size((20_000, channels, 3, 3)), torch_stream(0))
        share, _ = shares(weight, SPATIAL.centers)
        assert share.numpy() == pytest.approx(SPATIAL.count_mean / 60, abs=0.012)

    def test_counts_of_a_depthwise_layer_do_not_become_whole_kernels_of_one_cluster(self):
        depthwise = ClusterLayer(1, np.array([0.3, 0.7]), np.full(2, 0.46), np.zeros(2), SIGNS.centers)
        weight = depthwise.sample(torch.Size((2000, 100, 1, 1)), torch_stream(0))
        counts = (weight[..., 0, 0] == -0.5).sum(1).float()
        assert (counts.mean(), counts.std()) == pytest.approx((30, (100 * 0.3 * 0.7) ** 0.5), rel=0.05)

    def test_gabors_are_resized_with_the_kernel(self):
        genome, model = donor(), target("alexnet", 1)
        carried = transfer(genome, model, LAYER_MAPS["alexnet"])
        give_birth(model, BirthSpec("wc", 0, carried.sha256), carried)
        drawn = model.features[0].weight.detach().double()
        expected = gabor(torch.from_numpy(gabors().fits), 11, 7).mean((0, 1))
        similar = nn.functional.cosine_similarity(drawn.mean((0, 1)).flatten(), expected.flatten(), dim=0)
        assert drawn.shape == (64, 3, 11, 11) and similar > 0.98

    @pytest.mark.parametrize(
        ("shape", "groups", "fan_in"), [((600, 15, 3, 3), 1, 135), ((600, 1, 3, 3), 600, 9)]
    )
    def test_the_gain_goes_with_the_fan_in(self, shape, groups, fan_in):
        """A response's variance is fan-in times mean square of the weights, whose size is the donor's."""
        weight = SPATIAL.sample(torch.Size(shape), torch_stream(0))
        x = torch.randn(20, shape[1] * groups, 12, 12, generator=torch_stream(1))
        response = nn.functional.conv2d(x, weight, groups=groups)
        share, noise = SPATIAL.count_mean / 60, SPATIAL.noise_std
        mean_square = (share * ((SPATIAL.centers**2).mean((1, 2)) + noise**2)).sum()
        assert response.var() == pytest.approx(fan_in * mean_square, rel=0.07)

    @pytest.mark.parametrize("name", list(LAYER_MAPS))
    def test_the_gain_is_kept_on_request(self, name):
        """Responses to white noise have the variance of the donor's, whatever the fan-in."""
        genome, model = donor(), target(name, 1 / 2)
        plain, kept = (
            transfer(genome, model, LAYER_MAPS[name], keep_gain=keep_gain) for keep_gain in (False, True)
        )
        assert plain.source["keep_gain"] is False and kept.source["keep_gain"] is True
        give_birth(model, BirthSpec("wc", 0, kept.sha256), kept)
        for layer, module in model.named_modules():
            if isinstance(module, nn.Conv2d) and isinstance(plain.layers[layer], ClusterLayer):
                donors = plain.layers[layer]
                centers = (donors.centers**2).mean((1, 2)) + donors.noise_std**2
                gain = donors.kernel_size**2 * (donors.count_mean * centers).sum()
                found = module.weight.square().flatten(1).sum(1).mean().item()
                assert found == pytest.approx(gain, rel=0.15), layer
        assert {n: v for n, v in kept.layers.items() if isinstance(v, BatchNormLayer)} == {
            n: v for n, v in plain.layers.items() if isinstance(v, BatchNormLayer)
        }

    def test_the_gain_of_gabors_is_kept_at_another_kernel_size(self):
        genome, model = donor(), target("alexnet", 1)
        energy = {}
        for keep_gain in (False, True):
            carried = transfer(genome, model, LAYER_MAPS["alexnet"], keep_gain=keep_gain)
            give_birth(model, BirthSpec("wc", 0, carried.sha256), carried)
            energy[keep_gain] = model.features[0].weight.square().flatten(1).sum(1).mean().item()
        fitted = gabor(torch.from_numpy(gabors().fits), 7).square().flatten(1).sum(1).mean().item()
        assert energy[True] == pytest.approx(fitted, rel=0.05)
        assert energy[False] == pytest.approx(fitted * (11 / 7) ** 2, rel=0.05)


def small_net():
    """A network of nobody's: a stem, two blocks with a grouped convolution, a read-out."""
    block = lambda: nn.Sequential(  # noqa: E731
        OrderedDict(dw=nn.Conv2d(8, 8, 3, groups=8), pw=nn.Conv2d(8, 8, 1), bn=nn.BatchNorm2d(8))
    )
    stem = nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 8, 5), bn=nn.BatchNorm2d(8)))
    return nn.Sequential(OrderedDict(stem=stem, blocks=nn.Sequential(block(), block()), fc=nn.Linear(8, 2)))


SMALL_MAP = {
    "stem.*": "V1.conv1",
    "blocks.0.*pw": "V2.conv1",
    "blocks.*.pw": "V4.conv1",
    "blocks.*.dw": "V4.conv2",
    "blocks.*.bn": "V2.norm1_0",
}


class TestAnyNetwork:
    def test_patterns_name_layers_of_the_kind_of_their_distribution_and_the_first_that_fits_wins(self):
        genome, model = donor(), small_net()
        carried = transfer(genome, model, SMALL_MAP)
        assert {n: carried.layers[n] for n in sorted(carried.layers)} == {
            "blocks.0.bn": genome.layers["V2.norm1_0"],
            "blocks.0.dw": genome.layers["V4.conv2"],
            "blocks.0.pw": genome.layers["V2.conv1"],
            "blocks.1.bn": genome.layers["V2.norm1_0"],
            "blocks.1.dw": genome.layers["V4.conv2"],
            "blocks.1.pw": genome.layers["V4.conv1"],
            "stem.conv": genome.layers["V1.conv1"],  # and not stem.bn
        }
        assert carried.architecture == "Sequential"
        give_birth(model, BirthSpec("wc", 1, carried.sha256), carried)
        centers = genome.layers["V2.conv1"].centers.ravel()
        assert sorted(model.blocks[0].pw.weight.unique().tolist()) == pytest.approx(centers, rel=1e-6)
        assert model.blocks[0].pw.bias.abs().max() == 0
        assert (model.blocks[1].bn.weight == genome.layers["V2.norm1_0"].weight_mean).all()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"blocks.0.*pw": "V2.conv9"}, r"the genome of cornet_s has no layer 'V2\.conv9'\. Did you mean"),
            (
                {"blocks.2.pw": "V2.conv1"},
                r"'blocks\.2\.pw' fits no layer of the network\. Did you mean 'blo",
            ),
            ({"blocks.*.bn": "V2.norm9"}, r"has no layer 'V2\.norm9'\. Did you mean 'V2\.norm"),
            ({"blocks.*.pw": "V2.norm1_0"}, r"fits no layer of the kind that 'V2\.norm1_0' .*\(BatchNorm\)"),
            ({"stem.bn": "V1.conv1"}, r"'stem\.bn' fits no layer of the kind that 'V1\.conv1' .*\(ConvNd\)"),
            ({"blocks.*.dw": "V1.conv1"}, r"dw has weights \(8, 1, 3, 3\), but the Gabors .* 3 colour"),
        ],
    )
    def test_faults_of_a_map_are_named(self, change, message):
        with pytest.raises(InputError, match=message):
            transfer(donor(), small_net(), SMALL_MAP | change)

    def test_convolutions_without_a_row_are_listed_with_what_there_is(self):
        with pytest.raises(
            InputError, match=r"leaves 4 .*: blocks\.0\.dw, blocks\.0\.pw, .* one of V1\.conv1"
        ):
            transfer(donor(), small_net(), {"stem.conv": "V1.conv1"})

    def test_a_missing_norm_is_only_passed_over_if_the_genome_has_none(self):
        carried = transfer(donor(norms=False), small_net(), SMALL_MAP)
        assert not any(name.endswith("bn") for name in carried.layers)
        with pytest.raises(InputError, match=r"has no layer 'V2\.none'"):
            transfer(donor(norms=False), small_net(), SMALL_MAP | {"blocks.0.*": "V2.none"})

    def test_kernels_have_to_be_square(self):
        model = nn.Sequential(nn.Conv2d(3, 4, (1, 3)))
        with pytest.raises(InputError, match=r"square kernels; its weight is \(4, 3, 1, 3\)"):
            transfer(donor(), model, {"0": "V2.conv1"})


def test_maps_are_read_from_json(tmp_path):
    path = tmp_path / "map.json"
    path.write_text(json.dumps(SMALL_MAP))
    assert list(read_layer_map(path).items()) == list(SMALL_MAP.items())
    for wrong in ("[]", "{}", '{"a": 3}', '"a"'):
        path.write_text(wrong)
        with pytest.raises(InputError, match="is no layer map; expected an object such as"):
            read_layer_map(path)
    with pytest.raises(MissingDataError, match=r"There is no file .*none\.json"):
        read_layer_map(tmp_path / "none.json")
