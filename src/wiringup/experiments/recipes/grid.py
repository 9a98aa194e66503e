"""A grid is a list of runs: one run, varied along axes."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from itertools import product
from typing import Any

from wiringup.core.checks import several
from wiringup.core.errors import InputError
from wiringup.experiments.runs.inputs import StudyInputs, plasticity_of
from wiringup.experiments.runs.spec import RunSpec
from wiringup.models.architecture import ModelSpec
from wiringup.training.plasticity import Plasticity

SEED = "seed"
"""The axis of births and trainings together."""

PLASTICITY = "training.plasticity"


def grid(
    base: RunSpec, axes: Mapping[str, Sequence[Any]], *, controls: StudyInputs | None = None
) -> list[RunSpec]:
    """Return every combination of the values on all axes, the last axis varying fastest.

    Args:
        base: a run.
        axes: a dotted field of it, as in ``"training.lr"``, or `SEED` -> its values.
        controls: given, each plasticity is followed by as many synapses drawn at random from all; how many
            there are depends on the classes of the images, which are loaded.

    Raises:
        InputError: if an axis has no value, or one twice; or if a run cannot be.
    """
    axes = dict(axes)
    if controls is not None:
        names = axes.get(PLASTICITY, [base.training.plasticity])
        axes[PLASTICITY] = with_controls(names, controls.network(base))
    for name, values in axes.items():
        if not values or isinstance(values, str):
            raise InputError(f"The values of {name} are {values!r}; give a list with at least one.")
        if any(value in values[:i] for i, value in enumerate(values)):
            raise InputError(f"The values of {name} ({', '.join(map(str, values))}) name one of them twice.")
    return [_at(base, dict(zip(axes, point, strict=True))) for point in product(*axes.values())]


def seeded(runs: Sequence[RunSpec], seeds: Sequence[int], inputs: StudyInputs) -> list[RunSpec]:
    """Return each run with each seed, of birth and training, pinned."""
    return [inputs.pin(one) for run in runs for one in grid(run, {SEED: seeds})]


def images_and_epochs(number: int, passes: float) -> str:
    """Return how many images were seen how often, as labels have it: ``"15,600 images x 10 epochs"``."""
    return f"{number:,} images x {several(passes, 'epochs')}"


def _at(run: RunSpec, values: Mapping[str, Any]) -> RunSpec:
    for name, value in values.items():
        fields = ("birth.seed", "training.seed") if name == SEED else (name,)
        for field in fields:
            run = varied(run, field, value)
    return run


def varied(spec: Any, field: str, value: Any) -> Any:
    """Return a spec with the value of a dotted field changed."""
    name, _, rest = field.partition(".")
    if name not in {f.name for f in fields(spec)}:
        raise InputError(f"{type(spec).__name__} has no field {name!r}.")
    return replace(spec, **{name: varied(getattr(spec, name), rest, value) if rest else value})


def with_controls(names: Sequence[str], model: ModelSpec) -> list[str]:
    """Return sets of synapses, each followed by one of equal count; not those of all, nor any twice.

    Raises:
        InputError: for a set that the network does not have, or that has no control.
    """
    found: list[str] = []
    for name in names:
        learns = plasticity_of(name, model)
        found += [name, _control(learns)] if learns.count() < learns.count(trained=False) else [name]
    return list(dict.fromkeys(found))


def _control(learns: Plasticity) -> str:
    """Return the set of as many synapses, drawn from all, that learn at the same time."""
    (when, *others) = {group.windows or () for group in learns.groups}
    drawn = "random" in learns.name
    if others or len(when) > 1 or (when and drawn):
        raise InputError(
            f"{learns.name!r} has no control, as it learns at several times, or is drawn at random and has a "
            "window. Take it out, give all of it one window, as in (A + B)@0..2epochs, or ask for none."
        )
    # a set that is itself drawn by the seed has another count in every run
    return f"random:({learns.name})" if drawn else f"random:{learns.count()}{''.join(map(str, when))}"
