r"""Births side by side: what each needs to know, how fast it is drawn, and what it scores untrained.

The genomes are distilled from one trained network of yours, so that all fitted births know the same teacher:

    wiringup train cornet_s --images train.zip --width 0.25 --size 64 --batch 64 --limit 4000 --epochs 10 \
        --plasticity all --out runs
    python examples/births.py runs/RUN/weights.safetensors --size 64 --seed 0 1 2

Bits are 16 for each figure that a birth draws from (a rule has none), 32 for each weight of the teacher.
Scores are raw; ± is the standard deviation over seeds.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from wiringup.benchmarks.catalog import load_benchmark
from wiringup.benchmarks.suites import REAL
from wiringup.birth.apply import BirthSpec
from wiringup.birth.description import of_birth, of_trained
from wiringup.birth.distill import as_control, distill
from wiringup.birth.gabor_layers import CONTROLS
from wiringup.birth.genome import Genome
from wiringup.birth.recipes import RECIPES
from wiringup.cli.main import shown
from wiringup.cli.show import table
from wiringup.core.files import write_text
from wiringup.core.home import data_home
from wiringup.experiments.runs.births import born
from wiringup.experiments.scoring.scores import score
from wiringup.experiments.scoring.spec import ScoreSpec
from wiringup.models.architecture import ModelSpec, outline
from wiringup.models.trained import read_trained

TEACHER = "(the teacher)"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        bits: description length; None for pixels.
        seconds: of drawing all weights once; None where nothing is drawn.
    """

    name: str
    request: ScoreSpec
    bits: int | None = None
    seconds: float | None = None


def main() -> None:
    """Distil, give birth, score, and print the table."""
    options = _options()
    benchmarks = [load_benchmark(name, data_home()) for name in options.benchmark]
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for row in _rows(options, Path(folder)):
            scores = score(row.request, benchmarks, data_home())
            found += [s | {"birth": row.name, "bits": row.bits, "seconds": row.seconds} for s in scores]
            if options.out:
                write_csv(options.out, found)
    _print(found)


def _rows(options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    taught_network = read_trained(options.teacher, ModelSpec(options.model, size=options.size))
    state, spec = dict(taught_network.state), taught_network.spec
    layers, seeds = tuple(options.layer), tuple(options.seed)
    size = {"size": spec.size, "width": spec.width, "classes": spec.classes, "layers": layers}
    yield Row("(pixels)", ScoreSpec("pixels", size=spec.size))
    taught = ScoreSpec(options.model, weights=(options.teacher,), **size)
    yield Row(TEACHER, taught, of_trained(outline(spec)).bits)
    compressed = distill(state, architecture=options.model)
    for recipe in options.birth:
        genome, birth = _genome(recipe, state, compressed, options.model), recipe
        if genome is not None:
            birth = str(folder / f"{recipe}.json")
            genome.save(Path(birth))
        made = BirthSpec(recipe, genome=genome.sha256 if genome else "")
        request = ScoreSpec(options.model, birth=birth, seeds=seeds, **size)
        yield Row(recipe, request, of_birth(made, genome).bits, _seconds(spec, made, genome))


def _genome(recipe: str, state: dict[str, Any], compressed: Genome, model: str) -> Genome | None:
    if not RECIPES[recipe].needs_genome:
        return None
    if RECIPES[recipe].first in CONTROLS:  # spares fitting the same Gabors again
        return as_control(compressed, recipe)
    return distill(state, recipe=recipe, architecture=model)


def _seconds(spec: ModelSpec, birth: BirthSpec, genome: Genome | None) -> float:
    born(spec, birth, genome, None)
    started = time.perf_counter()
    born(spec, birth, genome, None)
    return time.perf_counter() - started


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the raw score of every birth, seed, benchmark and layer."""
    columns = ("birth", "bits", "seconds", "seed", "benchmark", "layer", "raw", "error")
    lines = [",".join(columns), *(",".join(str(row.get(c, "")) for c in columns) for row in rows)]
    write_text(path, "\n".join(lines) + "\n")


def _print(rows: list[dict[str, Any]]) -> None:
    columns = list(dict.fromkeys((r["benchmark"], r["layer"]) for r in rows if r["birth"] == TEACHER))
    body = []
    for birth in dict.fromkeys(row["birth"] for row in rows):
        mine = [row for row in rows if row["birth"] == birth]
        bits, seconds = mine[0]["bits"], mine[0]["seconds"]
        cells = [_spread(_values(mine, *column)) for column in columns]
        told = ["" if bits is None else f"{bits:,}", "" if seconds is None else f"{seconds:.2f}"]
        body.append([birth, *told, *cells])
    names = [f"{benchmark} {layer}" for benchmark, layer in columns]
    table(["birth", "bits", "s to draw", *names], body, title="Raw scores at birth, mean ± sd over seeds")


def _values(rows: list[dict[str, Any]], benchmark: str, layer: str) -> list[float]:
    """Return one value for each seed; pixels are the same whatever the layer."""
    return [r["raw"] for r in rows if r["benchmark"] == benchmark and r["layer"] in (layer, "pixels")]


def _spread(values: list[float]) -> str:
    spread = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
    return f"{mean(values):.3f}{spread}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("teacher", type=Path, help="weights of a trained network")
    parser.add_argument("--model", default="cornet_s")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--benchmark", nargs="+", default=list(REAL))
    parser.add_argument("--layer", nargs="*", default=[], help="by default that of the benchmark's area")
    parser.add_argument("--birth", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--out", type=Path, help="also write every seed's score to this CSV")
    return parser.parse_args()


if __name__ == "__main__":
    with shown(quiet=False):
        main()
