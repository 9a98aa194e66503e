"""Grey values: the one input channel of the reference models."""

import torch
from torch import Tensor, nn

from wiringup.models.preprocessing import MEAN, STD

REC_601 = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in luma (ITU-R BT.601), as in the usual conversion to grey."""


class Luminance(nn.Module):
    """Undoes the networks' normalisation of colour and returns grey values in [0, 1]."""

    weight: Tensor
    offset: Tensor

    def __init__(self) -> None:
        super().__init__()
        luma, mean, std = (torch.tensor(v, dtype=torch.float64) for v in (REC_601, MEAN, STD))
        self.register_buffer("weight", (luma * std).float().view(1, 3, 1, 1))
        self.register_buffer("offset", (luma @ mean).float())

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, 3, h, w), as `preprocessing.preprocess` makes them, to (n, 1, h, w)."""
        return ((x * self.weight).sum(1, keepdim=True) + self.offset).contiguous()
