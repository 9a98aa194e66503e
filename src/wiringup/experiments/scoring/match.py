"""The brain match of one model on a suite, with honest errors: what ``wiringup match`` does."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from wiringup import __version__
from wiringup.benchmarks.benchmark import Benchmark
from wiringup.benchmarks.suites import load_suite
from wiringup.birth.apply import OWN
from wiringup.core.checks import did_you_mean
from wiringup.core.errors import InputError
from wiringup.core.score import Score
from wiringup.core.spec import from_dict, uid
from wiringup.experiments.runs.trainings import WEIGHTS
from wiringup.experiments.scoring.candidates import KAIMING
from wiringup.experiments.scoring.references import REFERENCES
from wiringup.experiments.scoring.scores import reportable, scored
from wiringup.experiments.scoring.spec import CALIBRATED, ScoreSpec
from wiringup.models.any_network import is_foreign
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, canonical, is_network
from wiringup.models.preprocessing import IMAGENET
from wiringup.models.readout import reservation_of
from wiringup.models.weights import network_of
from wiringup.results.brain_match import BrainMatch, brain_match
from wiringup.results.store import RECORD, Store

log = logging.getLogger(__name__)

NO_PREPROCESSING: Mapping[str, Any] = dict.fromkeys(("mean", "std", "interpolation", "crop"))


@dataclass(frozen=True)
class Exam:
    """The benchmarks of a suite that are here, and why others are not.

    Attributes:
        suite: its name; with ":unseen" if images were left out on which layers were chosen.
        missing: benchmark -> why it is not here.
    """

    suite: str
    benchmarks: tuple[Benchmark, ...]
    missing: dict[str, str]


@dataclass(frozen=True)
class Matched:
    """A brain match, and the name, network and description length of what it is of."""

    match: BrainMatch
    described: Mapping[str, Any] = field(default_factory=dict)


def exam_of(suite: str | None, spec: ScoreSpec, home: Path, benchmarks: Sequence[str] = ()) -> Exam:
    """Load a suite, or benchmarks by name, and leave out or refuse images as ``spec`` says.

    Raises:
        InputError: if a name is unknown, or layers were chosen on these images.
        MissingDataError: if no benchmark is here.
    """
    named, present, missing = load_suite(suite, benchmarks, home, spec.size)
    kept = reportable(spec, present)
    part = any(k.name != b.name for k, b in zip(kept, present, strict=True))
    return Exam(f"{named.name}:unseen" if part else named.name, tuple(kept), missing)


def match(spec: ScoreSpec, exam: Exam, home: Path) -> Matched:
    """Score every seed or checkpoint of a spec on the exam and condense the scores."""
    found: dict[str, list[Score]] = {b.name: [] for b in exam.benchmarks}
    identities: list[str] = []
    reservations: set[str] = set()
    described: Mapping[str, Any] = {}
    for candidate, scores in scored(spec, exam.benchmarks, home):
        identities.append(candidate.identity)
        described = described or candidate.described
        for score in scores:
            found[score.benchmark].append(score)
        reservations.add(reservation_of(candidate.subject))
    for told in filter(None, reservations):
        log.warning("%s", told)
    log.info("Resampling stimuli, units and seeds of %s ...", title(spec))
    whole = brain_match(title(spec), exam.suite, list(found.values()), exam.missing)
    return Matched(replace(whole, identities=tuple(identities)), described)


def title(spec: ScoreSpec) -> str:
    """Return how results name a condition."""
    if not is_network(spec.model):
        return spec.model + (f" at {spec.size} px" if spec.model in REFERENCES else "")
    name, seeds = canonical(spec.model), " ".join(map(str, spec.seeds))
    if spec.weights:
        return f"{name} ({', '.join(map(str, spec.weights))})"
    return f"{name} ({OWN} weights)" if spec.own else f"{name} ({spec.birth or KAIMING}, seed {seeds})"


def reference_of(names: Sequence[str], spec: ScoreSpec, runs: Path, areas: Sequence[str] = ()) -> ScoreSpec:
    """Return the condition that ``names`` refer to.

    Args:
        names: a reference model such as pixels, a network (born from Kaiming normal with the spec's seeds,
            or with its own weights), checkpoint files, or runs. Several files or runs are its seeds.
        spec: the model that is compared with it: size, normalisation and layers are taken from it.
        runs: the folder of runs.
        areas: AREA=LAYER of a network of another package that is not the model's.

    Raises:
        InputError: if a name is none of these, or areas are missing or of no use.
    """
    nothing: dict[str, Any] = {"weights": (), "layers": (), "seeds": (0,), "batchnorm": CALIBRATED}
    plain = replace(spec, birth=None, weights_key=None, class_names=None, **nothing)
    name = names[0]
    if areas and not (len(names) == 1 and is_network(name)):
        raise InputError(
            f"--reference-area is of a network; {' '.join(names)} is read out as it is. Leave it out."
        )
    if len(names) == 1 and (name in REFERENCES or is_network(name)):
        same = is_network(name) and _same_network(name, spec)
        if is_foreign(name) and not (areas or (same and (spec.areas or spec.layer_map))):
            raise InputError(
                f"{name} does not say where its areas are. Name them: --reference-area V4=LAYER ...; "
                f"wiringup layers {name} ... searches."
            )
        drawn = name in ARCHITECTURES or (name in REFERENCES and REFERENCES[name].seeded)
        return replace(
            _of_another(plain, name) if not same else plain,
            model=name,
            areas=tuple(areas) or (spec.areas if same else ()),
            classes=spec.classes if name in ARCHITECTURES else ModelSpec.classes,
            seeds=spec.seeds if drawn else (0,),
            batchnorm=spec.batchnorm if name in ARCHITECTURES else CALIBRATED,
        )
    return _trained(names, plain, runs)


def _of_another(plain: ScoreSpec, name: str) -> ScoreSpec:
    """Return a spec without what belongs to another model: layers, preprocessing and, where fixed, width."""
    width = plain.width if name in ARCHITECTURES else 1.0
    none: dict[str, Any] = {"layer_map": None, **NO_PREPROCESSING}
    if name in REFERENCES:
        none |= {"classes": ModelSpec.classes, "precision": "float32"}
    return replace(plain, model=name, unseen=False, areas=(), width=width, **none)


def _same_network(model: str, spec: ScoreSpec) -> bool:
    return is_network(spec.model) and canonical(model) == canonical(spec.model)


def _trained(names: Sequence[str], plain: ScoreSpec, runs: Path) -> ScoreSpec:
    """Return the checkpoints, or the networks of the runs, called ``names``."""
    known = {name for name in names if (runs / name / RECORD).is_file() and (runs / name / WEIGHTS).is_file()}
    for name in names:
        if name not in known and not (Path(name).is_file() and is_network(plain.model)):
            raise _unknown(name, runs)
    weights = tuple(runs / name / WEIGHTS if name in known else Path(name) for name in names)
    models = [from_dict(ModelSpec, Store(runs).record(name).spec["model"]) for name in names if name in known]
    if any(model != models[0] for model in models):
        raise InputError("Runs that are seeds of one reference have to be of one network.")
    if models or any(network_of(path) for path in weights):
        plain = replace(plain, **NO_PREPROCESSING)  # they say how they were trained
    for model in models[:1]:
        how = model.preprocessing
        if not (is_network(plain.model) and _same_network(model.architecture, plain)):
            plain = _of_another(plain, model.architecture)
        plain = replace(plain, model=model.architecture, size=model.size, areas=model.areas or plain.areas)
        if how != IMAGENET:
            crop: float | Literal["none"] = "none" if how.crop is None else how.crop
            plain = replace(plain, mean=how.mean, std=how.std, interpolation=how.interpolation, crop=crop)
    return replace(plain, weights=weights, classes=ModelSpec.classes)  # they have as many as they have


def _unknown(name: str, runs: Path) -> InputError:
    known = [*REFERENCES, *ARCHITECTURES.names(), *(p.parent.name for p in runs.glob(f"*/{RECORD}"))]
    return InputError(
        f"There is no reference {name!r}.{did_you_mean(name, known)} Name {', '.join(REFERENCES)}, a network "
        f"({', '.join(ARCHITECTURES)}, or another package's), checkpoint files of the same architecture, or "
        f"runs in {runs}."
    )


def address(specs: Sequence[ScoreSpec], exam: Exam, found: Sequence[BrainMatch]) -> str:
    """Return the address under which brain matches are kept: what was asked, which weights, which data."""
    content = {
        "conditions": tuple(specs),
        "identities": tuple(m.identities for m in found),
        "suite": exam.suite,
        "benchmarks": tuple(b.sha256 for b in exam.benchmarks),
        "missing": tuple(exam.missing),
        "version": __version__,
    }
    return uid("match", content)
