"""Calibrated running statistics are those of the population, layer by layer."""

import pytest
import torch
from torch import nn

from wiringup.birth.batchnorm import calibrate_batchnorm
from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream
from wiringup.models.architecture import ModelSpec, build
from wiringup.models.batchnorm import batchnorms


def small(seed=0):
    model = build(ModelSpec(width=1 / 16, classes=4, size=32))
    with torch.no_grad():
        for index, parameter in enumerate(model.parameters()):
            if parameter.ndim > 1:
                parameter.normal_(0, 0.2, generator=torch_stream(seed, index))
    return model


@pytest.fixture
def images():
    return torch.randn(24, 3, 32, 32, generator=torch_stream(9))


def test_every_norm_standardises_its_own_population(images):
    model = small()
    calibrate_batchnorm(model, images)
    outputs = []
    for module in batchnorms(model).values():
        module.register_forward_hook(lambda _m, _i, output: outputs.append(output.clone()))
    with torch.no_grad():
        model.eval()(images)
    assert len(outputs) == 1 + 1 + 3 + 3 * (2 + 4 + 2)
    for output in outputs:
        variance, mean = torch.var_mean(output, (0, 2, 3), correction=0)
        live = variance > 0.1  # channels whose input is constant have nothing to standardise
        assert live.float().mean() > 0.5
        assert mean.abs().max() < 1e-3
        assert (variance[live] - 1).abs().max() < 0.05  # eps


def test_evaluation_then_equals_training_mode(images):
    model = small()
    calibrate_batchnorm(model, images)
    with torch.no_grad():
        assert torch.allclose(model.eval()(images), model.train()(images), atol=1e-3)


def test_how_the_images_are_cut_does_not_matter(images):
    one, many = small(), small()
    calibrate_batchnorm(one, images)
    calibrate_batchnorm(many, iter(images.split(7)))
    for a, b in zip(one.buffers(), many.buffers(), strict=True):
        assert torch.equal(a, b)


def test_nothing_else_changes(images):
    model = small().train()
    model.V2.eval()
    before = {name: p.clone() for name, p in model.named_parameters()}
    calibrate_batchnorm(model, images)
    assert model.training and model.V1.norm1.training and not model.V2.norm1_0.training
    assert all(torch.equal(before[name], p) for name, p in model.named_parameters())
    assert not any(module._forward_pre_hooks for module in model.modules())
    assert all(p.grad is None for p in model.parameters())


def test_known_numbers():
    model = nn.Sequential(nn.BatchNorm2d(1))
    calibrate_batchnorm(model, torch.tensor([1.0, 2.0, 3.0, 6.0]).view(4, 1, 1, 1))
    assert model[0].running_mean.item() == pytest.approx(3.0)
    assert model[0].running_var.item() == pytest.approx(3.5)


def test_too_few_images_are_refused():
    with pytest.raises(InputError, match=r"at least two preprocessed images .* got \(1, 3, 32, 32\)"):
        calibrate_batchnorm(small(), torch.zeros(1, 3, 32, 32))
