"""A frozen dataclass is a specification; its content, hashed, is its address.

Fields that cannot change the answer (device, number of workers) are declared with ``neutral()`` and
stay out of the hash; everything that decides the answer goes in. JSON that anyone may have edited is checked
against the form of a dataclass or a `TypedDict`.
"""

import dataclasses
import functools
import hashlib
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from wiringup.core.checks import one_of
from wiringup.core.errors import InputError

Spec = TypeVar("Spec")

Check = Callable[[Any, str], str | None]

_PLAIN: dict[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), "a text"),
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float, type(None)), "a number"),
    type(None): ((type(None),), "null"),
    Path: ((str,), "a path"),
}
"""Type -> the types of its JSON form, and what messages call it."""

NEUTRAL = "wiringup_neutral"
OMITTED = "wiringup_omitted_at_default"


def neutral(default: Any) -> Any:
    """Declare a dataclass field that never changes a result and so stays out of the hash."""
    return dataclasses.field(default=default, metadata={NEUTRAL: True})


def omit_default(default: Any) -> Any:
    """Declare a dataclass field that was added later: at its default it is left out of content and hash.

    So a spec that says nothing of it keeps the address, and the results, that it had before.
    """
    return dataclasses.field(default=default, metadata={OMITTED: True})


def to_dict(value: Any, *, include_neutral: bool = True) -> Any:
    """Return ``value`` (a spec, or anything nested in one) as plain JSON types.

    Raises:
        TypeError: for a value that has no exact JSON form.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [f for f in dataclasses.fields(value) if include_neutral or NEUTRAL not in f.metadata]
        fields = [f for f in fields if OMITTED not in f.metadata or getattr(value, f.name) != f.default]
        return {f.name: to_dict(getattr(value, f.name), include_neutral=include_neutral) for f in fields}
    if isinstance(value, Mapping):
        return {str(k): to_dict(v, include_neutral=include_neutral) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [to_dict(v, include_neutral=include_neutral) for v in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"a spec cannot hold a {type(value).__name__}: {value!r}")


def content_hash(value: Any) -> str:
    """Return the SHA-256 (hex) of the canonical JSON of ``value`` without neutral fields."""
    text = json.dumps(to_dict(value, include_neutral=False), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def uid(kind: str, spec: Any) -> str:
    """Return the 12-character address of a spec: what kind of thing it describes, and its content, hashed."""
    return content_hash({"kind": kind, "spec": spec})[:12]


def from_dict(kind: type[Spec], values: Any, where: str = "the spec") -> Spec:
    """Return the spec of a dataclass ``kind`` that `to_dict` wrote as ``values``.

    Args:
        kind: a dataclass of plain types, tuples, mappings and other such dataclasses.
        values: as `json` returns them; what is not there has its default.
        where: how messages call it.

    Raises:
        InputError: if a field is unknown, missing or of another type, or a value is refused by the dataclass.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"{where} is {values!r:.40}, but has to be an object.")
    known = {f.name: f for f in dataclasses.fields(kind) if f.init}  # type: ignore[arg-type]
    for name in values:
        one_of(name, known, f"field of {where}")
    hints = _hints(kind)  # type: ignore[arg-type]
    if absent := [name for name in _required(kind) if name not in values]:  # type: ignore[arg-type]
        raise InputError(f"{where} lacks {absent[0]!r}.")
    return kind(**{name: _value(hints[name], value, f"{where}, {name}") for name, value in values.items()})


def _value(kind: Any, value: Any, where: str) -> Any:
    """Return the value of a field of type ``kind`` for its JSON form."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in args:
            return None
        return _value(next(one for one in args if one is not type(None)), value, where)
    if dataclasses.is_dataclass(kind):
        return from_dict(kind, value, where)  # type: ignore[arg-type]
    if origin is tuple and isinstance(value, list | tuple):
        each = [args[0]] * len(value) if args[-1] is Ellipsis else list(args)
        if len(each) == len(value):
            return tuple(
                _value(k, v, f"{where}, {i}") for i, (k, v) in enumerate(zip(each, value, strict=True))
            )
    elif origin in (dict, Mapping) and isinstance(value, Mapping):
        return {str(k): _value(args[1], v, f"{where}, {k}") for k, v in value.items()}
    elif kind is Path and isinstance(value, str):
        return Path(value)
    elif origin is None and value is not None and not _misfit(kind)(value, where):
        return value
    raise InputError(f"{_instead(value, _PLAIN.get(kind, (list, 'a list or an object'))[1], where)}.")


def check_shape(value: Any, kind: type, where: str) -> None:
    """Raise `InputError` unless ``value`` is the JSON form of ``kind``.

    Numbers that are not finite are null there. Fields that ``kind`` does not know are passed over: a later
    version may have added them.

    Args:
        value: as `json` returns it.
        kind: a dataclass or a `TypedDict`; types of its fields that JSON has no form for are not checked.
        where: how messages call it.
    """
    if problem := _misfit(kind)(value, where):
        raise InputError(f"{problem}. It was changed by hand, or by another program.")


@functools.cache
def _exact(kind: Any) -> set[type]:
    """Return the types of values that fit without a closer look; none if every value has to be looked at."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        parts = [_exact(one) for one in typing.get_args(kind)]
        return set.union(*parts) if all(parts) else set()
    return {*_PLAIN[kind][0]} if kind in _PLAIN else set()


