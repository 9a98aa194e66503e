"""What there is to draw of a genome, as arrays alone: the figures that show them never load torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Filters:
    """A first layer.

    Attributes:
        name: of the layer.
        summary: its distribution in words.
        born: sampled filters (filters, 3, k, k).
        trained: the trained ones of the same shape, if there are any.
        fitted: parameter of a Gabor -> values of all fits; empty for other kinds of layers.
        drawn: the same of sampled Gabors; empty where none are sampled.
    """

    name: str
    summary: str
    born: Array
    trained: Array | None
    fitted: Mapping[str, Array]
    drawn: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Kernels:
    """Any other convolution.

    Attributes:
        name: of the layer.
        summary: its distribution in words.
        born: sampled kernels (out, in, k, k), or the corner of them that is to be shown.
        trained: trained ones of the same shape, if there are any.
        centers: (clusters, k, k); None for other kinds of layers.
        shares: (clusters,) of the channels that belong to each cluster.
    """

    name: str
    summary: str
    born: Array
    trained: Array | None
    centers: Array | None = None
    shares: Array | None = None


@dataclass(frozen=True, eq=False)
class Norms:
    """Fitted BatchNorms: names, and mean and standard deviation (norms, 2) of weights and of biases."""

    names: Sequence[str]
    weight: Array
    bias: Array


@dataclass(frozen=True, eq=False)
class Drawing:
    """All that is drawn of a genome."""

    title: str
    first: Filters | None
    layers: Sequence[Kernels]
    norms: Norms | None
