"""``wiringup score``: one model on any benchmarks."""

import logging
from pathlib import Path
from typing import Annotated, Any

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
from wiringup.core.score import DEFAULT_NORMALISATION

log = logging.getLogger(__name__)


def score(
    model: Model,
    benchmark: Annotated[
        tuple[str, ...],
        arg(
            metavar="NAME [NAME ...]",
            help="Benchmarks; see doctor. For pls also ridge, linear, one-to-one, rsa, cka or procrustes.",
        ),
    ],
    birth: Birth = "kaiming_normal",
    weights: Annotated[Path | None, arg(metavar="FILE", help="Score this checkpoint instead.")] = None,
    weights_key: WeightsKey = None,
    seed: Seeds = (0,),
    layer: Annotated[
        tuple[str, ...],
        arg(
            metavar="NAME [NAME ...]",
            help="Areas or layers, as in V4, V4@1 (time step), V4@all (every time step), V4.conv3, or all.",
        ),
    ] = (),
    size: Size = 224,
    width: Width = 1.0,
    classes: Classes = 1000,
    layers_from: LayersFrom = None,
    unseen: Unseen = False,
    normalisation: Normalisation = DEFAULT_NORMALISATION,
    batchnorm: BatchNorm = "calibrated",
    memory: Annotated[
        float | None,
        arg(
            metavar="GB",
            help="Memory for responses; more go to files. Default: WIRINGUP_MEMORY or most free.",
        ),
    ] = None,
    cache: Annotated[
        bool,
        arg(
            help="Keep responses for the next time; see wiringup cache. For big sets scored again and again."
        ),
    ] = False,
    units: Annotated[
        Path | None, arg(metavar="FILE", help="Write the score of every single neuron to this CSV.")
    ] = None,
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Score a newborn, trained or reference model, or stored responses, on recordings and behaviour.

    Responses of any other program are scored if MODEL is a file: .npz or .safetensors (an array of images x
    features for each layer; the images by "ids", or in the benchmark's order), .npy or netCDF.

    For example:
      wiringup score pixels --benchmark cowley2023.210325.V4-pls --size 112

      wiringup score pixels --benchmark cowley2023.210325.V4-ridge --size 112 --units neurons.csv

      wiringup score hmax --seed 0 1 --benchmark cichy2016.IT-rsa --layer C1 C2.4 C2 --size 112

      wiringup score cornet_s --birth wc --seed 0 1 --benchmark cowley2023.210325.V4-pls
          --layer V1 V2 V4 IT --size 112

      wiringup score cornet_s --benchmark cowley2023.210325.V4-pls --layers-from layers.json --unseen

      wiringup score cornet_s --weights cornet_s_epoch43.pth.tar --benchmark henaff2021.V1-pls --json

      wiringup score responses.npz --benchmark cowley2023.210325.V4-pls --layer all
    """
    from wiringup.benchmarks.catalog import load_benchmark
    from wiringup.benchmarks.layer_map import load_layer_map
    from wiringup.core.files import write_text
    from wiringup.core.home import data_home
    from wiringup.experiments.scoring import ScoreRequest, address
    from wiringup.experiments.scoring import score as score_rows
    from wiringup.results.store import Store
    from wiringup.results.table import UNIT_COLUMNS, to_csv, unit_rows

    count, names = named_classes(classes)
    layer_map = None if layers_from is None else load_layer_map(layers_from)
    request = ScoreRequest(
        model,
        birth,
        weights,
        seed,
        layer,
        size,
        width,
        count,
        normalisation,
        batchnorm,
        layer_map,
        unseen,
        memory,
        cache,
        weights_key,
        names,
    )
    benchmarks = [load_benchmark(name, data_home()) for name in benchmark]
    rows = score_rows(request, benchmarks, data_home(), silent if json else say)
    as_json(rows) if json else print_scores(rows)
    Store(out).save_scores(address(request, benchmarks, rows), rows)
    if units is not None:
        write_text(units, to_csv(unit_rows(rows), UNIT_COLUMNS))
        log.info("Single neurons: %s", units)


def print_scores(rows: list[dict[str, Any]]) -> None:
    """Print scores as a table, and what a reader has to know beside it."""
    header = ["model", "birth", "seed", "BN", "benchmark", "layer"]
    header += ["raw", "± error", "ceiling", "score", "as"]
    table(header, [_cells(r) for r in rows])
    for layers in dict.fromkeys(r["layers"] for r in rows if r.get("layers")):
        log.info("Layers by the map %s.", layers)
    for note in dict.fromkeys(f"{r['benchmark']}: {r['note']}" for r in rows if r["note"]):
        log.info(note)


def _cells(row: dict[str, Any]) -> list[str]:
    birth, seed = row.get("weights") or row["birth"] or "–", row["seed"]
    simulated = " (simulated)" if row["simulated"] else ""
    return [
        row["model"], birth, "–" if seed is None else str(seed), row.get("batchnorm", "–"),
        row["benchmark"] + simulated, row["layer"],
        number(row["raw"]), number(row["error"]), number(row["ceiling"]), number(row["score"]),
        row["normalisation"],
    ]  # fmt: skip
