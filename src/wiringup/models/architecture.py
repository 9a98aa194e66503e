"""The registry of architectures: how to build each, and which modules are which area."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wiringup.core.areas import BEHAVIOR
from wiringup.core.checks import at_least
from wiringup.core.errors import InputError
from wiringup.core.registry import Registry
from wiringup.models import alexnet, cornet_s, mobilenet, resnet

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet mean and standard deviation of the colour channels, in [0, 1]."""

Modules = tuple[str, ...]
"""Dotted names of modules."""


@dataclass(frozen=True)
class Architecture:
    """What the rest of the package may know about a network.

    Attributes:
        build: makes the network from (width, classes), before birth.
        blocks: area or "decoder" -> the modules that hold its synapses, in order.
        readouts: area or "behavior" -> the read-out layer (see `readout.Readout`).
        down_projections: area -> the convolutions that critical training moves there.
        up_projections: area -> the first convolutions of its bottlenecks (the paper's conv1 control).
        width_and_classes: reads both from a state dict; raises KeyError if it is another network's.
        smallest: the least input size in px that passes through the network.
    """

    name: str
    build: Callable[[float, int], nn.Module]
    blocks: Mapping[str, Modules]
    readouts: Mapping[str, str]
    down_projections: Mapping[str, Modules]
    up_projections: Mapping[str, Modules]
    width_and_classes: Callable[[Mapping[str, Tensor]], tuple[float, int]]
    smallest: int = 32


ARCHITECTURES: Registry[Architecture] = Registry("architecture")
ARCHITECTURES.add(
    "cornet_s",
    Architecture(
        name="cornet_s",
        build=cornet_s.build,
        blocks={a: (a,) for a in ("V1", "V2", "V4", "IT", "decoder")},
        readouts={**{a: f"{a}.output" for a in ("V1", "V2", "V4", "IT")}, BEHAVIOR: "decoder.avgpool"},
        down_projections={a: (f"{a}.conv3",) for a in ("V2", "V4", "IT")},
        up_projections={a: (f"{a}.conv1",) for a in ("V2", "V4", "IT")},
        width_and_classes=cornet_s.width_and_classes,
    ),
    "cornet-s",
    "CORnet-S",
)


def _bottlenecks(layer: str) -> dict[str, Modules]:
    """Return area -> the convolution called ``layer`` of every bottleneck of a ResNet-50 in that area."""
    stages = {"V2": ("layer1",), "V4": ("layer2", "layer3"), "IT": ("layer4",)}
    return {
        area: tuple(f"{stage}.{i}.{layer}" for stage in names for i in range(resnet.BOTTLENECKS[stage]))
        for area, names in stages.items()
    }


# Stages to areas as in Geiger et al. 2022 (transfer); the read-outs, each at the end of an area, are ours.
ARCHITECTURES.add(
    "resnet50",
    Architecture(
        name="resnet50",
        build=resnet.build,
        blocks={
            "V1": ("conv1", "bn1"),
            "V2": ("layer1",),
            "V4": ("layer2", "layer3"),
            "IT": ("layer4",),
            "decoder": ("fc",),
        },
        readouts={"V1": "maxpool", "V2": "layer1", "V4": "layer3", "IT": "layer4", BEHAVIOR: "avgpool"},
        down_projections=_bottlenecks("conv3"),
        up_projections=_bottlenecks("conv1"),
        width_and_classes=resnet.width_and_classes,
    ),
    "resnet-50",
    "ResNet-50",
)
# Blocks to areas, and the critical blocks 2, 6 and 12, as in Geiger et al. 2022; the read-outs, and for the
# conv1 control the first pointwise convolution of each area, are ours.
ARCHITECTURES.add(
    "mobilenet_v1",
    Architecture(
        name="mobilenet_v1",
        build=mobilenet.build,
        blocks={
            "V1": ("conv1", "bn1"),
            "V2": tuple(f"block{i}" for i in range(1, 5)),
            "V4": tuple(f"block{i}" for i in range(5, 11)),
            "IT": tuple(f"block{i}" for i in range(11, 14)),
            "decoder": ("fc",),
        },
        readouts={"V1": "relu", "V2": "block4", "V4": "block10", "IT": "block13", BEHAVIOR: "avgpool"},
        down_projections={a: (f"block{i}.pointwise",) for a, i in {"V2": 2, "V4": 6, "IT": 12}.items()},
        up_projections={a: (f"block{i}.pointwise",) for a, i in {"V2": 1, "V4": 5, "IT": 11}.items()},
        width_and_classes=mobilenet.width_and_classes,
    ),
    "mobilenet",
    "MobileNet-v1",
)
# All of this is ours. AlexNet has no bottlenecks: what critical training moves is the last convolution of
# an area, the conv1 control the first one; they are the same where an area has only one.
ARCHITECTURES.add(
    "alexnet",
    Architecture(
        name="alexnet",
        build=alexnet.build,
        blocks={
            "V1": ("features.0",),
            "V2": ("features.3",),
            "V4": ("features.6", "features.8"),
            "IT": ("features.10", "classifier.1", "classifier.4"),
            "decoder": ("classifier.6",),
        },
        readouts={
            "V1": "features.2",
            "V2": "features.5",
            "V4": "features.9",
            "IT": "features.12",
            BEHAVIOR: "classifier.5",
        },
        down_projections={"V2": ("features.3",), "V4": ("features.8",), "IT": ("features.10",)},
        up_projections={"V2": ("features.3",), "V4": ("features.6",), "IT": ("features.10",)},
        width_and_classes=alexnet.width_and_classes,
        smallest=63,
    ),
    "AlexNet",
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
        smallest = ARCHITECTURES[self.architecture].smallest
        at_least(self.size, smallest, f"the image size in pixels for {self.architecture}")
        at_least(self.width, 1 / 64, "the width")


def architecture_of(spec: ModelSpec) -> Architecture:
    """Return what the rest of the package may know about the network of ``spec``."""
    return ARCHITECTURES[spec.architecture]


def build(spec: ModelSpec) -> nn.Module:
    """Return the network of ``spec`` before birth: all synapses 0, every BatchNorm the identity.

    A network that was never born answers nothing but zeros, so a forgotten birth cannot pass unseen.
    """
    model = architecture_of(spec).build(spec.width, spec.classes)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.reset_parameters()
        else:
            for parameter in module.parameters(recurse=False):
                nn.init.zeros_(parameter)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def outline(spec: ModelSpec) -> nn.Module:
    """Return the network of ``spec`` with the shapes of its weights alone: it takes no memory or time."""
    with torch.device("meta"):
        return build(spec)


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
    return next(
        area
        for area, modules in architecture.blocks.items()
        if parameter.startswith(tuple(f"{module}." for module in modules))
    )
