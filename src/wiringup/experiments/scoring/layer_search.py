"""Search for the layer of each area: every candidate is scored, on images that are not reported on."""

import hashlib
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wiringup.benchmarks.benchmark import Benchmark, by_stimuli, evaluate
from wiringup.benchmarks.halves import image_hashes, scored_images, search_half
from wiringup.benchmarks.layer_map import LayerMap, Searched, choose, summary
from wiringup.benchmarks.metrics.pca import COMPONENTS
from wiringup.benchmarks.reduced import Reduced
from wiringup.core.errors import InputError
from wiringup.core.score import Score
from wiringup.core.stimuli import Stimuli
from wiringup.experiments.scoring.candidates import Candidate, makers
from wiringup.experiments.scoring.spec import PIXELS, ScoreSpec
from wiringup.models.architecture import canonical
from wiringup.models.forward import Readout
from wiringup.models.readout import NetworkSubject
from wiringup.models.storage import Storage, products_on

log = logging.getLogger(__name__)

BUDGET = 2 << 30  # bytes of responses that are held at once: as many layers as fit, at least one
PROBE_IMAGES = 2

Scores = dict[tuple[str, str], list[Score]]
"""(benchmark, layer) -> one score for each seed."""


@dataclass(frozen=True)
class SearchSpec:
    """Which layers of which model are compared, and on what.

    Attributes:
        model: the model, as it is scored; its ``layers`` are the candidates (none: all layers).
        reduce: whether layers are reduced to principal components first, as the peer does.
        pca_images: what the components are fitted on; None for the images of the search.
        seed: of the division into halves.
    """

    model: ScoreSpec
    reduce: bool = False
    pca_images: Stimuli | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.model.model == PIXELS:
            raise InputError("pixels have no layers to choose from.")

    @property
    def rule(self) -> str:
        """How layers are scored, in words."""
        if not self.reduce:
            return "exact scores of whole layers"
        of = "the images of the search" if self.pca_images is None else f"{len(self.pca_images)} images"
        return f"scores of at most {COMPONENTS} principal components, fitted on {of}"


def search_parts(
    benchmarks: Sequence[Benchmark], others: Sequence[Benchmark], seed: int
) -> Sequence[Benchmark]:
    """Return what layers are chosen on: ``others`` as a whole, or a half of each benchmark.

    Raises:
        InputError: if ``others`` lack an area that is reported on, or share images with a benchmark of it.
    """
    if not others:
        return [search_half(b, seed) for b in benchmarks]
    missing = sorted({b.area for b in benchmarks} - {b.area for b in others})
    if missing:
        raise InputError(
            f"No benchmark to search on was recorded in {', '.join(missing)}; add one to --search."
        )
    for benchmark in benchmarks:
        shown = set(image_hashes(scored_images(benchmark)))
        for other in (o for o in others if o.area == benchmark.area):
            n = len(shown & set(image_hashes(scored_images(other))))
            if n:
                raise InputError(
                    f"{other.name} shows {n} of the images of {benchmark.name}. Search on a recording with "
                    "other images, or leave out --search: half of the images are kept for the report."
                )
    return others


def search(spec: SearchSpec, parts: Sequence[Benchmark], home: Path) -> LayerMap:
    """Score all candidate layers on ``parts`` and choose one for each area.

    Raises:
        InputError: if a part is too small to score on, or a layer is unknown.
    """
    found: Scores = {}
    facts: list[dict[str, Any]] = []
    storage = Storage(spec.model.memory)
    for make in makers(spec.model, home, storage):
        for group in by_stimuli(parts):
            candidate = make(group[0].stimuli)
            facts.append(candidate.facts)
            for score in _scores(spec, candidate, group):
                found.setdefault((score.benchmark, score.layer), []).append(score)
    searched = tuple(_searched(part, found) for part in parts)
    seeds = sorted({f["seed"] for f in facts if f["seed"] is not None})
    architecture = canonical(spec.model.model)
    return LayerMap(architecture, facts[0] | {"seed": seeds}, choose(searched), searched, spec.rule)


def _searched(part: Benchmark, found: Scores) -> Searched:
    scores = {layer: summary(s) for (name, layer), s in found.items() if name == part.name}
    return Searched(part.name, part.area, image_hashes(scored_images(part)), scores)


