"""Names of images: their order, the class of each, and which image a name means; files that name classes."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import listed, one_of
from wiringup.core.errors import InputError
from wiringup.core.files import parsed_json, read_bounded
from wiringup.core.limits import JSON_BYTES
from wiringup.core.stimuli import Stimuli
from wiringup.data.images.decoding import SUFFIXES

Parts = tuple[str, ...]

PICTURES = (
    ".jp2", ".j2k", ".jpx", ".jxl", ".heic", ".heif", ".avif", ".tga", ".psd", ".svg", ".exr", ".hdr", ".ico",
    ".dng", ".cr2", ".nef", ".arw", ".dcm",
)  # fmt: skip
"""How files of pictures end that are not opened."""

_PIECES = re.compile(r"\d+|\D+")
_NUMBER = re.compile(r"\d+")
_MARKS = re.compile("[\0\1]")


def in_natural_order(names: Iterable[str]) -> list[str]:
    """Return ``names`` sorted so that numbers count by their value: ``image2`` before ``image10``.

    Part by part of a path and, within a part, piece by piece: numbers come before texts. Names that differ in
    leading zeros alone are in the order of their characters.
    """
    ordered = sorted(names)
    # of a million names, texts are compared five times as fast as lists of pieces
    ordered.sort(key=_pieces if any(map(_MARKS.search, ordered)) else _as_text)
    return ordered


def _pieces(name: str) -> list[list[tuple[int, int | str]]]:
    pieces = [_PIECES.findall(part) for part in name.split("/")]
    return [[(0, int(p)) if p.isdecimal() else (1, p) for p in part] for part in pieces]


def _as_text(name: str) -> str:
    """Return a text that is less than another's where `_pieces` are; for names without `_MARKS`.

    The end of a part is written as 0, and a number as 1, the number of its digits and these: both are less
    than any other character.
    """
    return _NUMBER.sub(_number, name.replace("/", "\0"))


def _number(digits: re.Match[str]) -> str:
    value = str(int(digits[0]))
    return f"\1{chr(len(value))}{value}"


def is_hidden(name: str) -> bool:
    """Return whether a file is hidden, lies in a hidden folder, or is what macOS adds to a zip."""
    if "/." not in name and not name.startswith(".") and "__MACOSX" not in name:
        return False
    return any((part.startswith(".") and part != ".") or part == "__MACOSX" for part in name.split("/"))


def passed_over(files: Sequence[str], names: Sequence[str], path: Path) -> str:
    """Say which files are passed over that look like images, or are all that is in the folder of a class.

    Args:
        files: all that are there, with forward slashes.
        names: those that are opened as images.
        path: where they lie.
    """
    if len(files) == len(names):
        return ""
    opened = set(names)
    others = [name for name in files if name not in opened and not is_hidden(name)]
    endings = Counter(name[name.rfind(".") :].lower() for name in others if name.lower().endswith(PICTURES))
    told = []
    if endings:
        each = ", ".join(f"{number:,} {ending}" for ending, number in endings.most_common())
        told.append(f"{each} are passed over; convert them to be used (opened are {', '.join(SUFFIXES)})")
    folders = _folders(names)
    beside = Counter(folder.rpartition("/")[0] for folder in folders if folder)
    empty = sorted(f for f in _folders(others) - folders if f and beside[f.rpartition("/")[0]] > 1)
    if empty := [one for one in empty if not any(folder.startswith(f"{one}/") for folder in folders)]:
        told.append(f"no file in {listed(empty)} is opened as an image, so that is no class")
    return f"{path}: {'; '.join(told)}." if told else ""


def unwrapped(names: list[str]) -> list[str]:
    """Return ``names`` without the folders that all of them share."""
    folders = [folder.split("/") if folder else [] for folder in _folders(names)]
    levels = zip(*folders, strict=False)
    shared = len(list(takewhile(lambda level: len(set(level)) == 1, levels)))
    if not shared:
        return names
    return [name.split("/", shared)[-1] for name in names]


def _folders(names: Sequence[str]) -> set[str]:
    return {name.rpartition("/")[0] for name in names}


def class_of_each(path: Path, ids: Sequence[str]) -> list[str]:
    """Return the class folder of every unwrapped name.

    Raises:
        InputError: if images lie outside class folders, or the folders are splits and not classes.
    """
    folders = _folders(ids)
    if "" in folders:
        alone = next(name for name in ids if "/" not in name)
        raise InputError(
            f"{path} has images outside class folders (such as {alone!r}); labelled images "
            "need at least two folders, one for each class, or a table of files and classes (PATH.csv)."
        )
    # train/cat beside val/cat would otherwise become the two classes 'train' and 'val'.
    if len(folders) > len(set(map(_first, folders))):
        deepest = max(folders, key=lambda folder: (folder.count("/"), folder))
        raise InputError(
            f"{path} has folders within its folders (such as {deepest!r}); give "
            "the folder whose sub-folders are the classes."
        )
    one = {folder: folder for folder in map(_first, folders)}  # a million equal names are one text in memory
    return [one[_first(name)] for name in ids]


def _first(name: str) -> str:
    return name.partition("/")[0]


def labels_of(folders: list[str], classes: tuple[str, ...]) -> NDArray[np.int64]:
    """Return int64 (images,), the index of each image's class folder in ``classes``.

    Raises:
        InputError: if a folder is none of the classes.
    """
    for folder in dict.fromkeys(folders):
        one_of(folder, classes, "class folder")
    position = {name: i for i, name in enumerate(classes)}
    return np.array([position[folder] for folder in folders], dtype=np.int64)


def classes_of_numbers(labels: NDArray[np.integer[Any]]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the classes that numbers stand for, and the index of each label among them.

    A number is the name of a class and no count: labels 0 and 7 are two classes, called 0 and 7.

    Raises:
        InputError: if a number is negative.
    """
    found, index = np.unique(labels, return_inverse=True)
    if len(found) and found[0] < 0:
        raise InputError(f"Labels have to be 0 or more; found {found[0]}.")
    return tuple(str(n) for n in found.tolist()), index.astype(np.int64)


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read names of classes in the order of a decoder's outputs, or of the columns of counts.

    A text file has one name a line. JSON is a list of names, or numbers with names, or names with numbers.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it is none of these, or a name stands twice.
    """
    path = Path(path).expanduser()
    content = read_bounded(path, JSON_BYTES, "file of class names")
    if path.suffix.lower() == ".json":
        names = _from_json(content, path)
    else:
        try:
            lines = content.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is no text in UTF-8 ({error}); one name a line is expected.") from error
        names = [line.strip() for line in lines if line.strip()]
    if len(names) < 2 or "" in names:
        raise InputError(f"{path} names {len(names)} classes; two or more names, one a line, are expected.")
    twice = next((name for name, times in Counter(names).items() if times > 1), None)
    if twice is not None:
        raise InputError(f"{path} names the class {twice!r} more than once; every class needs its own name.")
    return tuple(names)


def _from_json(content: bytes, path: Path) -> list[str]:
    value = parsed_json(content, str(path))
    if isinstance(value, dict):
        numbers = [str(i) for i in range(len(value))]
        if set(value) == set(numbers):
            value = [value[number] for number in numbers]
        elif sorted(map(str, value.values())) == sorted(numbers):
            value = sorted(value, key=lambda name: int(value[name]))
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return [name.strip() for name in value]
    raise InputError(
        f'{path} holds no list of class names. Allowed are ["cat", "dog"], {{"0": "cat", "1": "dog"}} and '
        '{"cat": 0, "dog": 1}.'
    )


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
