"""The benchmarks by name, made from what lies in the data folder."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wiringup.benchmarks.accuracy import TopK
from wiringup.benchmarks.behavior import ChoiceConsistency, ErrorConsistency, TwoChoiceConsistency
from wiringup.benchmarks.benchmark import Benchmark
from wiringup.benchmarks.geometry import FOLDS, Geometry, Similarity
from wiringup.benchmarks.metrics.geometry import MEASURES
from wiringup.benchmarks.metrics.i2n import SIGNATURES
from wiringup.benchmarks.predictivity import MAPPINGS, Predictivity
from wiringup.benchmarks.simulated import SIMULATED, SIZE, simulated_data
from wiringup.core.areas import BEHAVIOR
from wiringup.core.checks import one_of
from wiringup.core.errors import MissingDataError
from wiringup.core.home import data_home
from wiringup.data.measurements import DataSet, Dissimilarities, Judgements, Recording, TwoChoice
from wiringup.data.sources import catalog, imported

log = logging.getLogger(__name__)

DATA_SETS: Mapping[str, str] = {
    "cowley2023.210325.V4-pls": "cowley2023.210325",
    "cowley2023.190923.V4-pls": "cowley2023.190923",
    "henaff2021.V1-pls": "henaff2021",
    "cichy2016.IT-rsa": "cichy2016.IT",
    "cichy2016.EVC-rsa": "cichy2016.EVC",
    "cichy2016.white.IT-rsa": "cichy2016.white.IT",
    "cichy2016.white.EVC-rsa": "cichy2016.white.EVC",
    **{f"cifar10h.{metric}": "cifar10h" for metric in SIGNATURES},
    "FreemanZiemba2013public.V1-pls": "freemanziemba2013.public.V1",
    "FreemanZiemba2013public.V2-pls": "freemanziemba2013.public.V2",
    "MajajHong2015public.V4-pls": "majajhong2015.public.V4",
    "MajajHong2015public.IT-pls": "majajhong2015.public.IT",
    "Rajalingham2018public-i2n": "rajalingham2018.public",
}
"""Benchmarks of published data -> the data set behind each."""

ACCURACIES: Mapping[str, tuple[str, str]] = {
    f"tinyimagenet40.top-{k}": ("tinyimagenet40.train", "tinyimagenet40.val") for k in (1, 5)
}
"""Benchmarks of accuracy -> the labelled images to fit a decoder on, and those to test it on."""

FIT_EVERY = 8  # of the images to fit on: 50 of the 400 in each class are plenty for a linear decoder

DEFAULT_METRIC = "pls"
_OVER_FOLDS = {f"{measure}-{FOLDS}": measure for measure in MEASURES}
NEURAL_METRICS = (*MAPPINGS, *MEASURES, *_OVER_FOLDS)
"""What may stand for "pls" at the end of a name, on every recording."""


def imported_benchmarks(home: Path | None = None) -> dict[str, str]:
    """Return {benchmark: data set} of what the user imported: under its own name, and with the metric.

    That is NAME.AREA-pls for a recording, NAME.AREA-rsa for dissimilarities, NAME.i2n and its relatives for
    choices between two, and NAME.error-consistency for choices among all classes. A name that a published
    or simulated benchmark has is left to it.
    """
    published = set(catalog.PUBLISHED)
    sets = [entry for entry in catalog.known(home) if entry.name not in published]
    names = {name: s.name for s in sets for name in (s.name, *_metrics_of(s))}
    return {name: data for name, data in names.items() if name not in {**DATA_SETS, **SIMULATED}}


def full_name(name: str, home: Path | None = None) -> str:
    """Return the name of a benchmark with its metric, where it is the bare name of what the user imported."""
    bare = {s.name: s for s in catalog.known(home) if s.name in imported_benchmarks(home)}
    return _metrics_of(bare[name])[0] if name in bare else name


def _metrics_of(data: catalog.Known) -> list[str]:
    if data.kind in (imported.CHOICES, imported.COUNTS):
        return [f"{data.name}.{metric}" for metric in SIGNATURES]
    if data.kind == imported.JUDGEMENTS:
        return [f"{data.name}.{ErrorConsistency.NAME}"]
    if data.kind == imported.DISSIMILARITIES:
        return [f"{data.name}.{data.area}-rsa"]
    return [f"{data.name}.{data.area}-pls"]


def benchmark_names(home: Path | None = None) -> list[str]:
    """Return the names of all benchmarks: published, of accuracy, simulated and imported, here or not."""
    return [*DATA_SETS, *ACCURACIES, *SIMULATED, *imported_benchmarks(home)]


def check_benchmark(name: str, home: Path | None = None) -> str:
    """Return ``name`` if a benchmark is called so; raise `InputError`, with the closest name, otherwise."""
    named = benchmark_names(home)
    return name if name in other_metrics(_data_sets(home)) else one_of(name, named, "benchmark")


def _data_sets(home: Path | None) -> dict[str, str]:
    return {**DATA_SETS, **imported_benchmarks(home)}


def other_metrics(names: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return {benchmark: (data set, metric)}: every NAME-pls of ``names`` with the other neural metrics.

    A data set's bare name is not varied, whatever it ends in.
    """
    ending = f"-{DEFAULT_METRIC}"
    varied = {n.removesuffix(ending): s for n, s in names.items() if n.endswith(ending) and n != s}
    made = {f"{stem}-{metric}": (s, metric) for stem, s in varied.items() for metric in NEURAL_METRICS}
    return {name: found for name, found in made.items() if name not in names}


