"""The registry of architectures: how to build each, and which modules are which area."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor, nn

from wiringup.core.areas import BEHAVIOR
from wiringup.core.checks import at_least, one_of
from wiringup.core.errors import InputError
from wiringup.core.registry import Registry
from wiringup.core.spec import omit_default
from wiringup.models import alexnet, any_network, cornet_s, mobilenet, resnet
from wiringup.models.any_network import FORMS, is_foreign, parse_areas
from wiringup.models.layout import Architecture as Architecture
from wiringup.models.layout import Modules
from wiringup.models.preprocessing import IMAGENET, Preprocessing

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
    """A network before birth.

    Attributes:
        architecture: a registered one (`ARCHITECTURES`), or a network of another package (`any_network`).
        width: factor on the number of channels; another package's network has one width.
        classes: of its decoder.
        size: side of its input in px.
        areas: AREA=LAYER where an area is not read out as the architecture says; for another package's
            network, wherever one is.
        preprocessing: what happens to an image on its way to it.
        code: hash of the code behind a factory of one's own; "" for any.
    """

    architecture: str = "cornet_s"
    width: float = 1.0
    classes: int = 1000
    size: int = 224
    areas: tuple[str, ...] = omit_default(())
    preprocessing: Preprocessing = omit_default(IMAGENET)  # noqa: RUF009  (frozen, so it is not shared)
    code: str = omit_default("")

    def __post_init__(self) -> None:
        object.__setattr__(self, "architecture", canonical(self.architecture))
        object.__setattr__(self, "areas", tuple(f"{a}={layer}" for a, layer in parse_areas(self.areas)))
        at_least(self.classes, 2, "the number of classes")
        foreign = is_foreign(self.architecture)
        smallest = 1 if foreign else ARCHITECTURES[self.architecture].smallest
        at_least(self.size, smallest, f"the image size in pixels for {self.architecture}")
        object.__setattr__(self, "width", float(at_least(self.width, 1 / 64, "the width")))
        if foreign and self.width != 1:
            raise InputError(f"{self.architecture} has one width; leave out the width of {self.width:g}.")


def canonical(name: str) -> str:
    """Return the full name of a network.

    Raises:
        InputError: if it is neither registered nor of the form of another package's.
    """
    if is_foreign(name):
        return name
    return ARCHITECTURES.canonical(one_of(name, [*ARCHITECTURES.names(), *FORMS], "architecture"))


def is_network(name: str) -> bool:
    """Return whether a network is called ``name``: a registered one, or by its form another package's."""
    return name in ARCHITECTURES or is_foreign(name)


def architecture_of(spec: ModelSpec) -> Architecture:
    """Return what the rest of the package may know about the network of ``spec``.

    Raises:
        InputError: if there is no such layer, or, in another package, no such network.
        MissingDataError: if that package is not installed.
    """
    areas = parse_areas(spec.areas)
    if is_foreign(spec.architecture):
        found = any_network.architecture(spec.architecture, areas)
    else:
        found = ARCHITECTURES[spec.architecture]
        any_network.check_layers(found.name, _modules(found.name) if areas else (), areas)
    return replace(found, readouts={**found.readouts, **dict(areas)}, preprocessing=spec.preprocessing)


@cache
def _modules(name: str) -> tuple[str, ...]:
    """Return the modules of a registered architecture, which are the same at every width."""
    with torch.device("meta"):
        return tuple(module for module, _ in ARCHITECTURES[name].build(1.0, 2).named_modules())


def build(spec: ModelSpec) -> nn.Module:
    """Return the network of ``spec`` before birth: all synapses 0, every BatchNorm the identity.

    A network that was never born answers nothing but zeros, so a forgotten birth cannot pass unseen.
    """
    check_code(spec)
    model = architecture_of(spec).build(spec.width, spec.classes)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.reset_parameters()
        else:
            for parameter in module.parameters(recurse=False):
                nn.init.zeros_(parameter)
    return _channels_last(model)


def own_network(spec: ModelSpec, seed: int = 0) -> nn.Module:
    """Return another package's network with its own weights.

    Args:
        spec: the network; for another number of classes than it has its decoder is a new one.
        seed: of the new decoder.

    Raises:
        InputError: if its code has changed.
        MissingDataError: if the weights cannot be had, with what can be done.
    """
    check_code(spec)
    return _channels_last(any_network.own_network(spec.architecture, spec.classes, seed))


def _channels_last(model: nn.Module) -> nn.Module:
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def check_code(spec: ModelSpec) -> None:
    """Raise `InputError` if the code of a network is another than the spec was made with."""
    if spec.code and any_network.code_hash(spec.architecture) != spec.code:
        raise InputError(
            f"The code of {spec.architecture} has changed since this was specified. Bring back the earlier "
            "code, or start anew with what it is now."
        )


def outline(spec: ModelSpec) -> nn.Module:
    """Return the network of ``spec`` with the shapes of its weights alone: it takes no memory or time."""
    if is_foreign(spec.architecture):
        return any_network.outline(spec.architecture, spec.classes)
    with torch.device("meta"):
        return build(spec)


def spec_of(state: Mapping[str, Tensor], spec: ModelSpec, source: str) -> ModelSpec:
    """Return ``spec`` with the width and the classes of the network whose weights ``state`` holds.

    Raises:
        InputError: if they are another network's.
    """
    try:
        width, classes = architecture_of(spec).width_and_classes(state)
    except KeyError as error:
        raise InputError(
            f"{source} has no {error}, so it is no checkpoint of {spec.architecture}. "
            "Check that it holds a whole state dict of that architecture."
        ) from error
    return replace(spec, width=width, classes=classes)
