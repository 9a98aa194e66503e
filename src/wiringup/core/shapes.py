"""Whether JSON has the form of a dataclass or a `TypedDict`: for files that anyone may have edited."""

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wiringup.core.errors import InputError

_PLAIN: dict[Any, tuple[type | tuple[type, ...], str]] = {
    str: (str, "a text"),
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: ((int, float, type(None)), "a number or null"),
    type(None): (type(None), "null"),
}


def check_shape(value: Any, kind: type, where: str) -> None:
    """Raise `InputError` unless ``value`` is the JSON form of ``kind``.

    Numbers that are not finite are null there. Fields that ``kind`` does not know are passed over: a later
    version may have added them.

    Args:
        value: as `json` returns it.
        kind: a dataclass or a `TypedDict`; types of its fields that JSON has no form for are not checked.
        where: how messages call it.
    """
    if problem := _misfit(value, kind, where):
        raise InputError(f"{problem}. It was changed by hand, or by another program.")


def _misfit(value: Any, kind: Any, where: str) -> str | None:
    """Return what is wrong with ``value``, or None."""
    if isinstance(kind, type) and kind in _PLAIN:
        allowed, name = _PLAIN[kind]
        fits = isinstance(value, allowed) and (kind is bool or not isinstance(value, bool))
        return None if fits else _instead(value, name, where)
    if dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
        return _object(value, kind, where)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        found = [_misfit(value, one, where) for one in args]
        return None if None in found else found[0]
    if origin is Mapping:
        return _holder(value, dict, "an object", args[1], where)
    if origin in (tuple, list, Sequence):
        return _holder(value, list | tuple, "a list", args[0], where)
    return None


def _holder(value: Any, holds: Any, name: str, kind: Any, where: str) -> str | None:
    if not isinstance(value, holds):
        return _instead(value, name, where)
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    return _first(_misfit(part, kind, f"{where}, {key}") for key, part in parts)


def _object(value: Any, kind: Any, where: str) -> str | None:
    if not isinstance(value, dict):
        return _instead(value, "an object", where)
    kinds = typing.get_type_hints(kind)
    absent = [name for name in _required(kind) if name not in value]
    if absent:
        return f"{where} lacks {absent[0]!r}"
    return _first(_misfit(value[name], kinds[name], f"{where}, {name}") for name in kinds if name in value)


def _required(kind: Any) -> Sequence[str]:
    if not dataclasses.is_dataclass(kind):
        return sorted(kind.__required_keys__)
    none = dataclasses.MISSING
    return [f.name for f in dataclasses.fields(kind) if f.default is none and f.default_factory is none]


def _first(problems: Iterable[str | None]) -> str | None:
    return next((problem for problem in problems if problem), None)


def _instead(value: Any, expected: str, where: str) -> str:
    return f"{where} is {value!r:.40}, but has to be {expected}"
