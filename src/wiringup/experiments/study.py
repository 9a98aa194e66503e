"""The paper's argument at a small scale: every condition, every seed, one reference.

Train a reference with all synapses from Kaiming normal; distil it; give birth from what was distilled;
train few synapses on few images; and compare with controls that spend as many updates.
"""

from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from torch import nn

from wiringup import __version__
from wiringup.birth.apply import BirthSpec
from wiringup.birth.distill import distill, state_hash
from wiringup.birth.genome import Genome
from wiringup.core.checks import at_least, one_of
from wiringup.core.errors import InputError
from wiringup.core.spec import to_dict, uid
from wiringup.core.stimuli import LabelledImages
from wiringup.experiments.pipeline import Run, RunSpec, execute
from wiringup.experiments.progress import Progress
from wiringup.experiments.sharing import Job, claimed, do_all
from wiringup.experiments.worlds import World
from wiringup.models.architecture import ModelSpec, architecture_of, outline
from wiringup.results.record import Record
from wiringup.results.store import Store
from wiringup.training.norms import BATCH, NORMS, effective
from wiringup.training.plasticity import Plasticity, resolve
from wiringup.training.schedule import Duration, epochs, images
from wiringup.training.spec import TrainSpec

REFERENCE = "KN, all (reference)"
WC_CRITICAL = "WC + critical"
EQUAL_UPDATES = "KN, all, equal updates"
EQUAL_SYNAPTIC = "KN, all, equal synaptic updates"
GENOME = "genome.json"  # in the folder of the reference that it was distilled from
KN, WC = "kaiming_normal", "weight_compression"


@dataclass(frozen=True)
class StudySpec:
    """The size of a study; the defaults take under ten minutes on two cores.

    Attributes:
        pool, epochs: images and epochs of the reference.
        few_images, few_epochs: of every other condition.
        calibration: unlabelled images for BatchNorm statistics at birth.
        size: side of the images in px.
        moments: epochs at which every model is scored, besides birth and end.
        norms: how BatchNorm behaves that does not learn, one of `norms.NORMS`.
    """

    seeds: tuple[int, ...] = (0, 1)
    width: float = 0.25
    size: int = 64
    pool: int = 2000
    epochs: int = 10
    few_images: int = 1000
    few_epochs: int = 4
    batch: int = 64
    lr: float = 0.1
    schedule: str = "cosine"
    augmentation: str = "crop+flip"
    calibration: int = 128
    moments: tuple[int, ...] = (1, 2, 5)
    version: str = __version__
    norms: str = BATCH

    def __post_init__(self) -> None:
        one_of(self.norms, NORMS, "behaviour of BatchNorm that does not learn")
        at_least(len(self.seeds), 1, "the number of seeds")
        at_least(self.pool, self.few_images, "the number of images of the reference")
        if len(set(self.seeds)) != len(self.seeds):
            raise InputError(f"The seeds {self.seeds} name one seed twice.")


QUICK = StudySpec(pool=600, epochs=6, few_images=300, few_epochs=3, calibration=64, moments=())


@dataclass(frozen=True)
class Condition:
    """One way to be born and to learn."""

    label: str
    recipe: str
    plasticity: str
    few: bool = True


CONDITIONS = (
    Condition(REFERENCE, KN, "all", few=False),
    Condition(WC_CRITICAL, WC, "critical"),
    Condition("KN + critical", KN, "critical"),
    Condition("KN + decoder", KN, "decoder"),
    Condition(EQUAL_UPDATES, KN, "all"),
    Condition(EQUAL_SYNAPTIC, KN, "all"),
)


