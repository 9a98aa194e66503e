r"""Births beyond the paper, side by side: what each needs to know, and what it scores before any training.

The genomes are distilled from one trained network of yours, so that all fitted births know the same teacher:

    wiringup train cornet_s --images train.zip --width 0.25 --size 64 --batch 64 --limit 4000 --epochs 10 \
        --plasticity all --out runs
    python examples/beyond_the_paper.py runs/RUN/weights.safetensors --size 64 --seed 0 1 2 \
        --benchmark cowley2023.210325.V4-pls henaff2021.V1-pls

Every row says how many figures a birth draws from; ± is the standard deviation over seeds.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from wiringup.benchmarks.catalog import load_benchmark
from wiringup.birth.apply import BirthSpec, describe_birth
from wiringup.birth.distill import distill
from wiringup.birth.recipes import RECIPES
from wiringup.cli.show import say, table
from wiringup.core.files import write_text
from wiringup.core.home import data_home
from wiringup.experiments.scoring import ScoreRequest, score
from wiringup.models.architecture import spec_of
from wiringup.models.weights import read_state_dict

BIRTHS = (
    "kaiming_normal", "weight_compression",
    "random_signs", "random_pointwise_signs", "signs",
    "structured_normal", "covariance",
    "v1_physiology", "wavelets",
    "g_network", "noisy_g_network",
)  # fmt: skip


def main() -> None:
    """Distil, give birth, score, and print one table for each benchmark."""
    options = _options()
    benchmarks = [load_benchmark(name, data_home()) for name in options.benchmark]
    layers = tuple(options.layer)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for birth, request, figures in _requests(options, layers, Path(folder)):
            found = score(request, benchmarks, data_home(), say)
            rows += [row | {"birth": birth, "figures": figures} for row in found]
            if options.out:
                write_csv(options.out, rows)
    for benchmark in options.benchmark:
        _print(benchmark, [row for row in rows if row["benchmark"] == benchmark])


def _requests(
    options: argparse.Namespace, layers: tuple[str, ...], folder: Path
) -> Iterator[tuple[str, ScoreRequest, int]]:
    state = read_state_dict(options.teacher)
    spec = spec_of(state, options.model, options.size, str(options.teacher))
    size = {"size": options.size, "width": spec.width, "classes": spec.classes, "layers": layers}
    weights = sum(v.numel() for v in state.values() if v.ndim == 4)
    yield "(the teacher)", ScoreRequest(options.model, weights=options.teacher, **size), weights
    for recipe in options.birth:
        genome, birth = None, recipe
        if RECIPES[recipe].needs_genome:
            genome, file = (
                distill(state, recipe=recipe, architecture=options.model),
                folder / f"{recipe}.json",
            )
            genome.save(file)
            birth = str(file)
        facts = describe_birth(BirthSpec(recipe, genome=genome.sha256 if genome else ""), genome)
        yield recipe, ScoreRequest(options.model, birth, seeds=tuple(options.seed), **size), facts["figures"]


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the raw score of every birth, seed, benchmark and layer."""
    columns = ("birth", "figures", "seed", "benchmark", "layer", "raw", "error")
    lines = [",".join(columns), *(",".join(str(row.get(c, "")) for c in columns) for row in rows)]
    write_text(path, "\n".join(lines) + "\n")


def _print(benchmark: str, rows: list[dict[str, Any]]) -> None:
    layers = list(dict.fromkeys(row["layer"] for row in rows))
    body = []
    for birth in dict.fromkeys(row["birth"] for row in rows):
        mine = [row for row in rows if row["birth"] == birth]
        values = [[row["raw"] for row in mine if row["layer"] == layer] for layer in layers]
        body.append([birth, f"{mine[0]['figures']:,}", *map(_spread, values)])
    table(["birth", "figures", *layers], body, title=f"{benchmark}, raw")


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
    parser.add_argument("--benchmark", nargs="+", default=["cowley2023.210325.V4-pls"])
    parser.add_argument("--layer", nargs="+", default=["V1", "V2", "V4", "IT"])
    parser.add_argument("--birth", nargs="+", default=BIRTHS, choices=list(RECIPES))
    parser.add_argument("--out", type=Path, help="also write every seed's score to this CSV")
    return parser.parse_args()


if __name__ == "__main__":
    main()
