"""Simulated inputs of the sizes that Brain-Score's benchmarks have: numbers without meaning, only to time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wiringup.benchmarks.metrics.i2n import Trials
from wiringup.core.seeds import numpy_stream

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Size:
    """The size of a recording.

    Attributes:
        classes: number of labels by which the folds are stratified.
    """

    name: str
    images: int
    units: int
    repeats: int
    classes: int


MAJAJ_IT = Size("MajajHong2015 IT", 2560, 168, 47, 64)
FREEMAN_V1 = Size("FreemanZiemba2013 V1", 315, 102, 20, 2)

LATENTS = 200
SPECTRUM = -0.5  # exponent of the deviation of the latents over their rank


def latents(size: Size, seed: int = 0) -> NDArray[np.float64]:
    """Return what features and units share, (images, latents)."""
    rng = numpy_stream(seed, size.name, "latents")
    return rng.standard_normal((size.images, LATENTS)) * np.arange(1, LATENTS + 1) ** SPECTRUM


def features(size: Size, number: int, seed: int = 0) -> Array:
    """Return (images, number): rectified mixtures of the latents, half of them 0, as after a ReLU."""
    rng = numpy_stream(seed, size.name, "features", number)
    mixing = rng.standard_normal((LATENTS, number), dtype=np.float32) / LATENTS**0.5
    values: Array = latents(size, seed).astype(np.float32) @ mixing
    values += 0.5 * rng.standard_normal(values.shape, dtype=np.float32)
    return np.maximum(values, 0, out=values)


def trials(size: Size, seed: int = 0) -> Array:
    """Return (units, images, repeats): mixtures of the latents, private signal, and noise by unit."""
    rng = numpy_stream(seed, size.name, "trials")
    signal = rng.standard_normal((size.units, LATENTS)) @ latents(size, seed).T
    signal /= signal.std(1, keepdims=True)
    signal += 0.8 * rng.standard_normal(signal.shape)
    noise = 2 * np.exp(rng.uniform(-0.7, 0.7, size.units)).astype(np.float32)
    values = noise[:, None, None] * rng.standard_normal((*signal.shape, size.repeats), dtype=np.float32)
    values += signal[..., None].astype(np.float32)
    return values


def labels(size: Size, seed: int = 0) -> NDArray[np.str_]:
    """Return (images,) balanced labels in random order."""
    names = np.array([f"class{i % size.classes:02d}" for i in range(size.images)])
    return numpy_stream(seed, size.name, "labels").permutation(names)


def choices(
    trials: int = 341_785, classes: int = 24, per_class: int = 10, seed: int = 0
) -> tuple[Trials, NDArray[np.int64], NDArray[np.float64]]:
    """Return trials of Rajalingham2018's private size: what people err on, the model errs on too.

    Returns:
        The trials; the true class of each image (images,); a model's probabilities (images, classes).
    """
    rng = numpy_stream(seed, "choices")
    truth = rng.permutation(np.repeat(np.arange(classes), per_class))
    difficulty = rng.normal(-1.8, 0.8, (len(truth), classes))
    own = np.exp(difficulty + rng.normal(0, 0.5, difficulty.shape))
    own[np.arange(len(truth)), truth] = 1.0
    image = rng.integers(0, len(truth), trials)
    sample = truth[image]
    distractor = (sample + rng.integers(1, classes, trials)) % classes
    wrong = rng.random(trials) < 1 / (1 + np.exp(-difficulty[image, distractor]))
    choice = np.where(wrong, distractor, sample)
    return Trials(image, sample, distractor, choice), truth, own / own.sum(1, keepdims=True)
