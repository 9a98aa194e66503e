"""Options of the commands that make runs: what of them is usual, and what is given."""

from dataclasses import field, fields, make_dataclass, replace
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, get_args, get_origin

from tyro.conf import OmitArgPrefixes, arg

from wiringup.experiments.launching.options import HERE, LaunchOptions
from wiringup.experiments.runs.options import BeforeOptions, ExamOptions, NetworkOptions
from wiringup.training.spec import PAPER, SMALL, TrainingOptions

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
    "exam_of",
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
