"""First layers of Gabors: the mixture that weight compression draws from, and its controls.

Source: Geiger et al. 2022, methods and supplement. With a control the other layers stay clusters, so
that only the first layer makes the difference.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Generator, Tensor

from wiringup.birth.distributions import resampled, shuffled
from wiringup.birth.gabor import CODE, GABOR_COLUMNS, PLAIN, decode, encode, gabor
from wiringup.birth.gabor_fit import fit_gabors
from wiringup.birth.genome_layers import Array, ConvolutionLayer, negative, rounded, values
from wiringup.birth.mixture import fit_mixture, sample_mixture
from wiringup.core.errors import InputError

ORIENTATIONS, PHASES = 8, 2
"""Of the bank: orientations evenly over half a turn, phases 0 (even) and a quarter (odd)."""

_SIGMA = 0.562  # times the wavelength: an envelope that passes one octave at half height


@dataclass(frozen=True, eq=False)
class GaborLayer(ConvolutionLayer):
    """Gabors fitted to a first layer (Geiger et al. 2022, methods): one for each filter and colour.

    Attributes:
        kernel_size: side of the kernels that were fitted, in px.
        fits: (filters, colours, 9), with the columns `GABOR_COLUMNS`.
    """

    kind: ClassVar[str] = "gabor"
    kernel_size: int
    fits: Array = values("filters", "colours", len(GABOR_COLUMNS))

    @property
    def n_parameters(self) -> int:
        """Number of parameters: eight for each Gabor (the fit error decides nothing)."""
        return int(self.fits[..., :8].size)

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        if (self.fits[..., 0] < 0).any():
            return "fits: a frequency is negative"
        return "fits: a sigma is not positive" if (self.fits[..., 2:4] <= 0).any() else ""

    def summary(self) -> str:
        """Return how many Gabors there are and their typical frequency."""
        filters, colours = self.fits.shape[:2]
        return f"{filters} x {colours} Gabors, median {np.median(self.fits[..., 0]):.3g} cycles/px"

    @classmethod
    def fit(cls, weight: Tensor, generator: Generator, size: int = 0) -> Self:
        """Fit a Gabor to every colour channel of every filter of trained weights (out, colours, k, k).

        Raises:
            InputError: if the kernels are not square or smaller than 3 px.
        """
        if weight.ndim != 4 or weight.shape[2] != weight.shape[3] or weight.shape[2] < 3:
            raise InputError(
                f"Gabors are fitted to weights (out, colours, k, k) with k from 3; got {tuple(weight.shape)}."
            )
        kernels = weight.detach().double().flatten(0, 1)
        fits = fit_gabors(kernels).reshape(*weight.shape[:2], -1)
        return cls(weight.shape[2], rounded(fits))

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Draw filters (out, colours, k, k) from a Gaussian mixture of the fitted filters.

        All colour channels of a filter are drawn together. Frequency, sigmas, centre and scale are kept
        within the range of the fits, since a normal distribution knows no bounds and a Gabor with a
        negative sigma or a frequency above Nyquist does not exist. Any number of filters; another kernel
        size resizes the Gabors.

        Raises:
            InputError: if the layer has another number of colour channels, or kernels that are not square.
        """
        self._check_colours(shape)
        return gabor(self.sample_parameters(shape[0], generator), shape[2], self.kernel_size).float()

    def sample_parameters(self, filters: int, generator: Generator) -> Tensor:
        """Draw the parameters (filters, colours, 8) of `sample`."""
        colours = self.fits.shape[1]
        encoded = encode(self.fits)
        drawn = sample_mixture(fit_mixture(encoded), filters, generator)
        codes = drawn.reshape(filters, colours, CODE)
        fitted = torch.from_numpy(encoded).reshape(-1, colours, CODE)
        plain = slice(len(PLAIN))
        codes[..., plain] = codes[..., plain].clamp(fitted.amin(0)[..., plain], fitted.amax(0)[..., plain])
        return decode(codes.flatten(1))

    def _check_colours(self, shape: torch.Size) -> None:
        """Raise `InputError` if Gabors cannot make weights of ``shape``."""
        colours = self.fits.shape[1]
        if len(shape) != 4 or shape[1] != colours or shape[2] != shape[3]:
            raise InputError(
                f"These Gabors make weights (out, {colours}, k, k) with square kernels; got {tuple(shape)}."
            )

    @classmethod
    def of(cls, gabors: "GaborLayer") -> Self:
        """Return a layer of this kind with the same fits."""
        return cls(gabors.kernel_size, gabors.fits)


