"""One run from birth to record: born model -> scored -> trained -> scored -> kept."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wiringup import __version__
from wiringup.benchmarks.benchmark import Benchmark, evaluate
from wiringup.benchmarks.suites import Suite
from wiringup.birth.apply import BirthSpec, give_birth
from wiringup.birth.batchnorm import calibrate_batchnorm, images_for
from wiringup.birth.genome import Genome
from wiringup.core.errors import DivergedError, NotFiniteError
from wiringup.core.progress import Progress
from wiringup.core.score import DEFAULT_NORMALISATION, Score
from wiringup.core.spec import omit_default, to_dict, uid
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.models.architecture import ModelSpec, architecture_of, build
from wiringup.models.readout import NetworkSubject, preprocess, subject
from wiringup.models.weights import load_weights, read_weights, save_weights
from wiringup.results.brain_match import match_of_run
from wiringup.results.record import Point, Record, point_from_dict, point_to_dict, provenance
from wiringup.results.store import Store
from wiringup.training.distributed import leads
from wiringup.training.flops import flops_by_layer
from wiringup.training.label_free import LabelFreeSpec, learn_label_free
from wiringup.training.ledger import Account
from wiringup.training.loop import TrainResult, train
from wiringup.training.norms import statistics_of
from wiringup.training.observers import TrainingMoment, top1
from wiringup.training.schedule import Duration
from wiringup.training.spec import TrainSpec

WEIGHTS = "weights.safetensors"
CALIBRATION = "BatchNorm calibration"
BEFORE = "before"  # folder of the phase without labels, in that of the run

Told = Callable[[str, float, str], None]
"""Told of finished work: its kind, its amount and a message."""


@dataclass(frozen=True)
class Exam:
    """What every run is scored on.

    Attributes:
        suite: which benchmarks count, by name.
        benchmarks: those of them that are here.
        held_out: labelled images for top-1 accuracy of the model's own decoder, never trained on.
    """

    suite: Suite
    benchmarks: tuple[Benchmark, ...]
    held_out: LabelledImages
    normalisation: str = DEFAULT_NORMALISATION
    _known: dict[str, tuple[list[Score], float]] = field(default_factory=dict, repr=False)

    def sit(self, candidate: NetworkSubject) -> tuple[list[Score], float]:
        """Return the scores and the top-1 accuracy of a network.

        What was scored once is not scored again: several conditions share one birth. The key is the hash
        of weights and preprocessing, never a name.
        """
        key = candidate.identity
        if key not in self._known:
            found = evaluate(candidate, self.benchmarks, normalisation=self.normalisation)
            scores = [replace(s, evidence=None) for s in found]  # predictions of every image are not kept
            self._known[key] = scores, top1(candidate.module, self.held_out, candidate.size)
        return self._known[key]

    def identity(self) -> dict[str, Any]:
        """Return everything about the exam that decides a score, as plain values."""
        return {
            "suite": self.suite.name,
            "benchmarks": {b.name: b.sha256 for b in self.benchmarks},
            "held_out": self.held_out.sha256,
            "normalisation": self.normalisation,
        }


@dataclass(frozen=True)
class RunSpec:
    """Everything that decides the outcome of a run; its hash is the run's address.

    Attributes:
        images: SHA-256 of the labelled images to learn from.
        calibration: SHA-256 of the unlabelled images for BatchNorm at birth, or "".
        exam: see `Exam.identity`.
        moments: when the model is scored, besides birth and end.
        version: of wiringup.
        before: what is learned without labels, after birth and before the first label.
    """

    model: ModelSpec
    birth: BirthSpec
    training: TrainSpec
    images: str
    calibration: str
    exam: Mapping[str, Any]
    moments: tuple[Duration, ...]
    version: str = __version__
    before: LabelFreeSpec | None = omit_default(None)  # noqa: RUF009  (frozen, so it is not shared)


@dataclass(frozen=True)
class Run:
    """A run with what its specification only names by hash.

    Attributes:
        label: the condition it belongs to.
        genome: what the network is born from, for recipes that need one.
        calibration: unlabelled images for BatchNorm statistics at birth.
    """

    label: str
    spec: RunSpec
    images: LabelledImages
    exam: Exam
    genome: Genome | None
    calibration: Stimuli | None

    @property
    def uid(self) -> str:
        """The run's address."""
        return uid("run", self.spec)


def born(spec: ModelSpec, birth: BirthSpec, genome: Genome | None, calibration: Stimuli | None) -> nn.Module:
    """Build a network and give birth to it."""
    model = build(spec)
    inputs = None if calibration is None else preprocess(calibration.pixels, spec.size)
    give_birth(model, birth, genome, inputs, spec.size)
    return model


