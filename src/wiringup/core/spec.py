"""A frozen dataclass is a specification; its content, hashed, is its address.

Fields that cannot change the answer (device, number of workers) are declared with ``neutral()`` and
stay out of the hash; everything that decides the answer goes in.
"""

import collections.abc
import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from wiringup.core.checks import one_of
from wiringup.core.errors import InputError

Spec = TypeVar("Spec")

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
    hints = typing.get_type_hints(kind)
    absent = [n for n, f in known.items() if n not in values and _required(f)]
    if absent:
        raise InputError(f"{where} lacks {absent[0]!r}.")
    return kind(**{name: _value(hints[name], value, f"{where}, {name}") for name, value in values.items()})


def _required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


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
    elif origin in (dict, collections.abc.Mapping) and isinstance(value, Mapping):
        return {str(k): _value(args[1], v, f"{where}, {k}") for k, v in value.items()}
    elif kind is Path and isinstance(value, str):
        return Path(value)
    elif kind is Any or (isinstance(kind, type) and _fits(value, kind)):
        return value
    raise InputError(f"{where} is {value!r:.40}, but has to be {_NAMES.get(kind, 'a list or an object')}.")


_NAMES = {str: "a text", bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}


def _fits(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def diff(old: Any, new: Any) -> dict[str, tuple[Any, Any]]:
    """Return ``{dotted.field: (old, new)}`` for every field in which two specs differ."""
    a, b = _flatten(to_dict(old)), _flatten(to_dict(new))
    return {k: (a.get(k), b.get(k)) for k in sorted({*a, *b}) if a.get(k) != b.get(k)}


def changed(old: Any, spec: Any) -> dict[str, tuple[Any, Any]]:
    """Return ``{dotted.field: (old, new)}`` where a stored spec differs in what is not neutral."""
    neutral = diff(spec, to_dict(spec, include_neutral=False)).keys()
    return {name: values for name, values in diff(old, spec).items() if name not in neutral}


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat |= _flatten(item, f"{prefix}.{key}" if prefix else str(key))
    return flat
