"""One training on the user's own images: what ``wiringup train`` does."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from wiringup.benchmarks.catalog import load_benchmark
from wiringup.benchmarks.suites import chosen
from wiringup.birth.apply import BirthSpec
from wiringup.birth.batchnorm import uses_images
from wiringup.core.checks import at_least
from wiringup.experiments.genomes import find_genome
from wiringup.experiments.pipeline import Exam, Run, RunSpec, execute
from wiringup.experiments.progress import Progress, packing, terminal
from wiringup.experiments.worlds import calibration_images, from_files
from wiringup.models.architecture import ModelSpec, architecture_of, outline
from wiringup.models.device import check_device
from wiringup.results.record import Record
from wiringup.results.store import Store
from wiringup.training.label_free import LabelFreeSpec
from wiringup.training.norms import describe_idle, effective
from wiringup.training.plasticity import resolve
from wiringup.training.spec import TrainSpec

CALIBRATION_IMAGES = 128


@dataclass(frozen=True)
class TrainRequest:
    """What is to be trained.

    Attributes:
        birth: a recipe or a genome file.
        images: see `data.images.source.ALLOWED`.
        limit: number of images to learn from; None for all that are not held out.
        subset: seed of the choice of these images.
        before: what is learned without labels, before the first label.
        kept: side in px at which images are kept, out of which random crops are cut; None for the network's.
        benchmarks: names of benchmarks on which birth and end are scored.
        keep_gain: whether a genome of another architecture is resized to the fan-ins, see `transfer`.
        batchnorm: BatchNorm at birth, one of `birth.batchnorm.POLICIES`; what is calibrated on images
            takes images to learn from, without labels.
    """

    model: str
    birth: str
    images: Path
    training: TrainSpec
    width: float = 1.0
    limit: int | None = None
    benchmarks: tuple[str, ...] = ()
    keep_gain: bool = False
    batchnorm: str = "calibrated"
    subset: int = 0
    kept: int | None = None
    before: LabelFreeSpec | None = None


def train_one(request: TrainRequest, out: Path, home: Path, *, quiet: bool) -> Record:
    """Give birth, train, score and keep one run; return its record.

    Raises:
        InputError: for names, images or sizes that cannot be used.
        MissingDataError: if images, a genome or a benchmark are missing.
    """
    progress = Progress({}, terminal(quiet))
    run = make_run(request, home, progress.say, packing(terminal(quiet)))
    kind = f"train:{request.training.plasticity}"
    images = request.training.duration.in_images(len(run.images), request.training.batch)
    frames = request.before.frames if request.before else 0
    progress.plan = {"train:label-free": frames, kind: images, "score": 2}
    progress.say(f"{run.label}: {images:,} images to be seen, run {run.uid}")
    return execute(run, Store(out), progress.advance)[0]


def make_run(
    request: TrainRequest,
    home: Path,
    say: Callable[[str], None],
    packed: Callable[[int, int], None] | None = None,
) -> Run:
    """Read images, genome and benchmarks, and put the run together."""
    check_device(request.training.device)
    size = request.training.size or 224
    unborn = ModelSpec(request.model, request.width, size=size)
    # a name that cannot be read is told before the images are
    training, before = _settled(request.training, unborn), request.before
    if before is not None:
        before = replace(before, training=_settled(before.training, unborn))
    asked, used = request.training.norms, {training.norms, before.training.norms if before else ""}
    if asked not in used:
        say(describe_idle(asked))
    recipe, genome = find_genome(request.birth, home, unborn, keep_gain=request.keep_gain)
    benchmarks = tuple(load_benchmark(name, home) for name in request.benchmarks)
    if request.limit is not None:
        at_least(request.limit, 2, "--limit")
    kept = request.kept or size
    learned, held_out = from_files(request.images, kept, request.limit, request.subset, say, packed)
    birth = BirthSpec(recipe, training.seed, genome.sha256 if genome else "", request.batchnorm)
    seen = calibration_images(learned, CALIBRATION_IMAGES) if uses_images(birth.batchnorm) else None
    exam = Exam(chosen(request.benchmarks), benchmarks, held_out)
    spec = RunSpec(
        model=ModelSpec(request.model, request.width, len(learned.classes), size),
        birth=birth,
        training=training,
        images=learned.sha256,
        calibration=seen.sha256 if seen else "",
        exam=exam.identity(),
        moments=(),
        before=before,
    )
    waited = f" + {before.stimuli}" if before else ""
    return Run(f"{recipe}{waited} + {training.plasticity}", spec, learned, exam, genome, seen)


def _settled(training: TrainSpec, model: ModelSpec) -> TrainSpec:
    """Return a training with the norms that hold for what learns in it, see `effective`."""
    learns = resolve(outline(model), architecture_of(model), training.plasticity, training.seed)
    return replace(training, norms=effective(training.norms, learns))