def grown(
    spec: ModelSpec,
    birth: BirthSpec,
    genome: Genome | None,
    calibration: Stimuli | None,
    before: LabelFreeSpec | None,
    folder: Path | None = None,
    label: str = "",
) -> tuple[nn.Module, dict[str, Account]]:
    """Give birth to a network and let it learn without labels; return it, and what each phase has spent.

    BatchNorm that was calibrated at birth is calibrated again afterwards, on the same images: spontaneous
    activity has other statistics than what is seen later. Statistics of any other policy stay as the
    phase leaves them.

    Args:
        spec: the network.
        birth: the birth.
        genome: what it is born from, for recipes that need one.
        calibration: unlabelled images for BatchNorm statistics.
        before: the phase without labels; None for none.
        folder: where its checkpoint is kept.
        label: how its progress is called.
    """
    model = born(spec, birth, genome, calibration)
    seen = None if calibration is None else preprocess(calibration.pixels, spec.size)
    images = images_for(birth.batchnorm, seen, birth.seed, spec.size)
    shown = 0 if images is None else len(images)
    accounts = {} if images is None else {CALIBRATION: _calibration(model, spec, shown)}
    if before is not None:
        found = learn_label_free(model, architecture_of(spec), before, folder, label=label)
        accounts |= found.ledger.label_free
        if images is not None:
            calibrate_batchnorm(model, images)
            accounts[CALIBRATION] = _calibration(model, spec, shown, passes=2)
    return model, accounts


def _calibration(model: nn.Module, spec: ModelSpec, images: int, passes: int = 1) -> Account:
    """Return the account of unlabelled images, or noise, on which BatchNorm was calibrated."""
    seen = passes * images
    return Account(
        updates=seen,
        images=images,
        statistics={layer: seen * count for layer, count in statistics_of(model).items()},
        forward=seen * sum(f.forward for f in flops_by_layer(model, spec.size).values()),
    )


def execute(run: Run, store: Store, told: Told) -> tuple[Record, nn.Module]:
    """Give birth, train and score; return the record and the trained network, and keep both.

    A run that was interrupted continues from its checkpoint; a finished one is restored, not computed.
    """
    if known := store.finished(run.uid, run.spec):
        return known, _restored(run, store)
    started = time.monotonic()
    spec, architecture = run.spec, architecture_of(run.spec.model)
    name, folder = f"{run.label}, seed {spec.birth.seed}", store.folder(run.uid)
    with _Telling(told=told):
        model, accounts = grown(
            spec.model, spec.birth, run.genome, run.calibration, spec.before, folder / BEFORE, name
        )
        result = train(
            model,
            architecture,
            run.images,
            spec.training,
            observers=[_scorer(run, told)],
            folder=folder,
            moments=spec.moments,
            before=accounts,
            label=name,
        )
    record = _record(run, result, time.monotonic() - started)
    if leads():
        save_weights(model, store.folder(run.uid) / WEIGHTS, run.images.classes)
        store.save(record)
    return record, model


def _restored(run: Run, store: Store) -> nn.Module:
    """Return the network of a finished run, in evaluation mode."""
    path = store.folder(run.uid) / WEIGHTS
    model = build(run.spec.model)
    load_weights(model, read_weights(path, model.state_dict()).state, str(path))
    return model.eval()


def _scorer(run: Run, told: Told) -> Callable[[TrainingMoment], dict[str, Any]]:
    def score(moment: TrainingMoment) -> dict[str, Any]:
        told("other", 0, "")
        read = subject(moment.model, run.spec.model, classes=run.images.classes)
        try:
            scores, accuracy = run.exam.sit(read)
        except NotFiniteError as error:
            raise DivergedError(_not_finite(moment.images)) from error
        suite = run.exam.suite
        match = match_of_run(scores, suite.name, suite.benchmarks)
        point = Point(
            epoch=moment.epoch,
            updates=moment.images,
            synaptic_updates=moment.ledger.synaptic_updates,
            top1=accuracy,
            match=match.values,
            missing=tuple(match.missing),
            scores=tuple(scores),
            images=moment.ledger.images,
            flops=moment.ledger.flops,
        )
        told("score", 1, f"{run.label}, seed {run.spec.birth.seed}: brain match {match.mean.value:.3f}")
        return {"point": point_to_dict(point)}

    return score


def _not_finite(images: int) -> str:
    """Return why a network whose weights are finite has no score: what it answers to images is not."""
    if images:
        why = f"after {images:,} images all weights are finite, but responses to images are not"
        return f"Training diverged: {why}. Lower the learning rate."
    return "The newborn network's responses to images are not finite. Choose another birth or BatchNorm."


@dataclass
class _Telling(Progress):
    """Hands on to ``told`` what a training tells of its progress."""

    told: Told = lambda kind, amount, message: None

    def advance(self, kind: str, amount: float, message: str = "") -> None:
        """Hand it on."""
        self.told(kind, amount, message)


def _record(run: Run, result: TrainResult, seconds: float) -> Record:
    trained = {area: count for area, (count, _) in result.plasticity.by_area().items()}
    totals = {"trained": result.plasticity.count(), "all": result.plasticity.count(trained=False)}
    return Record(
        uid=run.uid,
        label=run.label,
        seed=run.spec.birth.seed,
        spec=to_dict(run.spec),
        synapses=totals | trained,
        points=tuple(point_from_dict(o["point"]) for o in result.observations),
        losses=tuple(round(float(loss), 6) for loss in result.epoch_losses),
        provenance=provenance(seconds) | {"threads": torch.get_num_threads()},
        ledger=result.ledger.summary(),
    )
