"""Options of the commands that make runs, and the run that they say."""

from dataclasses import dataclass, field, fields, make_dataclass, replace
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, get_args, get_origin

from tyro.conf import OmitArgPrefixes, arg

from wiringup.core.checks import one_of
from wiringup.core.errors import InputError
from wiringup.core.score import DEFAULT_NORMALISATION
from wiringup.experiments.launching.options import HERE, LaunchOptions
from wiringup.experiments.runs.options import NetworkOptions
from wiringup.training.spec import PAPER, SMALL, TrainingOptions, TrainSpec

if TYPE_CHECKING:
    from wiringup.experiments.runs.spec import ExamSpec, ImagesSpec, RunSpec
    from wiringup.models.architecture import ModelSpec
    from wiringup.training.label_free import LabelFreeSpec

BRAINS = ("simulated", "real", "none")


@dataclass(frozen=True)
class ExamOptions:
    """What runs are scored on, and when.

    Attributes:
        brain: simulated (if nothing else is named); real: the real benchmarks that are in the data folder;
            or none.
        suite: Score on this suite of benchmarks instead; wiringup suites lists and makes them.
        benchmark: Score on these benchmarks instead, your own among them.
        normalisation: By the ceiling: (r/c)^2 (the paper's), r/c or r^2/c.
        moments: Score at these epochs too, beside birth and end: 0.1 0.5 1 ..., or "5000 images"; published
            for those of the paper.
        keep_weights: Keep the weights of each of these moments.
        top1: How images for top-1 are shown: own (as the network's preprocessing says), or resize-crop (as
            usual for ImageNet: Resize(256) and CenterCrop(224), or in this proportion).
    """

    brain: Annotated[str | None, arg(metavar="simulated|real|none")] = None
    suite: Annotated[str | None, arg(metavar="NAME")] = None
    benchmark: Annotated[tuple[str, ...], arg(metavar="NAME [NAME ...]")] = ()
    normalisation: str = DEFAULT_NORMALISATION
    moments: Annotated[tuple[str, ...], arg(metavar="WHEN [WHEN ...]")] = ()
    keep_weights: bool = False
    top1: Annotated[str, arg(metavar="own|resize-crop")] = "own"

    def spec(self) -> "ExamSpec":
        """Return the exam.

        Raises:
            InputError: if both a suite and benchmarks are named, or the brain is unknown.
        """
        from wiringup.benchmarks.suites import chosen
        from wiringup.experiments.runs.spec import ExamSpec

        if self.brain is not None:
            one_of(self.brain, BRAINS, "brain")
        if self.brain in BRAINS[:2] and (self.suite or self.benchmark):
            raise InputError(f"--brain {self.brain} is a suite; leave it out, or --suite and --benchmark.")
        if self.suite and self.benchmark:
            raise InputError(
                "--suite is a list of benchmarks; leave out --benchmark, or make a suite of both."
            )
        if self.benchmark or (self.brain == "none" and not self.suite):
            return ExamSpec(
                chosen(()).name, dict.fromkeys(self.benchmark, ""), "", self.normalisation, self.top1
            )
        suite = self.suite or f"{self.brain or BRAINS[0]}@1"
        return ExamSpec(suite, normalisation=self.normalisation, top1=self.top1)


@dataclass(frozen=True)
class BeforeOptions:
    """A phase without labels, before the first one.

    Attributes:
        before: Learn from spontaneous activity before the first label: waves:5000 (like retinal waves),
            pink:5000 or white:5000 (drifting noise). Self-supervised; counted apart.
        before_plasticity: Which synapses learn in that phase; never the decoder.
        before_lr: Learning rate of that phase (SGD, cosine).
    """

    before: Annotated[str | None, arg(metavar="KIND:FRAMES")] = None
    before_plasticity: Annotated[str, arg(metavar="SET")] = "all"
    before_lr: float = 0.05

    def spec(self, options: TrainingOptions, size: int, seed: int) -> "LabelFreeSpec | None":
        """Return the phase, in batches, on the device and with the norms of ``options``."""
        from wiringup.training.label_free import LabelFreeSpec

        if self.before is None:
            if self != BeforeOptions():
                raise InputError("--before-plasticity and --before-lr are of a phase; give --before too.")
            return None
        how = TrainSpec(
            plasticity=self.before_plasticity,
            batch=options.batch + options.batch % 2,  # frames come in pairs
            lr=self.before_lr,
            schedule="cosine",
            augmentation="none",
            size=size,
            seed=seed,
            device=options.device,
            workers=options.workers,
            precision=options.precision,
            norms=options.norms,
        )
        return LabelFreeSpec.parse(self.before, how)


