"""``wiringup bench scoring --device cuda``: all areas and time steps on five sets of images, timed by part.

The sets are those of the recordings of the suite real@1. One that is not in the data folder is made up, of
the same sizes: it takes as long, and its scores mean nothing.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from wiringup.bench.timing import Share
from wiringup.benchmarks.benchmark import Benchmark, by_stimuli, evaluate
from wiringup.benchmarks.catalog import load_benchmark, make_benchmark
from wiringup.benchmarks.metrics.gram import Features
from wiringup.birth.apply import BirthSpec, give_birth
from wiringup.core.errors import MissingDataError
from wiringup.core.progress import Clock
from wiringup.core.score import Score
from wiringup.core.seeds import numpy_stream
from wiringup.core.stimuli import Stimuli, from_pixels
from wiringup.data.measurements import Dissimilarities, Recording
from wiringup.models.architecture import ModelSpec, build
from wiringup.models.device import PRECISIONS, arithmetic, check_device
from wiringup.models.preprocessing import preprocess
from wiringup.models.readout import NetworkSubject, subject

log = logging.getLogger(__name__)

LAYERS = ("V1", "V2@all", "V4@all", "IT@all")
CALIBRATION = BATCH = 64
MADE_UP = "made-up:"
AIM = 10.0  # seconds, full width at 224 px
CELLS = 16  # a side of what made-up images show, and made-up neurons respond to

Found = TypeVar("Found")


@dataclass(frozen=True)
class Shape:
    """The sizes of a benchmark.

    Attributes:
        side: of the images, in px.
        units: neurons, or subjects of dissimilarities (then there are no repeats).
    """

    name: str
    area: str
    images: int
    side: int
    units: int
    repeats: int = 0


SHAPES = (
    Shape("cowley2023.210325.V4-pls", "V4", 640, 112, 50, 10),
    Shape("cowley2023.190923.V4-pls", "V4", 1200, 112, 33, 1),
    Shape("henaff2021.V1-pls", "V1", 440, 256, 280, 60),
    Shape("cichy2016.IT-rsa", "IT", 92, 175, 15),
    Shape("cichy2016.EVC-rsa", "V1", 92, 175, 15),
)


def benchmarks(shapes: Sequence[Shape] = SHAPES) -> list[Benchmark]:
    """Return the benchmarks that are here, and made-up ones (simulated, named so) of the others' sizes."""
    found: list[Benchmark] = []
    for shape in shapes:
        try:
            found.append(load_benchmark(shape.name))
        except MissingDataError:
            found.append(made(shape))
    return found


def made(shape: Shape) -> Benchmark:
    """Return a made-up benchmark: neurons respond to coarse patches of colour, with noise of their own."""
    rng = numpy_stream(0, "bench", shape.images, shape.side)  # alike for all data on these images
    cells = rng.integers(0, 256, (shape.images, CELLS, CELLS, 3), np.uint8)
    pixels = np.arange(shape.side) * CELLS // shape.side
    stimuli = from_pixels(np.ascontiguousarray(cells[:, pixels][:, :, pixels]))
    patterns = cells.reshape(shape.images, -1).astype(np.float32) / np.float32(255) - np.float32(0.5)
    return make_benchmark(_data(shape, stimuli, patterns), MADE_UP + shape.name)


def _data(shape: Shape, stimuli: Stimuli, patterns: NDArray[np.float32]) -> Recording | Dissimilarities:
    rng = numpy_stream(1, "bench", shape.name)
    signal = patterns @ rng.standard_normal((patterns.shape[1], shape.units), np.float32)
    if shape.repeats:
        noise = rng.standard_normal((shape.units, shape.images, shape.repeats), np.float32)
        trials = signal.T[:, :, None] / signal.std() + noise
        return Recording(shape.name, shape.area, trials, stimuli, simulated=True)
    own = signal.T[:, :, None] + patterns[:, :4].sum(1)[None, :, None]
    rdms = np.abs(own - own.swapaxes(1, 2)).astype(np.float32)
    return Dissimilarities(shape.name, shape.area, rdms, stimuli, simulated=True)


def newborn(device: torch.device, width: float, size: int, images: Stimuli) -> NetworkSubject:
    """Return a CORnet-S on a device, born from Kaiming normal and calibrated on some images."""
    spec = ModelSpec(width=width, size=size)
    with arithmetic(device):
        model = build(spec).to(device)
        seen = preprocess(images.at(slice(0, CALIBRATION)), size, device=device)
        give_birth(model, BirthSpec("kaiming_normal", batchnorm="calibrated"), None, seen, size)
    return replace(subject(model, spec), device=str(device))


