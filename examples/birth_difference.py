r"""Two births against each other on the same neurons: differences, their intervals, and a permutation test.

    python examples/birth_difference.py wc kn --seed 0 1 2 3 4 --size 112 \
        --benchmark cowley2023.210325.V4-pls henaff2021.V1-pls

Neurons and seeds are both samples: the interval over neurons takes each neuron's difference in the mean over
seeds, that over seeds each seed's difference in the median over neurons. The test changes the signs of the
differences, neuron by neuron and seed by seed; with n seeds its p cannot be below 2 / 2^n.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

from wiringup.benchmarks.catalog import load_benchmark
from wiringup.cli.main import shown
from wiringup.cli.show import table
from wiringup.core.home import data_home
from wiringup.core.seeds import numpy_stream
from wiringup.experiments.scoring.scores import score
from wiringup.experiments.scoring.spec import ScoreSpec
from wiringup.results.stats import mean_interval, paired_permutation

Values = dict[tuple[str, str], NDArray[np.float64]]
"""(benchmark, layer) -> r of every neuron, (seeds, neurons)."""


def main() -> None:
    """Score both births and print one row for each benchmark and layer."""
    options = _options()
    first, second = (scored(birth, options) for birth in options.births)
    body = [[*key, *compared(first[key], second[key])] for key in first]
    header = ["benchmark", "layer", *options.births, "difference"]
    header += ["95 % over neurons", "p", "95 % over seeds", "p"]
    table(header, body, title=f"{options.births[0]} less {options.births[1]}, raw r")


def scored(birth: str, options: argparse.Namespace) -> Values:
    """Return the r of every neuron for every seed."""
    asked = {"seeds": tuple(options.seed), "layers": tuple(options.layer)}
    asked |= {"size": options.size, "width": options.width, "batchnorm": options.batchnorm}
    request = ScoreSpec(options.model, birth=birth, **asked)
    benchmarks = [load_benchmark(name, data_home()) for name in options.benchmark]
    found: dict[tuple[str, str], list[list[float]]] = {}
    for row in score(request, benchmarks, data_home()):
        found.setdefault((row["benchmark"], row["layer"]), []).append(row["units"])
    return {key: np.array(values, np.float64) for key, values in found.items()}


def compared(a: NDArray[np.float64], b: NDArray[np.float64]) -> list[str]:
    """Return the cells of one row for r (seeds, neurons) of both births."""
    known = np.isfinite(a).all(0) & np.isfinite(b).all(0)
    a, b = a[:, known], b[:, known]
    by_seed = np.median(a, 1), np.median(b, 1)
    cells = [f"{np.mean(v):.3f} ± {np.std(v, ddof=1):.3f}" for v in by_seed]
    cells.append(f"{np.mean(by_seed[0] - by_seed[1]):+.3f}")
    for x, y in ((a.mean(0), b.mean(0)), by_seed):
        interval = mean_interval(x - y, numpy_stream(0, "interval"))
        p = paired_permutation(x, y, numpy_stream(0, "permutation"))
        cells += [f"{interval.low:+.3f} to {interval.high:+.3f}", f"{p:.3g}"]
    return cells


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("births", nargs=2, help="two recipes or genome files")
    parser.add_argument("--model", default="cornet_s")
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batchnorm", default="calibrated")
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--benchmark", nargs="+", default=["cowley2023.210325.V4-pls", "henaff2021.V1-pls"])
    parser.add_argument("--layer", nargs="*", default=[], help="by default that of the benchmark's area")
    return parser.parse_args()


if __name__ == "__main__":
    with shown(quiet=False):
        main()
