"""``wiringup bridge``: a network as a Brain-Score submission."""

import logging
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from wiringup.cli.arguments import Json, WeightsKey
from wiringup.cli.show import as_json, table

log = logging.getLogger(__name__)


def bridge(
    model: Annotated[Positional[str], arg(metavar="MODEL", help="The architecture, such as cornet_s.")],
    weights: Annotated[Path, arg(metavar="FILE", help="Its checkpoint (.pth or safetensors).")],
    out: Annotated[Path, arg(metavar="DIR", help="The package is written to DIR/models/IDENTIFIER.")],
    name: Annotated[str, arg(help="Begin of the identifier; a hash of the weights is appended.")] = "",
    layer: Annotated[
        tuple[str, ...],
        arg(metavar="AREA=LAYER [...]", help="Read an area out elsewhere, as in V4=V4.output@1."),
    ] = (),
    size: Annotated[
        int | None,
        arg(
            metavar="PX",
            help="Side of the model's input in pixels.",
            help_behavior_hint="(default: that of the weights, or 224)",
        ),
    ] = None,
    weights_key: WeightsKey = None,
    json: Json = False,
) -> None:
    """Write a network as a Brain-Score submission: code, weights and commands, without wiringup.

    The package runs in an environment of its own, with brainscore_vision; its README has the commands.

    For example:
      wiringup bridge cornet_s --weights runs/ab12cd34ef56/weights.safetensors --out submission

      wiringup bridge cornet_s --weights cornet_s_epoch43.pth.tar --out submission --layer IT=IT@1
    """
    from wiringup.experiments.scoring.bridge import write_package

    package = write_package(model, weights, out, name, layer, size, weights_key)
    if json:
        readouts = {area: f"{r.module}@{r.step}" for area, r in package.readouts.items()}
        facts = {"identifier": package.identifier, "folder": str(package.folder), "readouts": readouts}
        as_json(facts | {"parameters": package.parameters, "weights_notes": list(package.notes)})
        return
    for note in package.notes:
        log.warning("%s", note)
    table(["area", "layer", "step"], [[a, r.module, str(r.step)] for a, r in package.readouts.items()])
    log.info("Wrote %s; README.md in it says how to score and submit it.", package.folder)
