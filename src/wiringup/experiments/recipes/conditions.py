"""The conditions of a study: runs named for what they are, each with every seed, beside one reference."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from wiringup.birth.recipes import RECIPES as BIRTHS
from wiringup.experiments.launching.study import Study
from wiringup.experiments.recipes.grid import seeded, varied
from wiringup.experiments.recipes.scale import DISTILLED, Scale
from wiringup.experiments.runs.genomes import is_published
from wiringup.experiments.runs.inputs import StudyInputs
from wiringup.experiments.runs.spec import RunSpec, born_from
from wiringup.results.claims import Claim
from wiringup.training.schedule import Duration, epochs

REFERENCE = "KN, all (reference)"
KN, ALL = "kaiming_normal", "all"
WC = "WC"
"""The birth that `Scale.wc` says."""

NOTHING_ELSE: Mapping[str, Any] = MappingProxyType({})


@dataclass
class Conditions:
    """Collects the runs of a study; the reference (Kaiming normal, all synapses) is there from the start.

    Args:
        base: the network, its training and its exam; what recipes vary is replaced.
        inputs: loads what it names.
        scale: says how many images, epochs and seeds.
    """

    base: RunSpec
    inputs: StudyInputs
    scale: Scale
    runs: dict[str, list[RunSpec]] = field(default_factory=dict)
    cells: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.base = replace(self.base, model=self.inputs.network(self.base))
        self.add(REFERENCE, duration=epochs(self.scale.reference))

    @property
    def images(self) -> int:
        """How many images there are to learn from."""
        return self.runs[REFERENCE][0].images.number or 0

    @property
    def epochs(self) -> float:
        """For how many epochs a condition learns that varies something else."""
        return self.scale.epochs[-1]

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of images to learn from, the last of them all."""
        return (*(n for n in self.scale.fewer if n < self.images), self.images)

    def add(
        self,
        label: str,
        *,
        birth: str = KN,
        learns: str = ALL,
        number: int | None = None,
        duration: Duration | None = None,
        seeds: Sequence[int] = (),
        one_genome: bool = False,
        changes: Mapping[str, Any] = NOTHING_ELSE,
    ) -> None:
        """Add a condition.

        Args:
            label: how it is called.
            birth: `KN`, `WC` (what the scale says it is), `DISTILLED`, a recipe of birth or a genome file.
            learns: the set of synapses.
            number: of images; None for all.
            duration: of the training; by default `epochs`.
            seeds: by default those of the study.
            one_genome: whether what is distilled comes from the reference of the first seed alone.
            changes: other dotted fields of a run (``training.lr``) -> their values.
        """
        run = replace(self.base, label=label, images=replace(self.base.images, number=number))
        duration = epochs(self.epochs) if duration is None else duration
        run = replace(run, training=replace(run.training, plasticity=learns, duration=duration))
        for name, value in changes.items():
            run = varied(run, name, value)
        if "model" in changes:
            run = replace(run, training=replace(run.training, size=run.model.size))
        self.runs[label] = self._born(self._scored(run), birth, seeds or self.scale.seeds, one_genome)
        self.cells[label] = _cell(self.runs[label][0], changes)

    def study(self, **about: Any) -> Study:
        """Return the study; ``about`` is kept with it, as plain JSON types."""
        runs = tuple(run for of_label in self.runs.values() for run in of_label)
        return Study(runs, REFERENCE, {**about, "cells": self.cells})

    def _scored(self, run: RunSpec) -> RunSpec:
        """Leave out the moments that come after the end; of long lists each would be told."""
        number, batch = run.images.number or self._all(run), run.training.batch
        end = run.training.duration.in_images(number, batch)
        return replace(run, moments=tuple(m for m in run.moments if m.in_images(number, batch) < end))

    def _all(self, run: RunSpec) -> int:
        return self.images if self.runs else (self.inputs.pin(run).images.number or 0)

    def _born(self, run: RunSpec, birth: str, seeds: Sequence[int], one_genome: bool) -> list[RunSpec]:
        name = self.scale.wc if birth == WC else birth
        recipe = "weight_compression" if name == DISTILLED else name
        fitted = recipe in BIRTHS and BIRTHS[recipe].needs_genome
        if name == DISTILLED or (fitted and not is_published(BIRTHS.canonical(recipe))):
            parents = self.runs[REFERENCE]
            pinned = seeded([run], seeds, self.inputs)
            of = parents[:1] * len(pinned) if one_genome else parents
            return [born_from(*pair, BIRTHS.canonical(recipe)) for pair in zip(pinned, of, strict=True)]
        policy = run.birth.batchnorm
        known, genome = self.inputs.birth(name, 0, policy, run.model)
        return seeded([replace(run, birth=known, genome=genome)], seeds, self.inputs)


def _cell(run: RunSpec, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells a condition from others, for figures."""
    number = run.images.number or 0
    spent = run.training.duration.in_images(number, run.training.batch)
    cell = {
        "name": run.label,
        "birth": run.birth.recipe,
        "genome": run.birth.genome and ("distilled" if run.genome.distilled_from else "given"),
        "plasticity": run.training.plasticity,
        "images": number,
        "epochs": round(spent / number, 4),
        "model": run.model.architecture,
        "width": run.model.width,
    }
    return cell | {name.rpartition(".")[2]: value for name, value in changes.items() if name != "model"}


@dataclass(frozen=True)
class Recipe:
    """One claim of the paper as a study.

    Attributes:
        claim: in a sentence.
        panels: of the paper's figures that it serves ("s1" and so on: of the supplement).
        conditions: adds what is compared.
        claims: what the study can refute of it, one sentence after the other.
        baseline: the condition against which the others are tested, over seeds; several -> the conditions
            that are tested against each; "" for none.
    """

    claim: str
    panels: tuple[str, ...]
    conditions: Callable[[Conditions], None]
    baseline: str | Mapping[str, Sequence[str]] = ""
    claims: tuple[Claim, ...] = ()

    def study(self, name: str, base: RunSpec, inputs: StudyInputs, scale: Scale) -> Study:
        """Return the runs.

        Args:
            name: of the recipe.
            base: as `Scale.base` has it, or changed.
            inputs: loads what it names.
            scale: how large the study is.

        Raises:
            InputError: if something cannot be used.
            MissingDataError: if images, benchmarks or a genome are not here.
        """
        found = Conditions(base, inputs, scale)
        self.conditions(found)
        return found.study(recipe=name, claim=self.claim, panels=list(self.panels), baseline=self.baseline)
