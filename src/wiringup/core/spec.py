"""A frozen dataclass is a specification; its content, hashed, is its address.

Fields that cannot change the answer (device, number of workers) are declared with ``neutral()`` and
stay out of the hash; everything that decides the answer goes in.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NEUTRAL = "wiringup_neutral"
LATER = "wiringup_later"


def neutral(default: Any) -> Any:
    """Declare a dataclass field that never changes a result and so stays out of the hash."""
    return dataclasses.field(default=default, metadata={NEUTRAL: True})


def later(default: Any, *, unsaid: Any = dataclasses.MISSING) -> Any:
    """Declare a dataclass field that was added later: at one value it is left out of content and hash.

    So a spec that says nothing of it keeps the address, and the results, that it had before.

    Args:
        default: what new specs have.
        unsaid: what specs did that were made before there was the field; by default the same.
    """
    before = default if unsaid is dataclasses.MISSING else unsaid
    return dataclasses.field(default=default, metadata={LATER: before})


def to_dict(value: Any, *, include_neutral: bool = True) -> Any:
    """Return ``value`` (a spec, or anything nested in one) as plain JSON types.

    Raises:
        TypeError: for a value that has no exact JSON form.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [f for f in dataclasses.fields(value) if include_neutral or NEUTRAL not in f.metadata]
        fields = [f for f in fields if LATER not in f.metadata or getattr(value, f.name) != f.metadata[LATER]]
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


def uid(spec: Any) -> str:
    """Return the 12-character address of a spec: its class name decides as much as its content."""
    return content_hash({"kind": type(spec).__name__, "spec": spec})[:12]


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