@dataclass(frozen=True)
class Study:
    """A study in its world."""

    spec: StudySpec
    world: World
    store: Store

    @property
    def uid(self) -> str:
        """The study's address: its specification, its images and its exam."""
        content = {"spec": self.spec, "images": self.world.pool.sha256, "exam": self.world.exam.identity()}
        return uid("study", content)

    @property
    def model(self) -> ModelSpec:
        """The network of every condition."""
        return ModelSpec("cornet_s", self.spec.width, len(self.world.pool.classes), self.spec.size)

    def run(self, progress: Progress) -> list[Record]:
        """Make every run that is not finished yet; return all records, condition by condition.

        Several processes in one store share the runs, see `sharing`.
        """
        progress.plan = self.plan()
        each = product(self.spec.seeds, CONDITIONS)
        jobs = [Job(f"{c.label}, seed {seed}", partial(self._one, c, seed, progress)) for seed, c in each]
        records = do_all(jobs, progress.say)
        labels = [c.label for c in CONDITIONS]
        records.sort(key=lambda r: (labels.index(r.label), r.seed))
        self.store.save_study(self.uid, self.document(), [r.uid for r in records])
        return records

    def document(self) -> dict[str, Any]:
        """Return what the report says of the study as a whole."""
        return {
            "spec": to_dict(self.spec),
            "reference": REFERENCE,
            "images": self.world.pool.sha256,
            "classes": list(self.world.pool.classes),
            "exam": self.world.exam.identity(),
        }

    def plan(self) -> dict[str, float]:
        """Return the work of the whole study: images to train on, scorings, distillations."""
        total: dict[str, float] = {"distil": 1}
        for condition in CONDITIONS:
            for kind, amount in self._work(condition).items():
                total[kind] = total.get(kind, 0) + amount
        return {kind: amount * len(self.spec.seeds) for kind, amount in total.items()}

    def _work(self, condition: Condition) -> dict[str, float]:
        """The work of one run."""
        seen = self._duration(condition).in_images(len(self._images(condition)), self.spec.batch)
        return {f"train:{condition.plasticity}": seen, "score": len(self._moments(condition)) + 2}

    def _one(self, condition: Condition, seed: int, progress: Progress) -> Record:
        genome = self._genome(seed, progress) if condition.recipe == WC else None
        return self._execute(condition, self._make(condition, seed, genome), progress)

    def _execute(self, condition: Condition, run: Run, progress: Progress) -> Record:
        """Make a run that no other process is at; a reference is distilled too."""
        with claimed(self.store, run.uid):
            if self.store.finished(run.uid, run.spec):
                progress.skip(self._work(condition))
                progress.say(f"Known: {run.label}, seed {run.spec.birth.seed}  [{run.uid}]")
            else:
                progress.say(f"Now: {run.label}, seed {run.spec.birth.seed}  [{run.uid}]")
            record, model = execute(run, self.store, progress.advance)
            if condition.label == REFERENCE:
                record = self._distil(run, record, model)
                progress.advance("distil", 1, f"distilled the reference, seed {run.spec.birth.seed}")
        return record

    def _genome(self, seed: int, progress: Progress) -> Genome:
        """Return the genome of a seed's reference, which is made if it is not there."""
        reference = self._make(CONDITIONS[0], seed, None)
        path = self.store.folder(reference.uid) / GENOME
        record = self.store.finished(reference.uid, reference.spec)
        if record is None or not record.genome or not path.is_file():
            record = self._execute(CONDITIONS[0], reference, progress)
        return _checked(path, record.genome)

    def _distil(self, run: Run, record: Record, model: nn.Module) -> Record:
        """Distil a reference, unless that was done before; return its record, which names the genome."""
        path, state = self.store.folder(run.uid) / GENOME, model.state_dict()
        if not path.is_file():
            about = {"run": run.uid, "label": run.label}
            distill(state, run.spec.birth.seed, about).save(path)
            record = replace(record, genome="")
        genome = _checked(path, record.genome, state_hash(state))
        if record.genome != genome.sha256:
            record = replace(record, genome=genome.sha256)
            self.store.save(record)
        return record

    def _make(self, condition: Condition, seed: int, genome: Genome | None) -> Run:
        chosen = self._images(condition)
        needed = genome if condition.recipe == WC else None
        calibration = self.world.calibration
        spec = RunSpec(
            model=self.model,
            birth=BirthSpec(condition.recipe, seed, needed.sha256 if needed else "", "calibrated"),
            training=self._training(condition, seed),
            images=chosen.sha256,
            calibration=calibration.sha256,
            exam=self.world.exam.identity(),
            moments=self._moments(condition),
        )
        return Run(condition.label, spec, chosen, self.world.exam, needed, calibration)

    def _training(self, condition: Condition, seed: int) -> TrainSpec:
        return TrainSpec(
            plasticity=condition.plasticity,
            duration=self._duration(condition),
            batch=self.spec.batch,
            lr=self.spec.lr,
            schedule=self.spec.schedule,
            augmentation=self.spec.augmentation,
            size=self.spec.size,
            seed=seed,
            norms=effective(self.spec.norms, self._plasticity(condition.plasticity)),
        )

    def _images(self, condition: Condition) -> LabelledImages:
        return self.world.budget(self.spec.few_images) if condition.few else self.world.pool

    def _duration(self, condition: Condition) -> Duration:
        if not condition.few:
            return epochs(self.spec.epochs)
        if condition.label == EQUAL_SYNAPTIC:
            updates = self.spec.few_images * self.spec.few_epochs
            return images(max(2, round(updates * self._critical_share())))
        return epochs(self.spec.few_epochs)

    def _critical_share(self) -> float:
        return self._plasticity("critical").share

    def _plasticity(self, name: str) -> Plasticity:
        return resolve(outline(self.model), architecture_of(self.model), name)

    def _moments(self, condition: Condition) -> tuple[Duration, ...]:
        """Between birth and end: few, because a scoring costs as much as hundreds of updates."""
        if condition.label == EQUAL_SYNAPTIC:
            return ()
        last = self.spec.few_epochs if condition.few else self.spec.epochs
        return tuple(epochs(e) for e in self.spec.moments if e < last)


def _checked(path: Path, named: str, state: str = "") -> Genome:
    """Read the genome of a reference, which has to be the one that was distilled from it.

    Args:
        path: its file.
        named: its hash in the record of the reference; "" where none is named yet.
        state: hash of the weights that it was distilled from, where they are known.
    """
    genome = Genome.load(path)
    if genome.sha256 != (named or genome.sha256) or (state and genome.source.get("state_sha256") != state):
        raise InputError(
            f"{path} holds another genome ({genome.sha256:.12}...) than was distilled from this run. Restore "
            "it from a copy, or delete it: it is then distilled again."
        )
    return genome
