"""Top-1 accuracy, of a network's own logits or of a decoder fitted on a layer."""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wiringup.benchmarks.area import BOOTSTRAP_SEED
from wiringup.benchmarks.behavior import concatenated
from wiringup.benchmarks.benchmark import Responses, check_responses
from wiringup.benchmarks.metrics.bootstrap import image_counts
from wiringup.benchmarks.metrics.decoder import class_probabilities
from wiringup.benchmarks.metrics.gram import Features, check_finite
from wiringup.core.areas import BEHAVIOR
from wiringup.core.errors import InputError
from wiringup.core.score import DEFAULT_NORMALISATION, Draws, Score, check_normalisation, normalise
from wiringup.core.seeds import numpy_stream
from wiringup.core.spec import content_hash
from wiringup.core.stimuli import LabelledImages, Stimuli

FRACTION = "r/c"  # a fraction of images is no correlation, whose square would be explained variance


@dataclass(frozen=True)
class TopOne:
    """The fraction of test images whose class comes first; ceiling 1.

    Args:
        test: labelled images to be named.
        fit: images to fit a decoder on. None: the layer itself has to answer with one logit per class.

    Images reach a network as all stimuli do: whole, squashed to its input size (the peer's protocol, not
    the usual resize and centre crop). Error: binomial standard error.
    """

    test: LabelledImages
    name: str
    fit: LabelledImages | None = None
    simulated: bool = False
    area: str = BEHAVIOR

    @property
    def metric(self) -> str:
        """``top-1-logits`` or ``top-1-decoder``."""
        return "top-1-logits" if self.fit is None else "top-1-decoder"

    @cached_property
    def stimuli(self) -> Stimuli:
        """The images to fit on, if any, then the test images."""
        return self.test.stimuli if self.fit is None else concatenated(self.fit, self.test)

    @cached_property
    def sha256(self) -> str:
        """Hash of images, data and metric."""
        return content_hash([self.metric, self.fit.sha256 if self.fit else None, self.test.sha256])

    def score(self, responses: Responses, layer: str, normalisation: str = DEFAULT_NORMALISATION) -> Score:
        """Score ``responses`` (images, features) of ``layer`` to `stimuli`.

        Raises:
            InputError: if there is not one response per image, a response is NaN, or a layer without a
                decoder does not have one feature per class.
        """
        check_normalisation(normalisation)
        check_responses(self, responses)
        values = Features.of(responses).values
        correct = self._chosen(values, layer) == self.test.labels
        raw = float(correct.mean())
        score, applied = normalise(raw, 1.0, FRACTION)
        return Score(
            benchmark=self.name,
            area=self.area,
            metric=self.metric,
            layer=layer,
            raw=raw,
            ceiling=1.0,
            score=score,
            normalisation=applied,
            error=float(np.sqrt(raw * (1 - raw) / len(correct))),
            n_stimuli=len(correct),
            n_units=len(self.test.classes),
            simulated=self.simulated,
            note="whole images, squashed to the input size",
            evidence=partial(self._draws, correct),
        )

    def _draws(self, correct: NDArray[np.bool_]) -> Draws:
        generator = numpy_stream(BOOTSTRAP_SEED, "images", self.stimuli.sha256)
        drawn = image_counts(len(correct), generator) @ correct / len(correct)
        return {"stimuli": drawn, "both": drawn}

    def _chosen(self, responses: Tensor, layer: str) -> NDArray[np.intp]:
        n_classes = len(self.test.classes)
        if self.fit is not None:
            n = len(self.fit)
            found = class_probabilities(responses[:n], self.fit.labels, responses[n:], n_classes)
            return np.asarray(found.argmax(1))
        check_finite(responses)
        if responses.shape[1] != n_classes:
            raise InputError(
                f"{self.name}: layer {layer!r} has {responses.shape[1]} features, but logits for {n_classes} "
                "classes are needed. Name the layer of the logits with --layer."
            )
        return np.asarray(responses.argmax(1).cpu().numpy())
