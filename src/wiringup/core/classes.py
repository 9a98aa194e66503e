"""Names of classes: which of one list is which of another."""

import unicodedata
from collections.abc import Sequence

from wiringup.core.checks import listed

EXAMPLES = 5
"""Names of each list that messages show."""


def places_of_classes(wanted: Sequence[str], own: Sequence[str]) -> list[int] | None:
    """Return where each of ``wanted`` is among ``own``; None unless both hold the same names.

    Names are compared in one Unicode form (NFC); where that does not bring them together, without regard to
    case, and with blanks, hyphens and underscores alike.
    """
    for form in (_composed, _loose):
        place = {form(name): i for i, name in enumerate(own)}
        asked = [form(name) for name in wanted]
        if len(place) == len(own) == len(set(asked)) == len(asked) and place.keys() == set(asked):
            return [place[name] for name in asked]
    return None


def differing_classes(wanted: Sequence[str], own: Sequence[str]) -> str:
    """Return words on which names only one of two lists has."""
    only = [name for name in own if _loose(name) not in set(map(_loose, wanted))]
    absent = [name for name in wanted if _loose(name) not in set(map(_loose, own))]
    parts = [f"{len(own)} of the model's, {len(wanted)} of the benchmark's"]
    if only:
        parts.append(f"only the model has {listed(only, EXAMPLES)}")
    if absent:
        parts.append(f"only the benchmark has {listed(absent, EXAMPLES)}")
    return "; ".join(parts)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()


def _loose(name: str) -> str:
    return _composed(name).casefold().replace("_", " ").replace("-", " ")
