"""Inputs small enough for tests: patterns to learn, one simulated recording to be compared with."""

import numpy as np

from wiringup.benchmarks.predictivity import Predictivity
from wiringup.benchmarks.suites import Suite
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.data.measurements import Recording
from wiringup.experiments.runs.inputs import StudyInputs
from wiringup.experiments.runs.spec import ImagesSpec, RunSpec
from wiringup.models.architecture import ModelSpec
from wiringup.training.batches import nested_subset
from wiringup.training.spec import TrainSpec

SIZE = 32


def patterns(n: int, seed: int) -> LabelledImages:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    grain = np.kron(np.random.default_rng(7).normal(size=(2, 8, 8, 3)), np.ones((1, 4, 4, 1)))[labels]
    pixels = np.clip(128 + 40 * grain + 20 * rng.normal(size=grain.shape), 0, 255).astype(np.uint8)
    return LabelledImages(from_pixels(pixels), labels, ("a", "b"))


def recording(n: int = 40, units: int = 4, repeats: int = 4) -> Recording:
    rng = np.random.default_rng(3)
    shown = patterns(n, seed=3)
    signal = shown.stimuli.pixels.reshape(n, -1)[:, :: 32 * 24].astype(np.float32)[:, :units] / 50
    trials = signal.T[:, :, None] + rng.normal(size=(units, n, repeats))
    return Recording("toy.V4", "V4", trials.astype(np.float32), shown.stimuli, simulated=True)


class ToyInputs(StudyInputs):
    """48 patterns to learn from, 20 held out; a suite of which one benchmark is here."""

    def read(self, spec):
        pool = patterns(48, seed=0)
        chosen = pool if spec.pool is None else pool.take(nested_subset(pool.labels, spec.pool, spec.seed))
        return chosen, patterns(20, seed=1)

    def benchmarks(self, spec, size):
        return Suite("toy@1", ("toy.V4", "absent.IT")), (Predictivity(recording()),)


class OtherInputs(ToyInputs):
    """The same images, and another recording."""

    def benchmarks(self, spec, size):
        return Suite("other@1", ("toy.V4",)), (Predictivity(recording(units=3)),)


BASE = RunSpec(
    images=ImagesSpec(side=SIZE, calibration=16),
    model=ModelSpec(width=0.125, size=SIZE),
    training=TrainSpec(batch=8, lr=0.02, schedule="cosine", size=SIZE, device="cpu"),
)