SIMULATED, NOTHING = ExamOptions(), ExamOptions(brain="none")
NO_PHASE = BeforeOptions()

__all__ = [
    "HERE",
    "NOTHING",
    "NO_EXAM",
    "NO_PHASE",
    "NO_TRAINING",
    "PAPER",
    "SIMULATED",
    "SMALL",
    "Before",
    "Exam",
    "GivenExam",
    "GivenTraining",
    "Launch",
    "Network",
    "Training",
    "applied",
    "base_run",
    "exam_of",
    "shown",
]

Options = TypeVar("Options")


def _given(kind: type) -> Any:
    """Return the flags of ``kind`` as a dataclass in which what is not given is None (of switches, False)."""
    members = []
    for one in fields(kind):
        inner, *marks = get_args(one.type) if get_origin(one.type) is Annotated else (one.type,)
        switch = inner is bool
        named = " ".join(
            t.__name__.upper() for t in get_args(inner) or (inner,) if t not in (NoneType, Ellipsis)
        )
        marks = [*(marks or [arg(metavar=named)]), arg(help_behavior_hint="(default: that of the study)")]
        annotation = inner if switch else Annotated[(inner | None, *marks)]
        members.append((one.name, annotation, field(default=False if switch else None)))
    bare = make_dataclass(f"Given{kind.__name__}", members, frozen=True)
    bare.__doc__ = kind.__doc__
    return bare


def applied(options: Options, given: Any) -> Options:
    """Return ``options`` with what is given of them in place of what is usual."""
    found = {f.name: getattr(given, f.name) for f in fields(given)}
    return replace(options, **{k: v for k, v in found.items() if v is not None and v is not False})  # type: ignore[type-var]


if TYPE_CHECKING:
    GivenExam: TypeAlias = Any
    GivenTraining: TypeAlias = Any
    NO_EXAM: Any = None
    NO_TRAINING: Any = None
else:
    GivenExam = Annotated[_given(ExamOptions), OmitArgPrefixes]
    GivenTraining = Annotated[_given(TrainingOptions), OmitArgPrefixes]
    NO_EXAM, NO_TRAINING = get_args(GivenExam)[0](), get_args(GivenTraining)[0]()


def exam_of(given: Any, usual: ExamOptions) -> ExamOptions:
    """Return the exam that is given; what is usual is scored on unless a brain, a suite or benchmarks are."""
    other = given.brain or given.suite or given.benchmark
    return applied(ExamOptions() if other else usual, given)


Exam = Annotated[ExamOptions, OmitArgPrefixes]
Launch = Annotated[LaunchOptions, OmitArgPrefixes]
Before = Annotated[BeforeOptions, OmitArgPrefixes]
Network = Annotated[NetworkOptions, OmitArgPrefixes, arg(name="")]
Training = Annotated[TrainingOptions, OmitArgPrefixes]


def base_run(model: "ModelSpec", images: "ImagesSpec", exam: ExamOptions, training: TrainSpec) -> "RunSpec":
    """Return the run that options say, before what a recipe varies is set."""
    from wiringup.experiments.runs.spec import RunSpec
    from wiringup.models.device import check_device
    from wiringup.training.schedule import parse_moments

    check_device(training.device)
    return RunSpec(
        images=images,
        model=model,
        training=replace(training, size=model.size),
        exam=exam.spec(),
        moments=parse_moments(" ".join(exam.moments)),
        keep_weights=exam.keep_weights,
    )


def shown(
    images: Path | None, val: Path | None, side: int, limit: int | None = None, keep: str = "squares"
) -> "ImagesSpec":
    """Return the images that paths name: to learn from (None renders objects), and a validation set."""
    from wiringup.experiments.runs.spec import RENDERED, ImagesSpec

    return ImagesSpec(str(images or RENDERED), side=side, val=str(val or ""), pool=limit, keep=keep)
