"""What a decoder on a model's features is shown and what it says: shared by behaviour and accuracy."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor

from wiringup.benchmarks.benchmark import Measured
from wiringup.benchmarks.metrics.gram import Features, check_finite
from wiringup.core.areas import BEHAVIOR
from wiringup.core.checks import EXAMPLES, differing_classes, listed, places_of_classes
from wiringup.core.errors import InputError
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.measurements import Choices, Judgements, TwoChoice

Judged = TypeVar("Judged", Choices, TwoChoice, Judgements)


def shown(fit: LabelledImages | None, test: LabelledImages) -> Stimuli:
    """Return the images to fit on, if any, then those to test on; once if they are the same stack."""
    if fit is None or fit.stimuli.sha256 == test.stimuli.sha256:
        return test.stimuli
    a, b = fit.stimuli, test.stimuli
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


@dataclass(frozen=True)
class Decoded(Measured[Judged]):
    """A benchmark of behaviour: choices of people beside those of a decoder, or of the model's own logits.

    The decoder (logistic regression, C = 1e-3) is fitted on labelled images; data that come without images to
    fit on ask the layer itself for one logit per class.
    """

    @property
    def area(self) -> str:
        """``behavior``."""
        return BEHAVIOR

    @cached_property
    def stimuli(self) -> Stimuli:
        """The images to fit on, if any, then the images that were judged; once if they are the same."""
        return shown(self.data.fit, self.data.test)

    @cached_property
    def fitted_on(self) -> str:
        """What a reader has to know about the images that the decoder learns from, if there is one."""
        return "" if self.data.fit is None else fitted_on(self.data.fit, self.data.test)


MATCHED = "logits, classes matched by name"
"""What `Answers.source` says where the names of classes decided."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says of each image.

    Attributes:
        scores: (images, classes), in the order of the benchmark's classes; higher is likelier.
        source: where logits come from, for a score's note; for a decoder see `fitted_on`.
        logits: whether the scores are logits, and not probabilities.
    """

    scores: NDArray[np.floating]
    source: str
    logits: bool = True

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """float64 (images, classes): the probabilities as they are, of logits the softmax."""
        found: NDArray[np.float64] = self.scores.astype(np.float64)
        return softmax(found, axis=1) if self.logits else found


def answers(
    features: Features, fit: LabelledImages | None, test: LabelledImages, name: str, layer: str
) -> Answers:
    """Return what a decoder fitted on ``fit`` says, or, without images to fit on, the model's own logits.

    Logits are brought into the order of the benchmark's classes by name. Where the model does not know the
    names of its classes, they are taken as they stand, and `Answers.source` says so.

    Args:
        features: responses of ``layer`` to the images of `shown`.
        fit: the images to fit on. None: the layer itself has to answer with one logit per class.
        test: the images to test on.
        name: of the benchmark, for messages.
        layer: name of the layer, for messages.

    Raises:
        InputError: as `decoded`, or if there is not one feature per class where logits are needed, or the
            model's classes are not the benchmark's.
    """
    if fit is not None:
        return Answers(decoded(features, fit, test), "", logits=False)
    logits, own = features.values, features.classes
    check_finite(logits)
    n_outputs = len(test.classes) if own is None else len(own)
    if logits.shape[1] != n_outputs:
        raise InputError(
            f"{name}: layer {layer!r} has {logits.shape[1]} features, but logits for {n_outputs} "
            "classes are needed. Name the layer of the logits with --layer."
        )
    if own is None:
        return Answers(logits.cpu().numpy(), f"logits; {_assumed(test.classes)}")
    order = places_of_classes(test.classes, own)
    if order is None:
        raise InputError(
            f"{name}: the model's classes are not the benchmark's ({differing_classes(test.classes, own)}). "
            "Say how the benchmark calls them with --classes FILE (one name a line, in the order of the "
            "model's outputs), or import the benchmark with images to fit a decoder on (--fit)."
        )
    return Answers(logits[:, order].cpu().numpy(), MATCHED)


def _assumed(classes: Sequence[str]) -> str:
    """Return a warning for logits of unknown classes: which output was taken for which class."""
    pairs = [f"output {i} for {name!r}" for i, name in enumerate(classes[:EXAMPLES])]
    return (
        "THE ORDER OF CLASSES IS ASSUMED: the model does not say which class each of its outputs stands for; "
        f"taken were {listed(pairs)}{' ...' if len(classes) > EXAMPLES else ''}. If that is wrong, "
        "name the classes in the order of the outputs: --classes FILE, one name a line"
    )


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


INVERSE_PENALTY = 1e-3
_HUGE = 2.0**64  # differences of float32 features beyond the root of its range can overflow


def class_probabilities(
    fit: Tensor, labels: NDArray[np.int64], test: Tensor, n_classes: int
) -> NDArray[np.float64]:
    """Fit a decoder on ``fit`` and return its class probabilities for ``test``.

    Features are standardised (mean and deviation of the images to fit on); then multinomial logistic
    regression with an L2 penalty, C = 1e-3, as in Rajalingham et al. 2018 and Brain-Score.

    Args:
        fit: (images, features).
        labels: (images,) of the images to fit on, in 0 ... n_classes - 1.
        test: (test images, features).
        n_classes: every class has to occur among the labels.

    Returns:
        float64 (test images, n_classes).

    Raises:
        InputError: if a class has no image to fit on, or a response is NaN.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    absent = sorted(set(range(n_classes)) - set(labels.tolist()))
    if absent:
        raise InputError(f"The decoder has no images to fit on for the classes numbered {absent}.")
    check_finite(fit)
    check_finite(test)
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=INVERSE_PENALTY, solver="newton-cg", max_iter=1000)
    )
    if max(_largest(fit), _largest(test)) > _HUGE:  # standardised features do not depend on their unit
        fit, test = fit / _HUGE, test / _HUGE
    model.fit(fit.cpu().numpy(), labels)
    probabilities: NDArray[np.float64] = model.predict_proba(test.cpu().numpy()).astype(np.float64)
    return probabilities


def _largest(features: Tensor) -> float:
    return max(abs(float(end)) for end in features.aminmax()) if features.numel() else 0.0
