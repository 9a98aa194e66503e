"""The suites by name: those of this package, and small files of one's own beside the data."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wiringup.benchmarks.benchmark import Benchmark
from wiringup.benchmarks.catalog import check_benchmark, full_name, load_benchmark, load_present
from wiringup.benchmarks.simulated import SIMULATED, SIZE
from wiringup.core.checks import listed, one_of
from wiringup.core.errors import InputError
from wiringup.core.home import data_home, writable
from wiringup.core.sealed import read_sealed, write_sealed


@dataclass(frozen=True)
class Suite:
    """A list of benchmarks by name. A change of the list is a new version, in the suite's own name.

    Attributes:
        name: with its version, as in ``"real@1"``.
        benchmarks: names of the benchmarks that count.
    """

    name: str
    benchmarks: tuple[str, ...]


REAL = (
    "henaff2021.V1-pls",
    "cichy2016.EVC-rsa",
    "cowley2023.210325.V4-pls",
    "cichy2016.IT-rsa",
    "cifar10h.i2n",
)
"""The published benchmarks that have a noise ceiling, one for each recording."""

BRAIN_SCORE_PUBLIC = (
    "FreemanZiemba2013public.V1-pls",
    "FreemanZiemba2013public.V2-pls",
    "MajajHong2015public.V4-pls",
    "MajajHong2015public.IT-pls",
    "Rajalingham2018public-i2n",
)
"""Brain-Score's five public benchmarks."""

SUITES: Mapping[str, Suite] = {
    name: Suite(name, benchmarks)
    for name, benchmarks in {
        "real@1": REAL,
        "brain-score-public@1": BRAIN_SCORE_PUBLIC,
        "simulated@1": tuple(SIMULATED),
    }.items()
}
"""The suites of this package. A suite is never changed: another list is another version."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}@[1-9][0-9]*")
_CHOSEN = "chosen"


def chosen(benchmarks: Sequence[str]) -> Suite:
    """Return a list of benchmarks that has no name of its own as a suite."""
    return Suite(f"{_CHOSEN}@1", tuple(benchmarks))


def suite_names(home: Path | None = None) -> list[str]:
    """Return the names of all suites: this package's, then those in the data folder."""
    own = sorted(path.stem for path in _folder(home).glob("*@*.json"))
    return [*SUITES, *(name for name in own if name not in SUITES)]


def find_suite(name: str, home: Path | None = None) -> Suite:
    """Return the suite called ``name``.

    Raises:
        InputError: if there is none, with the closest name, or its file is damaged.
    """
    if one_of(name, suite_names(home), "suite") in SUITES:
        return SUITES[name]
    return _read(_folder(home) / f"{name}.json")


def load_suite(
    name: str | None, benchmarks: Sequence[str] = (), home: Path | None = None, size: int = SIZE
) -> tuple[Suite, list[Benchmark], dict[str, str]]:
    """Return a suite, its benchmarks that are here, and for each of the others why it is not.

    Args:
        name: of a suite; or None for the `chosen` ``benchmarks``, all of which have to be here.
        benchmarks: see ``name``.
        home: the data folder; by default `core.home.data_home`.
        size: side in px of the images of simulated benchmarks.

    Raises:
        InputError: if a name is unknown, two stand for the same, or not one of the two is given.
        MissingDataError: if no benchmark is here, or a chosen one is not.
    """
    if (name is None) == (not benchmarks):
        raise InputError("Name benchmarks (--benchmark) or a suite (--suite): one of the two, and not both.")
    if name is None:
        found = [load_benchmark(b, home, size) for b in benchmarks]
        refuse_repeats(found)
        return chosen(benchmarks), found, {}
    suite = find_suite(name, home)
    found, missing = load_present(suite.benchmarks, home, size)
    refuse_repeats(found)
    return suite, found, missing


def refuse_repeats(benchmarks: Sequence[Benchmark]) -> None:
    """Raise `InputError` if two benchmarks are the same by their content: they would count twice."""
    names: dict[str, str] = {}
    for one in benchmarks:
        if one.sha256 in names:
            raise InputError(
                f"{names[one.sha256]} and {one.name} are one benchmark (the same data and metric), which "
                "would count twice; leave out one of the two."
            )
        names[one.sha256] = one.name


def make_suite(name: str, benchmarks: Sequence[str], home: Path | None = None) -> Path:
    """Write a suite of one's own, and return its file.

    Args:
        name: with its version, as in ``"mine@1"``.
        benchmarks: their names; the data need not be here.
        home: the data folder; by default `core.home.data_home`.

    Raises:
        InputError: if the name is not of that form or another list has it already, or a benchmark is unknown
            or named twice.
    """
    if not _NAME.fullmatch(name) or name.startswith(f"{_CHOSEN}@"):
        raise InputError(
            f"{name!r} cannot be the name of a suite: letters, digits, '.', '_' and '-', then '@' and a "
            "version, as in mine@1."
        )
    suite = Suite(name, tuple(check_benchmark(benchmark, home) for benchmark in benchmarks))
    full = [full_name(benchmark, home) for benchmark in benchmarks]
    twice = [b for b, name in zip(benchmarks, full, strict=True) if full.count(name) > 1]
    if twice or not benchmarks:
        raise InputError(f"A suite names every benchmark once; here: {listed(twice) or 'none'}.")
    path = _folder(home) / f"{name}.json"
    if name not in suite_names(home):
        writable(path.parent)
        write_sealed(path, {"name": name, "benchmarks": list(suite.benchmarks)})
    elif (known := find_suite(name, home)) != suite:
        stem, _, version = name.partition("@")
        raise InputError(
            f"The suite {name} is there already, with {', '.join(known.benchmarks)}. A suite is never "
            f"changed; call the new one {stem}@{int(version) + 1}."
        )
    return path


def _folder(home: Path | None) -> Path:
    return data_home(home) / "suites"


def _read(path: Path) -> Suite:
    found: Any = read_sealed(path, "Delete it, and make the suite again: wiringup suites make.")
    names: Any = found.get("benchmarks") if isinstance(found, dict) else None
    strings = isinstance(names, list) and names and all(isinstance(name, str) for name in names)
    if not strings or found.get("name") != path.stem:
        raise InputError(f"{path} holds no suite called {path.stem}. Delete it, and make the suite again.")
    return Suite(path.stem, tuple(names))
