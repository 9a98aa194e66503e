"""Does a score grow with the number of random features?

Kazemian, Elmoznino & Bonner 2025 ("Convolutional architectures are cortex-aligned de novo"): yes, up to tens
of thousands of channels in the last layer, in convolutional networks alone. Here a newborn network is cut
after one area, and one more random layer of more and more channels (3x3, stride 2, then 2x2 average pooling)
stands behind it:

    python examples/random_expansion.py --size 64 --seed 0 1 2 --benchmark cowley2023.210325.V4-ridge

± is the standard deviation over seeds. In the paper the last layer has no rectification (``--linear``): then
its features are random projections of what lies before it, and more of them only say that more completely.
"""

import argparse
import sys
from collections.abc import Sequence
from statistics import mean, stdev

import torch
from torch import Tensor, nn

from wiringup.benchmarks.benchmark import evaluate
from wiringup.benchmarks.catalog import load_benchmark
from wiringup.birth.apply import BirthSpec
from wiringup.birth.distributions import kaiming_uniform_fan_in
from wiringup.cli.show import table
from wiringup.core.home import data_home
from wiringup.core.seeds import torch_stream
from wiringup.experiments.runs.births import born
from wiringup.experiments.scoring.candidates import CALIBRATION_IMAGES, spread_over
from wiringup.models.architecture import ModelSpec
from wiringup.models.preprocessing import preprocess
from wiringup.models.stored import StoredSubject

AREAS = ("V1", "V2", "V4", "IT")


def main() -> None:
    """Score the layer in front, then layers of more and more random channels."""
    options = _options()
    benchmark = load_benchmark(options.benchmark, data_home())
    spec = ModelSpec(width=options.width, size=options.size)
    found: dict[str, list[float]] = {}
    for seed in options.seed:
        print(f"Seed {seed} ...", file=sys.stderr)
        birth = BirthSpec(options.birth, seed, batchnorm="calibrated")
        model = born(spec, birth, None, spread_over(benchmark.stimuli, CALIBRATION_IMAGES))
        maps = area_maps(model, preprocess(benchmark.stimuli.pixels, options.size), options.area)
        layers = {f"({options.area}, {maps.shape[1]})": maps.flatten(1).numpy()}
        for n in options.channels:
            layers[f"{n:,}"] = expanded(maps, n, seed, rectified=not options.linear).flatten(1).numpy()
        for score in evaluate(StoredSubject("expansion", layers), [benchmark], list(layers)):
            found.setdefault(score.layer, []).append(score.raw)
    body = [[layer, f"{mean(values):.3f}", _sd(values)] for layer, values in found.items()]
    table(["channels", options.benchmark, "± seeds"], body)


@torch.no_grad()
def area_maps(model: nn.Module, images: Tensor, area: str) -> Tensor:
    """Return the feature maps (images, channels, h, w) of an area of a CORnet-S, at its last time step."""
    front = nn.Sequential(*[model.get_submodule(a) for a in AREAS[: AREAS.index(area) + 1]]).eval()
    return torch.cat([front(batch) for batch in images.split(64)])


@torch.no_grad()
def expanded(maps: Tensor, channels: int, seed: int, *, rectified: bool) -> Tensor:
    """Return maps (images, channels, h', w') of a random layer.

    Every channel has its own random stream, so that a larger layer holds a smaller one of the same seed.
    """
    shape = (1, maps.shape[1], 3, 3)
    kernels = [kaiming_uniform_fan_in(shape, torch_stream(seed, "expansion", i)) for i in range(channels)]
    found = nn.functional.conv2d(maps - maps.mean((0, 2, 3), keepdim=True), torch.cat(kernels), stride=2)
    return nn.functional.avg_pool2d(found.relu() if rectified else found, 2, stride=1)


def _sd(values: Sequence[float]) -> str:
    return f"{stdev(values):.3f}" if len(values) > 1 else "–"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--benchmark", default="cowley2023.210325.V4-ridge")
    parser.add_argument("--birth", default="wavelets", help="a recipe without a genome")
    parser.add_argument("--area", default="V2", choices=AREAS, help="the layer in front")
    parser.add_argument("--channels", type=int, nargs="+", default=[4, 16, 64, 256, 1024, 4096])
    parser.add_argument("--linear", action="store_true", help="no rectification behind the random layer")
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--size", type=int, default=64)
    return parser.parse_args()


if __name__ == "__main__":
    main()
