"""A registry is a plain dictionary of named things with kind errors; nothing is found by scanning."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from wiringup.core.checks import one_of

T = TypeVar("T")


class Registry(Generic[T]):
    """Named entries of one kind (models, birth recipes, benchmarks), with optional short aliases."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._entries: dict[str, T] = {}
        self._aliases: dict[str, str] = {}

    def add(self, name: str, entry: T, *aliases: str) -> None:
        """Add ``entry`` under ``name`` and ``aliases``; a name can be given only once."""
        for key in (name, *aliases):
            if key in self._entries or key in self._aliases:
                raise KeyError(f"{self.what} {key!r} is registered twice")
        self._entries[name] = entry
        self._aliases.update(dict.fromkeys(aliases, name))

    def canonical(self, name: str) -> str:
        """Return the full name behind ``name`` (itself or an alias); raise `InputError` if unknown."""
        return self._aliases.get(one_of(name, self.names(), self.what), name)

    def aliases(self, name: str) -> list[str]:
        """Return the aliases of a full name."""
        return [alias for alias, full in self._aliases.items() if full == name]

    def names(self) -> list[str]:
        """Return every name and alias."""
        return [*self._entries, *self._aliases]

    def __getitem__(self, name: str) -> T:
        return self._entries[self.canonical(name)]

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._aliases

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
