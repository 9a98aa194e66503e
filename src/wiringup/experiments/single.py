"""One training on the user's own images: what ``wiringup train`` does."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wiringup.benchmarks.catalog import load_benchmark
from wiringup.benchmarks.suite import Suite
from wiringup.birth.apply import BirthSpec
from wiringup.core.checks import at_least
from wiringup.data.images import read_labelled
from wiringup.experiments.genomes import find_genome
from wiringup.experiments.pipeline import Exam, Run, RunSpec, execute
from wiringup.experiments.progress import Progress, terminal
from wiringup.experiments.worlds import calibration_images, split
from wiringup.models.architecture import ARCHITECTURES, ModelSpec, outline
from wiringup.results.record import Record
from wiringup.results.store import Store
from wiringup.training.batches import nested_subset
from wiringup.training.plasticity import resolve
from wiringup.training.spec import TrainSpec

CALIBRATION_IMAGES = 128


@dataclass(frozen=True)
class TrainRequest:
    """What is to be trained.

    Attributes:
        birth: a recipe or a genome file.
        limit: number of images to learn from; None for all that are not held out.
        benchmarks: names of benchmarks on which birth and end are scored.
        keep_gain: whether a genome of another architecture is resized to the fan-ins, see `transfer`.
    """

    model: str
    birth: str
    images: Path
    training: TrainSpec
    width: float = 1.0
    limit: int | None = None
    benchmarks: tuple[str, ...] = ()
    keep_gain: bool = False


def train_one(request: TrainRequest, out: Path, home: Path, *, quiet: bool) -> Record:
    """Give birth, train, score and keep one run; return its record.

    Raises:
        InputError: for names, images or sizes that cannot be used.
        MissingDataError: if images, a genome or a benchmark are missing.
    """
    progress = Progress({}, terminal(quiet))
    run = make_run(request, home, progress.say)
    kind = f"train:{request.training.plasticity}"
    images = request.training.duration.in_images(len(run.images), request.training.batch)
    progress.plan = {kind: images, "score": 2}
    progress.say(f"{run.label}: {images:,} images to be seen, run {run.uid}")
    return execute(run, Store(out), progress.advance)[0]


def make_run(request: TrainRequest, home: Path, say: Callable[[str], None]) -> Run:
    """Read images, genome and benchmarks, and put the run together."""
    size = request.training.size or 224
    unborn = ModelSpec(request.model, request.width, size=size)
    # a name that cannot be read is told before the images are
    resolve(outline(unborn), ARCHITECTURES[unborn.architecture], request.training.plasticity)
    recipe, genome = find_genome(request.birth, home, unborn, keep_gain=request.keep_gain)
    benchmarks = tuple(load_benchmark(name, home) for name in request.benchmarks)
    say(f"Reading {request.images} ...")
    learned, held_out = split(read_labelled(request.images, size=size))
    if request.limit is not None:
        at_least(request.limit, 2, "--limit")
        learned = learned.take(nested_subset(learned.labels, request.limit, 0))
    calibration = calibration_images(learned, CALIBRATION_IMAGES)
    exam = Exam(Suite("chosen@1", request.benchmarks), benchmarks, held_out)
    spec = RunSpec(
        model=ModelSpec(request.model, request.width, len(learned.classes), size),
        birth=BirthSpec(recipe, request.training.seed, genome.sha256 if genome else "", "calibrated"),
        training=request.training,
        images=learned.sha256,
        calibration=calibration.sha256,
        exam=exam.identity(),
        moments=(),
    )
    return Run(f"{recipe} + {request.training.plasticity}", spec, learned, exam, genome, calibration)
