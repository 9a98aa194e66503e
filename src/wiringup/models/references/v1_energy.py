"""The energy model of V1: simple and complex cells at every frequency, orientation and position.

Quadrature pairs and their energy: Adelson & Bergen 1985 (J Opt Soc Am A 2:284). Divisive normalisation:
Heeger 1992 (Vis Neurosci 9:181). The layout is a Gabor wavelet pyramid (as in Kay, Naselaris, Prenger &
Gallant 2008, Nature 452:352): cells that prefer f cycles per image stand on a grid of f x f positions.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wiringup.core.areas import SCORED
from wiringup.core.checks import at_least
from wiringup.core.errors import InputError
from wiringup.models.readout import NetworkSubject
from wiringup.models.references.luminance import Luminance

FREQUENCIES = (2, 4, 8, 16, 32)
"""Preferred spatial frequencies in cycles per image: one octave apart."""
ORIENTATIONS = 8
BANDWIDTH = 1.4
"""Octaves, full width at half height: the median of macaque cells (De Valois, Albrecht & Thorell 1982)."""
SIGMA = math.sqrt(math.log(2) / 2) / math.pi * (2**BANDWIDTH + 1) / (2**BANDWIDTH - 1)
"""Of the round Gaussian envelope, in wavelengths: 0.42, which gives that bandwidth."""
FEWEST_PIXELS = 3  # in a cycle: what the image still carries
SEMISATURATION = 0.2


class V1Energy(nn.Module):
    """Simple and complex cells; layers to read out are ``simple`` and ``complex``.

    The linear response L of a cell is in units of contrast: a full-contrast grating of the preferred
    frequency and orientation, in phase, gives 1. Uniform images give 0. With E = L_even^2 + L_odd^2:
    a complex cell responds sqrt(E), a simple cell max(L, 0) (four phases: 0, 90, 180, 270 degrees), both
    divided by sqrt(1 + pool / semisaturation^2), the pool being the energy of all orientations and
    frequencies at the cell's place.

    Args:
        size: side of the images in px.
        frequencies: preferred, in cycles per image: powers of 2, so that grids nest.
        orientations: preferred, evenly spread over 180 degrees: of the grating's normal, counter-clockwise
            from the right.
        semisaturation: contrast energy at which normalisation sets in; ``math.inf`` for none.

    Raises:
        InputError: if a cycle of the highest frequency has fewer than three pixels.
    """

    semisaturation: Tensor

    def __init__(
        self,
        size: int,
        frequencies: Sequence[int] = FREQUENCIES,
        orientations: int = ORIENTATIONS,
        semisaturation: float = SEMISATURATION,
    ) -> None:
        super().__init__()
        if size < FEWEST_PIXELS * max(frequencies):
            raise InputError(
                f"{max(frequencies)} cycles per image need at least {FEWEST_PIXELS * max(frequencies)} px; "
                f"got {size}. Use larger images or lower frequencies."
            )
        self.frequencies = tuple(frequencies)
        self.register_buffer("semisaturation", torch.tensor(float(semisaturation)))
        for f in self.frequencies:
            envelope, waves = factors(size, f, orientations)
            self.register_buffer(f"envelope{f}", envelope)
            self.register_buffer(f"waves{f}", waves)
        self.grey = Luminance()
        self.simple, self.complex = nn.Identity(), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map preprocessed images (n, 3, size, size) to complex cells (n, units)."""
        contrast = 2 * self.grey(x)[:, 0] - 1
        pairs = [self.pairs(contrast, f) for f in self.frequencies]
        gains = self._gains([p.abs().square() for p in pairs])
        normalised = [pair * gain for pair, gain in zip(pairs, gains, strict=True)]
        self.simple(_flat([_phases(pair) for pair in normalised]))
        responses: Tensor = self.complex(_flat([pair.abs() for pair in normalised]))
        return responses

    def pairs(self, contrast: Tensor, frequency: int) -> Tensor:
        """Return even (real) and odd (imaginary) responses, complex64 (n, orientations, rows, columns).

        A round Gabor is the product of a function of x and one of y, and so is its envelope, of which as
        much is subtracted as makes the Gabor blind to uniform images.

        Args:
            contrast: float32 (n, size, size), between -1 and 1.
            frequency: which cells, by their preferred frequency.
        """
        envelope = self.get_buffer(f"envelope{frequency}")
        vertical, horizontal = self.get_buffer(f"waves{frequency}")
        matched = vertical @ contrast.unsqueeze(1).to(vertical.dtype) @ horizontal.mT
        uniform = vertical.sum(-1).unsqueeze(-1) * horizontal.sum(-1).unsqueeze(-2)
        pairs: Tensor = 2 * (matched - uniform * (envelope @ contrast @ envelope.mT).unsqueeze(1))
        return pairs

    def _gains(self, energies: Sequence[Tensor]) -> list[Tensor]:
        """1 / sqrt(1 + pool / semisaturation^2) at the places of each frequency: (n, 1, rows, columns)."""
        local = [energy.sum(1, keepdim=True) for energy in energies]  # over orientations
        pools = [sum(F.adaptive_avg_pool2d(e, at.shape[-1]) for e in local) for at in local]
        return [(1 + pool / self.semisaturation**2).rsqrt() for pool in pools]


def _flat(responses: Sequence[Tensor]) -> Tensor:
    return torch.cat([r.flatten(1) for r in responses], 1)


def _phases(pair: Tensor) -> Tensor:
    """Half-rectified responses of cells of 0, 90, 180 and 270 degrees: (n, 4, orientations, ...)."""
    return torch.stack([pair.real, pair.imag, -pair.real, -pair.imag], 1).relu()


def factors(size: int, frequency: int, orientations: int) -> tuple[Tensor, Tensor]:
    """Return the factors of round Gabors at ``frequency`` x ``frequency`` positions.

    Returns:
        Envelopes (positions, size), each of sum 1; and waves, complex64 (2, orientations, positions, size):
        the factor of y, which points up (rows point down), and that of x.
    """
    place = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    centre = (torch.arange(frequency, dtype=torch.float64) + 0.5) / frequency
    distance = place - centre.unsqueeze(1)
    envelope = (-0.5 * (distance * frequency / SIGMA) ** 2).exp()
    envelope = envelope / envelope.sum(1, keepdim=True)
    theta = torch.arange(orientations, dtype=torch.float64) * math.pi / orientations
    direction = torch.stack([-theta.sin(), theta.cos()]).view(2, -1, 1, 1)
    phase = 2 * math.pi * frequency * direction * distance
    return envelope.float(), torch.polar(envelope.expand_as(phase), phase).to(torch.complex64)


def v1_energy(size: int, semisaturation: float = SEMISATURATION) -> NetworkSubject:
    """Return the energy model as a subject; its complex cells stand for every area, as pixels do.

    Frequencies of `FREQUENCIES` that images of ``size`` px do not carry are left out: 32 cycles per image
    need 96 px, 16 need 48.

    Args:
        size: side of its input in px.
        semisaturation: see `V1Energy`.

    Raises:
        InputError: if the images do not even carry the lowest frequency.
    """
    at_least(size, FEWEST_PIXELS * min(FREQUENCIES), "the image size in pixels")
    carried = [f for f in FREQUENCIES if size >= FEWEST_PIXELS * f]
    model = V1Energy(size, carried, semisaturation=semisaturation)
    return NetworkSubject("v1_energy", model, dict.fromkeys(SCORED, "complex"), size)
