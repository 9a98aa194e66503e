"""A small world to train in: noise patterns as classes, and a thin CORnet-S with normal weights."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from wiringup.core.seeds import numpy_stream, torch_stream
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.models.architecture import ARCHITECTURES, Architecture, ModelSpec, build
from wiringup.training.observers import TrainingMoment

CLASSES = 4


def noise_patterns(n: int, size: int = 32, seed: int = 0) -> LabelledImages:
    """``n`` images of four fixed noise patterns, each under fresh noise."""
    stream = numpy_stream(seed, "patterns")
    pattern = numpy_stream(0, "classes").normal(size=(CLASSES, size, size, 3))
    labels = np.arange(n) % CLASSES
    pixels = 128 + 40 * pattern[labels] + 30 * stream.normal(size=(n, size, size, 3))
    stimuli = from_pixels(pixels.clip(0, 255).astype(np.uint8))
    return LabelledImages(stimuli, labels.astype(np.int64), tuple("abcd"))


def born(seed: int = 0, width: float = 1 / 16) -> nn.Module:
    """A thin CORnet-S whose weights are normal, with the deviation of He et al. (fan-out)."""
    model = build(ModelSpec(width=width, classes=CLASSES, size=32))
    generator = torch_stream(seed, "weights")
    for parameter in model.parameters():
        if parameter.ndim > 1:
            fan_out = parameter[0, 0].numel() * parameter.shape[0]
            nn.init.normal_(parameter, std=(2 / fan_out) ** 0.5, generator=generator)
    return model


def look(moment: TrainingMoment) -> dict[str, list[float]]:
    """Observe the biases of the decoder."""
    return {"bias": moment.model.decoder.linear.bias.tolist()}


@pytest.fixture
def newborn() -> Callable[..., nn.Module]:
    return born


@pytest.fixture
def patterns() -> Callable[..., LabelledImages]:
    return noise_patterns


@pytest.fixture
def cornet() -> Architecture:
    return ARCHITECTURES["cornet_s"]


@pytest.fixture(autouse=True)
def quiet_threads(one_thread):
    """Every test of the training runs on one thread."""


class Tiny(nn.Sequential):
    """Two areas and a decoder, smooth, so that whatever learns moves in every step."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, stride=4, bias=False)
        self.norm1 = nn.BatchNorm2d(4)
        self.smooth1 = nn.SiLU()
        self.conv2 = nn.Conv2d(4, 6, 1)
        self.norm2 = nn.BatchNorm2d(6)
        self.smooth2 = nn.SiLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(6, CLASSES)
        generator = torch_stream(seed, "tiny")
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)


TINY = Architecture(
    name="tiny",
    build=lambda width, classes: Tiny(),
    blocks={"V1": ("conv1", "norm1"), "IT": ("conv2", "norm2"), "decoder": ("fc",)},
    readouts={},
    down_projections={"IT": ("conv2",)},
    up_projections={"V1": ("conv1",)},
    width_and_classes=lambda state: (1.0, CLASSES),
)


@pytest.fixture
def tiny() -> Callable[..., nn.Module]:
    return Tiny


@pytest.fixture
def tiny_areas() -> Architecture:
    return TINY
