"""Score one model, born or trained, on any benchmarks: what ``wiringup score`` does."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from torch import nn
from tyro.conf import Suppress, arg

from wiringup import __version__
from wiringup.benchmarks.benchmark import Benchmark, by_stimuli, evaluate
from wiringup.benchmarks.decoding import MATCHED
from wiringup.benchmarks.layer_map import LayerMap, Mapped, refuse_seen, unseen
from wiringup.birth.apply import OWN, BirthSpec
from wiringup.birth.batchnorm import POLICIES, uses_images
from wiringup.birth.description import Description, of_birth, of_trained
from wiringup.core.checks import at_least, one_of
from wiringup.core.errors import InputError
from wiringup.core.progress import Clock
from wiringup.core.score import DEFAULT_NORMALISATION, Score, check_normalisation
from wiringup.core.spec import neutral, omit_default, to_dict, uid
from wiringup.core.stimuli import Stimuli
from wiringup.data.images.names import read_class_names
from wiringup.experiments.births import born, spread_over
from wiringup.experiments.genomes import find_genome
from wiringup.experiments.options import NetworkOptions
from wiringup.experiments.references import REFERENCES
from wiringup.experiments.stored import is_stored, read_stored
from wiringup.models.any_network import FORMS, classes_of, is_foreign, provenance
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, canonical, is_network, own_network
from wiringup.models.cache import default_cache
from wiringup.models.device import AUTO, PRECISIONS, arithmetic, check_device
from wiringup.models.preprocessing import IMAGENET
from wiringup.models.readout import Subject, subject
from wiringup.models.storage import Storage
from wiringup.models.trained import read_trained
from wiringup.results.bits import BORN, REFERENCE, TRAINED
from wiringup.results.record import score_to_dict

log = logging.getLogger(__name__)

PIXELS = "pixels"
CALIBRATION_IMAGES = 64
CALIBRATED, STORED = "calibrated", "stored"
KAIMING = "kaiming_normal"


@dataclass(frozen=True)
class ScoreSpec(NetworkOptions):
    """What is to be scored: a newborn or trained network, a reference model, or stored responses.

    Besides networks, ``model`` may be a reference model ("pixels", "v1_energy", "hmax"), or a file of
    responses (see `experiments.stored`).

    Attributes:
        birth: "kaiming_normal" (kn, the default), "weight_compression" (wc, from the published parameters,
            carried over where MODEL is no CORnet-S), or a genome file made by wiringup distill. A network of
            another package has its own weights ("own") unless a birth or weights are named.
        weights: Score these checkpoints instead; several are seeds of one model.
        weights_key: Which weights to take of a checkpoint that holds several, as in state_dict or
            state_dict_ema. Averaged ones (EMA) by default; what was taken is said.
        seeds: Seeds; every seed is one birth.
        layers: Areas or layers, as in V4, V4@1 (time step), V4@all (every time step), V4.conv3, or all; by
            default the area of each benchmark.
        classes: Number of object classes of the decoder, or a file that names them in the order of its
            outputs (one name a line, or a JSON list).
        normalisation: "(r/c)^2" (the paper's), "r/c" or "r^2/c".
        batchnorm: BatchNorm of a newborn. Statistics: "calibrated" on unlabelled images (64 of the
            benchmark's, without responses), "noise" (calibrated on white noise), "default" (mean 0, variance
            1) or "teacher" (those kept by distill --statistics); with "-plain" weight 1 and bias 0 even if
            the genome holds fitted ones, with "-fitted" refused if it holds none.
        device: Where networks are born and run, and responses are scored if they fit there: auto, cpu, cuda
            or cuda:1.
        batch: Images in one forward pass.
        precision: float32, or bf16 (autocast) where the hardware is made for it.
        memory: Memory for responses; more go to files. Default: WIRINGUP_MEMORY or most of what is free.
        cache: Keep responses for the next time; see wiringup cache. For big sets scored again and again.
        layer_map: which layer is which area, instead of the architecture's own read-outs.
        unseen: score on the images alone on which no layer was chosen, not refuse the others.
        class_names: names of the classes in the order of the decoder's outputs, where the checkpoint or the
            file of responses does not say them, or calls them otherwise than the benchmark.

    Raises:
        InputError: for a name that is unknown, a number out of range, or options that exclude each other.
    """

    birth: Annotated[str | None, arg(metavar="RECIPE")] = None
    weights: Annotated[tuple[Path, ...], arg(metavar="FILE [FILE ...]")] = ()
    weights_key: Annotated[str | None, arg(metavar="NAME")] = omit_default(None)
    seeds: Annotated[tuple[int, ...], arg(name="seed", metavar="N [N ...]")] = (0,)
    layers: Annotated[tuple[str, ...], arg(name="layer", metavar="NAME [NAME ...]")] = ()
    classes: Annotated[int | Path, arg(metavar="N|FILE")] = 1000
    normalisation: str = DEFAULT_NORMALISATION
    batchnorm: Annotated[str, arg(metavar="POLICY")] = CALIBRATED
    device: str = neutral(AUTO)
    batch: int = neutral(64)
    precision: str = omit_default("float32")
    memory: Annotated[float | None, arg(metavar="GB")] = neutral(None)
    cache: bool = neutral(False)
    layer_map: Suppress[LayerMap | None] = None
    unseen: Suppress[bool] = False
    class_names: Suppress[tuple[str, ...] | None] = omit_default(None)  # noqa: RUF009

    def __post_init__(self) -> None:
        if isinstance(self.classes, Path):
            names = read_class_names(self.classes)
            object.__setattr__(self, "class_names", names)
            object.__setattr__(self, "classes", len(names))
        check_normalisation(self.normalisation)
        one_of(self.batchnorm, POLICIES, "BatchNorm policy")
        one_of(self.precision, PRECISIONS, "precision")
        at_least(len(self.seeds), 1, "the number of seeds")
        at_least(self.size, 8, "the image size in pixels")
        at_least(self.batch, 1, "the number of images in a forward pass")
        check_device(self.device)
        Storage(self.memory).limit()  # refuses what is no number of GB
        self._check_model()
        self._check_birth()
        self._check_layer_map()

    @property
    def own(self) -> bool:
        """Whether a network of another package is scored with its own weights."""
        return is_foreign(self.model) and self.birth in (None, OWN) and not self.weights

    def _check_model(self) -> None:
        if not is_stored(self.model) and not is_network(self.model):
            one_of(self.model, [*REFERENCES, *ARCHITECTURES.names(), *FORMS], "model")
        if self.model == PIXELS and (self.layers or self.weights):
            raise InputError("pixels have neither layers nor weights; leave out --layer and --weights.")
        if self.model in REFERENCES and self.class_names is not None:
            raise InputError(f"{self.model} has no classes to be named; leave out --classes.")
        if not is_network(self.model) and (given := self._of_networks()):
            raise InputError(
                f"{self.model} is no network, so {', '.join(given)} would do nothing; leave that out."
            )
        if not self.weights and self.weights_key is not None:
            raise InputError("--weights-key says what to take of a checkpoint; give --weights too.")

    def _of_networks(self) -> list[str]:
        """Return the options that were given and are of networks alone."""
        named = self.class_names is None and self.classes != 1000
        given = {"--area": self.areas, "--width": self.width != 1, "--classes": named}
        given |= {"--precision": self.precision != "float32"}
        return [name for name, said in given.items() if said] + [
            f"--{n}" for n in self._given_preprocessing()
        ]

    def _check_birth(self) -> None:
        drawn = self.birth is not None or self.seeds != (0,)
        if is_stored(self.model) and (self.weights or drawn):
            raise InputError(f"{self.model} is a file of responses; leave out --weights, --birth and --seed.")
        if self.model in REFERENCES and (self.weights or self.birth is not None):
            raise InputError(f"{self.model} is never born or trained; leave out --birth and --weights.")
        if self.weights and drawn:
            raise InputError("--weights is a network that was born already; leave out --birth and --seed.")
        if self.own and self.seeds != (0,):
            raise InputError(f"{self.model} has its own weights; with --seed, name a birth: --birth kn.")
        if (self.weights or self.own or not is_network(self.model)) and self.batchnorm != CALIBRATED:
            raise InputError(
                f"BatchNorm {self.batchnorm!r} is of births, and nothing is born here; leave out --batchnorm."
            )

    def _check_layer_map(self) -> None:
        if self.layer_map is None:
            if self.unseen:
                raise InputError(
                    "--unseen leaves out the images that layers were chosen on; give --layers-from too."
                )
            return
        if self.layers:
            raise InputError("--layers-from names the layers already; leave out --layer.")
        if not is_network(self.model) or canonical(self.model) != self.layer_map.architecture:
            raise InputError(
                f"The layers were chosen for {self.layer_map.architecture}, not for {self.model}; "
                f"choose again: wiringup layers {self.model} ..."
            )

    @property
    def unborn(self) -> ModelSpec:
        """The network before birth, with as many classes as its own weights, or ``classes``, have."""
        return self.network(classes_of(self.model) if self.own else int(str(self.classes)))


@dataclass(frozen=True)
class Candidate:
    """A subject and how results name it.

    Attributes:
        facts: what stands beside every score.
        described: its name, its network and its description length, to be set against its brain match.
    """

    subject: Subject
    facts: dict[str, Any]
    described: dict[str, Any]

    @cached_property
    def identity(self) -> str:
        """The subject's, hashed once: nobody changes its weights."""
        return self.subject.identity


def score(spec: ScoreSpec, benchmarks: Sequence[Benchmark], home: Path) -> list[dict[str, Any]]:
    """Return one row for every seed, benchmark and layer.

    Raises:
        InputError: if the model has no such layer, or the weights do not fit.
        MissingDataError: if weights or a genome are missing.
    """
    found = scored(spec, reportable(spec, benchmarks), home)
    return [row(candidate, s) for candidate, scores in found for s in scores]


def scored(
    spec: ScoreSpec, benchmarks: Sequence[Benchmark], home: Path
) -> Iterator[tuple[Candidate, list[Score]]]:
    """Yield every candidate with its scores on the benchmarks that show the same images."""
    storage = Storage(spec.memory, cache=default_cache() if spec.cache else None)
    noted: set[str] = set()
    for group in by_stimuli(benchmarks):
        stimuli = group[0].stimuli
        for candidate in candidates(spec, stimuli, home, storage):
            for note in (n for n in candidate.facts.get("weights_notes", ()) if n not in noted):
                log.warning("Note: %s", note)
                noted.add(note)
            names = ", ".join(b.name for b in group)
            log.info("Scoring %s on %s (%s images) ...", _title(candidate.facts), names, f"{len(stimuli):,}")
            clock = Clock()
            where = check_device(spec.device)
            scores = evaluate(candidate.subject, group, spec.layers or None, spec.normalisation, clock, where)
            log.info("  %s", clock.told())
            yield candidate, [_with_unused_names(s, spec) for s in scores]


def _with_unused_names(score: Score, spec: ScoreSpec) -> Score:
    """Return a score whose note says so if names of classes were given and it does not depend on them."""
    if spec.class_names is None or MATCHED in score.note:
        return score
    unused = "the names of --classes were not used: no logits were matched with classes"
    return replace(score, note="; ".join(filter(None, (score.note, unused))))


def reportable(spec: ScoreSpec, benchmarks: Sequence[Benchmark]) -> list[Benchmark]:
    """Return the benchmarks as they may be reported: without the images that layers were chosen on.

    Raises:
        InputError: if there are such images and the spec does not say to leave them out.
    """
    if spec.layer_map is None:
        return list(benchmarks)
    if spec.unseen:
        return [unseen(b, spec.layer_map) for b in benchmarks]
    for benchmark in benchmarks:
        refuse_seen(benchmark, spec.layer_map)
    return list(benchmarks)


def row(candidate: Candidate, score: Score) -> dict[str, Any]:
    """Return a score with everything that says which model it belongs to, as plain JSON types."""
    return {
        **candidate.facts,
        **score_to_dict(score),
        "identity": candidate.identity[:16],
        "version": __version__,
    }


def address(spec: ScoreSpec, benchmarks: Sequence[Benchmark], rows: list[dict[str, Any]]) -> str:
    """Return the address under which rows are kept: what was asked, which weights, which data."""
    identities = tuple(row["identity"] for row in rows)
    content = {"request": spec, "benchmarks": [b.sha256 for b in benchmarks], "identities": identities}
    return uid("scores", content)


def candidates(spec: ScoreSpec, stimuli: Stimuli, home: Path, storage: Storage) -> Iterator[Candidate]:
    """Yield the subjects of a spec: one for each seed or checkpoint, or one if neither enters."""
    layers = spec.layer_map
    for candidate in _candidates(spec, stimuli, home, storage):
        if layers is None:
            yield candidate
        else:
            facts = candidate.facts | {"layers": layers.sha256[:12]}
            yield replace(candidate, subject=Mapped(candidate.subject, layers), facts=facts)


def _candidates(spec: ScoreSpec, stimuli: Stimuli, home: Path, storage: Storage) -> Iterator[Candidate]:
    if is_stored(spec.model):
        stored = read_stored(Path(spec.model))
        named = stored if spec.class_names is None else replace(stored, classes=spec.class_names)
        yield Candidate(named, _facts(spec.model), _described(REFERENCE, spec.model, spec.model))
    elif spec.model in REFERENCES:
        yield from _references(spec, storage)
    elif spec.weights:
        yield from (_from_weights(spec, path, storage) for path in spec.weights)
    elif spec.own:
        model = own_network(spec.unborn)
        yield _network(spec, spec.unborn, model, {"weights": OWN}, storage, spec.class_names)
    else:
        yield from _newborn(spec, stimuli, home, storage)


def _references(spec: ScoreSpec, storage: Storage) -> Iterator[Candidate]:
    reference = REFERENCES[spec.model]
    described = _described(REFERENCE, spec.model, f"{spec.model} at {spec.size} px")
    for seed in spec.seeds if reference.seeded else (None,):
        made, facts = reference.make(spec.size, seed or 0, storage)
        yield Candidate(made, _facts(spec.model, seed, spec.size) | facts, described)


def _newborn(spec: ScoreSpec, stimuli: Stimuli, home: Path, storage: Storage) -> Iterator[Candidate]:
    network, asked = spec.unborn, spec.birth or KAIMING
    recipe, genome = find_genome(asked, home, network)
    calibration = spread_over(stimuli, CALIBRATION_IMAGES) if uses_images(spec.batchnorm) else None
    for seed in spec.seeds:
        birth = BirthSpec(recipe, seed, genome.sha256 if genome else "", spec.batchnorm)
        facts = {"birth": recipe, "seed": seed, "genome": birth.genome or None}
        with arithmetic(check_device(spec.device)):
            model = born(network, birth, genome, calibration, spec.device)
        made = _network(spec, network, model, facts, storage, spec.class_names, of_birth(birth, genome))
        name = f"{recipe} ({Path(asked).name})" if asked.endswith(".json") else recipe
        yield replace(made, described=made.described | {"name": name})


def _from_weights(spec: ScoreSpec, path: Path, storage: Storage) -> Candidate:
    trained = read_trained(path, replace(spec, width=1.0).unborn, spec.weights_key)
    if spec.width not in (1.0, trained.spec.width):
        raise InputError(
            f"--width is {spec.width:g}, but {path} holds a network of width {trained.spec.width:g}; leave "
            "it out."
        )
    classes = spec.class_names or trained.classes
    if classes is not None and len(classes) != trained.spec.classes:
        raise InputError(
            f"--classes names {len(classes)} classes, but {path} has {trained.spec.classes} outputs; one "
            "name for each output is needed."
        )
    facts = {"weights": str(path), "weights_notes": list(trained.notes)}
    return _network(spec, trained.spec, trained.network(), facts, storage, classes)


def _network(
    spec: ScoreSpec,
    network: ModelSpec,
    model: nn.Module,
    facts: dict[str, Any],
    storage: Storage,
    classes: tuple[str, ...] | None,
    birth: Description | None = None,
) -> Candidate:
    """Return a network as a candidate; it is moved to the device, as nobody else has it."""
    read = subject(model.to(check_device(spec.device)), network, storage=storage, classes=classes)
    size, batchnorm = birth or of_trained(model), STORED if birth is None else spec.batchnorm
    common = {"width": network.width, "batchnorm": batchnorm, "bits": size.bits}
    if is_foreign(network.architecture):
        common |= {"areas": dict(read.areas), "library": provenance(network.architecture) or None}
    if network.preprocessing != IMAGENET:
        common |= {"preprocessing": to_dict(network.preprocessing)}
    if spec.precision != "float32":
        common |= {"precision": spec.precision}
    text = f"{network.architecture}, width {network.width:g}, {network.size} px"
    name = Path(facts.get("weights", "")).name
    return Candidate(
        replace(read, device=spec.device, batch=spec.batch, precision=spec.precision),
        _facts(network.architecture, None, network.size) | common | facts,
        _described(
            TRAINED if birth is None else BORN, name, text, batchnorm, size, facts.get("weights_notes")
        ),
    )


def _facts(model: str, seed: int | None = None, size: int | None = None) -> dict[str, Any]:
    return {"model": model, "birth": None, "seed": seed, "size": size}


def _described(
    kind: str,
    name: str,
    network: str,
    batchnorm: str | None = None,
    size: Description | None = None,
    notes: Sequence[str] | None = None,
) -> dict[str, Any]:
    counted = dict.fromkeys(("figures", "parameters"), size and size.n_parameters)
    counted |= {"precision": size and size.precision, "bits": size and size.bits}
    found = {"kind": kind, "name": name, "network": network, "batchnorm": batchnorm, **counted}
    return found | ({"weights_notes": list(notes)} if notes else {})


def _title(facts: dict[str, Any]) -> str:
    how = facts.get("weights") or facts["birth"]
    seed = None if facts["seed"] is None else f"seed {facts['seed']}"
    details = ", ".join(filter(None, (f"{OWN} weights" if how == OWN else how, seed)))
    size = "" if facts["size"] is None else f" at {facts['size']} px"
    return f"{facts['model']}{f' ({details})' if details else ''}{size}"
