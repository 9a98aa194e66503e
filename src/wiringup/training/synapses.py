"""Synapses of a model as a table, and sets of them with their algebra.

A synapse is one trainable parameter of the network: a convolution or decoder weight, an affine parameter of
a BatchNorm, or a bias; in networks of other packages also a token, a position or a scale. Shared weights
count once, however many time steps use them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm
from torch.nn.modules.conv import _ConvNd

from wiringup.core.errors import InputError
from wiringup.core.seeds import numpy_stream
from wiringup.models.layout import Architecture, area_of

KINDS = ("convolution", "linear", "batchnorm", "bias", "other")


@dataclass(frozen=True)
class Synapses:
    """One weight tensor: a row of the table of what learns.

    Attributes:
        parameter: its dotted name, such as ``V2.conv3.weight``.
        layer: the module that holds it, such as ``V2.conv3``.
        area: the block it lies in (V1, V2, V4, IT, decoder).
        kind: convolution, linear, batchnorm (affine), bias or other (of any other module).
        count: numbers in the tensor.
        learns: parameters that training moves: at most ``count``, or the entries of the factors of a
            low-rank update.
        how: how and when they learn, where that is not freely and always (see `plasticity`).
    """

    parameter: str
    layer: str
    area: str
    kind: str
    shape: tuple[int, ...]
    count: int
    learns: int = 0
    how: str = ""

    @property
    def trained(self) -> bool:
        """Whether training moves any of it."""
        return self.learns > 0


@dataclass(frozen=True)
class Network:
    """What a named set may know of a model: the table of its synapses, and its architecture."""

    rows: tuple[Synapses, ...]
    architecture: Architecture

    @classmethod
    def of(cls, model: nn.Module, architecture: Architecture) -> "Network":
        """Return the table of a model."""
        named = model.named_parameters()
        return cls(
            tuple(_row(model, name, parameter, architecture) for name, parameter in named), architecture
        )


def _row(model: nn.Module, name: str, parameter: Tensor, architecture: Architecture) -> Synapses:
    layer = name.rpartition(".")[0]
    kind = _kind(model.get_submodule(layer), name)
    area = area_of(name, architecture)
    return Synapses(name, layer, area, kind, tuple(parameter.shape), parameter.numel())


def _kind(module: nn.Module, parameter: str) -> str:
    if isinstance(module, BatchNorm):
        return "batchnorm"
    if parameter.endswith("bias"):
        return "bias"
    if isinstance(module, nn.Linear):
        return "linear"
    return "convolution" if isinstance(module, _ConvNd) else "other"


ALL, NONE = torch.tensor(True), torch.tensor(False)
"""Masks of any shape."""


@dataclass(frozen=True, eq=False)
class SynapseSet:
    """A set of synapses of one model.

    Attributes:
        members: {parameter: bool mask of its shape, or `ALL` for the whole of it}. No mask is empty or full.
    """

    members: Mapping[str, Tensor]

    @classmethod
    def whole(cls, parameters: Iterable[str]) -> "SynapseSet":
        """Return the set of all synapses of these parameters."""
        return cls(dict.fromkeys(parameters, ALL))

    @classmethod
    def _of(cls, masks: Mapping[str, Tensor]) -> "SynapseSet":
        return cls({name: ALL if bool(mask.all()) else mask for name, mask in masks.items() if mask.any()})

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def __bool__(self) -> bool:
        return bool(self.members)

    def __or__(self, other: "SynapseSet") -> "SynapseSet":
        a, b = self.members, other.members
        return self._of({name: a.get(name, NONE) | b.get(name, NONE) for name in {**a, **b}})

    def __and__(self, other: "SynapseSet") -> "SynapseSet":
        a, b = self.members, other.members
        return self._of({name: a[name] & b[name] for name in a if name in b})

    def __sub__(self, other: "SynapseSet") -> "SynapseSet":
        a, b = self.members, other.members
        return self._of({name: a[name] & ~b.get(name, NONE) for name in a})

    def counts(self, rows: Iterable[Synapses]) -> dict[str, int]:
        """Return {parameter: synapses of the set} in the order of the table, where there are any."""
        return {
            row.parameter: row.count if (mask := self.members[row.parameter]) is ALL else int(mask.sum())
            for row in rows
            if row.parameter in self.members
        }

    def draw(self, count: int, rows: Iterable[Synapses], seed: int) -> "SynapseSet":
        """Return a random subset of exactly ``count`` synapses; every such subset is equally probable.

        Raises:
            InputError: if the set has fewer synapses.
        """
        rows = list(rows)
        pool = self.counts(rows)
        if count > (there := sum(pool.values())):
            raise InputError(f"{count:,} synapses were to be drawn at random, but from only {there:,}.")
        stream = numpy_stream(seed, "how many of each parameter")
        shares = stream.multivariate_hypergeometric(list(pool.values()), count, method="marginals")
        shapes = {row.parameter: row.shape for row in rows}
        drawn = zip(pool, shares, strict=True)
        return self._of({n: _draw(self.members[n], shapes[n], int(k), seed, n) for n, k in drawn})


def _draw(mask: Tensor, shape: tuple[int, ...], count: int, seed: int, name: str) -> Tensor:
    flat = torch.zeros(int(np.prod(shape)), dtype=torch.bool)
    members = mask.expand(shape).flatten().nonzero()[:, 0]
    stream = numpy_stream(seed, "which of", name)
    chosen = torch.from_numpy(stream.choice(len(members), count, replace=False, shuffle=False))
    flat[members[chosen]] = True
    return flat.view(shape)
