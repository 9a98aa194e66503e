"""Refuse bad input at the door, kindly: what came, what is allowed, what to do."""

import difflib
from collections.abc import Collection, Iterable, Sequence

from wiringup.core.errors import InputError


def did_you_mean(value: str, allowed: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest allowed name, or an empty string."""
    close = difflib.get_close_matches(value, list(allowed), n=1, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else ""


def listed(names: Sequence[str], n: int = 8) -> str:
    """Return the first ``n`` names for a message, and "..." where there are more."""
    return ", ".join(names[:n]) + (" ..." if len(names) > n else "")


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
