"""Studies, and how they are made: every run once, shared by all processes that work in one folder."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from wiringup.core.errors import DivergedError
from wiringup.core.progress import plan
from wiringup.core.spec import uid
from wiringup.experiments.inputs import StudyInputs
from wiringup.experiments.run import execute
from wiringup.experiments.sharing import Job, claimed, do_all
from wiringup.experiments.spec import RunSpec
from wiringup.results.record import Diverged, Record
from wiringup.results.store import Store
from wiringup.training.distributed import place

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Study:
    """Runs that are compared with a reference.

    Attributes:
        runs: pinned; the conditions in the order in which they are told.
        reference: label of the runs that percentages are of.
        about: what a reader of the records needs to know besides, as plain JSON types.
    """

    runs: tuple[RunSpec, ...]
    reference: str
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def uid(self) -> str:
        """The study's address: its runs and how they are called."""
        runs = [[run.uid, run.label] for run in self.runs]
        return uid("study", {"runs": runs, "reference": self.reference, "about": self.about})

    def document(self) -> dict[str, Any]:
        """Return what the report says of the study as a whole."""
        first = self.runs[0]
        return {
            "reference": self.reference,
            "images": first.images.sha256,
            "exam": asdict(first.exam),
            **self.about,
        }


def warn_if_idle(norms: str, runs: Sequence[RunSpec]) -> None:
    """Say so if ``norms`` was asked for and nothing hangs on it in any of the runs."""
    used = {t.norms for run in runs for t in (run.training, run.before and run.before.training) if t}
    if norms not in used:
        log.warning("Norms %r changes nothing here: no BatchNorm stands aside from learning.", norms)


@dataclass(frozen=True)
class Launched:
    """What became of a study: the records, in its order, and the runs that diverged."""

    records: list[Record]
    diverged: list[Diverged]


def launch(
    study: Study, store: Store, device: str | None = None, inputs: StudyInputs | None = None
) -> Launched:
    """Make every run that is not finished yet; a training that diverges is noted, and the study goes on.

    Several processes in one store share the runs, see `sharing`.

    Raises:
        DivergedError: if a reference diverges, of which everything else is a percentage.
    """
    inputs = inputs or StudyInputs()
    todo = {run.uid for run in study.runs if not _known(run, store)}
    for run in study.runs:
        if run.uid in todo:
            plan(_work(run, inputs))
    jobs = [
        Job(f"{r.title}  [{r.uid}]", partial(_one, r, study, store, device, inputs, todo)) for r in study.runs
    ]
    made = do_all(jobs)
    records = [one for one in made if isinstance(one, Record)]
    found = Launched(records, [one for one in made if isinstance(one, Diverged)])
    document = study.document() | {"labels": [r.label for r in records]}
    document |= {"diverged": [asdict(one) for one in found.diverged]}
    store.save_study(study.uid, document, [r.uid for r in records])
    return found


def _one(
    run: RunSpec, study: Study, store: Store, device: str | None, inputs: StudyInputs, todo: set[str]
) -> Record | Diverged:
    with claimed(store, run.uid, place(device or run.training.device)):
        known = _known(run, store)
    if known and run.uid in todo:  # another process was faster
        plan({kind: -amount for kind, amount in _work(run, inputs).items()})
        todo.remove(run.uid)
    log.info("%s: %s  [%s]", "Known" if known else "Now", run.title, run.uid)
    try:
        # one run may be part of several studies, under several names
        return replace(execute(run, store, device, inputs), label=run.label)
    except DivergedError as error:
        why, folder = store.diverged(run.uid) or str(error), store.folder(run.uid)
        if run.label == study.reference:
            raise DivergedError(f"{why} To try it again, remove {folder}.") from error
        log.warning("%s The study goes on without it (to try it again, remove %s).", why, folder)
        return Diverged(run.label, run.birth.seed, why)


def _known(run: RunSpec, store: Store) -> bool:
    return bool(store.diverged(run.uid) or store.finished(run.uid, run))


def _work(run: RunSpec, inputs: StudyInputs) -> dict[str, float]:
    """Return the work of one run: images to train on, scorings."""
    seen = run.training.duration.in_images(len(inputs.load(run.images).chosen), run.training.batch)
    frames = run.before.frames if run.before else 0
    work: dict[str, float] = {f"train:{run.training.plasticity}": seen, "train:label-free": frames}
    return work | {"score": len(run.moments) + 2}