def measure(
    device: str = "cuda", width: float = 1.0, size: int = 224, *, shapes: Sequence[Shape] = SHAPES
) -> tuple[list[Share], list[str]]:
    """Time the scoring of a network on a device; return what takes the time, and what to know beside it.

    Args:
        device: as networks are told.
        width: of the network.
        size: side of its input in px.
        shapes: which benchmarks.
    """
    where, exam = check_device(device), benchmarks(shapes)
    birth, read = _timed(where, partial(newborn, where, width, size, exam[0].stimuli))
    _timed(where, lambda: evaluate(read, exam[-1:], LAYERS, device=where))  # loads libraries
    first, cold = _timed(where, lambda: evaluate(read, exam, LAYERS, device=where))
    clock = Clock()
    whole, scores = _timed(where, lambda: evaluate(read, exam, LAYERS, clock=clock, device=where))
    aim = f" (aim: {AIM:g})" if (width, size) == (1.0, 224) else ""
    notes = [
        f"{whole:.2f} s in all{aim}; {first:.2f} s the first time, with folds and noise ceilings; birth "
        f"{birth:.2f} s. The network is in strict float32.",
        f"The same twice: scores differ by at most {difference(cold, scores):.1e}.",
    ]
    if where.type == "cuda":
        half = replace(read, precision="bf16")
        bf16, reduced = _timed(where, lambda: evaluate(half, exam, LAYERS, device=where))
        apart = difference(reduced, scores)
        notes.append(f"With the network in bf16 {bf16:.2f} s; scores differ by at most {apart:.1e}.")
        notes += [_layouts(read, exam[0].stimuli, where), _against_cpu(read, exam, scores)]
    if made_up := [b.name for b in exam if b.name.startswith(MADE_UP)]:
        notes.append(f"{len(made_up)} of the {len(exam)} benchmarks are made up: their data are not here.")
    images = sum(len(group[0].stimuli) for group in by_stimuli(exam))
    of = f"CORnet-S x {width:g}, {size} px, {images:,} images, {len(scores)} scores, {where}"
    return _shares(of, whole, clock, _products(read, exam, where)), notes


def _shares(of: str, whole: float, clock: Clock, products: float) -> list[Share]:
    network, scoring = clock.seconds["responses"], clock.seconds["scoring"]
    parts = {"network": network, "products (Gram matrices)": products}
    parts |= {"maps and correlations": scoring - products, "rest": whole - network - scoring}
    return [Share(of, name, seconds, seconds / whole) for name, seconds in parts.items()]


def difference(some: Sequence[Score], others: Sequence[Score]) -> float:
    """Return the largest difference of raw scores."""
    return max(abs(a.raw - b.raw) for a, b in zip(some, others, strict=True))


def _products(read: NetworkSubject, exam: Sequence[Benchmark], where: torch.device) -> float:
    """Return the seconds of all products of features with features."""
    total = 0.0
    for group in by_stimuli(exam):
        responses = read.responses(group[0].stimuli, LAYERS)
        for values in responses.values():
            features = Features(values, device=where)
            centred = isinstance(getattr(group[0], "data", None), Recording)
            kind = "gram" if centred else "pattern_covariance"
            total += _timed(where, partial(getattr, features, kind))[0]
    return total


def _layouts(read: NetworkSubject, images: Stimuli, where: torch.device) -> str:
    """Return how long a batch takes in each layout and precision, of which `NetworkSubject` chooses one."""
    x, told = read.input_of(images.at(slice(0, BATCH))), []
    for precision in PRECISIONS:
        for layout in (torch.contiguous_format, torch.channels_last):
            batch = x.contiguous(memory_format=layout)
            with torch.inference_mode(), arithmetic(where, precision):
                seconds = [_timed(where, partial(read.module, batch))[0] for _ in range(4)]
            told.append(f"{precision}, {str(layout).removeprefix('torch.')}: {1000 * min(seconds):.1f} ms")
    return f"{len(x)} images through the network: {'; '.join(told)}."


def _against_cpu(read: NetworkSubject, exam: Sequence[Benchmark], scores: Sequence[Score]) -> str:
    """Return how far the scores on the smallest set of images are from those of the CPU."""
    least = min(len(b.stimuli) for b in exam)
    smallest = [b for b in exam if len(b.stimuli) == least]
    names = {b.name for b in smallest}
    here = evaluate(replace(read, device="cpu"), smallest, LAYERS)
    apart = difference(here, [s for s in scores if s.benchmark in names])
    return f"On the CPU, scores on the smallest set ({least} images) differ by at most {apart:.1e}."


def _timed(where: torch.device, work: Callable[[], Found]) -> tuple[float, Found]:
    started = time.perf_counter()
    found = work()
    if where.type == "cuda":
        torch.cuda.synchronize(where)
    return time.perf_counter() - started, found