@functools.cache
def _misfit(kind: Any) -> Check:
    """Return what tells of a value, and of how messages call it, what is wrong with it, or None.

    Ten thousand records are checked when a table is made: nothing is found out twice of a type.
    """
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind in _PLAIN:
        return functools.partial(_plain, kind)
    if dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
        fields = [(name, _exact(of), _misfit(of)) for name, of in _hints(kind).items()]
        return functools.partial(_object, _required(kind), fields)
    if origin in (types.UnionType, typing.Union):
        return functools.partial(_any, [_misfit(one) for one in args])
    if origin is Mapping:
        return functools.partial(_holder, dict, "an object", _exact(args[1]), _misfit(args[1]))
    if origin in (tuple, list, Sequence):
        return functools.partial(_holder, list | tuple, "a list", _exact(args[0]), _misfit(args[0]))
    return lambda value, where: None


def _plain(kind: Any, value: Any, where: str) -> str | None:
    allowed, name = _PLAIN[kind]
    fits = isinstance(value, allowed) and (kind is bool or not isinstance(value, bool))
    return None if fits else _instead(value, name, where)


def _any(checks: Sequence[Check], value: Any, where: str) -> str | None:
    problems = [check(value, where) for check in checks]
    return problems[0] if all(problems) else None


def _holder(holds: Any, name: str, exact: set[type], check: Check, value: Any, where: str) -> str | None:
    if not isinstance(value, holds):
        return _instead(value, name, where)
    if {*map(type, value.values() if isinstance(value, dict) else value)} <= exact:
        return None  # thousands of numbers at once
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    return _first(check(part, f"{where}, {key}") for key, part in parts)


def _object(
    required: Sequence[str], fields: Sequence[tuple[str, set[type], Check]], value: Any, where: str
) -> str | None:
    if not isinstance(value, dict):
        return _instead(value, "an object", where)
    if absent := [name for name in required if name not in value]:
        return f"{where} lacks {absent[0]!r}"
    return _first(
        check(value[name], f"{where}, {name}")
        for name, exact, check in fields
        if name in value and type(value[name]) not in exact
    )


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


@functools.cache
def _required(kind: Any) -> Sequence[str]:
    if not dataclasses.is_dataclass(kind):
        return sorted(kind.__required_keys__)
    none = dataclasses.MISSING
    return [f.name for f in dataclasses.fields(kind) if f.default is none and f.default_factory is none]


def _first(problems: Iterable[str | None]) -> str | None:
    return next((problem for problem in problems if problem), None)


def _instead(value: Any, expected: str, where: str) -> str:
    return f"{where} is {value!r:.40}, but has to be {expected}"


def diff(old: Any, new: Any) -> dict[str, tuple[Any, Any]]:
    """Return ``{dotted.field: (old, new)}`` for every field in which two specs differ."""
    a, b = flat(to_dict(old)), flat(to_dict(new))
    return {k: (a.get(k), b.get(k)) for k in sorted({*a, *b}) if a.get(k) != b.get(k)}


def changed(old: Any, spec: Any) -> dict[str, tuple[Any, Any]]:
    """Return ``{dotted.field: (old, new)}`` where a stored spec differs in what is not neutral."""
    neutral = diff(spec, to_dict(spec, include_neutral=False)).keys()
    return {name: values for name, values in diff(old, spec).items() if name not in neutral}


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Return ``{dotted.field: value}`` for every field of a spec in its plain form."""
    if not isinstance(value, Mapping):
        return {prefix: value}
    found: dict[str, Any] = {}
    for key, item in value.items():
        found |= flat(item, f"{prefix}.{key}" if prefix else str(key))
    return found
