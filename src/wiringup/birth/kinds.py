"""All kinds of layers that a genome can hold, by name.

A new kind is a dataclass derived from `genome_layers.Layer`, and one name in `KINDS`.
"""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from wiringup.birth.best_fit import BestFitKernel, BestFitLayer
from wiringup.birth.clusters import ClusterLayer
from wiringup.birth.covariance import CovarianceLayer
from wiringup.birth.g_networks import GNetwork, NoisyGNetwork
from wiringup.birth.gabor_layers import FixedGabors, GaborBank, GaborLayer, ScrambledGabors
from wiringup.birth.genome_layers import BatchNormLayer, ConvolutionLayer, Layer, LinearLayer, read_layer
from wiringup.birth.normals import ChannelNormal, KernelNormal, LayerNormal
from wiringup.birth.shuffles import ShuffledChannel, ShuffledKernel, ShuffledLayer
from wiringup.birth.signs import SignLayer
from wiringup.birth.weight_mixtures import ChannelMixture, KernelMixture
from wiringup.core.checks import one_of
from wiringup.core.errors import InputError

CONVOLUTIONS: Mapping[str, type[ConvolutionLayer]] = {
    kind.kind: kind
    for kind in (
        GaborLayer, ClusterLayer, LayerNormal, KernelNormal, ChannelNormal, BestFitLayer, BestFitKernel,
        KernelMixture, ChannelMixture, ShuffledLayer, ShuffledKernel, ShuffledChannel, FixedGabors,
        ScrambledGabors, GaborBank, CovarianceLayer, SignLayer, GNetwork, NoisyGNetwork,
    )
}  # fmt: skip
"""Names in genome files -> kinds that describe convolutions."""

KINDS: Mapping[str, type[Layer]] = {
    BatchNormLayer.kind: BatchNormLayer, LinearLayer.kind: LinearLayer, **CONVOLUTIONS
}  # fmt: skip
"""Names in genome files -> all kinds."""


def layer_from_dict(name: str, entry: Any, tensors: Mapping[str, NDArray[Any]] | None = None) -> Layer:
    """Read the JSON form of the layer called ``name``; ``tensors`` are the values beside the file.

    Raises:
        InputError: naming the layer, the field and what is wrong with it.
    """
    if not isinstance(entry, Mapping):
        raise InputError(f"Genome, layer {name}: expected an object with a 'kind', got {entry!r:.60}.")
    kind = KINDS[one_of(str(entry.get("kind")), KINDS, f"kind of layer {name}")]
    return read_layer(kind, name, entry, tensors or {})
