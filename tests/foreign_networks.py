"""Networks as another package would bring them, for tests of `package.module:factory`."""

import torch
from torch import Tensor, nn


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)))


class Small(nn.Module):
    """Three blocks and a classifier of five classes, with weights drawn where it is made."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.middle, self.late = Block(3, 4), Block(4, 6), Block(6, 8)
        self.scale = nn.Parameter(torch.ones(1))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.late(self.middle(self.stem(x)))
        return self.fc(self.pool(x * self.scale).flatten(1))


def small() -> nn.Module:
    print("Made a small network.")  # as some do: it must not get among results
    return Small()


def encoder() -> nn.Module:
    return nn.Sequential(Block(3, 4), Block(4, 6))


def bare() -> nn.Module:
    """Return a network without BatchNorm and biases."""
    flat = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5, bias=False)]
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), *flat)


def transformer() -> nn.Module:
    return Transformer()


class Transformer(nn.Module):
    """What births have to know beside convolutions: tokens, attention, LayerNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.patches = nn.Conv2d(3, 8, 8, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).mT
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        return self.head(self.norm(x + self.attention(x, x, x)[0])[:, 0])


class Noisy(Small):
    """Sees what it is shown through noise, in every mode."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + torch.randn_like(x))


def noisy() -> nn.Module:
    return Noisy()


def double() -> nn.Module:
    return Small().double()


def needs_argument(name: str) -> nn.Module:
    return Small()


def no_network() -> int:
    return 3


NUMBER = 3


class NormAct(nn.BatchNorm2d):
    """A norm and what comes after it, as in other packages: traced, it would be their operations."""

    def forward(self, x):
        statistics = self.running_mean, self.running_var
        y = nn.functional.batch_norm(x, *statistics, self.weight, self.bias, self.training, self.momentum)
        return nn.functional.silu(y)
