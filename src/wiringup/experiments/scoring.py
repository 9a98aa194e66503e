"""Score one model, born or trained, on any benchmarks: what ``wiringup score`` does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from wiringup import __version__
from wiringup.benchmarks.benchmark import Benchmark, by_stimuli, evaluate
from wiringup.benchmarks.decoding import MATCHED
from wiringup.benchmarks.layer_map import LayerMap, Mapped, refuse_seen, unseen
from wiringup.birth.apply import BirthSpec
from wiringup.birth.batchnorm import POLICIES, uses_images
from wiringup.birth.description import of_birth, of_trained
from wiringup.core.checks import at_least, one_of
from wiringup.core.clock import Clock
from wiringup.core.errors import InputError
from wiringup.core.score import DEFAULT_NORMALISATION, Score, check_normalisation
from wiringup.core.spec import neutral, omit_default, uid
from wiringup.core.stimuli import Stimuli
from wiringup.experiments.births import born
from wiringup.experiments.genomes import find_genome
from wiringup.experiments.references import REFERENCES
from wiringup.experiments.stored import is_stored, read_stored
from wiringup.models.architecture import ARCHITECTURES, ModelSpec
from wiringup.models.cache import default_cache
from wiringup.models.readout import NetworkSubject, Subject, subject
from wiringup.models.storage import Storage
from wiringup.models.trained import read_trained
from wiringup.results.record import score_to_dict

PIXELS = "pixels"
CALIBRATION_IMAGES = 64
CALIBRATED, STORED = "calibrated", "stored"
Said = Callable[[str], None]


@dataclass(frozen=True)
class ScoreRequest:
    """What is to be scored.

    Attributes:
        model: an architecture, a reference model ("pixels", "v1_energy", "hmax"), or a file of responses
            (see `experiments.stored`).
        birth: a recipe or a genome file; neither weights nor reference models have one.
        weights: a checkpoint to score instead of a birth state.
        layers: layers to read out; empty for the area of each benchmark.
        size: side of the model's input in px.
        batchnorm: BatchNorm at birth, one of `birth.batchnorm.POLICIES`; what is calibrated on images
            takes unlabelled images of the benchmark itself, without responses.
        layer_map: which layer is which area, instead of the architecture's own read-outs.
        unseen: score on the images alone on which no layer was chosen, not refuse the others.
        memory: GB that responses and their scoring may take; see `models.storage.Storage`.
        cache: keep responses between runs; see `models.cache`.
        weights_key: which of several sets of weights in the checkpoint; see `models.state_dicts.find`.
        class_names: names of the classes in the order of the decoder's outputs, where the checkpoint or the
            file of responses does not say them, or calls them otherwise than the benchmark.
    """

    model: str
    birth: str = "kaiming_normal"
    weights: Path | None = None
    seeds: tuple[int, ...] = (0,)
    layers: tuple[str, ...] = ()
    size: int = 224
    width: float = 1.0
    classes: int = 1000
    normalisation: str = DEFAULT_NORMALISATION
    batchnorm: str = CALIBRATED
    layer_map: LayerMap | None = None
    unseen: bool = False
    memory: float | None = neutral(None)
    cache: bool = neutral(False)
    weights_key: str | None = omit_default(None)
    class_names: tuple[str, ...] | None = omit_default(None)

    def __post_init__(self) -> None:
        if not is_stored(self.model):
            one_of(self.model, [*REFERENCES, *ARCHITECTURES.names()], "model")
        elif self.weights is not None or self.birth != "kaiming_normal" or self.seeds != (0,):
            raise InputError(f"{self.model} is a file of responses; leave out --weights, --birth and --seed.")
        check_normalisation(self.normalisation)
        one_of(self.batchnorm, POLICIES, "BatchNorm policy")
        at_least(len(self.seeds), 1, "the number of seeds")
        at_least(self.size, 8, "the image size in pixels")
        Storage(self.memory).limit()  # refuses what is no number of GB
        if self.model == PIXELS and (self.layers or self.weights):
            raise InputError("pixels have neither layers nor weights; leave out --layer and --weights.")
        if self.model in REFERENCES and self.class_names is not None:
            raise InputError(f"{self.model} has no classes to be named; leave out --classes.")
        if self.model in REFERENCES and (self.weights or self.birth != "kaiming_normal"):
            raise InputError(f"{self.model} is never born or trained; leave out --birth and --weights.")
        if self.weights is not None and (self.birth != "kaiming_normal" or self.seeds != (0,)):
            raise InputError("--weights is a network that was born already; leave out --birth and --seed.")
        fixed = self.weights is not None or self.model in REFERENCES or is_stored(self.model)
        if fixed and self.batchnorm != CALIBRATED:
            raise InputError(
                f"BatchNorm {self.batchnorm!r} is of births, and nothing is born here; leave out --batchnorm."
            )
        if self.weights is None and self.weights_key is not None:
            raise InputError("--weights-key says what to take of a checkpoint; give --weights too.")
        self._check_layer_map()

    def _check_layer_map(self) -> None:
        if self.layer_map is None:
            if self.unseen:
                raise InputError(
                    "--unseen leaves out the images that layers were chosen on; give --layers-from too."
                )
            return
        if self.layers:
            raise InputError("--layers-from names the layers already; leave out --layer.")
        if self.model == PIXELS or ARCHITECTURES.canonical(self.model) != self.layer_map.architecture:
            raise InputError(
                f"The layers were chosen for {self.layer_map.architecture}, not for {self.model}; "
                f"choose again: wiringup layers {self.model} ..."
            )


@dataclass(frozen=True)
class Candidate:
    """A subject and how results name it."""

    subject: Subject
    facts: dict[str, Any]


def score(request: ScoreRequest, benchmarks: list[Benchmark], home: Path, say: Said) -> list[dict[str, Any]]:
    """Return one row for every seed, benchmark and layer.

    Raises:
        InputError: if the model has no such layer, or the weights do not fit.
        MissingDataError: if weights or a genome are missing.
    """
    found = scored(request, reportable(request, benchmarks), home, say)
    return [row(candidate, s) for candidate, scores in found for s in scores]


def scored(
    request: ScoreRequest, benchmarks: Sequence[Benchmark], home: Path, say: Said
) -> Iterator[tuple[Candidate, list[Score]]]:
    """Yield every candidate with its scores on the benchmarks that show the same images."""
    storage = Storage(request.memory, say=say, cache=default_cache(say) if request.cache else None)
    told: set[str] = set()
    for group in by_stimuli(benchmarks):
        stimuli = group[0].stimuli
        for candidate in candidates(request, stimuli, home, storage):
            for note in (n for n in candidate.facts.get("weights_notes", ()) if n not in told):
                say(f"Note: {note}")
                told.add(note)
            names = ", ".join(b.name for b in group)
            say(f"Scoring {_title(candidate.facts)} on {names} ({len(stimuli):,} images) ...")
            clock = Clock()
            scores = evaluate(
                candidate.subject, group, request.layers or None, request.normalisation, clock=clock
            )
            say(f"  {clock.told()}")
            yield candidate, [_with_unused_names(s, request) for s in scores]


def _with_unused_names(score: Score, request: ScoreRequest) -> Score:
    """Return a score whose note says so if names of classes were given and it does not depend on them."""
    if request.class_names is None or MATCHED in score.note:
        return score
    unused = "the names of --classes were not used: no logits were matched with classes"
    return replace(score, note="; ".join(filter(None, (score.note, unused))))


def reportable(request: ScoreRequest, benchmarks: Sequence[Benchmark]) -> list[Benchmark]:
    """Return the benchmarks as they may be reported: without the images that layers were chosen on.

    Raises:
        InputError: if there are such images and the request does not say to leave them out.
    """
    if request.layer_map is None:
        return list(benchmarks)
    if request.unseen:
        return [unseen(b, request.layer_map) for b in benchmarks]
    for benchmark in benchmarks:
        refuse_seen(benchmark, request.layer_map)
    return list(benchmarks)


def row(candidate: Candidate, score: Score) -> dict[str, Any]:
    """Return a score with everything that says which model it belongs to, as plain JSON types."""
    return {
        **candidate.facts,
        **score_to_dict(score),
        "identity": candidate.subject.identity[:16],
        "version": __version__,
    }


def address(request: ScoreRequest, benchmarks: list[Benchmark], rows: list[dict[str, Any]]) -> str:
    """Return the address under which rows are kept: what was asked, which weights, which data."""
    identities = tuple(row["identity"] for row in rows)
    content = {"request": request, "benchmarks": [b.sha256 for b in benchmarks], "identities": identities}
    return uid("scores", content)


def candidates(request: ScoreRequest, stimuli: Stimuli, home: Path, storage: Storage) -> Iterator[Candidate]:
    """Yield the subjects of a request: one for each seed, or one if no seed enters."""
    layers = request.layer_map
    for candidate in _candidates(request, stimuli, home, storage):
        if layers is None:
            yield candidate
        else:
            facts = candidate.facts | {"layers": layers.sha256[:12]}
            yield Candidate(Mapped(candidate.subject, layers), facts)


def _candidates(request: ScoreRequest, stimuli: Stimuli, home: Path, storage: Storage) -> Iterator[Candidate]:
    if is_stored(request.model):
        facts, stored = _facts(request.model, None, None, None), read_stored(Path(request.model))
        named = stored if request.class_names is None else replace(stored, classes=request.class_names)
        yield Candidate(named, facts)
    elif request.model in REFERENCES:
        yield from _references(request, storage)
    elif request.weights is not None:
        yield _from_weights(request, request.weights, storage)
    else:
        yield from _newborn(request, stimuli, home, storage)


def _references(request: ScoreRequest, storage: Storage) -> Iterator[Candidate]:
    reference = REFERENCES[request.model]
    for seed in request.seeds if reference.seeded else (None,):
        made, facts = reference.make(request.size, seed or 0, storage)
        yield Candidate(made, _facts(request.model, None, seed, request.size) | facts)


def _newborn(request: ScoreRequest, stimuli: Stimuli, home: Path, storage: Storage) -> Iterator[Candidate]:
    spec = ModelSpec(request.model, request.width, request.classes, request.size)
    recipe, genome = find_genome(request.birth, home, spec)
    calibration = spread_over(stimuli, CALIBRATION_IMAGES) if uses_images(request.batchnorm) else None
    for seed in request.seeds:
        birth = BirthSpec(recipe, seed, genome.sha256 if genome else "", request.batchnorm)
        network = _subject(born(spec, birth, genome, calibration), spec, storage, request.class_names)
        facts = _facts(spec.architecture, recipe, seed, spec.size)
        facts |= {"width": spec.width, "batchnorm": request.batchnorm, "genome": birth.genome or None}
        facts |= {"bits": of_birth(birth, genome).bits}
        yield Candidate(network, facts)


def _from_weights(request: ScoreRequest, path: Path, storage: Storage) -> Candidate:
    trained = read_trained(path, ModelSpec(request.model, size=request.size), request.weights_key)
    spec, model = trained.spec, trained.network()
    if request.width not in (ScoreRequest.width, spec.width):
        raise InputError(
            f"--width is {request.width:g}, but {path} holds a network of width {spec.width:g}; leave it out."
        )
    facts = _facts(spec.architecture, None, None, spec.size)
    facts |= {"width": spec.width, "batchnorm": STORED, "weights": str(path)}
    facts |= {"bits": of_trained(model).bits, "weights_notes": list(trained.notes)}
    classes = request.class_names or trained.classes
    if classes is not None and len(classes) != spec.classes:
        raise InputError(
            f"--classes names {len(classes)} classes, but {path} has {spec.classes} outputs; one name for "
            "each output is needed."
        )
    return Candidate(_subject(model, spec, storage, classes), facts)


def _subject(
    model: nn.Module, spec: ModelSpec, storage: Storage, classes: tuple[str, ...] | None
) -> NetworkSubject:
    return subject(model, spec, storage=storage, classes=classes)


def _facts(model: str, birth: str | None, seed: int | None, size: int | None) -> dict[str, Any]:
    return {"model": model, "birth": birth, "seed": seed, "size": size}


def _title(facts: dict[str, Any]) -> str:
    how = facts.get("weights") or facts["birth"]
    seed = None if facts["seed"] is None else f"seed {facts['seed']}"
    details = ", ".join(filter(None, (how, seed)))
    size = "" if facts["size"] is None else f" at {facts['size']} px"
    return f"{facts['model']}{f' ({details})' if details else ''}{size}"


def spread_over(stimuli: Stimuli, n: int) -> Stimuli:
    """Return ``n`` images spread evenly over a stack (all of them if there are fewer)."""
    index = np.linspace(0, len(stimuli) - 1, min(n, len(stimuli))).round().astype(np.intp)
    return stimuli.take(index)
