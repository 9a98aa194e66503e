"""``wiringup match``: brain match with its parts, errors and gaps."""

import logging
import math
from pathlib import Path
from typing import Annotated

from tyro.conf import OmitArgPrefixes, arg

from wiringup.cli.arguments import Benchmarks, Json, LayersFrom, Runs, SuiteName, Unseen
from wiringup.cli.score import with_layers
from wiringup.cli.show import as_json, number, table
from wiringup.core.errors import InputError
from wiringup.core.home import data_home
from wiringup.experiments.scoring import match as matching
from wiringup.experiments.scoring.spec import ScoreSpec
from wiringup.results.brain_match import BrainMatch, to_dict
from wiringup.results.draws import FEW_SEEDS
from wiringup.results.stats import Estimate
from wiringup.results.store import Store

log = logging.getLogger(__name__)

SUITE = "real@1"


def match(
    spec: Annotated[ScoreSpec, OmitArgPrefixes, arg(name="")],
    benchmark: Benchmarks = (),
    suite: SuiteName = None,
    reference: Annotated[
        tuple[str, ...],
        arg(
            metavar="NAME [NAME ...]",
            help="Give fractions of this model's brain match: pixels or another reference model, a network "
            "(Kaiming normal; another package's with its own weights), checkpoint files, or runs; several "
            "are its seeds.",
        ),
    ] = (),
    reference_area: Annotated[
        tuple[str, ...],
        arg(metavar="AREA=LAYER [...]", help="Read-out layers of a reference from another package."),
    ] = (),
    layers_from: LayersFrom = None,
    unseen: Unseen = False,
    figure: Annotated[
        Path | None, arg(metavar="FILE", help="Draw the scores into this file (png, pdf).")
    ] = None,
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Condense a model's scores to its brain match, with errors over stimuli, units and seeds.

    Errors are bootstrap standard errors, intervals cover 95 %; ceilings are resampled with the scores. A
    benchmark that is not here is named and is no part of the mean. Without --benchmark and --suite the suite
    is real@1.

    For example:
      wiringup match cornet_s --birth wc --seed 0 1 2 --reference cornet_s --size 112

      wiringup match cornet_s --weights cornet_s_epoch43.pth.tar --suite real@1 --reference pixels --json

      wiringup match cornet_s --benchmark cowley2023.210325.V4-pls --reference torchvision:resnet18
          --reference-area V4=layer3
    """
    if figure is not None:
        from wiringup.figures.style import check_format

        check_format(figure)
    spec, home = with_layers(spec, layers_from, unseen), data_home()
    specs = [spec]
    if reference_area and not reference:
        raise InputError("--reference-area is of a reference; name it with --reference, or use --area.")
    if reference:
        specs.append(matching.reference_of(reference, spec, out, reference_area))
    exam = matching.exam_of(suite if suite or benchmark else SUITE, spec, home, benchmark)
    matched, *other = [matching.match(one, exam, home) for one in specs]
    found, references = matched.match, [one.match for one in other]
    values = to_dict(found, *references)
    values["layers"] = None if spec.layer_map is None else spec.layer_map.sha256[:12]
    values["described"] = dict(matched.described)
    as_json(values) if json else _print(found, *references)
    path = Store(out).save_match(matching.address(specs, exam, [found, *references]), values)
    log.info("Kept in %s", path)
    if figure is not None:
        from wiringup.figures.brain_match import draw
        from wiringup.figures.style import write

        write(draw([values, *map(to_dict, references)]), figure)


def _print(found: BrainMatch, reference: BrainMatch | None = None) -> None:
    header = ["", "layer", "raw", "ceiling", "score", "± error", "95 % interval", "stimuli", "units", "seeds"]
    body = [
        [name + (" (simulated)" if result.simulated else ""), result.layer, number(result.raw),
         number(result.ceiling), *_cells(result.score)]
        for name, result in found.benchmarks.items()
    ]  # fmt: skip
    body += [[area, "", "", "", *_cells(e)] for area, e in found.areas.items()]
    body += [[name, "MISSING", *[""] * 8] for name in found.missing]
    body.append([f"mean over {', '.join(found.areas) or 'no area'}", "", "", "", *_cells(found.mean)])
    for area, e in ({} if reference is None else found.fraction_of(reference)).items():
        body.append([f"{area}, fraction of reference", "", "", "", *_cells(e)])
    table(header, body, title=f"Brain match of {found.label} on {found.suite}")
    _describe(found, reference)


def _cells(e: Estimate) -> list[str]:
    parts = [number(e.errors[s]) if s in e.errors else "–" for s in ("stimuli", "units", "seeds")]
    interval = "–" if math.isnan(e.low) else f"{number(e.low)} to {number(e.high)}"
    return [number(e.value), number(e.error), interval, *parts]


def _describe(found: BrainMatch, reference: BrainMatch | None) -> None:
    """Say what a reader of the table has to know."""
    if reference is not None:
        log.info("Reference: %s", reference.label)
        for area, score in reference.chance.items():
            told = "No fraction in %s, nor part in it: the reference is at chance there (%s)."
            log.info(told, area, score)
    if found.seeds == 1:
        log.info("One seed: no error over seeds is known, and none is in the interval.")
    elif found.seeds < FEW_SEEDS:
        log.info("%d seeds say little about the spread over seeds; intervals can be too narrow.", found.seeds)
    for name in found.left_out:
        log.info("NOT IN THE MEAN: %s has no usable noise ceiling; its raw score is shown.", name)
    for name, why in found.missing.items():
        log.info("MISSING, not in the mean: %s. %s", name, why)
