import pytest
import torch

from wiringup.models.architecture import ARCHITECTURES, ModelSpec, build
from wiringup.models.cornet_s import CORnetS, parameter_count
from wiringup.models.layout import area_of


@pytest.fixture(scope="module")
def full() -> CORnetS:
    with torch.device("meta"):
        return CORnetS()


def test_full_width_has_the_published_number_of_parameters(full):
    assert parameter_count(full) == 53_416_616


def test_convolution_weights_and_critical_synapses_match_the_published_counts(full):
    convolutions = {n: p.numel() for n, p in full.named_parameters() if p.ndim == 4}
    assert sum(v for n, v in convolutions.items() if n.endswith("conv3.weight")) == 1_376_256
    assert parameter_count(full.decoder) == 513_000
    assert round(1_376_256 / sum(convolutions.values()), 3) == 0.026


def test_state_dict_names_are_those_of_the_published_checkpoint(full):
    names = set(full.state_dict())
    steps = {"V2": 2, "V4": 4, "IT": 2}
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = {"V1.conv1.weight", "V1.conv2.weight", "decoder.linear.weight", "decoder.linear.bias"}
    expected |= {f"V1.norm{i}.{x}" for i in (1, 2) for x in norm}
    for area, n in steps.items():
        expected |= {f"{area}.{c}.weight" for c in ("conv_input", "skip", "conv1", "conv2", "conv3")}
        expected |= {f"{area}.norm_skip.{x}" for x in norm}
        expected |= {f"{area}.norm{i}_{t}.{x}" for i in (1, 2, 3) for t in range(n) for x in norm}
    assert names == expected


def test_areas_have_the_published_shapes_at_224_px(full):
    x = torch.empty(1, 3, 224, 224, device="meta")
    shapes = {}
    for area in ("V1", "V2", "V4", "IT"):
        x = full.get_submodule(area)(x)
        shapes[area] = tuple(x.shape[1:])
    assert shapes == {"V1": (64, 56, 56), "V2": (128, 28, 28), "V4": (256, 14, 14), "IT": (512, 7, 7)}


def test_the_recurrent_block_computes_its_definition():
    spec = ModelSpec(width=1 / 16, classes=4, size=32)
    model = build(spec)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    block = model.V4.eval()
    x = torch.randn(2, 8, 8, 8, generator=generator)

    def norm(name, value):
        bn = getattr(block, name)
        scale = bn.weight / (1 + bn.eps) ** 0.5  # running statistics are 0 and 1
        return value * scale.view(-1, 1, 1) + bn.bias.view(-1, 1, 1)

    conv = torch.nn.functional.conv2d
    with torch.no_grad():
        state = conv(x, block.conv_input.weight)
        for t in range(4):
            skip = norm("norm_skip", conv(state, block.skip.weight, stride=2)) if t == 0 else state
            inner = norm(f"norm1_{t}", conv(state, block.conv1.weight)).relu()
            inner = norm(
                f"norm2_{t}", conv(inner, block.conv2.weight, stride=2 if t == 0 else 1, padding=1)
            ).relu()
            state = (norm(f"norm3_{t}", conv(inner, block.conv3.weight)) + skip).relu()
        torch.testing.assert_close(block(x), state)


def test_width_scales_the_channels():
    with torch.device("meta"):
        narrow = CORnetS(width=0.25, classes=8)
    assert narrow.IT.conv2.weight.shape == (512, 512, 3, 3)
    assert narrow.decoder.linear.weight.shape == (8, 128)


def test_a_model_that_was_never_born_answers_only_zeros():
    model = build(ModelSpec(width=1 / 16, classes=4, size=32)).eval()
    assert model(torch.randn(2, 3, 32, 32)).abs().max() == 0


def test_every_parameter_belongs_to_one_area(full):
    architecture = ARCHITECTURES["cornet_s"]
    areas = [area_of(name, architecture) for name, _ in full.named_parameters()]
    assert list(dict.fromkeys(areas)) == ["V1", "V2", "V4", "IT", "decoder"]
