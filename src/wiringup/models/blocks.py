"""What the architectures share: convolutions, widths, and allocation before birth."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from wiringup.core.errors import InputError

M = TypeVar("M", bound=nn.Module)


def conv(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Return a 'same'-padded convolution without bias."""
    kind = Depthwise if groups == inputs > 1 else nn.Conv2d
    return kind(inputs, outputs, size, stride=stride, padding=size // 2, groups=groups, bias=False)


class Depthwise(nn.Conv2d):
    """A convolution of each channel by itself, which autocast leaves in float32 on a CPU.

    PyTorch's gradient of it in bfloat16 is several times slower there than in float32.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of ``x`` (images, channels, height, width)."""
        if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


def scaled(channels: int, width: float, where: str) -> int:
    """Return ``channels * width``, the number of channels of the narrowest layer of a network.

    Raises:
        InputError: if that is no whole number from 1.
    """
    found = round(channels * width)
    if found < 1 or found != channels * width:
        raise InputError(
            f"Width {width} leaves no whole number of channels in {where} ({channels * width:g}); "
            f"the nearest that does is {max(1, found) / channels:g}."
        )
    return found


def unborn(make: Callable[[], M]) -> M:
    """Return the network that ``make`` returns, allocated without drawing a random number."""
    with torch.device("meta"):
        model = make()
    return model.to_empty(device="cpu")
