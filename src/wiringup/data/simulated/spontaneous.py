"""What an eye sends before it sees: movies like retinal waves, and noise, two frames at a time.

Retinal waves are bands of activity that start anywhere, cross ever-changing, finite domains of the retina at
0.1 to 0.3 mm/s, and leave cells refractory behind them (Meister, Wong, Baylor & Shatz 1991; Feller, Butts,
Aaron, Rokhsar & Shatz 1997). `waves` draws such bands directly, with random origin, speed, width, raggedness
and domain; it is no model of how a retina makes them (Godfrey & Swindale 2007 is). Networks were trained on
movies like these by Cappell et al. (2023) and, with SimCLR, by Ligeralde et al. (2023).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import at_least, one_of
from wiringup.data.rendered.backgrounds import noise

Pairs = NDArray[np.uint8]
Floats = NDArray[np.float32]

FIELD = 1.2  # mm of retina across an image, as imaged by Feller et al. 1997
SPEED = (0.1, 0.3)  # mm/s
LASTING = (1.0, 3.0)  # seconds for which a place is active while a wave passes
FRAME = 0.5  # seconds between two frames
_RAGGED = 0.1  # mm by which the front of a wave strays from a circle (deviation)
_COVERED = (0.4, 0.9)  # share of the field that the domain of a wave takes
_DARK, _BRIGHT = 16.0, 230.0  # grey levels of rest and of a front
_REST = 6.0  # grey levels (deviation) of what else is active
_CONTRAST = 50.0  # grey levels (deviation) of noise
_DRIFT = 1 / 8  # of the side: how far noise moves between two frames, at most


def frame_pairs(kind: str, n: int, size: int, rng: np.random.Generator) -> Pairs:
    """Return ``n`` pairs of neighbouring frames: uint8 (2, n, size, size, 3), grey.

    Args:
        kind: ``"waves"``; or noise that drifts, with the amplitude spectrum of natural scenes (``"pink"``,
            1/f) or a flat one (``"white"``).
        n: number of pairs.
        size: side in px.
        rng: the stream of randomness.

    Raises:
        InputError: for an unknown kind, or images of no size.
    """
    at_least(size, 8, "The size of spontaneous activity in pixels")
    draw = KINDS[one_of(kind, KINDS, "kind of spontaneous activity")]
    grey = np.clip(draw(n, size, rng) + 0.5, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _waves(n: int, size: int, rng: np.random.Generator) -> Floats:
    speed, lasting = (rng.uniform(*span, (n, 1, 1)).astype(np.float32) for span in (SPEED, LASTING))
    arrival = _travelled(n, size, rng) / speed
    domain = _domains(n, size, rng)
    first = _moment(arrival, domain, rng) + lasting * rng.uniform(0, 0.5, (n, 1, 1)).astype(np.float32)
    since = np.stack([first - arrival, first + FRAME - arrival])
    active = (since >= 0) & (since < lasting) & domain
    # a place is most active when the front arrives, and less and less until it falls silent
    level = np.where(active, 1 - since / lasting, 0)
    rest = _REST * rng.standard_normal(level.shape, dtype=np.float32)
    return np.asarray(_DARK + (_BRIGHT - _DARK) * level + rest, np.float32)


def _travelled(n: int, size: int, rng: np.random.Generator) -> Floats:
    """How far a wave has gone, in mm, when it reaches each place: its origin may lie beside the field."""
    at = (np.arange(size, dtype=np.float32) + 0.5) / size * FIELD
    y, x = rng.uniform(-FIELD / 2, 1.5 * FIELD, (2, n, 1, 1)).astype(np.float32)
    distance = np.hypot(at[:, None] - y, at - x)
    return np.asarray(distance + np.float32(_RAGGED) * noise(size, 2.0, rng, n))


def _domains(n: int, size: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Where each wave may go: the upper part of a smooth random landscape."""
    landscape = noise(size, 2.0, rng, n)
    shares = rng.uniform(*_COVERED, n)
    levels = [np.quantile(field, 1 - share) for field, share in zip(landscape, shares, strict=True)]
    return np.asarray(landscape > np.array(levels, np.float32)[:, None, None])


def _moment(arrival: Floats, domain: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """When each wave is looked at: as it arrives somewhere in its domain."""
    times = [rng.choice(a[d]) for a, d in zip(arrival, domain, strict=True)]
    return np.array(times, np.float32)[:, None, None]


def _drifting(exponent: float) -> Callable[[int, int, np.random.Generator], Floats]:
    def draw(n: int, size: int, rng: np.random.Generator) -> Floats:
        first = noise(size, exponent, rng, n)
        most = max(1, round(size * _DRIFT))
        shifts = rng.integers(-most, most + 1, (n, 2))
        # the noise is periodic, so what leaves on one side comes in on the other
        second = [np.roll(f, tuple(shift), (0, 1)) for f, shift in zip(first, shifts, strict=True)]
        return 128 + np.float32(_CONTRAST) * np.stack([first, np.stack(second)])

    return draw


KINDS: dict[str, Callable[[int, int, np.random.Generator], Floats]] = {
    "waves": _waves,
    "pink": _drifting(1.0),
    "white": _drifting(0.0),
}
"""Spontaneous activity by name."""
