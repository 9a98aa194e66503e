"""Parts of a benchmark: some of its images to search a layer on, the others to report on."""

import dataclasses
import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.benchmarks.accuracy import TopK
from wiringup.benchmarks.benchmark import Benchmark, Measured
from wiringup.core.errors import InputError
from wiringup.core.seeds import numpy_stream
from wiringup.core.stimuli import Stimuli
from wiringup.data.measurements import Choices, Dissimilarities, Recording

Index = NDArray[np.intp]


def part(benchmark: Benchmark, index: Index, name: str) -> Benchmark:
    """Return the benchmark of the tested images at ``index`` alone, called ``name``.

    Units, subjects and the images that a decoder is fitted on stay as they are.

    Raises:
        InputError: if this kind of benchmark cannot be divided.
    """
    if isinstance(benchmark, TopK):
        return dataclasses.replace(benchmark, test=benchmark.test.take(index), name=name)
    if isinstance(benchmark, Measured) and isinstance(benchmark.data, Recording | Dissimilarities | Choices):
        return dataclasses.replace(benchmark, data=_taken(benchmark.data, index), name=name)
    raise InputError(
        f"{benchmark.name} cannot be divided into halves. Choose its layer on another recording "
        "(--search NAME), or name a layer (wiringup score --layer)."
    )


def _taken(data: Recording | Dissimilarities | Choices, index: Index) -> Any:
    if isinstance(data, Choices):
        return dataclasses.replace(data, counts=data.counts[index], test=data.test.take(index))
    stimuli = data.stimuli.take(index)
    if isinstance(data, Dissimilarities):
        rdms = np.ascontiguousarray(data.rdms[:, index[:, None], index])
        return dataclasses.replace(data, rdms=rdms, stimuli=stimuli)
    groups, labels = (None if names is None else names[index] for names in (data.groups, data.labels))
    trials = data.trials[:, index]
    return dataclasses.replace(data, trials=trials, stimuli=stimuli, groups=groups, labels=labels)


def scored_images(benchmark: Benchmark) -> Stimuli:
    """Return the images that a score is made on, without those that a decoder is fitted on."""
    if isinstance(benchmark, TopK):
        return benchmark.test.stimuli
    if isinstance(benchmark, Measured) and isinstance(benchmark.data, Choices):
        return benchmark.data.test.stimuli
    return benchmark.stimuli


def image_hashes(stimuli: Stimuli) -> tuple[str, ...]:
    """Return 16 hexadecimal digits for each image: of its pixels, whatever its name and its neighbours."""
    shape = str(stimuli.pixels.shape[1:]).encode()
    return tuple(
        hashlib.sha256(shape + np.ascontiguousarray(image).tobytes()).hexdigest()[:16]
        for image in stimuli.pixels
    )


def search_half(benchmark: Benchmark, seed: int) -> Benchmark:
    """Return the half of a benchmark on which its layer may be chosen; the other half is for the report.

    Groups of near-copies stay on one side; labels are divided in proportion. Benchmarks on the same images,
    grouped and labelled alike, are divided alike. An image that is there twice counts as a group.
    """
    stimuli = scored_images(benchmark)
    groups, labels = _names(benchmark)
    copies = np.array(image_hashes(stimuli))
    if groups is None and len(np.unique(copies)) < len(copies):
        groups = copies
    generator = numpy_stream(seed, "layer search", stimuli.sha256)
    index = first_half(len(stimuli), generator, groups, labels)
    return part(benchmark, index, f"{benchmark.name}:search")


def _names(benchmark: Benchmark) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    if isinstance(benchmark, TopK):
        return None, benchmark.test.labels
    data = benchmark.data if isinstance(benchmark, Measured) else None
    if isinstance(data, Choices):
        return None, data.test.labels
    return getattr(data, "groups", None), getattr(data, "labels", None)


def first_half(
    n: int,
    generator: np.random.Generator,
    groups: NDArray[Any] | None = None,
    labels: NDArray[Any] | None = None,
) -> Index:
    """Return the sorted indices of a random half of ``n`` images.

    Args:
        n: number of images.
        generator: where the randomness comes from.
        groups: (n,); images of one group go together. They win over labels, as in `metrics.splits`.
        labels: (n,); every label is divided in half, to within one image.
    """
    if groups is not None:
        return _half_of_groups(groups, generator)
    of_label = np.zeros(n, np.intp) if labels is None else np.unique(labels, return_inverse=True)[1]
    order = np.lexsort((generator.permutation(n), of_label))
    return np.sort(order[::2])


def _half_of_groups(groups: NDArray[Any], generator: np.random.Generator) -> Index:
    """Deal out whole groups, in random order, to the half that has fewer images so far."""
    _, of_group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    first = np.zeros(len(sizes), bool)
    surplus = 0
    for group in generator.permutation(len(sizes)):
        first[group] = surplus <= 0
        surplus += int(sizes[group]) if first[group] else -int(sizes[group])
    return np.flatnonzero(first[of_group])
