"""What every registered architecture has to offer, tested the moment it is named."""

import numpy as np
import pytest
import torch
from torch import nn

from wiringup.birth.apply import BirthSpec, give_birth
from wiringup.core.areas import AREAS, SCORED
from wiringup.core.errors import InputError
from wiringup.core.stimuli import from_pixels
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, build, spec_of
from wiringup.models.layout import area_of
from wiringup.models.preprocessing import preprocess
from wiringup.models.readout import subject
from wiringup.models.trained import read_trained
from wiringup.models.weights import save_weights
from wiringup.training.batches import Plan
from wiringup.training.named_sets import DECODER
from wiringup.training.plasticity import resolve
from wiringup.training.updates import Updates

CLASSES = 5
WIDTH = 1 / 8
SIZE = 64

every_architecture = pytest.mark.parametrize("name", list(ARCHITECTURES))


def newborn(name, seed=0, size=SIZE):
    spec = ModelSpec(name, WIDTH, CLASSES, size)
    model = build(spec)
    give_birth(model, BirthSpec("kn", seed))
    return model, spec


def pixels(n=3, size=SIZE):
    return from_pixels(np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8))


@pytest.fixture(autouse=True)
def quiet_threads(one_thread):
    """Every contract is checked on one thread."""


@every_architecture
def test_logits_are_finite_and_differ_between_images(name):
    model, spec = newborn(name)
    with torch.no_grad():
        logits = model.eval()(preprocess(pixels().pixels, spec.size))
    assert logits.shape == (3, CLASSES)
    assert torch.isfinite(logits).all()
    assert not torch.equal(logits[0], logits[1])


@every_architecture
def test_the_smallest_input_passes_and_a_smaller_one_is_refused(name):
    smallest = ARCHITECTURES[name].smallest
    model, _ = newborn(name, size=smallest)
    assert model.eval()(torch.zeros(1, 3, smallest, smallest)).shape == (1, CLASSES)
    with pytest.raises(InputError, match=f"size in pixels for {name} is {smallest - 1}, but .* {smallest}"):
        ModelSpec(name, WIDTH, CLASSES, smallest - 1)


@every_architecture
def test_every_area_is_read_out_and_every_layer_before_what_follows_it_overwrites_it(name):
    model, spec = newborn(name)
    read = subject(model, spec)
    assert set(read.areas) == set(SCORED)
    first = next(key for key, module in model.named_modules() if isinstance(module, nn.Conv2d))
    found = read.responses(pixels(), [*SCORED, first])
    for area in SCORED:
        assert torch.isfinite(found[area]).all() and found[area].std(0).max() > 0, area
    with torch.no_grad():
        convolved = model.get_submodule(first)(preprocess(pixels().pixels, spec.size)).flatten(1)
    assert convolved.min() < 0  # what a ReLU in place would have left at 0
    torch.testing.assert_close(found[first], convolved, rtol=1e-4, atol=1e-6)


@every_architecture
def test_areas_are_read_out_in_the_order_of_the_hierarchy(name):
    """A read-out does not depend on synapses of later areas, and does on those of its own."""
    architecture = ARCHITECTURES[name]
    model, spec = newborn(name)
    before = subject(model, spec).responses(pixels(), AREAS)
    for i, area in enumerate(AREAS):
        changed, _ = newborn(name)
        with torch.no_grad():
            for key, parameter in changed.named_parameters():
                if parameter.ndim == 4 and area_of(key, architecture) == area:
                    parameter.copy_(parameter.roll(1, 0))
        after = subject(changed, spec).responses(pixels(), AREAS)
        assert [torch.equal(after[a], before[a]) for a in AREAS[: i + 1]] == [True] * i + [False], area


@every_architecture
def test_every_parameter_lies_in_exactly_one_block_and_every_block_has_some(name):
    model, _ = newborn(name)
    blocks = ARCHITECTURES[name].blocks
    assert list(blocks) == [*AREAS, DECODER]
    homes = {
        key: [area for area, modules in blocks.items() for m in modules if key.startswith(f"{m}.")]
        for key, _ in model.named_parameters()
    }
    assert all(len(areas) == 1 for areas in homes.values())
    order = [area_of(key, ARCHITECTURES[name]) for key in homes]
    assert list(dict.fromkeys(order)) == [*AREAS, DECODER]
    assert order == sorted(order, key=list(blocks).index)


@every_architecture
@pytest.mark.parametrize("plasticity", ["critical", "conv1"])
def test_thin_sets_are_convolutions_of_their_areas_and_the_decoder(name, plasticity):
    model, _ = newborn(name)
    architecture = ARCHITECTURES[name]
    sets = {"critical": architecture.down_projections, "conv1": architecture.up_projections}
    for area, layers in sets[plasticity].items():
        assert area in ("V2", "V4", "IT") and layers
        for layer in layers:
            assert isinstance(model.get_submodule(layer), nn.Conv2d)
            assert area_of(f"{layer}.weight", architecture) == area
    found = resolve(model, architecture, plasticity)
    whole = {k for k, _ in model.named_parameters() if area_of(k, architecture) == DECODER}
    assert whole < found.trained.keys()
    assert found.by_area()["V1"][0] == 0
    assert 0 < found.share < 0.6


@every_architecture
@pytest.mark.parametrize("plasticity", ["all", "critical", "downstream:IT", "decoder"])
def test_gradients_reach_what_is_trained_and_nothing_else(name, plasticity):
    model, spec = newborn(name)
    found = resolve(model, ARCHITECTURES[name], plasticity)
    Updates(model, found, Plan(4, 4, 4, seed=0), seed=0, norms="running").begin(0)
    model.eval()
    x = preprocess(pixels(4).pixels, spec.size)
    nn.functional.cross_entropy(model(x), torch.arange(4)).backward()
    for key, parameter in model.named_parameters():
        assert (parameter.grad is not None) == (key in found.trained), key
        assert parameter.grad is None or parameter.grad.abs().max() > 0, key


