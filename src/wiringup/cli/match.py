"""``wiringup match``: brain match with its parts, errors and gaps."""

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from wiringup.cli.arguments import (
    BatchNorm,
    Birth,
    Classes,
    Json,
    LayersFrom,
    Model,
    Normalisation,
    Runs,
    Seeds,
    Size,
    Unseen,
    WeightsKey,
    Width,
    named_classes,
)
from wiringup.cli.show import as_json, number, say, silent, table
from wiringup.core.errors import InputError
from wiringup.core.score import DEFAULT_NORMALISATION

if TYPE_CHECKING:
    from wiringup.results.brain_match import BrainMatch
    from wiringup.results.stats import Estimate

log = logging.getLogger(__name__)


def match(
    model: Model,
    suite: Annotated[str, arg(metavar="NAME", help="Which benchmarks; see wiringup suites.")] = "real@1",
    birth: Birth = "kaiming_normal",
    weights: Annotated[
        tuple[Path, ...], arg(metavar="FILE [FILE ...]", help="Score these checkpoints, seeds of one model.")
    ] = (),
    weights_key: WeightsKey = None,
    seed: Seeds = (0,),
    reference: Annotated[
        tuple[str, ...],
        arg(
            metavar="NAME [NAME ...]",
            help="Give fractions of this model's brain match: pixels, an architecture (Kaiming normal), "
            "checkpoint files, or runs; several are its seeds.",
        ),
    ] = (),
    layers_from: LayersFrom = None,
    unseen: Unseen = False,
    size: Size = 224,
    width: Width = 1.0,
    classes: Classes = 1000,
    normalisation: Normalisation = DEFAULT_NORMALISATION,
    batchnorm: BatchNorm = "calibrated",
    figure: Annotated[
        Path | None, arg(metavar="FILE", help="Draw the scores into this file (png, pdf).")
    ] = None,
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Condense a model's scores to its brain match, with errors over stimuli, units and seeds.

    Errors are bootstrap standard errors, intervals cover 95 %; ceilings are resampled with the scores. A
    benchmark that is not here is named and is no part of the mean.

    For example:
      wiringup match cornet_s --birth wc --seed 0 1 2 --reference cornet_s --size 112

      wiringup match cornet_s --weights cornet_s_epoch43.pth.tar --suite real@1 --reference pixels --json
    """
    from wiringup.benchmarks.layer_map import load_layer_map
    from wiringup.core.home import data_home
    from wiringup.experiments import match as matching
    from wiringup.experiments.described import described
    from wiringup.experiments.scoring import ScoreRequest
    from wiringup.results.brain_match import to_dict
    from wiringup.results.store import Store

    if figure is not None:
        from wiringup.figures.style import check_format

        check_format(figure)
    if weights and (birth != "kaiming_normal" or seed != (0,)):
        raise InputError("--weights are networks that were born already; leave out --birth and --seed.")
    layer_map = None if layers_from is None else load_layer_map(layers_from)
    count, names = named_classes(classes)
    request = ScoreRequest(
        model, birth, None, seed, (), size, width, count, normalisation, batchnorm, layer_map, unseen,
        class_names=names,
    )  # fmt: skip
    if weights_key is not None and not weights:
        raise InputError("--weights-key says what to take of a checkpoint; give --weights too.")
    conditions = [matching.condition(request, weights, weights_key)]
    if reference:
        conditions.append(matching.reference_condition(reference, request, out))
    home, tell = data_home(), silent if json else say
    exam = matching.exam_of(suite, request, home, tell)
    found, *other = [matching.match(c, matching.title(c), exam, home, tell) for c in conditions]
    values = to_dict(found, *other)
    values["layers"] = None if layer_map is None else layer_map.sha256[:12]
    values["described"] = described(conditions[0][0], home)
    as_json(values) if json else _print(found, *other)
    path = Store(out).save_match(matching.address(conditions, exam, [found, *other]), values)
    tell(f"Kept in {path}")
    if figure is not None:
        from wiringup.figures.brain_match import draw
        from wiringup.figures.style import write

        write(draw([values, *map(to_dict, other)]), figure)


def _print(found: "BrainMatch", reference: "BrainMatch | None" = None) -> None:
    header = ["", "layer", "raw", "ceiling", "score", "± error", "95 % interval", "stimuli", "units", "seeds"]
    body = [
        [name + (" (simulated)" if result.simulated else ""), result.layer, number(result.raw),
         number(result.ceiling), *_cells(result.score)]
        for name, result in found.benchmarks.items()
    ]  # fmt: skip
    body += [[area, "", "", "", *_cells(e)] for area, e in found.areas.items()]
    body += [[name, "MISSING", *[""] * 8] for name in found.missing]
    body.append([f"mean over {', '.join(found.areas) or 'nothing'}", "", "", "", *_cells(found.mean)])
    for area, e in ({} if reference is None else found.fraction_of(reference)).items():
        body.append([f"{area}, fraction of reference", "", "", "", *_cells(e)])
    table(header, body, title=f"Brain match of {found.label} on {found.suite}")
    _describe(found, reference)


def _cells(e: "Estimate") -> list[str]:
    parts = [number(e.errors[s]) if s in e.errors else "–" for s in ("stimuli", "units", "seeds")]
    interval = "–" if math.isnan(e.low) else f"{number(e.low)} to {number(e.high)}"
    return [number(e.value), number(e.error), interval, *parts]


def _describe(found: "BrainMatch", reference: "BrainMatch | None") -> None:
    """Say what a reader of the table has to know."""
    from wiringup.results.brain_match import at_chance
    from wiringup.results.draws import FEW_SEEDS

    if reference is not None:
        log.info("Reference: %s", reference.label)
        for area, (raw, error) in at_chance(reference).items():
            log.info(
                "No fraction in %s, nor part in it: the reference is at chance there (raw %.3f, error %.3f).",
                area,
                raw,
                error,
            )
    if found.seeds == 1:
        log.info("One seed: no error over seeds is known, and none is in the interval.")
    elif found.seeds < FEW_SEEDS:
        log.info("%d seeds say little about the spread over seeds; intervals can be too narrow.", found.seeds)
    for name in found.left_out:
        log.info("NOT IN THE MEAN: %s has no usable noise ceiling; its raw score is shown.", name)
    for name, why in found.missing.items():
        log.info("MISSING, not in the mean: %s. %s", name, why)
