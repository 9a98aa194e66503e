"""Other first layers of Gabors, as controls of the mixture that weight compression draws from.

Source: Geiger et al. 2022, supplement, controls. The other layers stay clusters, so that only the first layer
makes the difference.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Generator, Tensor

from wiringup.birth.distributions import resampled, shuffled
from wiringup.birth.gabor import check_colours, gabor
from wiringup.birth.gabor_fit import fit_gabor_layer
from wiringup.birth.genome_layers import GaborLayer, Layer, Shape, negative, rounded

ORIENTATIONS, PHASES = 8, 2
"""Of the bank: orientations evenly over half a turn, phases 0 (even) and a quarter (odd)."""

_SIGMA = 0.562  # times the wavelength: an envelope that passes one octave at half height


@dataclass(frozen=True, eq=False)
class FixedGabors(GaborLayer):
    """The fitted Gabors themselves, one for one."""

    kind: ClassVar[str] = "fixed_gabors"


@dataclass(frozen=True, eq=False)
class ScrambledGabors(GaborLayer):
    """The fitted Gabors with each of their eight parameters shuffled on its own.

    Every parameter keeps its distribution; what belonged together (frequency and size, the colours of a
    filter) no longer does.
    """

    kind: ClassVar[str] = "scrambled_gabors"


@dataclass(frozen=True, eq=False)
class GaborBank(Layer):
    """A regular bank of achromatic Gabors, the textbook's V1: nothing of it is drawn.

    Attributes:
        kernel_size: side of the kernels that the pixel units belong to.
        frequency_low: cycles/px of the coarsest Gabors.
        frequency_high: cycles/px of the finest.
        rms: root mean square of the weights of every filter.
    """

    kind: ClassVar[str] = "gabor_bank"
    whole: ClassVar[tuple[str, ...]] = ("kernel_size",)
    shapes: ClassVar[Mapping[str, Shape]] = dict.fromkeys(("frequency_low", "frequency_high", "rms"), ())
    kernel_size: int
    frequency_low: float
    frequency_high: float
    rms: float

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        if not 0 < self.frequency_low <= self.frequency_high:
            return "frequency_low: has to be above 0 and not above frequency_high"
        return negative(self, "rms")

    def summary(self) -> str:
        """Return the range of frequencies."""
        return f"{self.frequency_low:.3g} to {self.frequency_high:.3g} cycles/px, rms {self.rms:.3g}"


def sample_fixed_gabors(layer: FixedGabors, shape: torch.Size, generator: Generator) -> Tensor:
    """Return the fitted filters (out, colours, k, k); any number of filters draws among them."""
    check_colours(layer, shape)
    chosen = resampled(len(layer.fits), shape[0], generator)
    return gabor(torch.from_numpy(layer.fits)[chosen], shape[2], layer.kernel_size).float()


def sample_scrambled_gabors(layer: ScrambledGabors, shape: torch.Size, generator: Generator) -> Tensor:
    """Draw filters (out, colours, k, k) whose parameters come from different filters.

    The amplitude, scale / (2 pi sigma_x sigma_y), moves as one parameter: a scale on the envelope of another
    filter would change the power of the layer several times over. As many filters as were fitted take every
    parameter once; another number draws with replacement.
    """
    check_colours(layer, shape)
    parameters = torch.from_numpy(layer.fits[..., :8]).flatten(0, 1)
    areas = 2 * math.pi * parameters[:, 2] * parameters[:, 3]
    columns = (*parameters.T[:7], parameters[:, 7] / areas)
    wanted = shape[0] * layer.fits.shape[1]
    mixed = torch.stack([column[shuffled(len(column), wanted, generator)] for column in columns], -1)
    mixed[:, 7] *= 2 * math.pi * mixed[:, 2] * mixed[:, 3]
    return gabor(mixed.view(shape[0], -1, 8), shape[2], layer.kernel_size).float()


def sample_gabor_bank(layer: GaborBank, shape: torch.Size, generator: Generator) -> Tensor:
    """Return a bank (out, colours, k, k): orientations first, then phases, then frequencies as needed.

    Frequencies are spaced evenly in octaves between the two that are given; the generator is not used.
    """
    index = torch.arange(shape[0])
    each = ORIENTATIONS * PHASES
    n = math.ceil(shape[0] / each)
    frequencies = np.geomspace(layer.frequency_low, layer.frequency_high, n + 2)[1:-1]
    frequency = torch.from_numpy(frequencies)[index // each]
    theta = (index % ORIENTATIONS) * math.pi / ORIENTATIONS
    phase = (index // ORIENTATIONS % PHASES) * math.pi / PHASES
    sigma, zero = _SIGMA / frequency, torch.zeros_like(frequency)
    parameters = torch.stack([frequency, theta, sigma, sigma, phase, zero, zero, zero + 1], -1)
    bank = gabor(parameters, shape[2], layer.kernel_size)
    rms = bank.square().mean((1, 2), keepdim=True).sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    return (bank / rms * layer.rms)[:, None].expand(tuple(shape)).float()


def fixed(layer: GaborLayer) -> FixedGabors:
    """Return the control whose filters are the fitted ones."""
    return FixedGabors(layer.kernel_size, layer.fits)


def scrambled(layer: GaborLayer) -> ScrambledGabors:
    """Return the control whose parameters are shuffled."""
    return ScrambledGabors(layer.kernel_size, layer.fits)


def bank(layer: GaborLayer) -> GaborBank:
    """Return a bank from the lowest to the highest decile of the fitted frequencies, with the fits' rms."""
    low, high = np.quantile(layer.fits[..., 0], (0.1, 0.9))
    filters = gabor(torch.from_numpy(layer.fits), layer.kernel_size)
    rms = filters.square().mean().sqrt().item()
    return GaborBank(layer.kernel_size, *rounded(np.array([low, high, rms])).tolist())


CONTROLS: Mapping[str, Callable[[GaborLayer], Layer]] = {
    "fixed_gabors": fixed,
    "scrambled_gabors": scrambled,
    "gabor_bank": bank,
}
"""Kinds of first layers that follow from fitted Gabors alone."""


def fit_control(weight: Tensor, kind: str) -> Layer:
    """Fit Gabors to a first layer and return the control of the given kind, a key of `CONTROLS`."""
    return CONTROLS[kind](fit_gabor_layer(weight))