@dataclass(frozen=True, eq=False)
class FixedGabors(GaborLayer):
    """The fitted Gabors themselves, one for one."""

    kind: ClassVar[str] = "fixed_gabors"
    drawn: ClassVar[bool] = False

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Return the fitted filters (out, colours, k, k); any number of filters draws among them."""
        self._check_colours(shape)
        chosen = resampled(len(self.fits), shape[0], generator)
        return gabor(torch.from_numpy(self.fits)[chosen], shape[2], self.kernel_size).float()


@dataclass(frozen=True, eq=False)
class ScrambledGabors(GaborLayer):
    """The fitted Gabors with each of their eight parameters shuffled on its own.

    Every parameter keeps its distribution; what belonged together (frequency and size, the colours of a
    filter) no longer does.
    """

    kind: ClassVar[str] = "scrambled_gabors"

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Draw filters (out, colours, k, k) whose parameters come from different filters.

        The amplitude, scale / (2 pi sigma_x sigma_y), moves as one parameter: a scale on the envelope of
        another filter would change the power of the layer several times over. As many filters as were fitted
        take every parameter once; another number draws with replacement.
        """
        self._check_colours(shape)
        parameters = torch.from_numpy(self.fits[..., :8]).flatten(0, 1)
        areas = 2 * math.pi * parameters[:, 2] * parameters[:, 3]
        columns = (*parameters.T[:7], parameters[:, 7] / areas)
        wanted = shape[0] * self.fits.shape[1]
        mixed = torch.stack([column[shuffled(len(column), wanted, generator)] for column in columns], -1)
        mixed[:, 7] *= 2 * math.pi * mixed[:, 2] * mixed[:, 3]
        return gabor(mixed.view(shape[0], -1, 8), shape[2], self.kernel_size).float()


@dataclass(frozen=True, eq=False)
class GaborBank(ConvolutionLayer):
    """A regular bank of achromatic Gabors, the textbook's V1: nothing of it is drawn.

    Attributes:
        kernel_size: side of the kernels that the pixel units belong to.
        frequency_low: cycles/px of the coarsest Gabors.
        frequency_high: cycles/px of the finest.
        rms: root mean square of the weights of every filter.
    """

    kind: ClassVar[str] = "gabor_bank"
    drawn: ClassVar[bool] = False
    kernel_size: int
    frequency_low: float = values()
    frequency_high: float = values()
    rms: float = values()

    def fault(self) -> str:
        """Return what is impossible about the values, or an empty string."""
        if not 0 < self.frequency_low <= self.frequency_high:
            return "frequency_low: has to be above 0 and not above frequency_high"
        return negative(self, "rms")

    def summary(self) -> str:
        """Return the range of frequencies."""
        return f"{self.frequency_low:.3g} to {self.frequency_high:.3g} cycles/px, rms {self.rms:.3g}"

    def sample(self, shape: torch.Size, generator: Generator) -> Tensor:
        """Return a bank (out, colours, k, k): orientations first, then phases, then frequencies as needed.

        Frequencies are spaced evenly in octaves between the two that are given; the generator is not used.
        """
        index = torch.arange(shape[0])
        each = ORIENTATIONS * PHASES
        n = math.ceil(shape[0] / each)
        frequencies = np.geomspace(self.frequency_low, self.frequency_high, n + 2)[1:-1]
        frequency = torch.from_numpy(frequencies)[index // each]
        theta = (index % ORIENTATIONS) * math.pi / ORIENTATIONS
        phase = (index // ORIENTATIONS % PHASES) * math.pi / PHASES
        sigma, zero = _SIGMA / frequency, torch.zeros_like(frequency)
        parameters = torch.stack([frequency, theta, sigma, sigma, phase, zero, zero, zero + 1], -1)
        bank = gabor(parameters, shape[2], self.kernel_size)
        rms = bank.square().mean((1, 2), keepdim=True).sqrt().clamp(min=torch.finfo(torch.float64).tiny)
        return (bank / rms * self.rms)[:, None].expand(tuple(shape)).float()

    @classmethod
    def fit(cls, weight: Tensor, generator: Generator, size: int = 0) -> Self:
        """Fit Gabors to trained weights, and return their bank, see `of`."""
        return cls.of(GaborLayer.fit(weight, generator))

    @classmethod
    def of(cls, gabors: GaborLayer) -> Self:
        """Return a bank from the lowest to the highest decile of the fitted frequencies, with their rms."""
        low, high = np.quantile(gabors.fits[..., 0], (0.1, 0.9))
        filters = gabor(torch.from_numpy(gabors.fits), gabors.kernel_size)
        rms = filters.square().mean().sqrt().item()
        return cls(gabors.kernel_size, *rounded(np.array([low, high, rms])).tolist())


CONTROLS: Mapping[str, Callable[[GaborLayer], ConvolutionLayer]] = {
    kind.kind: kind.of for kind in (FixedGabors, ScrambledGabors, GaborBank)
}
"""Kinds of first layers that follow from fitted Gabors alone."""
