"""The registry of architectures: how to build each, and which modules are which area."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wiringup.core.areas import BEHAVIOR
from wiringup.core.checks import at_least
from wiringup.core.errors import InputError
from wiringup.core.registry import Registry
from wiringup.models import cornet_s

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet mean and standard deviation of the colour channels, in [0, 1]."""


@dataclass(frozen=True)
class Architecture:
    """What the rest of the package may know about a network.

    Attributes:
        build: makes the network from (width, classes), before birth.
        blocks: area or "decoder" -> the top-level module that holds its synapses, in order.
        readouts: area or "behavior" -> the read-out layer (see `readout.Readout`).
        down_projections: area -> the convolution that critical training moves there.
        up_projections: area -> the first convolution of the bottleneck (the paper's conv1 control).
        width_and_classes: reads both from a state dict; raises KeyError if it is another network's.
    """

    name: str
    build: Callable[[float, int], nn.Module]
    blocks: Mapping[str, str]
    readouts: Mapping[str, str]
    down_projections: Mapping[str, str]
    up_projections: Mapping[str, str]
    width_and_classes: Callable[[Mapping[str, Tensor]], tuple[float, int]]


ARCHITECTURES: Registry[Architecture] = Registry("architecture")
ARCHITECTURES.add(
    "cornet_s",
    Architecture(
        name="cornet_s",
        build=cornet_s.build,
        blocks={a: a for a in ("V1", "V2", "V4", "IT", "decoder")},
        readouts={**{a: f"{a}.output" for a in ("V1", "V2", "V4", "IT")}, BEHAVIOR: "decoder.avgpool"},
        down_projections={a: f"{a}.conv3" for a in ("V2", "V4", "IT")},
        up_projections={a: f"{a}.conv1" for a in ("V2", "V4", "IT")},
        width_and_classes=cornet_s.width_and_classes,
    ),
    "cornet-s",
    "CORnet-S",
)


@dataclass(frozen=True)
class ModelSpec:
    """A network before birth: its architecture, its width, its classes and the size of its input in px."""

    architecture: str = "cornet_s"
    width: float = 1.0
    classes: int = 1000
    size: int = 224

    def __post_init__(self) -> None:
        object.__setattr__(self, "architecture", ARCHITECTURES.canonical(self.architecture))
        at_least(self.classes, 2, "the number of classes")
        at_least(self.size, 32, "the image size in pixels")
        at_least(self.width, 1 / 64, "the width")


def build(spec: ModelSpec) -> nn.Module:
    """Return the network of ``spec`` before birth: all synapses 0, every BatchNorm the identity.

    A network that was never born answers nothing but zeros, so a forgotten birth cannot pass unseen.
    """
    model = ARCHITECTURES[spec.architecture].build(spec.width, spec.classes)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.reset_parameters()
        else:
            for parameter in module.parameters(recurse=False):
                nn.init.zeros_(parameter)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def spec_of(state: Mapping[str, Tensor], architecture: str, size: int, source: str) -> ModelSpec:
    """Return the specification of the network whose weights ``state`` holds.

    Raises:
        InputError: if they are another network's.
    """
    try:
        width, classes = ARCHITECTURES[architecture].width_and_classes(state)
    except KeyError as error:
        raise InputError(
            f"{source} has no {error}, so it is no checkpoint of {architecture}. "
            "Check that it holds a whole state dict of that architecture."
        ) from error
    return ModelSpec(architecture, width, classes, size)


def area_of(parameter: str, architecture: Architecture) -> str:
    """Return the block ("V1" ... "IT", "decoder") that holds a parameter of the given dotted name."""
    return next(area for area, prefix in architecture.blocks.items() if parameter.startswith(prefix + "."))
