"""``wiringup sweep``: births x plasticities x images x epochs, as percentages of one reference."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from tyro.conf import OmitArgPrefixes, arg

from wiringup.cli.arguments import Json, Keep, Runs, Seeds, Val
from wiringup.cli.options import HERE, SIMULATED, SMALL, Exam, Launch, Training
from wiringup.cli.run import finish
from wiringup.experiments.recipes.sweep import Axes
from wiringup.experiments.runs.options import NetworkOptions, base_run, shown
from wiringup.models.any_network import is_foreign
from wiringup.models.architecture import ModelSpec
from wiringup.training.spec import TrainSpec


@dataclass(frozen=True)
class SmallNetwork(NetworkOptions):
    """A network that trains in minutes on a processor.

    Attributes:
        width: Factor on the number of channels; by default 0.25, and 1 for another package's network.
    """

    model: str = "cornet_s"
    width: Annotated[float | None, arg(metavar="FLOAT")] = None  # type: ignore[assignment]  # see `network`
    size: Annotated[int, arg(metavar="PX")] = 64

    def network(self, classes: int = 1000) -> ModelSpec:
        """Return the network before birth; errors as `NetworkOptions.network`."""
        if self.width is not None:
            return super().network(classes)
        return replace(self, width=1.0 if is_foreign(self.model) else 0.25).network(classes)


SMALL_NETWORK, AXES = SmallNetwork(), Axes()


def sweep(
    images: Annotated[
        Path | None,
        arg(metavar="PATH", help="Learn from these images, not from rendered objects."),
    ] = None,
    val: Val = None,
    image_size: Annotated[
        int | None, arg(metavar="PX", help="Side at which images are kept. By default --size.")
    ] = None,
    keep: Keep = "squares",
    axes: Annotated[Axes, OmitArgPrefixes, arg(name="")] = AXES,
    exam: Exam = SIMULATED,
    seed: Seeds = (0, 1),
    network: Annotated[SmallNetwork, OmitArgPrefixes, arg(name="")] = SMALL_NETWORK,
    training: Training = SMALL,
    launch: Launch = HERE,
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Train every combination of births, plasticities, images and epochs, and compare the brain match.

    The reference of the percentages learns with all synapses, from Kaiming normal, on the most images for
    the most epochs. Interrupted, the same command continues; a run that is known is not computed again.
    Started several times in one folder, the processes share the runs, and each ends with the whole table.
    A training that diverges is told and marked, has no score, and is not tried again.

    For example:
      wiringup sweep --n-images 250 1000 2000 --epochs 1 4 10

      wiringup sweep --images tiny-imagenet/train.zip --brain real --birth kn wc
          --plasticity critical decoder downstream:IT --controls
    """
    from wiringup.experiments.launching.slurm import check_here
    from wiringup.experiments.recipes.sweep import sweep as sweep_runs
    from wiringup.experiments.runs.inputs import StudyInputs

    check_here(launch)
    side = network.size if image_size is None else image_size
    seen = shown(images, val, side, keep=keep)
    base, inputs = base_run(network.network(), seen, exam, TrainSpec.of(training)), StudyInputs()
    finish(sweep_runs(base, inputs, axes, seed), inputs, out, training, json, "sweep", launch)
