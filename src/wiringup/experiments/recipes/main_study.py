"""The paper's argument at a small scale: every condition, every seed, one reference.

    wiringup run --launch processes:2    five minutes on two cores
    wiringup run --quick                 under one; a seed; too small: its reference hardly learns

Train a reference with all synapses from Kaiming normal; distil it; give birth from what was distilled; train
few synapses on few images; and compare with controls that spend as many updates. On simulated recordings,
critical training reaches half of the reference's brain match with .7 % of its synaptic updates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wiringup.benchmarks.simulated import SIMULATED
from wiringup.core.areas import BEHAVIOR
from wiringup.core.errors import InputError
from wiringup.experiments.launching.study import Study
from wiringup.experiments.recipes.grid import seeded
from wiringup.experiments.runs.inputs import StudyInputs, plasticity_of
from wiringup.experiments.runs.spec import RunSpec, born_from
from wiringup.models.architecture import ModelSpec
from wiringup.models.device import AUTO
from wiringup.training.schedule import epochs, images
from wiringup.training.spec import TrainSpec

REFERENCE = "KN, all (reference)"
WC_CRITICAL = "WC + critical"
EQUAL_SYNAPTIC = "KN, all, equal synaptic updates"

BENCHMARKS = tuple(name for name, area in SIMULATED.items() if area != BEHAVIOR)
"""On what it is scored if nothing is named: in behaviour a reference that learned so briefly is at chance."""

MODEL = ModelSpec("cornet_s", width=0.25, size=64)
TRAINING = TrainSpec(batch=32, schedule="cosine", precision=AUTO, size=64)


@dataclass(frozen=True)
class Scale:
    """The size of a study: images (``pool``) and epochs of the reference, of everything else (few), seeds."""

    pool: int = 2000
    epochs: float = 8
    few_images: int = 1000
    few_epochs: float = 4
    calibration: int = 128
    moments: tuple[float, ...] = (1,)
    seeds: tuple[int, ...] = (0, 1, 2)

    def __post_init__(self) -> None:
        if self.few_images > self.pool:
            raise InputError(f"{self.few_images} images cannot be chosen from {self.pool}; ask for fewer.")


FULL = Scale()
QUICK = Scale(pool=500, epochs=3, few_images=250, few_epochs=2, calibration=64, moments=(), seeds=(0,))


def main_study(base: RunSpec, inputs: StudyInputs, scale: Scale = FULL, seeds: Sequence[int] = ()) -> Study:
    """Return the runs of the main study.

    Args:
        base: the network, its training and its exam; what is varied here is replaced.
        inputs: loads what it names.
        scale: see `Scale`.
        seeds: of births and trainings; by default those of the scale.
    """
    base = replace(base, images=replace(base.images, pool=scale.pool, calibration=scale.calibration))
    base = replace(base, model=inputs.network(base))
    number, passes = scale.few_images, epochs(scale.few_epochs)
    synaptic = number * scale.few_epochs * plasticity_of("critical", base.model).share
    conditions = (
        (REFERENCE, "all", None, epochs(scale.epochs)),
        (WC_CRITICAL, "critical", number, passes),
        ("KN + critical", "critical", number, passes),
        ("KN + decoder", "decoder", number, passes),
        ("KN, all, equal updates", "all", number, passes),
        (EQUAL_SYNAPTIC, "all", number, images(max(2, round(synaptic)))),
    )
    runs: dict[str, list[RunSpec]] = {}
    for label, plasticity, few, duration in conditions:
        run = replace(base, label=label, images=replace(base.images, number=few))
        run = replace(run, training=replace(base.training, plasticity=plasticity, duration=duration))
        last = duration.value if duration.unit == "epochs" else 0  # a scoring costs as much as many updates
        moments = base.moments or tuple(epochs(e) for e in scale.moments if e < last)
        runs[label] = seeded([replace(run, moments=moments)], seeds or scale.seeds, inputs)
    runs[WC_CRITICAL] = [born_from(*pair) for pair in zip(runs[WC_CRITICAL], runs[REFERENCE], strict=True)]
    about = {"classes": list(inputs.load(base.images).pool.classes)}
    return Study(tuple(run for of_label in runs.values() for run in of_label), REFERENCE, about)
