"""One scored moment of a run: a network, what it has cost so far, and what it answers."""

from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from wiringup.core.errors import DivergedError, NotFiniteError
from wiringup.core.progress import advance, begin
from wiringup.experiments.runs.inputs import Exam, Images
from wiringup.experiments.runs.spec import RunSpec
from wiringup.models.readout import subject
from wiringup.results.brain_match import match_of_run
from wiringup.results.draws import SEEDS
from wiringup.results.record import Point, point_to_dict
from wiringup.training.distributed import ALONE, ProcessGroup
from wiringup.training.observers import Observer, Shared, TrainingMoment


@dataclass(frozen=True)
class Spent:
    """What a network has cost at a moment; for each attribute see `Point`."""

    epoch: float
    updates: int
    synaptic_updates: int
    images: int | None
    flops: int | None

    @classmethod
    def until(cls, moment: TrainingMoment) -> "Spent":
        """Return what a training has spent so far."""
        ledger = moment.ledger
        return cls(moment.epoch, moment.images, ledger.synaptic_updates, ledger.images, ledger.flops)

    @classmethod
    def by(cls, point: Point) -> "Spent":
        """Return what had been spent at a moment that was scored before."""
        return cls(point.epoch, point.updates, point.synaptic_updates, point.images, point.flops)


def scored(
    spec: RunSpec, images: Images, exam: Exam, model: nn.Module, spent: Spent, group: ProcessGroup = ALONE
) -> Point:
    """Score a network of a run.

    Args:
        spec: the run.
        images: what it learns from.
        exam: what it is scored on.
        model: the network, in evaluation mode.
        spent: what it has cost.
        group: processes that hold it, all of which call this.

    Raises:
        DivergedError: if what it answers is not finite.
    """
    begin()
    read = replace(subject(model, spec.model, classes=images.chosen.classes), device=spec.training.device)
    try:
        scores, accuracy = exam.evaluate(read, group)
    except NotFiniteError as error:
        raise DivergedError(_not_finite(spent.updates)) from error
    match = match_of_run(scores, exam.suite.name, exam.suite.benchmarks)
    told = f"brain match {match.mean.value:.3f}" if scores else f"top-1 {accuracy:.3f}"
    advance("score", 1, f"{spec.title}: {told}")
    return Point(
        epoch=spent.epoch,
        updates=spent.updates,
        synaptic_updates=spent.synaptic_updates,
        top1=accuracy,
        top1_protocol=f"{images.tested_on}, {exam.shown(read.preprocessing).describe(read.size)}",
        match=match.values,
        errors={source: e for source, e in match.mean.errors.items() if source != SEEDS},
        missing=tuple(match.missing),
        scores=tuple(scores),
        images=spent.images,
        flops=spent.flops,
    )


def scorer(spec: RunSpec, images: Images, exam: Exam) -> Observer:
    """Return what scores the moments of a training; they are kept as ``point``."""

    def score(moment: TrainingMoment) -> dict[str, Any]:
        point = scored(spec, images, exam, moment.model, Spent.until(moment), moment.group)
        return {"point": point_to_dict(point)}

    return Shared(score)


def _not_finite(images: int) -> str:
    """Return why a network whose weights are finite has no score: what it answers to images is not."""
    if images:
        why = f"after {images:,} images all weights are finite, but responses to images are not"
        return f"Training diverged: {why}. Lower the learning rate."
    return "The newborn network's responses to images are not finite. Choose another birth or BatchNorm."
