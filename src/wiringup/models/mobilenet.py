"""MobileNet-v1 (Howard et al. 2017, "MobileNets", table 1), written from its description.

A 3x3 convolution and 13 depthwise separable blocks; each is a depthwise 3x3 and a pointwise 1x1
convolution, both with BatchNorm and ReLU. The last block keeps its resolution: the table says stride 2, the
sizes beside it say 1. No published checkpoint has binding names; ours are ``conv1``, ``bn1``, ``block1`` to
``block13`` (counted as in the paper) with ``depthwise``, ``norm_depthwise``, ``pointwise``,
``norm_pointwise``, and ``fc``. With full width and 1000 classes it has 4,231,976 parameters.
"""

from collections.abc import Mapping

from torch import Tensor, nn

from wiringup.models.blocks import conv, scaled, unborn

CHANNELS = 32  # of conv1
MULTIPLES = (2, 4, 4, 8, 8, 16, 16, 16, 16, 16, 16, 32, 32)
"""Output channels of the blocks, as multiples of those of conv1."""

HALVING = (2, 4, 6, 12)
"""The blocks that halve the resolution."""


class SeparableBlock(nn.Module):
    """A depthwise 3x3 convolution (each channel alone), then a pointwise one (all channels of a place)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.depthwise = conv(inputs, inputs, 3, stride, groups=inputs)
        self.norm_depthwise = nn.BatchNorm2d(inputs)
        self.pointwise = conv(inputs, outputs)
        self.norm_pointwise = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs, h, w) to (batch, outputs, h/stride, w/stride)."""
        x = self.relu(self.norm_depthwise(self.depthwise(x)))
        output: Tensor = self.relu(self.norm_pointwise(self.pointwise(x)))
        return output


class MobileNetV1(nn.Module):
    """MobileNet-v1 for images (batch, 3, size, size); returns class logits (batch, classes).

    Args:
        width: factor on the number of channels of every layer (the paper's width multiplier).
        classes: number of object classes of the decoder.

    Raises:
        InputError: if ``width`` gives conv1 no whole number of channels.
    """

    def __init__(self, width: float = 1.0, classes: int = 1000) -> None:
        super().__init__()
        inputs = first = scaled(CHANNELS, width, "conv1")
        self.conv1 = conv(3, first, 3, stride=2)
        self.bn1 = nn.BatchNorm2d(first)
        self.relu = nn.ReLU(inplace=True)
        for number, multiple in enumerate(MULTIPLES, 1):
            block = SeparableBlock(inputs, first * multiple, 2 if number in HALVING else 1)
            self.add_module(f"block{number}", block)
            inputs = first * multiple
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits."""
        x = self.relu(self.bn1(self.conv1(x)))
        for number in range(1, len(MULTIPLES) + 1):
            x = self.get_submodule(f"block{number}")(x)
        logits: Tensor = self.fc(self.avgpool(x).flatten(1))
        return logits


def build(width: float = 1.0, classes: int = 1000) -> MobileNetV1:
    """Return a MobileNet-v1 before birth, allocated without drawing a random number."""
    return unborn(lambda: MobileNetV1(width, classes))


def width_and_classes(state: Mapping[str, Tensor]) -> tuple[float, int]:
    """Return the width and the number of classes of the MobileNet-v1 whose weights ``state`` holds."""
    return len(state["block1.depthwise.weight"]) / CHANNELS, len(state["fc.weight"])
