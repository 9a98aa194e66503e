"""Does this machine compute what it should? Known numbers, checked in seconds."""

import numpy as np
import torch

from wiringup.benchmarks.predictivity import Predictivity
from wiringup.birth.apply import BirthSpec
from wiringup.core.seeds import numpy_stream
from wiringup.core.stimuli import from_pixels
from wiringup.data.measurements import Recording
from wiringup.experiments.runs.births import born
from wiringup.models.architecture import ModelSpec
from wiringup.models.cornet_s import CORnetS, parameter_count

GOLDEN_SCORE = 0.4919283792
"""What `_golden_score` gave when this release was made."""


def checks() -> list[dict[str, str]]:
    """Return one row for each check: what, expected, found, verdict."""
    with torch.device("meta"):
        parameters = parameter_count(CORnetS())
    return [
        _compare("parameters of CORnet-S", 53_416_616, parameters, 0),
        _compare("PLS on seeded simulated data", GOLDEN_SCORE, _golden_score(), 1e-6),
        _compare("std of V1.conv2 at birth, theory", (2 / (9 * 64)) ** 0.5, _birth_std(), 1e-3),
    ]


def _compare(check: str, expected: float, found: float, tolerance: float) -> dict[str, str]:
    verdict = "ok" if abs(found - expected) <= tolerance else "WRONG"
    return {"check": check, "expected": f"{expected:.8g}", "found": f"{found:.8g}", "verdict": verdict}


def _golden_score() -> float:
    rng = numpy_stream(0, "selfcheck")
    features = rng.standard_normal((60, 200))
    signal = features[:, :10] @ rng.standard_normal((10, 5))
    trials = (signal.T[..., None] + rng.standard_normal((5, 60, 4))).astype(np.float32)
    images = from_pixels(rng.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8))
    benchmark = Predictivity(Recording("selfcheck", "V4", trials, images, simulated=True))
    return benchmark.score(torch.from_numpy(features), "features").raw


def _birth_std() -> float:
    model = born(ModelSpec(classes=2), BirthSpec("kaiming_normal", 0), None, None)
    return float(model.get_parameter("V1.conv2.weight").detach().std())