def _scores(spec: SearchSpec, candidate: Candidate, group: Sequence[Benchmark]) -> Iterator[Score]:
    network = candidate.subject
    if not isinstance(network, NetworkSubject):
        raise InputError(f"{network.name} has no layers to choose from.")
    stimuli = group[0].stimuli
    layers = layers_of(network, stimuli)
    names = network.expand(spec.model.layers) or distinct(layers, network.areas.values())
    sizes = {name: _size(name, network, layers) for name in names}
    images = len(stimuli) + (len(spec.pca_images) if spec.pca_images else 0)
    place = products_on(network.where, images)
    subject = Reduced(network, spec.pca_images, device=place) if spec.reduce else network
    for some in fitting(sizes, images):
        on = ", ".join(b.name for b in group)
        log.info("Scoring %d of %d layers on %s ...", len(some), len(names), on)
        yield from _evaluated(subject, group, some, spec.model.normalisation, network.where)


def _evaluated(
    subject: NetworkSubject | Reduced,
    group: Sequence[Benchmark],
    layers: Sequence[str],
    normalisation: str,
    where: torch.device,
) -> list[Score]:
    try:
        return evaluate(subject, group, layers, normalisation, device=where)
    except InputError as error:
        names = ", ".join(b.name for b in group)
        raise InputError(
            f"Layers cannot be compared on {names}: {error} Halves that are too small can be avoided by "
            "searching on another recording (--search NAME)."
        ) from error


@dataclass(frozen=True)
class Layer:
    """One output of a network: features for each image, and a hash of what it answered to two images."""

    features: int
    answer: str


@torch.inference_mode()
def layers_of(subject: NetworkSubject, stimuli: Stimuli) -> dict[str, Layer]:
    """Return every readable output of a network in the order of computation, by its name.

    That is every call of a module which answers with a tensor of two or more dimensions, one row for each
    image. Calls after the first are named as time steps, as in ``V4.output@3``.
    """
    calls: dict[str, list[Layer | None]] = {}
    found: dict[str, Layer] = {}

    def record(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        step = len(calls.setdefault(name, []))
        layer = _layer(output, len(x))
        calls[name].append(layer)
        if layer is not None:
            found[f"{name}@{step}" if step else name] = layer

    network = subject.awake()
    x = subject.input_of(stimuli.pixels[:PROBE_IMAGES])
    modules = [(name, m) for name, m in network.named_modules() if name]
    hooks = [m.register_forward_hook(partial(record, name)) for name, m in modules]
    try:
        network(x)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _layer(output: Any, images: int) -> Layer | None:
    if not isinstance(output, Tensor) or output.ndim < 2 or len(output) != images:
        return None
    values = output.detach().flatten(1).float().cpu().contiguous()
    return Layer(values.shape[1], hashlib.sha256(values.numpy().tobytes()).hexdigest())


def distinct(layers: Mapping[str, Layer], preferred: Collection[str]) -> list[str]:
    """Return the names of layers without those that answer as another one (containers, dropout).

    Of layers that answer alike the first is named, or the one whose module is among ``preferred``.
    """
    kept: dict[str, str] = {}
    for name, layer in layers.items():
        if layer.answer not in kept or name.partition("@")[0] in preferred:
            kept[layer.answer] = name
    return list(kept.values())


def _size(name: str, subject: NetworkSubject, layers: Mapping[str, Layer]) -> int:
    """Return the number of features of a layer or area, one (see `expand`); 1 if unknown (told later)."""
    readout = Readout.parse(name, subject.areas)
    known = layers.get(f"{readout.module}@{readout.step}" if readout.step else readout.module)
    return 1 if known is None else known.features


def fitting(sizes: Mapping[str, int], images: int, budget: int = BUDGET) -> Iterator[list[str]]:
    """Yield groups of layers whose float32 responses to ``images`` fit ``budget`` bytes together.

    A layer that does not fit by itself is a group of its own. Every group costs one pass over the images.
    """
    group: list[str] = []
    held = 0
    for name, features in sizes.items():
        needed = 4 * features * images
        if group and held + needed > budget:
            yield group
            group, held = [], 0
        group.append(name)
        held += needed
    if group:
        yield group
