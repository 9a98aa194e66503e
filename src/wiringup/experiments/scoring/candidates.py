"""What is scored: the subjects that a spec of ``wiringup score`` says, with what results tell of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from torch import nn

from wiringup.benchmarks.layer_map import LayerMap, Mapped
from wiringup.birth.apply import OWN, BirthSpec
from wiringup.birth.batchnorm import uses_images
from wiringup.birth.description import Description, of_birth, of_trained
from wiringup.birth.genome import Genome
from wiringup.core.checks import places_of_classes
from wiringup.core.errors import InputError
from wiringup.core.spec import to_dict
from wiringup.core.stimuli import Stimuli
from wiringup.experiments.runs.births import born, recalibrated, spread_over
from wiringup.experiments.runs.genomes import find_genome
from wiringup.experiments.runs.network import STORED
from wiringup.experiments.scoring.references import REFERENCES
from wiringup.experiments.scoring.spec import ScoreSpec
from wiringup.experiments.scoring.stored import is_stored, named_for, read_stored
from wiringup.models.any_network import NO_CLASSES, is_foreign, provenance
from wiringup.models.architecture import ModelSpec, is_network, own_network
from wiringup.models.device import check_device, strict_float32, warn_if_emulated
from wiringup.models.preprocessing import IMAGENET
from wiringup.models.readout import Subject, subject
from wiringup.models.storage import Storage
from wiringup.models.stored import StoredSubject
from wiringup.models.trained import read_trained
from wiringup.results.bits import BORN, REFERENCE, TRAINED

CALIBRATION_IMAGES = 64
KAIMING = "kaiming_normal"


@dataclass(frozen=True)
class Candidate:
    """A subject and how results name it.

    Attributes:
        facts: what stands beside every score.
        described: its name, its network and its description length, to be set against its brain match.
        note: what had to be assumed; it stands in the note of every score.
    """

    subject: Subject
    facts: dict[str, Any]
    described: dict[str, Any]
    note: str = ""

    @cached_property
    def identity(self) -> str:
        """The subject's, hashed once: nobody changes its weights."""
        return self.subject.identity


Maker = Callable[[Stimuli], Candidate]
"""Returns a subject for the images of a benchmark, on which a newborn's BatchNorm is calibrated."""


def makers(spec: ScoreSpec, home: Path, storage: Storage) -> Iterator[Maker]:
    """Yield what makes the subjects of a spec: one for each seed or checkpoint, or one if neither enters."""
    for make in _makers(spec, home, storage):
        yield make if spec.layer_map is None else partial(_mapped, make, spec.layer_map)


def candidates(spec: ScoreSpec, stimuli: Stimuli, home: Path, storage: Storage) -> Iterator[Candidate]:
    """Yield the subjects of a spec for the images of one benchmark."""
    for make in makers(spec, home, storage):
        yield make(stimuli)


def _mapped(make: Maker, layers: LayerMap, stimuli: Stimuli) -> Candidate:
    candidate = make(stimuli)
    facts = candidate.facts | {"layers": layers.sha256[:12]}
    return replace(candidate, subject=Mapped(candidate.subject, layers), facts=facts)


def _makers(spec: ScoreSpec, home: Path, storage: Storage) -> Iterator[Maker]:
    if is_stored(spec.model):
        yield partial(_stored, spec, read_stored(Path(spec.model)))
    elif is_network(spec.model) and not spec.weights and not spec.own:
        yield from _newborn(spec, home, storage)
    else:
        for candidate in _of_any_images(spec, storage):
            yield partial(_the_same, candidate)


def _the_same(candidate: Candidate, stimuli: Stimuli) -> Candidate:
    return candidate


def _stored(spec: ScoreSpec, stored: StoredSubject, stimuli: Stimuli) -> Candidate:
    found, note = named_for(stored, stimuli)
    found = found if spec.class_names is None else replace(found, classes=spec.class_names)
    return Candidate(found, _facts(spec.model), _described(REFERENCE, spec.model, spec.model), note)


def _of_any_images(spec: ScoreSpec, storage: Storage) -> Iterator[Candidate]:
    """Yield subjects that do not depend on the images of a benchmark, as newborn networks do."""
    if spec.model in REFERENCES:
        yield from _references(spec, storage)
    elif spec.weights:
        yield from _from_files(spec, storage)
    else:
        if spec.unborn.classes != NO_CLASSES:  # which is said too of a network whose outputs are not known
            _check_classes(spec, spec.model, spec.unborn.classes)
        model = own_network(spec.unborn)
        yield _network(spec, spec.unborn, model, {"weights": OWN}, storage, spec.class_names)


