"""Refuse bad input at the door, kindly: what came, what is allowed, what to do. Match names of classes."""

import difflib
import unicodedata
from collections.abc import Collection, Iterable, Sequence

from wiringup.core.errors import InputError


def did_you_mean(value: str, allowed: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest allowed name, or an empty string."""
    close = difflib.get_close_matches(value, list(allowed), n=1, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else ""


def listed(names: Sequence[str], n: int = 8) -> str:
    """Return the first ``n`` names for a message, and "..." where there are more."""
    return ", ".join(names[:n]) + (" ..." if len(names) > n else "")


def several(number: float, unit: str) -> str:
    """Return how many, of ``unit`` in the plural: ``"1 epoch"``, ``"0.5 epochs"``, ``"3 epochs"``."""
    return f"{number:.12g} {unit.removesuffix('s') if number == 1 else unit}"


def one_of(value: str, allowed: Collection[str], what: str) -> str:
    """Return ``value`` if it is allowed.

    Raises:
        InputError: naming the value, the closest allowed name and all allowed names.
    """
    if value in allowed:
        return value
    raise InputError(
        f"Unknown {what} {value!r}.{did_you_mean(value, allowed)} Allowed: {', '.join(sorted(allowed))}."
    )


def at_least(value: float, minimum: float, what: str) -> float:
    """Return ``value`` if it is not below ``minimum``; raise `InputError` otherwise."""
    if value >= minimum:
        return value
    raise InputError(f"{what} is {value}, but has to be at least {minimum}.")


def same_length(found: int, expected: int, what: str, than: str) -> None:
    """Raise `InputError` unless ``what`` has as many entries as ``than``."""
    if found != expected:
        raise InputError(
            f"{what} has {found} entries, but {than} has {expected}; they have to match one to one."
        )


EXAMPLES = 5
"""Names of each list that messages show."""


def places_of_classes(wanted: Sequence[str], own: Sequence[str]) -> list[int] | None:
    """Return where each of ``wanted`` is among ``own``; None unless both hold the same names.

    Names are compared in one Unicode form (NFC); where that does not bring them together, without regard to
    case, and with blanks, hyphens and underscores alike.
    """
    for form in (composed, _loose):
        place = {form(name): i for i, name in enumerate(own)}
        asked = [form(name) for name in wanted]
        if len(place) == len(own) == len(set(asked)) == len(asked) and place.keys() == set(asked):
            return [place[name] for name in asked]
    return None


def spelled_as(known: Collection[str], names: Iterable[str]) -> dict[str, str]:
    """Return {name: known name} of those ``names`` that differ from it as `places_of_classes` allows alone.

    Names that are known themselves are left out, and those that are like several that are.
    """
    alike: dict[str, list[str]] = {}
    for name in known:
        alike.setdefault(_loose(name), []).append(name)
    found = {name: alike.get(_loose(name), []) for name in dict.fromkeys(names) if name not in known}
    return {name: those[0] for name, those in found.items() if len(those) == 1}


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


def composed(name: str) -> str:
    """Return a name in the one Unicode form (NFC) in which names are compared, without blanks around it."""
    return unicodedata.normalize("NFC", name).strip()


def index_of_classes(classes: Sequence[str]) -> dict[str, int]:
    """Return {name: index} of classes, by their names as they are and as `composed`."""
    return {form(name): i for form in (composed, str) for i, name in enumerate(classes)}


def _loose(name: str) -> str:
    return composed(name).casefold().replace("_", " ").replace("-", " ")
