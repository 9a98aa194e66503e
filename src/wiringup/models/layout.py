"""What the rest of the package may know about a network: how it is built, and which part is which area."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from wiringup.models.preprocessing import IMAGENET, Preprocessing

Modules = tuple[str, ...]
"""Dotted names of modules."""


@dataclass(frozen=True)
class Architecture:
    """What the rest of the package may know about a network.

    Attributes:
        build: makes the network from (width, classes), before birth.
        blocks: area or "decoder" -> the modules (or single parameters) that hold its synapses, in order.
        readouts: area or "behavior" -> the read-out layer (see `readout.Readout`).
        down_projections: area -> the convolutions that critical training moves there.
        up_projections: area -> the first convolutions of its bottlenecks (the paper's conv1 control).
        width_and_classes: reads both from a state dict; raises KeyError if it is another network's.
        smallest: the least input size in px that passes through the network.
        preprocessing: what happens to an image on its way to it.
    """

    name: str
    build: Callable[[float, int], nn.Module]
    blocks: Mapping[str, Modules]
    readouts: Mapping[str, str]
    down_projections: Mapping[str, Modules]
    up_projections: Mapping[str, Modules]
    width_and_classes: Callable[[Mapping[str, Tensor]], tuple[float, int]]
    smallest: int = 32
    preprocessing: Preprocessing = IMAGENET


def area_of(parameter: str, architecture: Architecture) -> str:
    """Return the block ("V1" ... "IT", "decoder") that holds a parameter of the given dotted name."""
    return next(
        area
        for area, parts in architecture.blocks.items()
        if parameter in parts or parameter.startswith(tuple(f"{part}." for part in parts))
    )
