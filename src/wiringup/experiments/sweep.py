"""Every combination of births, plasticities, numbers of images and epochs, each beside one reference.

The paper's Figure 1 is a sweep over images and epochs; its Figure 3 one over plasticities. The reference is
the network that learns with all synapses, from Kaiming normal, on the most images for the most epochs.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from wiringup import __version__
from wiringup.birth.apply import BirthSpec
from wiringup.birth.recipes import RECIPES
from wiringup.core.checks import at_least, one_of
from wiringup.core.errors import DivergedError, InputError
from wiringup.core.spec import to_dict, uid
from wiringup.experiments.genomes import find_genome
from wiringup.experiments.pipeline import Run, RunSpec, execute
from wiringup.experiments.progress import Progress
from wiringup.experiments.sharing import Job, claimed, do_all
from wiringup.experiments.worlds import World
from wiringup.models.architecture import ModelSpec, architecture_of, outline
from wiringup.results.record import Diverged, Record
from wiringup.results.store import Store
from wiringup.training.norms import BATCH, NORMS, describe_idle, effective
from wiringup.training.plasticity import resolve
from wiringup.training.schedule import epochs
from wiringup.training.spec import TrainSpec

KN, ALL = "kaiming_normal", "all"


@dataclass(frozen=True)
class SweepSpec:
    """What is varied, and what is held.

    Attributes:
        images, epochs, plasticities, births: every combination of them is trained with every seed.
        size: side of the images in px.
        calibration: unlabelled images for BatchNorm statistics at birth.
        controls: beside each plasticity, as many synapses drawn at random from all (by the run's seed).
        lr: learning rate at the start, of every run alike.
        norms: how BatchNorm behaves that does not learn, one of `norms.NORMS`.
    """

    images: tuple[int, ...] = (2000,)
    epochs: tuple[float, ...] = (10,)
    plasticities: tuple[str, ...] = (ALL,)
    births: tuple[str, ...] = (KN,)
    seeds: tuple[int, ...] = (0, 1)
    controls: bool = False
    model: str = "cornet_s"
    width: float = 0.25
    size: int = 64
    batch: int = 64
    lr: float = 0.1
    schedule: str = "cosine"
    augmentation: str = "crop+flip"
    calibration: int = 128
    version: str = __version__
    norms: str = BATCH

    def __post_init__(self) -> None:
        one_of(self.norms, NORMS, "behaviour of BatchNorm that does not learn")
        for name in ("images", "epochs", "plasticities", "births", "seeds"):
            values = getattr(self, name)
            at_least(len(values), 1, f"the number of {name}")
            if len(set(values)) != len(values):
                raise InputError(f"The {name} {values} name one of them twice.")
        at_least(min(self.images), 1, "the number of images")
        self.named_births()
        self.named_plasticities(classes=2)  # a wrong name is met before there are images, which say how many

    def named_births(self) -> list[str]:
        """Return the births by their full names; genome files by their paths."""
        return [b if b.endswith(".json") else RECIPES.canonical(b) for b in self.births]

    def check_genomes(self, home: Path) -> None:
        """Look for every genome that is drawn from, before there are images.

        Raises:
            InputError: if one is of another network, or damaged.
            MissingDataError: if one is not there.
        """
        for birth in self.named_births():
            find_genome(birth, home, self.network(classes=2))

    def network(self, classes: int) -> ModelSpec:
        """Return the network of every run."""
        return ModelSpec(self.model, self.width, classes, self.size)

    def named_plasticities(self, classes: int) -> list[str]:
        """Return the sets of synapses, each followed by its control where there is to be one.

        Raises:
            InputError: for a set that the network does not have.
        """
        spec = self.network(classes)
        network = outline(spec)
        found: list[str] = []
        for name in self.plasticities:
            learns = resolve(network, architecture_of(spec), name)
            # a set that is itself drawn by the seed has another count in every run
            equal = f"random:({name})" if "random" in name else f"random:{learns.count()}"
            wanted = self.controls and learns.count() < learns.count(trained=False)
            found += [name, equal] if wanted else [name]
        return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Cell:
    """One combination; its label names it in records, tables and figures."""

    birth: str
    plasticity: str
    images: int
    epochs: float

    @property
    def label(self) -> str:
        """For example ``kaiming_normal, critical, 500 images x 4 epochs``."""
        return f"{self.birth}, {self.plasticity}, {self.images:,} images x {self.epochs:g} epochs"


@dataclass(frozen=True)
class Swept:
    """What a sweep found: the records, cell by cell, and the runs that diverged."""

    records: list[Record]
    diverged: list[Diverged]


@dataclass(frozen=True)
class Sweep:
    """A sweep in its world; ``home`` is where genomes are looked for."""

    spec: SweepSpec
    world: World
    store: Store
    home: Path

    @property
    def uid(self) -> str:
        """The sweep's address: its specification, its images and its exam."""
        return uid("sweep", self.document())

    @property
    def reference(self) -> Cell:
        """What percentages are of."""
        return Cell(KN, ALL, max(self.spec.images), max(self.spec.epochs))

    @property
    def model(self) -> ModelSpec:
        """The network of every run."""
        return self.spec.network(len(self.world.pool.classes))

    def cells(self) -> list[Cell]:
        """Return all combinations, the reference first."""
        s = self.spec
        plasticities = s.named_plasticities(len(self.world.pool.classes))
        every = [Cell(*c) for c in product(s.named_births(), plasticities, s.images, s.epochs)]
        return list(dict.fromkeys([self.reference, *every]))

    def document(self) -> dict[str, Any]:
        """Return what a reader of the records needs: the cell behind every label, and the reference's."""
        return {
            "spec": to_dict(self.spec),
            "reference": self.reference.label,
            "cells": {cell.label: asdict(cell) for cell in self.cells()},
            "images": self.world.pool.sha256,
            "exam": self.world.exam.identity(),
        } | ({"genomes": genomes} if (genomes := self._genomes()) else {})

    def _genomes(self) -> dict[str, str]:
        """Return the hash of every genome that is drawn from: a file distilled anew keeps its name."""
        found = {birth: find_genome(birth, self.home, self.model)[1] for birth in self.spec.named_births()}
        return {birth: genome.sha256 for birth, genome in found.items() if genome}

    def run(self, progress: Progress) -> Swept:
        """Make every run that is not finished yet; a training that diverges is noted, and the sweep goes on.

        Several processes in one store share the runs, see `sharing`.

        Raises:
            DivergedError: if the reference diverges, of which everything else is a percentage.
        """
        runs = list(self._runs())  # bad input is met before anything is computed
        if self.spec.norms not in {run.spec.training.norms for run, _ in runs}:
            progress.say(describe_idle(self.spec.norms))
        progress.plan = {}
        for run, seen in runs:
            for kind, amount in _work(run, seen).items():
                progress.plan[kind] = progress.plan.get(kind, 0) + amount
        jobs = [Job(_name(run), partial(self._one, run, seen, progress)) for run, seen in runs]
        made = do_all(jobs, progress.say)
        records = [one for one in made if isinstance(one, Record)]
        found = Swept(records, [one for one in made if isinstance(one, Diverged)])
        document = self.document() | {"diverged": [asdict(one) for one in found.diverged]}
        self.store.save_study(self.uid, document, [r.uid for r in found.records])
        return found

    def _one(self, run: Run, seen: int, progress: Progress) -> Record | Diverged:
        with claimed(self.store, run.uid):
            why = self.store.diverged(run.uid)
            known = bool(why or self.store.finished(run.uid, run.spec))
            if known:
                progress.skip(_work(run, seen))
            progress.say(f"{'Known' if known else 'Now'}: {_name(run)}")
            if why is None:
                try:
                    return execute(run, self.store, progress.advance)[0]
                except DivergedError as error:
                    why = str(error)
                    self.store.save_diverged(run.uid, run.spec, why)
        if run.label == self.reference.label:
            raise DivergedError(why)
        again = f"to try it again, remove {self.store.folder(run.uid)}"
        progress.say(f"{why} The sweep goes on without it ({again}).")
        return Diverged(run.label, run.spec.birth.seed, why)

    def _runs(self) -> Iterator[tuple[Run, int]]:
        """Yield every run and the number of images that it will see."""
        for cell, seed in product(self.cells(), self.spec.seeds):
            run = self._make(cell, seed)
            yield run, run.spec.training.duration.in_images(cell.images, self.spec.batch)

    def _make(self, cell: Cell, seed: int) -> Run:
        s, chosen = self.spec, self.world.budget(cell.images)
        recipe, genome = find_genome(cell.birth, self.home, self.model)
        learns = resolve(outline(self.model), architecture_of(self.model), cell.plasticity, seed)
        training = TrainSpec(
            plasticity=cell.plasticity, duration=epochs(cell.epochs), batch=s.batch, lr=s.lr,
            schedule=s.schedule, augmentation=s.augmentation, size=s.size, seed=seed,
            norms=effective(s.norms, learns),
        )  # fmt: skip
        spec = RunSpec(
            model=self.model,
            birth=BirthSpec(recipe, seed, genome.sha256 if genome else "", "calibrated"),
            training=training,
            images=chosen.sha256,
            calibration=self.world.calibration.sha256,
            exam=self.world.exam.identity(),
            moments=(),
        )
        return Run(cell.label, spec, chosen, self.world.exam, genome, self.world.calibration)


def _name(run: Run) -> str:
    return f"{run.label}, seed {run.spec.birth.seed}  [{run.uid}]"


def _work(run: Run, seen: int) -> dict[str, float]:
    return {f"train:{run.spec.training.plasticity}": seen, "score": 2}
