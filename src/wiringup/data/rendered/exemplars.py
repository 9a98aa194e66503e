"""Sixty-four objects: eight categories of eight exemplars with different proportions and paint.

The objects are part of the world, not of a run: their parameters are drawn once, from a fixed stream,
and do not depend on anybody's seed. x points to the right, y up, z towards the viewer.
"""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from wiringup.core.seeds import numpy_stream
from wiringup.data.rendered.shapes import Body, Solid, Triple, box, cylinder, ellipsoid, paraboloid

EXEMPLARS = 8
SHAPE_DIMENSIONS = 4
_WORLD = 2015
_DARK: Triple = (0.08, 0.08, 0.1)
_WHITE: Triple = (0.95, 0.95, 0.92)
_GLASS: Triple = (0.15, 0.22, 0.32)
_SIDES = (-1, 1)
_CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))  # (x, z)


@dataclass(frozen=True)
class Exemplar:
    """Shape parameters in [0, 1] and paint (hue, saturation and value in [0, 1]) of one object."""

    shape: tuple[float, float, float, float]
    paint: Triple

    def colour(self, hues: tuple[float, float], saturation: float = 0.75, value: float = 0.8) -> Triple:
        """Return an RGB colour whose hue lies between ``hues``."""
        hue, rich, bright = self.paint
        low, high = hues
        return colorsys.hsv_to_rgb(
            (low + (high - low) * hue) % 1.0, saturation * (0.55 + 0.45 * rich), value * (0.7 + 0.4 * bright)
        )


def _mix(low: float, high: float, amount: float) -> float:
    return low + (high - low) * amount


def _shade(colour: Triple, factor: float) -> Triple:
    r, g, b = (min(1.0, c * factor) for c in colour)
    return r, g, b


def _animal(e: Exemplar) -> list[Solid]:
    length, legs, neck, ears = e.shape
    fur = e.colour((0.03, 0.13), 0.7, 0.75)
    dark = _shade(fur, 0.55)
    x, leg, up = _mix(0.5, 0.8, length), _mix(0.2, 0.45, legs), _mix(0.1, 0.6, neck)
    head = (x + 0.2, 0.2 + up, 0.0)
    return [
        ellipsoid((0, 0, 0), (x, 0.3, 0.27), fur),
        cylinder((x - 0.02, 0.1 + up / 2, 0), (0.12, 0.12 + up / 2, 0.11), fur, (0, 0, -22)),
        ellipsoid(head, (0.21, 0.17, 0.16), fur),
        ellipsoid((head[0] + 0.2, head[1] - 0.05, 0), (0.15, 0.09, 0.1), dark),
        *(ellipsoid((head[0] + 0.11, head[1] + 0.06, s * 0.13), (0.035, 0.04, 0.04), _DARK) for s in _SIDES),
        *(
            ellipsoid((head[0] - 0.08, head[1] + 0.2, s * 0.1), (0.05, _mix(0.1, 0.24, ears), 0.04), dark)
            for s in _SIDES
        ),
        *(
            cylinder((sx * (x - 0.17), -0.18 - leg, sz * 0.14), (0.085, leg, 0.085), fur)
            for sx, sz in _CORNERS
        ),
        ellipsoid((-x - 0.12, 0.12, 0), (0.25, 0.05, 0.05), dark, (0, 0, -35)),
    ]


def _boat(e: Exemplar) -> list[Solid]:
    length, mast, sail, cabin = e.shape
    hull = e.colour((0.0, 1.0))
    x, high, wide = _mix(0.75, 1.05, length), _mix(0.55, 0.85, mast), _mix(0.35, 0.7, sail)
    room = _mix(0.08, 0.18, cabin)
    below: Triple = (1.0, 0.0, 1.0)
    quarter: Triple = (0.0, 0.0, -1.0)
    return [
        ellipsoid((0, 0, 0), (x, 0.42, 0.32), hull, high=below),
        ellipsoid((0, 0.04, 0), (x * 1.03, 0.1, 0.34), _WHITE, high=below),
        box((-0.35 * x, room, 0), (0.25, room, 0.17), _shade(hull, 0.6)),
        box((-0.35 * x, room * 1.2, 0), (0.18, room * 0.4, 0.175), _GLASS),
        cylinder((0.12, high, 0), (0.03, high, 0.03), (0.4, 0.28, 0.15)),
        ellipsoid((0.15, 0.2, 0), (wide, 2 * high - 0.3, 0.025), _WHITE, low=quarter),
        ellipsoid((0.09, 0.3, 0), (0.75 * wide, 1.5 * high - 0.3, 0.025), hull, (180, 0, 0), low=quarter),
    ]


