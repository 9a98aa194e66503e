"""The brain match of one model on a suite, with honest errors: what ``wiringup match`` does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wiringup import __version__
from wiringup.benchmarks.benchmark import Benchmark
from wiringup.benchmarks.catalog import load_present
from wiringup.benchmarks.suites import find_suite
from wiringup.core.checks import did_you_mean
from wiringup.core.errors import InputError
from wiringup.core.score import Score
from wiringup.core.spec import uid
from wiringup.experiments.run import WEIGHTS
from wiringup.experiments.scoring import CALIBRATED, PIXELS, Said, ScoreRequest, reportable, scored
from wiringup.models.architecture import ARCHITECTURES
from wiringup.results.brain_match import BrainMatch, brain_match
from wiringup.results.store import RECORD, Store

Requests = Sequence[ScoreRequest]
"""One condition: seeds of one request, or checkpoints of several."""


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


def exam_of(suite: str, request: ScoreRequest, home: Path, say: Said) -> Exam:
    """Load the benchmarks of a suite, and leave out or refuse images as ``request`` says.

    Raises:
        InputError: if the suite is unknown, or layers were chosen on its images.
        MissingDataError: if none of its benchmarks is here.
    """
    benchmarks, missing = load_present(find_suite(suite, home).benchmarks, home)
    kept = reportable(request, benchmarks)
    part = any(k.name != b.name for k, b in zip(kept, benchmarks, strict=True))
    return Exam(f"{suite}:unseen" if part else suite, tuple(kept), missing)


def match(condition: Requests, label: str, exam: Exam, home: Path, say: Said) -> BrainMatch:
    """Score every seed of a condition on the exam and condense the scores.

    Args:
        condition: see `Requests`.
        label: how results name it.
        exam: see `exam_of`.
        home: the data folder.
        say: told what is being done.
    """
    found: dict[str, list[Score]] = {b.name: [] for b in exam.benchmarks}
    identities = []
    for request in condition:
        for candidate, scores in scored(request, exam.benchmarks, home, say):
            identities.append(candidate.subject.identity)
            for score in scores:
                found[score.benchmark].append(score)
    say(f"Resampling stimuli, units and seeds of {label} ...")
    whole = brain_match(label, exam.suite, list(found.values()), exam.missing)
    return replace(whole, identities=tuple(identities))


def condition(request: ScoreRequest, weights: Sequence[Path], key: str | None = None) -> Requests:
    """Return ``request``, or one request for each checkpoint in ``weights``; ``key``: see `ScoreRequest`."""
    return [replace(request, weights=path, weights_key=key) for path in weights] or [request]


def title(condition: Requests) -> str:
    """Return how results name a condition."""
    first = condition[0]
    if first.model == PIXELS:
        return f"{PIXELS} at {first.size} px"
    if first.weights is not None:
        return f"{first.model} ({', '.join(str(r.weights) for r in condition)})"
    seeds = " ".join(map(str, first.seeds))
    return f"{ARCHITECTURES.canonical(first.model)} ({first.birth}, seed {seeds})"


def reference_condition(names: Sequence[str], request: ScoreRequest, runs: Path) -> Requests:
    """Return the condition that ``names`` refer to.

    Args:
        names: "pixels", an architecture (born from Kaiming normal, with the request's seeds), checkpoint
            files, or runs. Several files or runs are seeds of one condition.
        request: the model that is compared with it: sizes, normalisation and layers are taken from it.
        runs: the folder of runs.

    Raises:
        InputError: if a name is none of these.
    """
    plain = replace(
        request, birth="kaiming_normal", weights=None, weights_key=None, class_names=None, layers=()
    )
    if len(names) == 1 and names[0] in (PIXELS, *ARCHITECTURES.names()):
        same = names[0] in ARCHITECTURES and _same_network(names[0], request)
        kept = request.layer_map if same else None
        policy = CALIBRATED if names[0] == PIXELS else request.batchnorm
        unseen = same and request.unseen
        return [replace(plain, model=names[0], layer_map=kept, unseen=unseen, batchnorm=policy)]
    return [_trained(name, replace(plain, seeds=(0,), batchnorm=CALIBRATED), runs) for name in names]


def _same_network(model: str, request: ScoreRequest) -> bool:
    return request.model != PIXELS and ARCHITECTURES.canonical(model) == ARCHITECTURES.canonical(
        request.model
    )


def _trained(name: str, plain: ScoreRequest, runs: Path) -> ScoreRequest:
    if (runs / name / RECORD).is_file() and (runs / name / WEIGHTS).is_file():
        model = Store(runs).record(name).spec["model"]
        kept = plain.layer_map if _same_network(model["architecture"], plain) else None
        return replace(
            plain, model=model["architecture"], size=model["size"], weights=runs / name / WEIGHTS,
            layer_map=kept, unseen=plain.unseen and kept is not None,
        )  # fmt: skip
    if Path(name).is_file() and plain.model != PIXELS:
        return replace(plain, weights=Path(name))
    known = [PIXELS, *ARCHITECTURES.names(), *(p.parent.name for p in runs.glob(f"*/{RECORD}"))]
    raise InputError(
        f"There is no reference {name!r}.{did_you_mean(name, known)} Name pixels, an architecture "
        f"({', '.join(ARCHITECTURES)}), checkpoint files of the same architecture, or runs in {runs}."
    )


def address(conditions: Sequence[Requests], exam: Exam, found: Sequence[BrainMatch]) -> str:
    """Return the address under which brain matches are kept: what was asked, which weights, which data."""
    benchmarks = tuple(b.sha256 for b in exam.benchmarks)
    asked, identities = tuple(tuple(c) for c in conditions), tuple(m.identities for m in found)
    content = {"conditions": asked, "identities": identities, "suite": exam.suite, "benchmarks": benchmarks}
    return uid("match", content | {"missing": tuple(exam.missing), "version": __version__})