def list_benchmarks(home: Path | None = None, names: Sequence[str] | None = None) -> list[dict[str, str]]:
    """Return name, area, "yes" or "no" (``here``) and the command that brings it (``how``).

    Args:
        home: the data folder; by default `core.home.data_home`.
        names: of which benchmarks, in any metric; by default all of `benchmark_names`.
    """
    sets = {entry.name: entry for entry in catalog.known(home)}
    sets |= {name: catalog.Known(name, area, "simulated", present=True) for name, area in SIMULATED.items()}
    data, tested = _data_sets(home), {name: test for name, (_, test) in ACCURACIES.items()}
    varied = {name: behind for name, (behind, _) in other_metrics(data).items()}
    behind = {**varied, **data, **tested, **{name: name for name in SIMULATED}}
    asked = benchmark_names(home) if names is None else names
    gone = catalog.Known("", "–", "", present=False, why="no data of this name are here; import them")
    return [_listed(name, sets.get(behind.get(name, ""), gone)) for name in asked]


def _listed(name: str, data: catalog.Known) -> dict[str, str]:
    here = "yes" if data.present else "no"
    how = data.why.partition("Run: ")[2] or data.why  # the command at the end, where there is one
    return {"name": name, "area": data.area or BEHAVIOR, "here": here, "how": how}


def load_benchmark(name: str, home: Path | None = None, size: int = SIZE) -> Benchmark:
    """Return the benchmark called ``name``.

    Args:
        name: one of `benchmark_names`, or of their `other_metrics`.
        home: the data folder; by default `core.home.data_home`.
        size: side in px of the images of a simulated benchmark; recorded ones have their own.

    Raises:
        InputError: if the name is unknown, with the closest one.
        MissingDataError: if its data are not there, with the command that brings them.
    """
    home = data_home(home)
    data_sets = _data_sets(home)
    others = other_metrics(data_sets)
    if name in others:
        set_name, metric = others[name]
        return make_benchmark(catalog.load(set_name, home), name, metric)
    if one_of(name, [*data_sets, *ACCURACIES, *SIMULATED], "benchmark") in ACCURACIES:
        return _load_accuracy(name, home)
    data = simulated_data(name, size) if name in SIMULATED else catalog.load(data_sets[name], home)
    return make_benchmark(data, name)


def load_present(
    names: Sequence[str], home: Path | None = None, size: int = SIZE
) -> tuple[list[Benchmark], dict[str, str]]:
    """Return the benchmarks called ``names`` that are here, and for each of the others why it is not.

    Raises:
        InputError: if a name is unknown.
        MissingDataError: if none is here.
    """
    present: list[Benchmark] = []
    missing: dict[str, str] = {}
    for name in names:
        try:
            present.append(load_benchmark(name, home, size))
            log.info("Loaded %s.", name)
        except MissingDataError as error:
            missing[name] = str(error)
    if not present:
        first = next(iter(missing.values()))
        raise MissingDataError(f"None of the benchmarks {', '.join(names)} is here. The first: {first}")
    return present, missing


def _load_accuracy(name: str, home: Path) -> TopK:
    fit, test = (catalog.load_images(images, home) for images in ACCURACIES[name])
    k = int(name.rpartition("-")[2])
    return TopK(test, name, fit.take(np.arange(0, len(fit), FIT_EVERY)), k)


def make_benchmark(data: DataSet, name: str = "", metric: str = DEFAULT_METRIC) -> Benchmark:
    """Return the benchmark that suits the kind of ``data``: a neural metric, RSA or a behavioural metric.

    Args:
        data: a recording, dissimilarities or choices.
        name: how results call it; by default the data's own name. For choices, what follows the data's name
            and a dot is the metric, as in ``cifar10h.o2``; without it i2n.
        metric: for a recording, one of `NEURAL_METRICS`.
    """
    if isinstance(data, Recording):
        return _make_neural(data, name, metric)
    if isinstance(data, Dissimilarities):
        return Similarity(data, name)
    if isinstance(data, Judgements):
        return ErrorConsistency(data, name)
    signature = name.removeprefix(f"{data.name}.") if name.startswith(f"{data.name}.") else "i2n"
    if isinstance(data, TwoChoice):
        return TwoChoiceConsistency(data, name, signature)
    return ChoiceConsistency(data, name, signature)


def _make_neural(data: Recording, name: str, metric: str) -> Benchmark:
    if one_of(metric, NEURAL_METRICS, "neural metric") in MEASURES:
        return Geometry(data, name, MEASURES[metric])
    if metric in _OVER_FOLDS:
        return Geometry(data, name, MEASURES[_OVER_FOLDS[metric]], FOLDS)
    return Predictivity(data, name, MAPPINGS[metric])
