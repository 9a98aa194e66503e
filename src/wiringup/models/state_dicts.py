"""Find the entries of a network among all those of a file, whatever a trainer put around them.

A wrapper (``{"state_dict": ...}``) and a prefix (``module.``, ``_orig_mod.``, ``model.``) are one thing here:
what stands in front of the network's own names. Entries of nested mappings are written as in
``state_dict/V1.conv1.weight``.
"""

import re
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wiringup.core.checks import listed
from wiringup.core.errors import InputError

TOP = "."
"""How a user calls the weights in front of whose names nothing stands."""

_AVERAGED = re.compile(r"(^|[^a-z])(ema|swa|avg|averaged?|shadow)([^a-z]|$)")
_FEW = 1 / 3  # of a network's names: its parameters without BatchNorm's statistics are more


@dataclass(frozen=True)
class Found:
    """The entries of one network.

    Attributes:
        state: they, under the network's own names. What stands beside them under the same prefix is here too.
        notes: sentences on what was taken and what was left out.
    """

    state: dict[str, Tensor]
    notes: tuple[str, ...]


def flat(content: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return all tensors of nested mappings by their path; a mapping that stands twice is named once."""
    tensors: dict[str, Tensor] = {}
    waiting: deque[tuple[str, Mapping[Any, Any]]] = deque([("", content)])
    seen = {id(content)}
    while waiting:
        path, mapping = waiting.popleft()
        for name, value in mapping.items():
            if isinstance(value, Tensor):
                tensors[f"{path}{name}"] = value
            elif isinstance(value, Mapping) and id(value) not in seen:
                seen.add(id(value))
                waiting.append((f"{path}{name}/", value))
    return tensors


def find(tensors: Mapping[str, Tensor], names: Collection[str], source: str, key: str | None = None) -> Found:
    """Return the entries of the network that has ``names``.

    Args:
        tensors: all entries of a file, see `flat`.
        names: of the network's parameters and buffers.
        source: how messages call the file.
        key: what stands in front, as in ``state_dict_ema``; needed only where several sets of weights of the
            network are there. Without it, averaged weights (EMA) are taken where they lie beside raw ones:
            they are what trainers evaluate.

    Raises:
        InputError: if nothing is called ``key``, or several sets of weights are there of which none is the
            average.
    """
    sets = _sets(tensors, names)
    place = _chosen(sets, tensors, _needed(names), source) if key is None else _named(key, sets, source)
    others = [other for other in sets if other != place]
    within = tuple(other for other in others if other.startswith(place))
    state = {
        name.removeprefix(place): value
        for name, value in _beside(tensors, place)
        if name.startswith(place) and not name.startswith(within)
    }
    return Found(state, (*_notes(place, others, source), *_left_out(tensors, [place, *others], source)))


def _sets(tensors: Mapping[str, Tensor], names: Collection[str]) -> dict[str, set[str]]:
    """Return what may stand in front of the network's names -> the names that are found behind it."""
    found: dict[str, set[str]] = {}
    for entry in tensors:
        for start in (0, *(m.end() for m in re.finditer(r"[./]", entry))):
            if entry[start:] in names:
                found.setdefault(entry[:start], set()).add(entry[start:])
    most = max(map(len, found.values()), default=0)
    return {place: held for place, held in found.items() if len(held) > _FEW * most}


def _needed(names: Collection[str]) -> set[str]:
    return {name for name in names if not name.endswith("num_batches_tracked")}


def _chosen(
    sets: Mapping[str, set[str]], tensors: Mapping[str, Tensor], needed: set[str], source: str
) -> str:
    most = max((len(needed & held) for held in sets.values()), default=0)
    if most <= _FEW * len(needed):  # as many names as other networks share: what lacks is told later
        return ""
    whole = [place for place, held in sets.items() if len(needed & held) == most]
    averaged = [place for place in whole if _AVERAGED.search(place.lower())]
    if len(averaged) == 1:
        return averaged[0]
    if len(whole) < 2 or _same(tensors, whole, needed):  # what a set lacks is told when it is loaded
        return whole[0] if whole else ""
    raise InputError(
        f"{source} holds {len(whole)} sets of weights of this network: {_listed(whole)}. Say which to take, "
        f"as in --weights-key {_called(whole[0])}."
    )


def _same(tensors: Mapping[str, Tensor], places: list[str], names: set[str]) -> bool:
    first = places[0]
    pairs = [(tensors.get(first + name), tensors.get(place + name)) for place in places for name in names]
    return all(a is b or (a is not None and b is not None and torch.equal(a, b)) for a, b in pairs)


def _named(key: str, sets: Mapping[str, set[str]], source: str) -> str:
    wanted = "" if key == TOP else key.replace("/", ".").rstrip(".") + "."
    plain = {place: place.replace("/", ".") for place in sets}
    exact = [place for place in sets if plain[place] == wanted]
    found = exact or [place for place in sets if wanted and plain[place].startswith(wanted)]
    if len(found) == 1:
        return found[0]
    raise InputError(
        f"{source} holds {'several sets of' if found else 'no'} weights of this network under {key!r}. "
        f"Allowed: {_listed(list(sets)) or 'none'}."
    )


def _called(place: str) -> str:
    return place.rstrip("./") or TOP


def _listed(places: list[str]) -> str:
    return listed([_called(place) for place in places])


def _beside(tensors: Mapping[str, Tensor], place: str) -> Iterator[tuple[str, Tensor]]:
    """Yield the entries of the mapping in which ``place`` is."""
    mapping = place[: place.rfind("/") + 1]
    for name, value in tensors.items():
        if name.startswith(mapping) and "/" not in name[len(mapping) :]:
            yield name, value


def _notes(place: str, others: list[str], source: str) -> Iterator[str]:
    prefix = place[place.rfind("/") + 1 :]
    if prefix:
        yield f"{source}: the prefix {prefix!r} was taken off the names of its weights."
    if others:
        averaged = " (averaged over training)" if _AVERAGED.search(place.lower()) else ""
        yield (
            f"{source} holds several sets of weights of this network. TAKEN: {_called(place)}{averaged}; "
            f"left out: {_listed(others)}. For another: --weights-key {_called(others[0])}."
        )


def _left_out(tensors: Mapping[str, Tensor], places: list[str], source: str) -> Iterator[str]:
    """Yield a note on entries that stand beside a prefix and belong to no set of weights."""
    beside = (name for name, _ in _beside(tensors, places[0]))
    left = [name.rpartition("/")[2] for name in beside if not name.startswith(tuple(places))]
    if left:
        yield f"{source}: {len(left)} entries beside the network were left out: {listed(left, 4)}."
