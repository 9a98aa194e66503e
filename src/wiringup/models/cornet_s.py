"""CORnet-S (Kubilius, Schrimpf et al. 2019), written from its published description.

Four areas; V2, V4 and IT are recurrent bottlenecks whose convolutions are shared over time steps while
their BatchNorms are not. State-dict names are those of the published checkpoint. With full width and
1000 classes it has 53,416,616 parameters.
"""

from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, nn

from wiringup.models.blocks import conv, scaled, unborn

TIME_STEPS = {"V2": 2, "V4": 4, "IT": 2}
CHANNELS = {"V1": 64, "V2": 128, "V4": 256, "IT": 512}
SCALE = 4  # expansion of the bottleneck


def v1_block(channels: int) -> nn.Sequential:
    """Return V1: 7x7 stride 2, max-pool stride 2, 3x3; a quarter of the input's resolution."""
    return nn.Sequential(
        OrderedDict(
            conv1=conv(3, channels, 7, stride=2),
            norm1=nn.BatchNorm2d(channels),
            nonlin1=nn.ReLU(inplace=True),
            pool=nn.MaxPool2d(3, stride=2, padding=1),
            conv2=conv(channels, channels, 3),
            norm2=nn.BatchNorm2d(channels),
            nonlin2=nn.ReLU(inplace=True),
            output=nn.Identity(),
        )
    )


class StepConv(nn.Conv2d):
    """A 3x3 convolution whose stride is chosen at every call: the same synapses at two resolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor, stride: int = 1) -> Tensor:
        """Convolve (batch, channels, h, w) at the given stride."""
        return nn.functional.conv2d(x, self.weight, stride=stride, padding=1)


class RecurrentBlock(nn.Module):
    """One of V2, V4, IT: a bottleneck applied ``steps`` times to its own output.

    ``output`` is called once in every time step, so a hook on it sees the area's response over time.
    """

    def __init__(self, inputs: int, outputs: int, steps: int) -> None:
        super().__init__()
        inner = outputs * SCALE
        self.steps = steps
        self.conv_input = conv(inputs, outputs)
        self.skip = conv(outputs, outputs, stride=2)
        self.norm_skip = nn.BatchNorm2d(outputs)
        self.conv1 = conv(outputs, inner)
        self.conv2 = StepConv(inner)
        self.conv3 = conv(inner, outputs)
        self.nonlin = nn.ReLU(inplace=True)
        self.output = nn.Identity()
        for step in range(steps):
            self.add_module(f"norm1_{step}", nn.BatchNorm2d(inner))
            self.add_module(f"norm2_{step}", nn.BatchNorm2d(inner))
            self.add_module(f"norm3_{step}", nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, inputs, h, w) to (batch, outputs, h/2, w/2): the response at the last step."""
        x = self.conv_input(x)
        for step in range(self.steps):
            x = self._step(x, step)
        return x

    def _step(self, x: Tensor, step: int) -> Tensor:
        first = step == 0
        skip = self.norm_skip(self.skip(x)) if first else x
        x = self.nonlin(self.get_submodule(f"norm1_{step}")(self.conv1(x)))
        x = self.conv2(x, stride=2 if first else 1)
        x = self.nonlin(self.get_submodule(f"norm2_{step}")(x))
        x = self.get_submodule(f"norm3_{step}")(self.conv3(x))
        output: Tensor = self.output(self.nonlin(x + skip))
        return output


def decoder(features: int, classes: int) -> nn.Sequential:
    """Return the read-out of IT: global average pool and one linear layer."""
    return nn.Sequential(
        OrderedDict(
            avgpool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            linear=nn.Linear(features, classes),
            output=nn.Identity(),
        )
    )


class CORnetS(nn.Module):
    """CORnet-S for images (batch, 3, size, size); returns class logits (batch, classes).

    Args:
        width: factor on the number of channels of every area (1 is the published network).
        classes: number of object classes of the decoder.

    Raises:
        InputError: if ``width`` gives V1 no whole number of channels.
    """

    def __init__(self, width: float = 1.0, classes: int = 1000) -> None:
        super().__init__()
        scaled(CHANNELS["V1"], width, "V1")
        channels = {area: round(n * width) for area, n in CHANNELS.items()}
        self.V1 = v1_block(channels["V1"])
        self.V2 = RecurrentBlock(channels["V1"], channels["V2"], TIME_STEPS["V2"])
        self.V4 = RecurrentBlock(channels["V2"], channels["V4"], TIME_STEPS["V4"])
        self.IT = RecurrentBlock(channels["V4"], channels["IT"], TIME_STEPS["IT"])
        self.decoder = decoder(channels["IT"], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits."""
        logits: Tensor = self.decoder(self.IT(self.V4(self.V2(self.V1(x)))))
        return logits


def parameter_count(module: nn.Module) -> int:
    """Return the number of trainable numbers in ``module``."""
    return sum(p.numel() for p in module.parameters())


def build(width: float = 1.0, classes: int = 1000) -> CORnetS:
    """Return a CORnet-S before birth, allocated without drawing a random number."""
    return unborn(lambda: CORnetS(width, classes))


def width_and_classes(state: Mapping[str, Tensor]) -> tuple[float, int]:
    """Return the width and the number of classes of the CORnet-S whose weights ``state`` holds."""
    return len(state["V1.conv1.weight"]) / CHANNELS["V1"], len(state["decoder.linear.weight"])