def _car(e: Exemplar) -> list[Solid]:
    length, roof, back, wheel = e.shape
    paint = e.colour((0.0, 1.0), 0.85, 0.9)
    x, high, rim = _mix(0.75, 1.0, length), _mix(0.28, 0.5, roof), _mix(0.17, 0.25, wheel)
    middle = _mix(-0.22, 0.08, back)
    above: Triple = (-1.0, 0.0, -1.0)
    wheels = [(sx * 0.62 * x, -0.24, sz * 0.4) for sx, sz in _CORNERS]
    return [
        box((0, -0.04, 0), (x, 0.17, 0.42), paint),
        ellipsoid((0.1, -0.04, 0), (x * 1.02, 0.26, 0.42), paint),
        ellipsoid((middle, 0.12, 0), (0.6 * x, high, 0.39), paint, low=above),
        ellipsoid((middle, 0.13, 0), (0.52 * x, high * 0.8, 0.43), _GLASS, low=above),
        *(cylinder(w, (rim, 0.07, rim), _DARK, (0, 90, 0)) for w in wheels),
        *(cylinder(w, (rim / 2, 0.085, rim / 2), (0.75, 0.75, 0.75), (0, 90, 0)) for w in wheels),
        *(ellipsoid((x, 0.0, s * 0.27), (0.05, 0.07, 0.09), (1.0, 0.95, 0.6)) for s in _SIDES),
    ]


def _chair(e: Exemplar) -> list[Solid]:
    width, back, legs, arms = e.shape
    wood = e.colour((0.0, 1.0), 0.7, 0.8)
    x, high, leg = _mix(0.32, 0.5, width), _mix(0.35, 0.6, back), _mix(0.22, 0.38, legs)
    solids = [
        box((0, 0, 0), (x, 0.06, 0.4), wood),
        box((0, high + 0.05, -0.37), (x, 0.08, 0.05), wood),
        box((0, 2 * high - 0.02, -0.37), (x, 0.12, 0.05), wood),
        *(box((s * x * 0.88, high, -0.37), (0.06, high, 0.05), _shade(wood, 0.8)) for s in (-1, 0, 1)),
        *(
            box((sx * x * 0.88, -leg, sz * 0.34), (0.055, leg, 0.055), _shade(wood, 0.8))
            for sx, sz in _CORNERS
        ),
    ]
    if arms > 0.5:
        solids += [box((s * x, 0.3, -0.02), (0.05, 0.04, 0.38), wood) for s in _SIDES]
        solids += [box((s * x, 0.15, 0.3), (0.04, 0.15, 0.04), wood) for s in _SIDES]
    return solids


def _face(e: Exemplar) -> list[Solid]:
    width, eyes, nose, hair = e.shape
    skin = e.colour((0.04, 0.09), 0.55, 1.0)
    tint = colorsys.hsv_to_rgb(0.08, 0.7, _mix(0.08, 0.6, e.paint[0]))
    x, apart = _mix(0.52, 0.7, width), _mix(0.18, 0.27, eyes)
    return [
        ellipsoid((0, 0, 0), (x, 0.8, 0.65), skin),
        ellipsoid((0, 0.12, -0.1), (x * 1.12, 0.8, 0.72), tint, low=(-1.0, _mix(-0.1, 0.45, hair), -1.0)),
        ellipsoid((0, 0.0, -0.2), (x * 1.14, 0.85, 0.55), tint),
        cylinder((0, -0.85, -0.05), (0.28, 0.25, 0.28), _shade(skin, 0.9)),
        ellipsoid((0, -0.1, 0.62), (0.1, _mix(0.12, 0.24, nose), 0.16), _shade(skin, 0.95)),
        ellipsoid((0, -0.42, 0.5), (0.22, 0.06, 0.1), (0.7, 0.15, 0.18)),
        *(ellipsoid((s * apart, 0.13, 0.54), (0.12, 0.085, 0.1), _WHITE) for s in _SIDES),
        *(ellipsoid((s * apart, 0.13, 0.62), (0.055, 0.065, 0.04), _DARK) for s in _SIDES),
        *(ellipsoid((s * apart, 0.3, 0.56), (0.14, 0.035, 0.08), tint) for s in _SIDES),
        *(ellipsoid((s * x, 0.05, 0.0), (0.09, 0.2, 0.13), skin) for s in _SIDES),
    ]


