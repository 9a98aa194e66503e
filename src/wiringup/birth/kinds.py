"""All kinds of layers that a genome can hold: how each is fitted to weights and how it is drawn from.

A new kind is a dataclass derived from `layers.Layer` and one line in `KINDS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from wiringup.birth.best_fit import (
    BestFitKernel,
    BestFitLayer,
    fit_best_kernels,
    fit_best_layer,
    sample_best_fit,
)
from wiringup.birth.clusters import fit_clusters, fitting_count, sample_clusters
from wiringup.birth.covariance import CovarianceLayer, fit_covariance, sample_covariance
from wiringup.birth.g_networks import (
    GNetwork,
    NoisyGNetwork,
    fit_g_network,
    sample_g_network,
    sample_noisy_g_network,
)
from wiringup.birth.gabor import sample_gabors
from wiringup.birth.gabor_controls import (
    FixedGabors,
    GaborBank,
    ScrambledGabors,
    fit_control,
    sample_fixed_gabors,
    sample_gabor_bank,
    sample_scrambled_gabors,
)
from wiringup.birth.gabor_fit import fit_gabor_layer
from wiringup.birth.genome_layers import (
    BatchNormLayer,
    ClusterLayer,
    GaborLayer,
    Layer,
    LinearLayer,
    read_layer,
)
from wiringup.birth.normals import (
    ChannelNormal,
    KernelNormal,
    LayerNormal,
    fit_channel_normal,
    fit_kernel_normal,
    fit_layer_normal,
    sample_group_normal,
    sample_layer_normal,
)
from wiringup.birth.shuffles import (
    ShuffledChannel,
    ShuffledKernel,
    ShuffledLayer,
    keeping,
    sample_shuffled,
)
from wiringup.birth.signs import SignLayer, fit_signs, sample_signs
from wiringup.birth.weight_mixtures import (
    ChannelMixture,
    KernelMixture,
    fit_channel_mixture,
    fit_kernel_mixture,
    sample_channel_mixture,
    sample_kernel_mixture,
)
from wiringup.core.checks import one_of
from wiringup.core.errors import InputError

Sampler = Callable[[Any, torch.Size, Generator], Tensor]
"""(layer, shape of the weights, generator) -> float32 weights; adaptation to another shape is in here."""

Fit = Callable[[Tensor, Generator, int], Layer]
"""(trained weights, generator, size of the description, or 0 for one that fits) -> layer."""


@dataclass(frozen=True)
class Kind:
    """A kind of layer.

    Attributes:
        layer: its dataclass.
        sample: draws the weights of a convolution; None for layers that are no convolutions.
        fit: describes trained weights (out, in, k, k).
        drawn: False where the values are a rule: every seed gives the same.
        sized_by: what the size counts that ``fit`` is given: "clusters", "hidden units", or "" for nothing.
    """

    layer: type[Layer]
    sample: Sampler | None = None
    fit: Fit | None = None
    drawn: bool = True
    sized_by: str = ""

    def describe(self, weight: Tensor, generator: Generator, size: int) -> Layer:
        """Return a layer that describes trained weights; see `Fit`.

        Raises:
            InputError: if this kind is not fitted to weights, or cannot describe these.
        """
        if self.fit is None:
            raise InputError(f"A {self.layer.kind!r} layer is not fitted to trained weights.")
        return self.fit(weight, generator, size)


def _alone(fit: Callable[[Tensor], Layer]) -> Fit:
    """Return ``fit`` for kinds that need the weights alone."""
    return lambda weight, generator, size: fit(weight)


def _sampling(fit: Callable[[Tensor, Generator], Layer]) -> Fit:
    """Return ``fit`` for kinds that subsample the weights."""
    return lambda weight, generator, size: fit(weight, generator)


def _control(kind: str) -> Fit:
    return lambda weight, generator, size: fit_control(weight, kind)


def _clusters(weight: Tensor, generator: Generator, clusters: int) -> Layer:
    return fit_clusters(weight, clusters or fitting_count(weight, generator), generator)


_ALL = (
    Kind(BatchNormLayer),
    Kind(LinearLayer),
    Kind(GaborLayer, sample_gabors, _alone(fit_gabor_layer)),
    Kind(ClusterLayer, sample_clusters, _clusters, sized_by="clusters"),
    Kind(LayerNormal, sample_layer_normal, _alone(fit_layer_normal)),
    Kind(KernelNormal, sample_group_normal, _alone(fit_kernel_normal)),
    Kind(ChannelNormal, sample_group_normal, _alone(fit_channel_normal)),
    Kind(BestFitLayer, sample_best_fit, _sampling(fit_best_layer)),
    Kind(BestFitKernel, sample_best_fit, _sampling(fit_best_kernels)),
    Kind(KernelMixture, sample_kernel_mixture, _alone(fit_kernel_mixture)),
    Kind(ChannelMixture, sample_channel_mixture, _sampling(fit_channel_mixture)),
    Kind(ShuffledLayer, sample_shuffled, _alone(keeping(ShuffledLayer))),
    Kind(ShuffledKernel, sample_shuffled, _alone(keeping(ShuffledKernel))),
    Kind(ShuffledChannel, sample_shuffled, _alone(keeping(ShuffledChannel))),
    Kind(FixedGabors, sample_fixed_gabors, _control("fixed_gabors"), drawn=False),
    Kind(ScrambledGabors, sample_scrambled_gabors, _control("scrambled_gabors")),
    Kind(GaborBank, sample_gabor_bank, _control("gabor_bank"), drawn=False),
    Kind(CovarianceLayer, sample_covariance, _alone(fit_covariance)),
    Kind(SignLayer, sample_signs, _alone(fit_signs)),
    Kind(GNetwork, sample_g_network, fit_g_network, drawn=False, sized_by="hidden units"),
    Kind(
        NoisyGNetwork,
        sample_noisy_g_network,
        partial(fit_g_network, kind=NoisyGNetwork),
        sized_by="hidden units",
    ),
)

KINDS: Mapping[str, Kind] = {kind.layer.kind: kind for kind in _ALL}
"""Names in genome files -> kinds."""


def layer_from_dict(name: str, entry: Any, tensors: Mapping[str, NDArray[Any]] | None = None) -> Layer:
    """Read the JSON form of the layer called ``name``; ``tensors`` are the values beside the file.

    Raises:
        InputError: naming the layer, the field and what is wrong with it.
    """
    if not isinstance(entry, Mapping):
        raise InputError(f"Genome, layer {name}: expected an object with a 'kind', got {entry!r:.60}.")
    kind = KINDS[one_of(str(entry.get("kind")), KINDS, f"kind of layer {name}")]
    return read_layer(kind.layer, name, entry, tensors or {})
