"""Fitting Gabors to kernels: every kernel from several starts at once, by least squares."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wiringup.birth.gabor import canonical, gabor

_RIDGE = 0.05  # on the amplitude, in units of the kernel's root mean square
_FIRST_ROUNDS = 12
_STEP = 1e-5  # of the central differences, in free parameters of order one


@dataclass(frozen=True)
class Bounds:
    """What a fit may find in a kernel of a given side: (frequency, sigma_x, sigma_y, centre_x, centre_y).

    Half a cycle to the kernel up to Nyquist, envelopes from two thirds of a pixel to the kernel's side,
    centres within the kernel.
    """

    size: int

    @property
    def low(self) -> Tensor:
        """Lower bounds, (5,)."""
        half = self.size / 2
        return torch.tensor([0.5 / self.size, 0.65, 0.65, -half, -half], dtype=torch.float64)

    @property
    def high(self) -> Tensor:
        """Upper bounds, (5,)."""
        half = self.size / 2
        return torch.tensor([0.5, self.size, self.size, half, half], dtype=torch.float64)


def fit_gabors(kernels: Tensor, iterations: int = 50) -> NDArray[np.float64]:
    """Fit kernels (n, k, k); return (n, 9) with the columns `gabor.GABOR_COLUMNS`.

    Each kernel starts from the best Gabor of a coarse grid at each of several frequencies; all starts of
    all kernels descend together by Levenberg-Marquardt, the better two of each kernel to the end. A weak
    ridge on the amplitude excludes solutions in which a huge Gabor shows only its zero crossing.
    """
    rms = kernels.square().mean((1, 2)).sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    targets = (kernels / rms[:, None, None]).flatten(1)
    bounds = Bounds(kernels.shape[-1])
    free = _starts(targets, bounds)
    for rounds, survivors in ((_FIRST_ROUNDS, 2), (iterations, 1)):
        free = _descend(free, targets, bounds, rounds, survivors)
    parameters = _parameters(free[:, 0], bounds)
    parameters[:, 7] *= rms
    error = (gabor(parameters, bounds.size) - kernels).square().mean((1, 2))
    return canonical(torch.cat([parameters, error[:, None]], 1).numpy())


def _parameters(free: Tensor, bounds: Bounds) -> Tensor:
    """Map unbounded parameters (..., 8) to Gabor parameters (..., 8).

    The free ones are five that are bounded, on a logistic scale, theta, and the amplitudes of the
    cosine and sine carriers (which, unlike scale and phase, enter linearly).
    """
    bounded = bounds.low + (bounds.high - bounds.low) * torch.sigmoid(free[..., :5])
    frequency, sigma_x, sigma_y, x, y = bounded.unbind(-1)
    theta, cosine, sine = free[..., 5:].unbind(-1)
    phase = torch.atan2(-sine, cosine)
    scale = torch.sqrt(cosine**2 + sine**2) * 2 * math.pi * sigma_x * sigma_y
    return torch.stack([frequency, theta, sigma_x, sigma_y, phase, x, y, scale], -1)


def _residuals(free: Tensor, targets: Tensor, bounds: Bounds) -> Tensor:
    """Return (..., k k + 2): the misfit to targets (..., k k), then the ridge on the amplitude."""
    misfit = gabor(_parameters(free, bounds), bounds.size).flatten(-2) - targets
    return torch.cat([misfit, _RIDGE * free[..., 6:]], -1)


def _jacobian(free: Tensor, targets: Tensor, bounds: Bounds) -> Tensor:
    """Return the derivatives (m, k k + 2, 8) of the residuals by central differences."""
    step = _STEP * torch.eye(free.shape[1], dtype=free.dtype)
    up, down = (_residuals(free[:, None] + s, targets[:, None], bounds) for s in (step, -step))
    return ((up - down) / (2 * _STEP)).mT


def _descend(free: Tensor, targets: Tensor, bounds: Bounds, iterations: int, survivors: int) -> Tensor:
    """Improve all starts (kernels, starts, 8) and return the best ``survivors`` of each kernel."""
    n, each = free.shape[:2]
    repeated = targets.repeat_interleave(each, 0)
    found, cost = _levenberg_marquardt(free.flatten(0, 1), repeated, bounds, iterations)
    best = cost.view(n, each).topk(survivors, largest=False).indices
    return found.view(n, each, -1)[torch.arange(n)[:, None], best]


def _levenberg_marquardt(
    free: Tensor, targets: Tensor, bounds: Bounds, iterations: int
) -> tuple[Tensor, Tensor]:
    """Minimise all problems (m, 8) together; return their parameters and sums of squares (m,)."""
    damping = torch.full((len(free), 1), 1e-2, dtype=free.dtype)
    residual = _residuals(free, targets, bounds)
    for _ in range(iterations):
        jacobian = _jacobian(free, targets, bounds)
        normal = jacobian.mT @ jacobian
        weight = torch.diag_embed(damping * normal.diagonal(dim1=1, dim2=2) + 1e-9)
        trial = free - torch.linalg.solve(normal + weight, jacobian.mT @ residual[..., None])[..., 0]
        tried = _residuals(trial, targets, bounds)
        better = (tried.square().sum(1) < residual.square().sum(1))[:, None]
        free, residual = torch.where(better, trial, free), torch.where(better, tried, residual)
        damping = torch.where(better, damping / 3, damping * 4).clamp(1e-9, 1e9)
    return free, residual.square().sum(1)


def _starts(targets: Tensor, bounds: Bounds) -> Tensor:
    """Return (kernels, frequencies, 8) free parameters: the best grid point at each frequency."""
    grid = _grid(bounds)  # (frequencies, points, 6)
    fraction = (grid[..., :5] - bounds.low) / (bounds.high - bounds.low)
    free = torch.cat([torch.logit(fraction, eps=1e-3), grid[..., 5:]], -1)
    carriers = torch.eye(2, dtype=torch.float64)
    shape = (*free.shape[:2], 2, 2)
    both = torch.cat([free[:, :, None].expand(*shape[:3], 6), carriers.expand(shape)], -1)
    basis = gabor(_parameters(both, bounds), bounds.size).flatten(3)  # (frequencies, points, 2, k k)
    gram = basis @ basis.mT + _RIDGE**2 * carriers
    dot = torch.einsum("fpck,nk->nfpc", basis, targets)
    amplitudes = torch.linalg.solve(gram, dot[..., None])[..., 0]
    best = (amplitudes * dot).sum(-1).argmax(-1)  # the largest drop in the sum of squares
    rows = torch.arange(len(free))
    return torch.cat([free[rows, best], amplitudes[torch.arange(len(best))[:, None], rows, best]], -1)


def _grid(bounds: Bounds) -> Tensor:
    """Return (frequencies, points, 6): frequency, sigmas, centre, theta."""
    size, n = bounds.size, torch.float64
    frequencies = torch.linspace(0.75 / size, 0.45, 6, dtype=n)
    sigmas = torch.tensor([0.2, 0.4], dtype=n) * size
    centres = torch.tensor([-0.2, 0.0, 0.2], dtype=n) * size
    thetas = torch.arange(12, dtype=n) * math.pi / 12
    f, s, x, y, t = torch.meshgrid(frequencies, sigmas, centres, centres, thetas, indexing="ij")
    return torch.stack([f, s, s, x, y, t], -1).flatten(1, -2)
