"""What all imports have in common: the names that a set may have, and how it is stored."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from wiringup.core.areas import AREAS
from wiringup.core.errors import InputError
from wiringup.core.files import sha256_of
from wiringup.core.home import data_home
from wiringup.data.measurements import DataSet
from wiringup.data.sources.addresses import SOURCES
from wiringup.data.sources.imported import imported_names, save_set

Data = TypeVar("Data", bound=DataSet, covariant=True)
Given = TypeVar("Given", bound=DataSet)

BUILT_IN = (
    *SOURCES,
    "simulated",
    *("FreemanZiemba2013public", "MajajHong2015public", "Rajalingham2018public", "Rajalingham2018public-i2n"),
)
"""What the names of built-in data sets and benchmarks are up to their first dot."""

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")
_BENCHMARK = re.compile(rf"(?:{'|'.join(AREAS)})-.+|i1|i2|i2n|o1|o2|error-consistency")
"""What follows the name of a set in those of its benchmarks, after a dot."""


@dataclass(frozen=True, eq=False)
class Imported(Generic[Data]):
    """The outcome of an import.

    Attributes:
        data: what was stored.
        folder: where.
        warnings: sentences that the user should read.
        order: where the order of the images comes from, in words; empty where names alone decide.
    """

    data: Data
    folder: Path
    warnings: tuple[str, ...]
    order: str = ""


def check_name(name: str, home: Path | None = None) -> None:
    """Raise `InputError` unless a data set of one's own may have this name, beside the others in ``home``."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot name a data set: use 1 to 64 letters, digits, dots, hyphens and underscores, "
            "with a letter or digit first and no dot last."
        )
    beginning = name.partition(".")[0]
    taken = next((known for known in BUILT_IN if known.casefold() == beginning.casefold()), None)
    if taken is not None:
        # under NAME.AREA-pls the built-in benchmark would be scored, and not one's own
        raise InputError(
            f"{name!r} cannot name data of your own: {taken!r} and all that begins with '{taken}.' are "
            f"built-in data sets and benchmarks. Choose another name, such as 'my-{name}'."
        )
    for other in imported_names(data_home(home)):
        short, long = sorted((name, other), key=len)
        if long.startswith(f"{short}.") and _BENCHMARK.fullmatch(long.removeprefix(f"{short}.")):
            raise InputError(
                f"{name!r} cannot be imported beside {other!r}: a benchmark of {short!r} is called {long!r}, "
                "and one would be scored for the other. Choose another name."
            )


def stored(
    data: Given,
    home: Path | None,
    files: Mapping[str, Path | None],
    warnings: Sequence[str],
    **facts: object,
) -> Imported[Given]:
    """Store an import together with the names and hashes of the files that it was made of.

    Args:
        data: what was imported.
        home: the data folder; by default `data_home`.
        files: what a file is (responses, stimuli ...) -> where it lies.
        warnings: sentences that the user should read.
        facts: plain JSON values that are noted besides, such as ``order``.

    Raises:
        InputError: if another set is stored under this name.
        WiringupError: if the disk is full.
    """
    provenance = {what: _provenance(Path(path)) for what, path in files.items() if path is not None}
    noted = provenance | facts | {"warnings": list(warnings)}
    folder = save_set(data, data_home(home), noted)
    return Imported(data, folder, tuple(warnings), str(facts.get("order", "")))


def _provenance(path: Path) -> dict[str, str]:
    path = path.expanduser()
    return {"file": path.name} | ({"sha256": sha256_of(path)} if path.is_file() else {})