@every_architecture
def test_a_state_dict_comes_back_from_its_file(name, tmp_path):
    model, spec = newborn(name, seed=3)
    save_weights(model, tmp_path / "w.safetensors")
    found = read_trained(tmp_path / "w.safetensors", ModelSpec(name, size=spec.size))
    assert found.spec == spec and found.notes == ()
    again = found.network()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    with pytest.raises(InputError, match=f"so it is no checkpoint of {name}"):
        spec_of({"other.weight": torch.zeros(1)}, spec, "w")


@every_architecture
def test_impossible_widths_are_refused_with_the_nearest_possible_one(name):
    with pytest.raises(InputError, match=r"Width 0\.3 leaves no whole number of channels in .* the nearest"):
        build(ModelSpec(name, 0.3))


def parameter_shapes(name):
    with torch.device("meta"):
        model = ARCHITECTURES[name].build(1.0, 1000)
    return {key: tuple(parameter.shape) for key, parameter in model.named_parameters()}


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("cornet_s", 53_416_616),
        ("resnet50", 25_557_032),
        ("mobilenet_v1", 4_231_976),
        ("alexnet", 61_100_840),
    ],
)
def test_published_numbers_of_parameters(name, count):
    assert sum(int(np.prod(shape)) for shape in parameter_shapes(name).values()) == count


def test_names_of_published_checkpoints():
    resnet = parameter_shapes("resnet50")
    assert len(resnet) == 161
    assert resnet["layer1.0.downsample.0.weight"] == (256, 64, 1, 1)
    assert resnet["layer1.0.downsample.1.bias"] == (256,)
    assert resnet["layer3.5.conv2.weight"] == (256, 256, 3, 3)
    assert resnet["layer4.2.bn3.weight"] == (2048,)
    assert resnet["fc.weight"] == (1000, 2048)
    assert not any(".1.downsample" in key for key in resnet)
    convolutions = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
    linear = {1: (4096, 9216), 4: (4096, 4096), 6: (1000, 4096)}
    weights = {f"features.{i}.weight": (o, n, k, k) for i, (o, n, k) in convolutions.items()}
    weights |= {f"classifier.{i}.weight": shape for i, shape in linear.items()}
    biases = {key.replace("weight", "bias"): shape[:1] for key, shape in weights.items()}
    assert parameter_shapes("alexnet") == weights | biases


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("resnet50", {"maxpool": (64, 56), "layer1": (256, 56), "layer2": (512, 28), "layer3": (1024, 14),
                      "layer4": (2048, 7), "avgpool": (2048, 1)}),
        ("mobilenet_v1", {"relu": (32, 112), "block1": (64, 112), "block2": (128, 56), "block4": (256, 28),
                          "block10": (512, 14), "block12": (1024, 7), "block13": (1024, 7)}),
        ("alexnet", {"features.0": (64, 55), "features.2": (64, 27), "features.5": (192, 13),
                     "features.9": (256, 13), "features.12": (256, 6)}),
    ],
)  # fmt: skip
def test_published_sizes_of_the_maps_at_224_px(name, layers):
    with torch.device("meta"):
        model = ARCHITECTURES[name].build(1.0, 1000).to("meta").eval()
        found = {}
        for key in layers:
            model.get_submodule(key).register_forward_hook(
                lambda _module, _inputs, output, key=key: found.update({key: tuple(output.shape[1:3])})
            )
        model(torch.empty(1, 3, 224, 224))
    assert found == layers


def test_a_bottleneck_computes_its_definition():
    model, _ = newborn("resnet50")
    generator = torch.Generator().manual_seed(0)
    block = model.layer2[0].eval()
    for parameter in block.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator))
    x = torch.randn(2, 32, 8, 8, generator=generator)
    conv = torch.nn.functional.conv2d

    def norm(bn, value):
        return value * (bn.weight / (1 + bn.eps) ** 0.5).view(-1, 1, 1) + bn.bias.view(-1, 1, 1)

    with torch.no_grad():
        inner = norm(block.bn1, conv(x, block.conv1.weight)).relu()
        inner = norm(block.bn2, conv(inner, block.conv2.weight, stride=2, padding=1)).relu()
        skip = norm(block.downsample[1], conv(x, block.downsample[0].weight, stride=2))
        expected = (norm(block.bn3, conv(inner, block.conv3.weight)) + skip).relu()
        torch.testing.assert_close(block(x), expected)


def test_a_depthwise_convolution_sees_each_channel_alone():
    model, _ = newborn("mobilenet_v1")
    block = model.block3.eval()
    x = torch.zeros(1, 16, 8, 8)
    x[0, 5] = torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        seen = block.depthwise(x).abs().amax((0, 2, 3))
    assert seen.nonzero().ravel().tolist() == [5]
    assert [model.get_submodule(f"block{i}.depthwise").stride[0] for i in range(1, 14)] == [
        1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1,
    ]  # fmt: skip


def test_critical_synapses_of_resnet50_are_those_of_its_16_third_convolutions():
    shapes = parameter_shapes("resnet50")
    layers = [layer for area in ARCHITECTURES["resnet50"].down_projections.values() for layer in area]
    assert sorted(layers) == sorted(k.removesuffix(".weight") for k in shapes if k.endswith("conv3.weight"))
    assert len(layers) == 16
