"""A fixed first layer of curved wavelets, and random layers behind it.

Source: Kazemian, Elmoznino & Bonner 2025, "Convolutional architectures are cortex-aligned de novo" (Nat Mach
Intell). What carries over to a network of fixed shape: the wavelets, each on one colour channel alone, and
the random uniform layers. What does not is what their claim is about: features that expand up to 30,000
random channels while space is compressed. Our widest area has 512 (and 2048 within its bottleneck), and
pooling, BatchNorm and recurrence are those of the architecture. ``examples/random_expansion.py`` puts the
expansion behind a newborn network.
"""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from wiringup.birth.distributions import kaiming_std

RADIANS_PER_PIXEL = 1.2  # a wavelength of 5.2 px
ELONGATION = 5.0  # of the envelope across the carrier; along it, it is one radian
CURVATURES = (0.01, 10**-1.05, 10**-0.1)
"""Per px: of a straight, a bent and a sharply bent wavelet, evenly spaced in logarithm."""

N_PARAMETERS = 2 + len(CURVATURES)


def curved_wavelets(shape: Sequence[int], generator: Generator) -> Tensor:
    """Return a bank of filters (out, colours, k, k); the generator is not used.

    Every wavelet comes once for each colour channel, on which alone it looks; orientations are spread over
    the full turn (a bent wavelet is another one upside down) and take turns in curvature. Kernels cut the
    wavelets, whose size in px is that of the paper; their mean is 0, their root mean square that of
    `kaiming_normal`.
    """
    outputs, colours, size = shape[0], shape[1], shape[2]
    bank = torch.zeros(tuple(shape))
    index = torch.arange(outputs)
    number = math.ceil(outputs / colours)
    which = torch.arange(number)
    curvature = torch.tensor(CURVATURES, dtype=torch.float64)[which % len(CURVATURES)]
    wavelets = wavelet(2 * math.pi * which / number, curvature, size)
    rms = wavelets.square().mean((1, 2), keepdim=True).sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    scale = math.sqrt(colours) * kaiming_std(shape)
    bank[index, index % colours] = (wavelets / rms * scale).float()[index // colours]
    return bank


def wavelet(theta: Tensor, curvature: Tensor, size: int) -> Tensor:
    """Return wavelets (n, size, size) of mean 0; rows are y, columns x.

    A cosine of `RADIANS_PER_PIXEL` along u = x' + c y'^2 under a Gaussian in u and y', with x' and y' turned
    by theta: a Gabor whose stripes are bent. The constant beside the cosine leaves a whole wavelet almost
    without a mean; what its borders cut off is made up for.

    Args:
        theta: (n,) in rad.
        curvature: (n,) in 1/px.
        size: side of the kernels in px.

    Source: banana wavelets (Krüger, Peters & von der Malsburg 1996), with the parameters of Kazemian et al.
    """
    axis = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    x, y = axis[None, :], axis[:, None]
    cosine, sine = (f(theta.double())[:, None, None] for f in (torch.cos, torch.sin))
    across = y * cosine - x * sine
    along = RADIANS_PER_PIXEL * (x * cosine + y * sine + curvature[:, None, None] * across**2)
    envelope = torch.exp(-0.5 * (along**2 + (RADIANS_PER_PIXEL * across / ELONGATION) ** 2))
    drawn = envelope * (torch.cos(along) - math.exp(-0.5))
    return drawn - drawn.mean((1, 2), keepdim=True)
