"""What architectures share."""

import torch
from torch import nn

from wiringup.models.blocks import Depthwise, conv


def test_each_channel_by_itself_is_convolved_in_float32_where_a_cpu_is_faster_so():
    torch.manual_seed(0)
    layer, x = conv(8, 8, 3, groups=8), torch.randn(2, 8, 6, 6, requires_grad=True)
    plain = nn.functional.conv2d(x, layer.weight, padding=1, groups=8)
    (expected,) = torch.autograd.grad(plain.sum(), x)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x.bfloat16())
        same = layer(x)
    assert found.dtype == same.dtype == torch.float32
    assert torch.equal(same, plain) and torch.allclose(found, plain, atol=0.05)
    assert torch.equal(torch.autograd.grad(same.sum(), x)[0], expected)
    assert torch.equal(layer(x), plain)


def test_only_convolutions_of_single_channels_are_such():
    assert type(conv(8, 8, 3, groups=8)) is Depthwise
    assert {type(conv(8, 16, 3)), type(conv(1, 4, 3)), type(conv(8, 8, 3, groups=4))} == {nn.Conv2d}
