"""ResNet-50 (He, Zhang, Ren & Sun 2016, "Deep residual learning", table 1), written from its description.

Four stages of 3, 4, 6 and 3 bottlenecks. As in the published checkpoints, a stage halves the resolution in
the 3x3 convolution of its first bottleneck (the paper: in the 1x1 before it). State-dict names are those of
torchvision, so that its checkpoints load. With full width and 1000 classes it has 25,557,032 parameters.
"""

from collections.abc import Mapping

from torch import Tensor, nn

from wiringup.models.blocks import conv, scaled, unborn

BOTTLENECKS = {"layer1": 3, "layer2": 4, "layer3": 6, "layer4": 3}
CHANNELS = 64  # of conv1, and of the bottlenecks of layer1; every later stage has twice as many
EXPANSION = 4  # of channels after a bottleneck


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up, and the skip: the identity where shapes agree, otherwise a 1x1 convolution."""

    def __init__(self, inputs: int, inner: int, stride: int) -> None:
        super().__init__()
        outputs = inner * EXPANSION
        self.conv1 = conv(inputs, inner)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = conv(inner, inner, 3, stride)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = conv(inner, outputs)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Sequential | None = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs, h, w) to (batch, 4 inner, h/stride, w/stride)."""
        skip = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        output: Tensor = self.relu(self.bn3(self.conv3(x)) + skip)
        return output


class ResNet50(nn.Module):
    """ResNet-50 for images (batch, 3, size, size); returns class logits (batch, classes).

    Args:
        width: factor on the number of channels of every layer (1 is the published network).
        classes: number of object classes of the decoder.

    Raises:
        InputError: if ``width`` gives conv1 no whole number of channels.
    """

    def __init__(self, width: float = 1.0, classes: int = 1000) -> None:
        super().__init__()
        inner = scaled(CHANNELS, width, "conv1")
        inputs = inner
        self.conv1 = conv(3, inner, 7, stride=2)
        self.bn1 = nn.BatchNorm2d(inner)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        for stage, count in BOTTLENECKS.items():
            self.add_module(stage, _stage(inputs, inner, count, stride=1 if stage == "layer1" else 2))
            inputs, inner = inner * EXPANSION, inner * 2
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in BOTTLENECKS:
            x = self.get_submodule(stage)(x)
        logits: Tensor = self.fc(self.avgpool(x).flatten(1))
        return logits


def _stage(inputs: int, inner: int, count: int, stride: int) -> nn.Sequential:
    rest = (Bottleneck(inner * EXPANSION, inner, 1) for _ in range(count - 1))
    return nn.Sequential(Bottleneck(inputs, inner, stride), *rest)


def build(width: float = 1.0, classes: int = 1000) -> ResNet50:
    """Return a ResNet-50 before birth, allocated without drawing a random number."""
    return unborn(lambda: ResNet50(width, classes))


def width_and_classes(state: Mapping[str, Tensor]) -> tuple[float, int]:
    """Return the width and the number of classes of the ResNet-50 whose weights ``state`` holds."""
    return len(state["conv1.weight"]) / CHANNELS, len(state["fc.weight"])
