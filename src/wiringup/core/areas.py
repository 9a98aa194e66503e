"""The areas of the ventral stream, in the order of the hierarchy, and behaviour after them."""

from wiringup.core.checks import one_of

AREAS = ("V1", "V2", "V4", "IT")
BEHAVIOR = "behavior"
SCORED = (*AREAS, BEHAVIOR)


def check_area(area: str) -> str:
    """Return ``area`` if it is V1, V2, V4, IT or behavior; raise `InputError` otherwise."""
    return one_of(area, SCORED, "area")
