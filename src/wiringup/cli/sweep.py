"""``wiringup sweep``: births x plasticities x images x epochs, as percentages of one reference."""

from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from wiringup.cli.arguments import Json, Norms, Runs, Seeds, Width
from wiringup.cli.run import finish
from wiringup.cli.show import say, silent


def sweep(
    images: Annotated[
        Path | None,
        arg(metavar="PATH", help="Learn from these images, not from rendered objects."),
    ] = None,
    brain: Annotated[
        str, arg(help='"simulated", or "real": the real benchmarks that are in the data folder.')
    ] = "simulated",
    n_images: Annotated[
        tuple[int, ...], arg(metavar="N [N ...]", help="Labelled images (balanced, nested).")
    ] = (2000,),
    epochs: Annotated[tuple[float, ...], arg(metavar="N [N ...]", help="Passes over them.")] = (10,),
    plasticity: Annotated[
        tuple[str, ...], arg(metavar="SET [SET ...]", help="Which synapses learn; see wiringup plasticity.")
    ] = ("all",),
    controls: Annotated[
        bool, arg(help="Beside each plasticity, as many synapses drawn at random from all.")
    ] = False,
    birth: Annotated[tuple[str, ...], arg(metavar="RECIPE [RECIPE ...]", help="Recipes or genome files.")] = (
        "kaiming_normal",
    ),
    seed: Seeds = (0, 1),
    model: Annotated[str, arg(help="The architecture.")] = "cornet_s",
    width: Width = 0.25,
    size: Annotated[int, arg(metavar="PX", help="Side of the images in pixels.")] = 64,
    lr: Annotated[float, arg(help="Learning rate at the start, of every run alike.")] = 0.1,
    norms: Norms = "batch",
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
    from wiringup.core.home import data_home
    from wiringup.experiments.progress import Progress, packing, terminal
    from wiringup.experiments.sweep import Sweep, SweepSpec
    from wiringup.experiments.worlds import make_world
    from wiringup.results.store import Store

    spec = SweepSpec(
        images=n_images, epochs=epochs, plasticities=plasticity, births=birth, controls=controls,
        seeds=seed, model=model, width=width, size=size, lr=lr, norms=norms,
    )  # fmt: skip
    spec.check_genomes(data_home())
    tell, store = silent if json else say, Store(out)
    shown = packing(terminal(json))
    world = make_world(images, brain, max(n_images), spec.calibration, size, data_home(), tell, shown)
    made = Sweep(spec, world, store, data_home())
    made.run(Progress({}, terminal(json)))
    finish(store, made.uid, json, "sweep")