def _references(spec: ScoreSpec, storage: Storage) -> Iterator[Candidate]:
    reference = REFERENCES[spec.model]
    described = _described(REFERENCE, spec.model, f"{spec.model} at {spec.size} px")
    for seed in spec.seeds if reference.seeded else (None,):
        made, facts = reference.make(spec.size, seed or 0, storage)
        yield Candidate(made, _facts(spec.model, seed, spec.size) | facts, described)


def _newborn(spec: ScoreSpec, home: Path, storage: Storage) -> Iterator[Maker]:
    recipe, genome = find_genome(spec.birth or KAIMING, home, spec.unborn)
    for seed in spec.seeds:
        birth = BirthSpec(recipe, seed, genome.sha256 if genome else "", spec.batchnorm)
        yield _Newborn(spec, birth, genome, storage)


@dataclass
class _Newborn:
    """A birth: weights are drawn once; BatchNorm is calibrated on the images of each benchmark."""

    spec: ScoreSpec
    birth: BirthSpec
    genome: Genome | None
    storage: Storage
    network: nn.Module | None = None

    def __call__(self, stimuli: Stimuli) -> Candidate:
        spec, birth, unborn = self.spec, self.birth, self.spec.unborn
        shown = spread_over(stimuli, CALIBRATION_IMAGES) if uses_images(spec.batchnorm) else None
        with strict_float32():
            if self.network is None:
                self.network = born(unborn, birth, self.genome, shown, spec.device)
            elif shown is not None:
                self.network = recalibrated(self.network, unborn, shown)
        facts = {"birth": birth.recipe, "seed": birth.seed, "genome": birth.genome or None}
        size, asked = of_birth(birth, self.genome), spec.birth or KAIMING
        made = _network(spec, unborn, self.network, facts, self.storage, spec.class_names, size)
        name = f"{birth.recipe} ({Path(asked).name})" if asked.endswith(".json") else birth.recipe
        return replace(made, described=made.described | {"name": name})


def _from_files(spec: ScoreSpec, storage: Storage) -> Iterator[Candidate]:
    held: dict[str, Path] = {}
    for path in spec.weights:
        candidate = _from_weights(spec, path, storage)
        if len(spec.weights) > 1 and held.setdefault(candidate.identity, path) != path:
            first = held[candidate.identity]
            raise InputError(f"{first} and {path} hold the same network, which is one seed; leave one out.")
        yield candidate


def _from_weights(spec: ScoreSpec, path: Path, storage: Storage) -> Candidate:
    trained = read_trained(path, replace(spec, width=1.0).unborn, spec.weights_key)
    if spec.width not in (1.0, trained.spec.width):
        raise InputError(
            f"--width is {spec.width:g}, but {path} holds a network of width {trained.spec.width:g}; leave "
            "it out."
        )
    _check_classes(spec, str(path), trained.spec.classes)
    places = places_of_classes(trained.classes or (), spec.class_names or ())
    if places is not None and places != sorted(places):
        raise InputError(
            f"--classes names the classes of {path} in another order than it does itself, which is that of "
            "its outputs; leave it out."
        )
    classes = spec.class_names or trained.classes
    notes = [*trained.notes, *trained.seen_otherwise(str(path))]
    facts = {"weights": str(path), "weights_notes": notes}
    return _network(spec, trained.spec, trained.network(), facts, storage, classes)


def _check_classes(spec: ScoreSpec, source: str, outputs: int) -> None:
    """Raise `InputError` if other classes are asked for than a network has that is not born here."""
    if spec.classes == outputs or (spec.class_names is None and spec.classes == ModelSpec.classes):
        return
    said, needed = f"is {spec.classes}", "leave it out"
    if spec.class_names is not None:
        said, needed = f"names {spec.classes} classes", "one name for each output is needed"
    raise InputError(f"--classes {said}, but {source} has {outputs} outputs; {needed}.")


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
        warn_if_emulated(spec.precision, check_device(spec.device))
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
    found: dict[str, Any] = {"kind": kind, "name": name, "network": network, "batchnorm": batchnorm}
    found |= {"parameters": size and size.n_parameters}
    found |= {"precision": size and size.precision, "bits": size and size.bits}
    return found | ({"weights_notes": list(notes)} if notes else {})
