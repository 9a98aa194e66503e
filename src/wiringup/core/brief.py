"""One line for what holds a great deal: arrays by type and shape, long lists of names by their number."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar

FEW = 4  # names that are written out


class Brief:
    """A dataclass derived from this is shown in one line, whatever it holds."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.__repr__ = Brief.__repr__  # type: ignore[method-assign]  # or dataclass would write its own

    def __repr__(self) -> str:
        told = (f"{f.name}={_brief(getattr(self, f.name))}" for f in fields(self) if f.repr)
        return f"{type(self).__name__}({', '.join(told)})"


def _brief(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        kind = "str" if value.dtype.kind == "U" else value.dtype
        return f"<{kind} {tuple(value.shape)}>"
    if isinstance(value, Mapping) and len(value) > FEW:
        return f"<{len(value):,} entries>"
    if isinstance(value, tuple | list) and len(value) > FEW:
        return f"<{len(value):,} x {type(value[0]).__name__}>"
    return " ".join(repr(value).split())
