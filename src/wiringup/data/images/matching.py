"""Which image is meant: names of images in tables and recordings, matched with those of the files."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from wiringup.core.errors import InputError
from wiringup.core.stimuli import Stimuli
from wiringup.data.images.decoding import SUFFIXES

Parts = tuple[str, ...]


def matched(wanted: Sequence[str], names: Sequence[str]) -> list[int | None]:
    """Return where each wanted name is among ``names``, or None.

    Names are compared in one Unicode form (NFC), slash and backslash alike: whole, then without leading
    folders, then without the suffix of an image file, then without regard to case. The first of these forms
    that finds the most counts; a form in which two different names are alike decides nothing.
    """
    found: list[int | None] = [None] * len(wanted)
    ours, theirs = [_parts(name) for name in wanted], [_parts(name) for name in names]
    for form in _forms(max((len(parts) for parts in (*ours, *theirs)), default=1)):
        place = {form(parts): i for i, parts in enumerate(theirs)}
        asked = [form(parts) for parts in ours]
        if len(place) < len(theirs) or len(set(asked)) < len(set(ours)):
            continue
        index = [place.get(name) for name in asked]
        if index.count(None) < found.count(None):
            found = index
        if None not in found:
            break
    return found


def names_most(texts: Sequence[str], names: Sequence[str]) -> bool:
    """Return whether ``texts`` are meant to be names of images: no numbers, and they name half of them."""
    distinct = list(dict.fromkeys(texts))
    if any(text.isdecimal() for text in distinct):
        return False
    return 2 * (len(distinct) - matched(distinct, names).count(None)) >= len(names) > 0


def places_of(files: Sequence[str], stimuli: Stimuli, path: Path) -> list[int]:
    """Return where each of ``files``, as a table names them, is among ``stimuli``.

    Raises:
        InputError: if one is not there.
    """
    found = matched(files, stimuli.ids)
    unknown = [file for file, i in zip(files, found, strict=True) if i is None]
    if unknown:
        raise InputError(
            f"{path} names {len(unknown)} images that are not among the {len(stimuli)} stimuli, "
            f"such as {unknown[0]!r} (stimuli are called like {stimuli.ids[0]!r})."
        )
    return [i for i in found if i is not None]


def _parts(name: str) -> Parts:
    slashed = unicodedata.normalize("NFC", name).replace("\\", "/")
    return tuple(part for part in slashed.split("/") if part not in ("", "."))


def _forms(depth: int) -> Iterator[Callable[[Parts], Parts]]:
    """Yield the ways to write a name, from the strictest to the loosest."""
    for fold in (False, True):
        for cut in (False, True):
            for kept in range(depth, 0, -1):
                yield partial(_written, kept=kept, cut=cut, fold=fold)


def _written(parts: Parts, kept: int, cut: bool, fold: bool) -> Parts:
    parts = parts[-kept:]
    if cut and parts:
        parts = (*parts[:-1], without_suffix(parts[-1]))
    return tuple(part.casefold() for part in parts) if fold else parts


def without_suffix(name: str) -> str:
    """Return a name without the suffix of an image file; other dots stay (contrast0.012)."""
    suffix = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)] if suffix != name.lower() else name