def _fruit(e: Exemplar) -> list[Solid]:
    tall, pear, leaf, flat = e.shape
    peel = e.colour((-0.03, 0.3), 0.95, 0.95)
    y, top = _mix(0.62, 0.9, tall), _mix(0.0, 0.75, max(0.0, 2 * pear - 1))
    green: Triple = (0.2, 0.5, 0.12)
    crown = max(y, top + 0.45) - 0.05
    return [
        ellipsoid((0, 0, 0), (0.72, y, _mix(0.6, 0.72, flat)), peel),
        ellipsoid((0, top, 0), (0.42, 0.5, 0.42), peel),
        cylinder((0.03, crown + 0.12, 0), (0.05, 0.17, 0.05), (0.32, 0.2, 0.08), (0, 0, -12)),
        ellipsoid((0.28, crown + 0.16, 0.05), (_mix(0.18, 0.36, leaf), 0.04, 0.13), green, (0, 25, 20)),
        ellipsoid((0, -y + 0.02, 0), (0.08, 0.05, 0.08), _shade(peel, 0.35)),
    ]


def _plane(e: Exemplar) -> list[Solid]:
    span, sweep, thick, tail = e.shape
    stripe = e.colour((0.0, 1.0), 0.85, 0.85)
    dark = _shade(stripe, 0.6)
    metal = colorsys.hsv_to_rgb(e.paint[0], 0.12, 0.85)
    half, angle, radius = _mix(0.4, 0.6, span), _mix(5, 35, sweep), _mix(0.15, 0.22, thick)
    fin = _mix(0.2, 0.34, tail)
    return [
        ellipsoid((0, 0, 0), (1.0, radius, radius), metal),
        ellipsoid((0.72, radius * 0.45, 0), (0.16, 0.08, 0.09), _GLASS),
        *(box((-0.1, -0.03, s * half), (0.24, 0.03, half), stripe, (s * -angle, 0, 0)) for s in _SIDES),
        *(box((-0.83, 0.03, s * 0.2), (0.11, 0.02, 0.22), stripe, (s * -angle, 0, 0)) for s in _SIDES),
        box((-0.86, fin, 0), (0.13, fin, 0.02), stripe, (0, 0, 25)),
        *(cylinder((0.06, -0.1, s * 0.42), (0.075, 0.17, 0.075), dark, (0, 0, 90)) for s in _SIDES),
    ]


def _table(e: Exemplar) -> list[Solid]:
    width, depth, legs, style = e.shape
    wood = e.colour((0.0, 1.0), 0.7, 0.8)
    x, z, leg = _mix(0.75, 1.0, width), _mix(0.45, 0.65, depth), _mix(0.26, 0.38, legs)
    dark = _shade(wood, 0.7)
    top = (0.0, 0.05, 0.0)
    if style > 0.6:
        return [
            cylinder(top, (0.85 * x, 0.05, 0.85 * x), wood),
            cylinder((0, -leg, 0), (0.09, leg, 0.09), dark),
            paraboloid((0, -2 * leg, 0), (0.42, 0.3, 0.42), dark),
        ]
    feet = [(sx * (x - 0.1), -leg, sz * (z - 0.1)) for sx, sz in _CORNERS]
    return [box(top, (x, 0.05, z), wood), *(box(f, (0.06, leg, 0.06), dark) for f in feet)]


_BUILDERS: dict[str, Callable[[Exemplar], list[Solid]]] = {
    "animal": _animal,
    "boat": _boat,
    "car": _car,
    "chair": _chair,
    "face": _face,
    "fruit": _fruit,
    "plane": _plane,
    "table": _table,
}
CATEGORIES = tuple(_BUILDERS)
"""The categories of HvM, in alphabetical order."""


@cache
def _parameters() -> NDArray[np.float64]:
    """(categories, exemplars, shape + 3 paint dimensions): a Latin hypercube for each category."""
    draws = np.empty((len(CATEGORIES), EXEMPLARS, SHAPE_DIMENSIONS + 3))
    for index, category in enumerate(CATEGORIES):
        rng = numpy_stream(_WORLD, "exemplars", category)
        strata = rng.permuted(np.tile(np.arange(EXEMPLARS), (draws.shape[2], 1)), axis=1).T
        draws[index] = (strata + rng.uniform(0.2, 0.8, strata.shape)) / EXEMPLARS
    return draws


def shape_space() -> NDArray[np.float64]:
    """Return the shape parameters of all objects, (categories, exemplars, 4), each in [0, 1].

    Nearby points of a category are objects of similar proportions. Parameters of different categories
    have different meanings.
    """
    return _parameters()[:, :, :SHAPE_DIMENSIONS].copy()


@cache
def body(category: int, exemplar: int) -> Body:
    """Return the object ``exemplar`` (0 ... 7) of category number ``category``."""
    values = [float(v) for v in _parameters()[category, exemplar]]
    a, b, c, d, hue, saturation, value = values
    return Body(_BUILDERS[CATEGORIES[category]](Exemplar((a, b, c, d), (hue, saturation, value))))
