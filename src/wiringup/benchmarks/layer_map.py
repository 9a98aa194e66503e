"""Which layer is which area: how it was chosen, on which images, and that no score is made on them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from wiringup import __version__
from wiringup.benchmarks.benchmark import Benchmark
from wiringup.benchmarks.halves import image_hashes, part, scored_images
from wiringup.core.errors import InputError
from wiringup.core.score import UNCEILED, Score
from wiringup.core.sealed import read_sealed, write_sealed
from wiringup.core.spec import content_hash
from wiringup.core.stimuli import Stimuli
from wiringup.models.readout import Subject, classes_of, reservation_of

UNSEEN = ":unseen"
ADVICE = "Restore it from a copy, or choose again: wiringup layers MODEL ..."


@dataclass(frozen=True)
class Searched:
    """What the layers of one area were chosen on.

    Attributes:
        benchmark: its name.
        images: hashes of the images (see `halves.image_hashes`).
        scores: layer -> raw, error, ceiling and score on these images, means over seeds.
    """

    benchmark: str
    area: str
    images: tuple[str, ...]
    scores: Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True)
class LayerMap:
    """Area -> layer, with everything that the choice was made from.

    Attributes:
        architecture: of the network that was searched.
        model: how results name the network (birth, seeds, weights, size).
        areas: the choice.
        searched: one entry for each benchmark that was searched on.
        rule: how layers were scored, in words.
    """

    architecture: str
    model: Mapping[str, Any]
    areas: Mapping[str, str]
    searched: tuple[Searched, ...]
    rule: str
    version: str = field(default=__version__)

    @cached_property
    def sha256(self) -> str:
        """The hash of all of it; its first 12 digits stand beside every score made with it."""
        return content_hash(self)

    def images_of(self, area: str) -> set[str]:
        """Return the hashes of all images on which the layer of ``area`` was chosen."""
        return {image for s in self.searched if s.area == area for image in s.images}

    def save(self, path: Path) -> None:
        """Write the map as JSON, with its hash."""
        write_sealed(path, {"sha256": self.sha256, **asdict(self)})


def load_layer_map(path: Path) -> LayerMap:
    """Read a map that `LayerMap.save` wrote.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it is no layer map, or was changed since.
    """
    values = read_sealed(path, ADVICE)
    try:
        stated = values.pop("sha256")
        searched = tuple(Searched(**{**s, "images": tuple(s["images"])}) for s in values.pop("searched"))
        found = LayerMap(**values, searched=searched)
        intact = found.sha256 == stated
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no layer map; make one with: wiringup layers MODEL ...") from error
    if not intact:
        raise InputError(f"{path} was changed after it was written (its hash differs); choose again.")
    return found


def choose(searched: Sequence[Searched]) -> dict[str, str]:
    """Return area -> the layer with the highest mean score over the area's benchmarks.

    Scores are ceiled ones, or raw ones if a benchmark of the area has no ceiling; of equals, the first. One
    that is not defined counts as 0.

    Raises:
        InputError: if no layer has a score on a benchmark.
    """
    for one in searched:
        if all(s["raw"] is None for s in one.scores.values()):
            raise InputError(
                f"No layer can be chosen on {one.benchmark}: none has a score on it; wiringup score says why."
            )
    areas = dict.fromkeys(s.area for s in searched)
    return {area: _best([s for s in searched if s.area == area]) for area in areas}


def _best(searched: Sequence[Searched]) -> str:
    means = mean_scores(searched)
    return max(means, key=lambda layer: means[layer])


def mean_scores(searched: Sequence[Searched]) -> dict[str, float]:
    """Return layer -> what `choose` compares, for the benchmarks of one area."""
    ceiled = all(s["ceiling"] is not None for one in searched for s in one.scores.values())
    kind = "score" if ceiled else "raw"
    return {
        layer: float(np.mean([one.scores[layer][kind] or 0.0 for one in searched]))
        for layer in searched[0].scores
    }


def summary(scores: Sequence[Score]) -> dict[str, float | None]:
    """Return the means over seeds of one layer's scores on one benchmark, as `Searched` holds them.

    What is not defined is None.
    """
    ceiling = None if scores[0].normalisation == UNCEILED else scores[0].ceiling
    return {
        "raw": _mean([s.raw for s in scores]),
        "error": float(np.nan_to_num(np.mean([s.error for s in scores]))),
        "ceiling": ceiling,
        "score": _mean([s.score for s in scores]),
    }


def _mean(values: Sequence[float]) -> float | None:
    mean = float(np.mean(values))
    return None if np.isnan(mean) else mean


def seen(benchmark: Benchmark, layers: LayerMap) -> np.ndarray:
    """Return (images,) True where the layer of the benchmark's area was chosen on the image."""
    images = layers.images_of(benchmark.area)
    return np.array([image in images for image in image_hashes(scored_images(benchmark))], bool)


def refuse_seen(benchmark: Benchmark, layers: LayerMap) -> None:
    """Raise `InputError` if a score would be made on images on which its layer was chosen."""
    known = seen(benchmark, layers)
    if known.any():
        raise InputError(
            f"The layer for {benchmark.area} was chosen on {known.sum()} of the {len(known)} images of "
            f"{benchmark.name}; a score on them would be too good. Report on the others with --unseen, or "
            "choose the layer on another recording: wiringup layers MODEL --benchmark "
            f"{benchmark.name} --search OTHER."
        )


def unseen(benchmark: Benchmark, layers: LayerMap) -> Benchmark:
    """Return the benchmark without the images on which its layer was chosen, named NAME:unseen.

    Raises:
        InputError: if no image is left.
    """
    known = seen(benchmark, layers)
    if not known.any():
        return benchmark
    if known.all():
        raise InputError(
            f"The layer for {benchmark.area} was chosen on all images of {benchmark.name}; none is left to "
            "report on."
        )
    return part(benchmark, np.flatnonzero(~known), benchmark.name + UNSEEN)


@dataclass(frozen=True)
class Mapped:
    """A subject whose areas are read out where a layer map says; other areas as before."""

    subject: Subject
    layers: LayerMap

    @property
    def name(self) -> str:
        """The subject's own name."""
        return self.subject.name

    @property
    def identity(self) -> str:
        """The subject's own identity: which layer is read out stands in every score."""
        return self.subject.identity

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The subject's own classes."""
        return classes_of(self.subject)

    @property
    def reservation(self) -> str:
        """The subject's own reservation."""
        return reservation_of(self.subject)

    def layer_for(self, area: str) -> str:
        """Return the chosen layer, or the subject's own."""
        return self.layers.areas[area] if area in self.layers.areas else self.subject.layer_for(area)

    def responses(self, stimuli: Stimuli, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return the subject's responses."""
        return self.subject.responses(stimuli, layers)
