"""Every combination of births, plasticities, numbers of images and epochs, each beside one reference.

    wiringup sweep --n-images 250 1000 2000 --epochs 1 4 10
    wiringup sweep --birth kn wc --plasticity critical decoder downstream:IT --controls

The paper's Figure 1 is a sweep over images and epochs; its Figure 3 one over plasticities. The reference is
the network that learns with all synapses, from Kaiming normal, on the most images for the most epochs. 2,000
images x 10 epochs (quarter width, 64 px) take two minutes on two cores; docs/training.md has tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from tyro.conf import arg

from wiringup.core.checks import at_least
from wiringup.core.errors import InputError
from wiringup.experiments.launching.study import Study
from wiringup.experiments.recipes.grid import PLASTICITY, grid, images_and_epochs, seeded
from wiringup.experiments.runs.inputs import StudyInputs, plasticity_of
from wiringup.experiments.runs.spec import RunSpec
from wiringup.training.schedule import epochs

KN, ALL = "kaiming_normal", "all"
NUMBER, DURATION = "images.number", "training.duration"


@dataclass(frozen=True)
class Axes:
    """What is varied: every combination is trained with every seed.

    Attributes:
        n_images: Labelled images to learn from (balanced, nested).
        epochs: Passes over them.
        plasticity: Which synapses learn; see wiringup plasticity.
        birth: Recipes or genome files.
        controls: Beside each plasticity, as many synapses drawn at random from all.
    """

    n_images: Annotated[tuple[int, ...], arg(metavar="N [N ...]")] = (2000,)
    epochs: Annotated[tuple[float, ...], arg(metavar="N [N ...]")] = (10,)
    plasticity: Annotated[tuple[str, ...], arg(metavar="SET [SET ...]")] = (ALL,)
    birth: Annotated[tuple[str, ...], arg(metavar="RECIPE [RECIPE ...]")] = (KN,)
    controls: bool = False

    def __post_init__(self) -> None:
        for name in ("n_images", "epochs", "plasticity", "birth"):
            values = getattr(self, name)
            at_least(len(values), 1, f"the number of {name}")
            if len(set(values)) != len(values):
                raise InputError(f"The {name} {values} name one of them twice.")
        at_least(min(self.n_images), 2, "the number of images")


def sweep(base: RunSpec, inputs: StudyInputs, axes: Axes, seeds: Sequence[int] = (0, 1)) -> Study:
    """Return the runs of a sweep, the reference's first.

    Args:
        base: the network, its training and its exam; what is varied here is replaced.
        inputs: loads what it names.
        axes: see `Axes`.
        seeds: of births and trainings.

    Raises:
        InputError: for a wrong name, told before there are images.
        MissingDataError: if a genome is not here.
    """
    for name in axes.birth:
        inputs.birth(name, 0, base.birth.batchnorm, base.model)
    for name in axes.plasticity:
        plasticity_of(name, base.model)
    most, longest = max(axes.n_images), max(axes.epochs)
    base = replace(base, images=replace(base.images, pool=most, number=None))
    base = replace(base, model=inputs.network(base))
    cells = _cells(base, KN, {PLASTICITY: [ALL], NUMBER: [most], DURATION: [epochs(longest)]})
    (reference,) = cells
    varied = {PLASTICITY: axes.plasticity, NUMBER: axes.n_images, DURATION: [epochs(e) for e in axes.epochs]}
    for name in axes.birth:
        birth, genome = inputs.birth(name, 0, base.birth.batchnorm, base.model)
        told = name if name.endswith(".json") else birth.recipe
        born = replace(base, birth=birth, genome=genome)
        cells |= _cells(born, told, varied, inputs if axes.controls else None)
    runs = seeded([run for run, _ in cells.values()], seeds, inputs)
    return Study(tuple(runs), reference, {"cells": {label: cell for label, (_, cell) in cells.items()}})


def _cells(
    base: RunSpec, birth: str, axes: Mapping[str, Sequence[Any]], controls: StudyInputs | None = None
) -> dict[str, tuple[RunSpec, dict[str, Any]]]:
    """Return label -> a run of one seed, and what tells its cell from others."""
    found = {}
    for run in grid(base, axes, controls=controls):
        number, passes = run.images.number or 0, run.training.duration.value
        label = f"{birth}, {run.training.plasticity}, {images_and_epochs(number, passes)}"
        cell = {"birth": birth, "plasticity": run.training.plasticity, "images": number, "epochs": passes}
        found[label] = replace(run, label=label), cell
    return found
