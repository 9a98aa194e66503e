"""``wiringup score``: one model on any benchmarks."""

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
    Width,
)
from wiringup.cli.show import as_json, number, say, silent, table
from wiringup.core.score import DEFAULT_NORMALISATION


def score(
    model: Model,
    benchmark: Annotated[tuple[str, ...], arg(metavar="NAME [NAME ...]", help="Benchmarks; see doctor.")],
    birth: Birth = "kaiming_normal",
    weights: Annotated[Path | None, arg(metavar="FILE", help="Score this checkpoint instead.")] = None,
    seed: Seeds = (0,),
    layer: Annotated[
        tuple[str, ...],
        arg(metavar="NAME [NAME ...]", help="Areas or layers, as in V4, V4@1 (time step) or V4.conv3."),
    ] = (),
    size: Size = 224,
    width: Width = 1.0,
    classes: Classes = 1000,
    layers_from: LayersFrom = None,
    unseen: Unseen = False,
    normalisation: Normalisation = DEFAULT_NORMALISATION,
    batchnorm: BatchNorm = "calibrated",
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Score a newborn or trained model on recordings and behaviour.

    For example:
      wiringup score pixels --benchmark cowley2023.210325.V4-pls --size 112

      wiringup score cornet_s --birth wc --seed 0 1 --benchmark cowley2023.210325.V4-pls
          --layer V1 V2 V4 IT --size 112

      wiringup score cornet_s --benchmark cowley2023.210325.V4-pls --layers-from layers.json --unseen

      wiringup score cornet_s --weights cornet_s_epoch43.pth.tar --benchmark henaff2021.V1-pls --json
    """
    from wiringup.benchmarks.catalog import load_benchmark
    from wiringup.benchmarks.layer_map import load_layer_map
    from wiringup.core.home import data_home
    from wiringup.experiments.scoring import ScoreRequest, address
    from wiringup.experiments.scoring import score as score_rows
    from wiringup.results.store import Store

    layer_map = None if layers_from is None else load_layer_map(layers_from)
    request = ScoreRequest(
        model, birth, weights, seed, layer, size, width, classes, normalisation, batchnorm, layer_map, unseen
    )
    benchmarks = [load_benchmark(name, data_home()) for name in benchmark]
    rows = score_rows(request, benchmarks, data_home(), silent if json else say)
    as_json(rows) if json else print_scores(rows)
    Store(out).save_scores(address(request, benchmarks, rows), rows)


def print_scores(rows: list[dict[str, Any]]) -> None:
    """Print scores as a table, and what a reader has to know beside it."""
    header = ["model", "birth", "seed", "BN", "benchmark", "layer"]
    header += ["raw", "± error", "ceiling", "score", "as"]
    table(header, [_cells(r) for r in rows])
    for layers in dict.fromkeys(r["layers"] for r in rows if r.get("layers")):
        say(f"Layers by the map {layers}.")
    for note in dict.fromkeys(f"{r['benchmark']}: {r['note']}" for r in rows if r["note"]):
        say(note)


def _cells(row: dict[str, Any]) -> list[str]:
    birth, seed = row.get("weights") or row["birth"] or "–", row["seed"]
    simulated = " (simulated)" if row["simulated"] else ""
    return [
        row["model"], birth, "–" if seed is None else str(seed), row.get("batchnorm", "–"),
        row["benchmark"] + simulated, row["layer"],
        number(row["raw"]), number(row["error"]), number(row["ceiling"]), number(row["score"]),
        row["normalisation"],
    ]  # fmt: skip
