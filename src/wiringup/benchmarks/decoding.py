"""What a decoder on a model's features is shown and what it says: shared by behaviour and accuracy."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from wiringup.benchmarks.metrics.decoder import class_probabilities
from wiringup.benchmarks.metrics.gram import Features
from wiringup.core.stimuli import LabelledImages, Stimuli


def shown(fit: LabelledImages, test: LabelledImages) -> Stimuli:
    """Return the images to fit on, then those to test on; once if they are the same stack."""
    a, b = fit.stimuli, test.stimuli
    if a.sha256 == b.sha256:
        return b
    return Stimuli(np.concatenate([a.pixels, b.pixels]), a.ids + b.ids)


def decoded(features: Features, fit: LabelledImages, test: LabelledImages) -> NDArray[np.float64]:
    """Return class probabilities (test images, classes) of a decoder fitted on ``fit``.

    Args:
        features: responses to the images of `shown`. The answer is kept with them: benchmarks that ask the
            same of one layer share a decoder.
        fit: the images to fit on.
        test: the images to test on.

    Raises:
        InputError: if a class has no image to fit on, or a response is NaN.
    """
    key = fit.sha256, test.sha256
    if key not in features.decoded:
        values, same = features.values, fit.stimuli.sha256 == test.stimuli.sha256
        first, last = (values, values) if same else (values[: len(fit)], values[len(fit) :])
        features.decoded[key] = class_probabilities(first, fit.labels, last, len(fit.classes))
    return features.decoded[key]


def fitted_on(fit: LabelledImages, test: LabelledImages) -> str:
    """Return on how many images the decoder was fitted, and how many of the test images are among them."""
    known = set(map(_fingerprint, fit.stimuli.pixels))
    seen = sum(_fingerprint(image) in known for image in test.stimuli.pixels)
    told = f"decoder fitted on {len(fit)} images"
    if not seen:
        return told
    return f"{told}, {seen} of the {len(test)} test images among them: no test of generalisation"


def _fingerprint(image: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(image).data).digest()
