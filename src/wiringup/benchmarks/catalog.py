"""The benchmarks by name, made from what lies in the data folder."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from wiringup.benchmarks.accuracy import TopOne
from wiringup.benchmarks.behavior import ChoiceConsistency
from wiringup.benchmarks.benchmark import Benchmark
from wiringup.benchmarks.predictivity import Predictivity
from wiringup.benchmarks.similarity import Similarity
from wiringup.benchmarks.suite import Suite
from wiringup.core.areas import BEHAVIOR
from wiringup.core.checks import one_of
from wiringup.core.home import data_home
from wiringup.data import catalog
from wiringup.data.recordings import DataSet, Dissimilarities, Recording

DATA_SETS: Mapping[str, str] = {
    "cowley2023.210325.V4-pls": "cowley2023.210325",
    "cowley2023.190923.V4-pls": "cowley2023.190923",
    "henaff2021.V1-pls": "henaff2021",
    "cichy2016.IT-rsa": "cichy2016.IT",
    "cichy2016.EVC-rsa": "cichy2016.EVC",
    "cichy2016.white.IT-rsa": "cichy2016.white.IT",
    "cichy2016.white.EVC-rsa": "cichy2016.white.EVC",
    "cifar10h.i2n": "cifar10h",
}
"""Benchmarks of published data -> the data set behind each."""

ACCURACIES: Mapping[str, tuple[str, str]] = {
    "tinyimagenet40.top-1": ("tinyimagenet40.train", "tinyimagenet40.val"),
}
"""Benchmarks of accuracy -> the labelled images to fit a decoder on, and those to test it on."""

FIT_EVERY = 8  # of the images to fit on: 50 of the 400 in each class are plenty for a linear decoder

REAL = (
    "henaff2021.V1-pls",
    "cichy2016.EVC-rsa",
    "cowley2023.210325.V4-pls",
    "cichy2016.IT-rsa",
    "cifar10h.i2n",
)
"""The published benchmarks that have a noise ceiling, one for each recording."""

REAL_SUITE = Suite("real@1", REAL)

SUITES: Mapping[str, Suite] = {suite.name: suite for suite in (REAL_SUITE,)}
"""The suites by name. A suite is never changed: another list is another version."""


def find_suite(name: str) -> Suite:
    """Return the suite called ``name``; raise `InputError`, with the closest name, if there is none."""
    return SUITES[one_of(name, SUITES, "suite")]


def imported_benchmarks(home: Path | None = None) -> dict[str, str]:
    """Return {benchmark: data set} of what the user imported: under its own name, and as NAME.AREA-pls."""
    published = set(catalog.PUBLISHED)
    sets = [entry for entry in catalog.known(home) if entry.name not in published]
    return {name: s.name for s in sets for name in (s.name, f"{s.name}.{s.area}-pls")}


def benchmark_names(home: Path | None = None) -> list[str]:
    """Return the names of all benchmarks, published and imported, whether the data are there or not."""
    return [*DATA_SETS, *ACCURACIES, *imported_benchmarks(home)]


def list_benchmarks(home: Path | None = None) -> list[dict[str, str]]:
    """Return name, area, "yes" or "no" (``here``) and the command that brings it (``how``)."""
    sets = {entry.name: entry for entry in catalog.known(home)}
    tested = {name: test for name, (_, test) in ACCURACIES.items()}
    names = {**DATA_SETS, **tested, **imported_benchmarks(home)}
    return [_listed(name, sets[data]) for name, data in names.items()]


def _listed(name: str, data: catalog.Known) -> dict[str, str]:
    here = "yes" if data.present else "no"
    return {"name": name, "area": data.area or BEHAVIOR, "here": here, "how": _how(data.why)}


def _how(why: str) -> str:
    """Return the command at the end of what a data set says it lacks, or all of it if there is none."""
    return why.partition("Run: ")[2] or why


def load_benchmark(name: str, home: Path | None = None) -> Benchmark:
    """Return the benchmark called ``name``.

    Args:
        name: one of `benchmark_names`.
        home: the data folder; by default `core.home.data_home`.

    Raises:
        InputError: if the name is unknown, with the closest one.
        MissingDataError: if its data are not there, with the command that brings them.
    """
    home = data_home() if home is None else home
    data_sets = {**DATA_SETS, **imported_benchmarks(home)}
    if one_of(name, [*data_sets, *ACCURACIES], "benchmark") in ACCURACIES:
        return _load_accuracy(name, home)
    return make_benchmark(catalog.load(data_sets[name], home), name)


def _load_accuracy(name: str, home: Path) -> TopOne:
    fit, test = (catalog.load_images(images, home) for images in ACCURACIES[name])
    return TopOne(test, name, fit.take(np.arange(0, len(fit), FIT_EVERY)))


def make_benchmark(data: DataSet, name: str = "") -> Benchmark:
    """Return the benchmark that suits the kind of ``data``: PLS, RSA or i2n.

    Args:
        data: a recording, dissimilarities or choices.
        name: how results call it; by default the data's own name.
    """
    if isinstance(data, Recording):
        return Predictivity(data, name)
    if isinstance(data, Dissimilarities):
        return Similarity(data, name)
    return ChoiceConsistency(data, name)
