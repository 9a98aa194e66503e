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


def differing_classes(
    wanted: Sequence[str], own: Sequence[str], ours: str = "the model", theirs: str = "the benchmark"
) -> str:
    """Return words on which names only one of two lists has.

    Args:
        wanted: names in ``theirs``.
        own: names in ``ours``.
        ours: what ``own`` belongs to.
        theirs: what ``wanted`` belongs to.
    """
    only = [name for name in own if _loose(name) not in set(map(_loose, wanted))]
    absent = [name for name in wanted if _loose(name) not in set(map(_loose, own))]
    parts = [f"{len(own)} in {ours}, {len(wanted)} in {theirs}"]
    if only:
        parts.append(f"only in {ours}: {listed(only, EXAMPLES)}")
    if absent:
        parts.append(f"only in {theirs}: {listed(absent, EXAMPLES)}")
    return "; ".join(parts)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()


def _loose(name: str) -> str:
    return _composed(name).casefold().replace("_", " ").replace("-", " ")
