"""AlexNet in its one-stream form (Krizhevsky 2014, "One weird trick"), written from its description.

Five convolutions with biases and no BatchNorm, three linear layers with dropout. State-dict names are those
of torchvision, so that its checkpoints load. The last feature map is resized to 6x6 by average pooling, so
any input from 63 px passes. With full width and 1000 classes it has 61,100,840 parameters.
"""

from collections.abc import Mapping

from torch import Tensor, nn

from wiringup.models.blocks import scaled, unborn

CHANNELS = 64  # of the first convolution
MULTIPLES = (3, 6, 4, 4)
"""Channels of the other four convolutions, as multiples of those of the first."""

HIDDEN = 64
"""Units of the two hidden linear layers (4096), in the same measure."""

GRID = 6  # side of the last feature map


class AlexNet(nn.Module):
    """AlexNet for images (batch, 3, size, size); returns class logits (batch, classes).

    Args:
        width: factor on the number of channels and hidden units (1 is the published network).
        classes: number of object classes of the decoder.

    Raises:
        InputError: if ``width`` gives the first convolution no whole number of channels.
    """

    def __init__(self, width: float = 1.0, classes: int = 1000) -> None:
        super().__init__()
        first = scaled(CHANNELS, width, "features.0")
        self.features = _features(first, [first * multiple for multiple in MULTIPLES])
        self.avgpool = nn.AdaptiveAvgPool2d(GRID)
        self.classifier = _classifier(first * MULTIPLES[-1] * GRID**2, first * HIDDEN, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits."""
        logits: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return logits


def _features(first: int, later: list[int]) -> nn.Sequential:
    """Return the convolutions: 11x11 stride 4, 5x5, three of 3x3; max-pooled after the 1st, 2nd and last."""
    second, third, fourth, fifth = later
    return nn.Sequential(
        nn.Conv2d(3, first, 11, stride=4, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(first, second, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(second, third, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(third, fourth, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(fourth, fifth, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),
    )


def _classifier(inputs: int, hidden: int, classes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Dropout(),
        nn.Linear(inputs, hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        nn.Linear(hidden, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, classes),
    )


def build(width: float = 1.0, classes: int = 1000) -> AlexNet:
    """Return an AlexNet before birth, allocated without drawing a random number."""
    return unborn(lambda: AlexNet(width, classes))


def width_and_classes(state: Mapping[str, Tensor]) -> tuple[float, int]:
    """Return the width and the number of classes of the AlexNet whose weights ``state`` holds."""
    return len(state["features.0.weight"]) / CHANNELS, len(state["classifier.6.weight"])
