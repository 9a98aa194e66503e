"""``wiringup score``: one model on any benchmarks."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import OmitArgPrefixes, arg

from wiringup.benchmarks.layer_map import load_layer_map
from wiringup.benchmarks.suites import load_suite
from wiringup.cli.arguments import Benchmarks, Json, LayersFrom, Runs, SuiteName, Unseen
from wiringup.cli.show import as_json, number, table
from wiringup.core.files import write_text
from wiringup.core.home import data_home
from wiringup.experiments.scoring.scores import address
from wiringup.experiments.scoring.scores import score as score_rows
from wiringup.experiments.scoring.spec import ScoreSpec
from wiringup.results.store import Store
from wiringup.results.table import UNIT_COLUMNS, to_csv, unit_rows

log = logging.getLogger(__name__)


def score(
    spec: Annotated[ScoreSpec, OmitArgPrefixes, arg(name="")],
    benchmark: Benchmarks = (),
    suite: SuiteName = None,
    layers_from: LayersFrom = None,
    unseen: Unseen = False,
    units: Annotated[
        Path | None, arg(metavar="FILE", help="Write the score of every single neuron to this CSV.")
    ] = None,
    out: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Score a newborn, trained or reference model, or stored responses, on recordings and behaviour.

    MODEL may also be a reference model: pixels, v1_energy or hmax. Responses of any other program are scored
    if MODEL is a file: .npz or .safetensors (an array of images x features for each layer; the images by
    "ids", or in the benchmark's order), .npy or netCDF.

    For example:
      wiringup score pixels --benchmark cowley2023.210325.V4-pls --size 112

      wiringup score pixels --benchmark cowley2023.210325.V4-ridge --size 112 --units neurons.csv

      wiringup score hmax --seed 0 1 --benchmark cichy2016.IT-rsa --layer C1 C2.4 C2 --size 112

      wiringup score cornet_s --birth wc --seed 0 1 --benchmark cowley2023.210325.V4-pls
          --layer V1 V2 V4 IT --size 112

      wiringup score cornet_s --benchmark cowley2023.210325.V4-pls --layers-from layers.json --unseen

      wiringup score cornet_s --weights cornet_s_epoch43.pth.tar --benchmark henaff2021.V1-pls --json

      wiringup score torchvision:resnet18 --area V4=layer3 IT=layer4 --suite real@1

      wiringup score responses.npz --benchmark cowley2023.210325.V4-pls --layer all
    """
    spec = with_layers(spec, layers_from, unseen)
    _, benchmarks, missing = load_suite(suite, benchmark, data_home(), spec.size)
    for name, why in missing.items():
        log.warning("MISSING: %s. %s", name, why)
    rows = score_rows(spec, benchmarks, data_home())
    as_json(rows) if json else print_scores(rows)
    Store(out).save_scores(address(spec, benchmarks, rows), rows)
    if units is not None:
        write_text(units, to_csv(unit_rows(rows), UNIT_COLUMNS))
        log.info("Single neurons: %s", units)


def with_layers(spec: ScoreSpec, layers_from: Path | None, unseen: bool) -> ScoreSpec:
    """Return a spec with the layers of a map; see `ScoreSpec.layer_map` and `ScoreSpec.unseen`."""
    if layers_from is None and not unseen:
        return spec
    layer_map = None if layers_from is None else load_layer_map(layers_from)
    return replace(spec, layer_map=layer_map, unseen=unseen)


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
        row["benchmark"] + simulated, _layer(row),
        number(row["raw"]), number(row["error"]), number(row["ceiling"]), number(row["score"]),
        row["normalisation"],
    ]  # fmt: skip


def _layer(row: dict[str, Any]) -> str:
    """Return a layer, with the module that is read out for it where its name does not begin with it."""
    layer, module = row["layer"], row.get("module", "")
    return layer if not module or module.startswith(layer.partition("@")[0]) else f"{layer} ({module})"
