"""Top-k accuracy, of a network's own logits or of a decoder fitted on a layer, with the protocol named."""

import re
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from wiringup.benchmarks.area import BOOTSTRAP_SEED, Comparison, Resampled, scored
from wiringup.benchmarks.benchmark import Responses, check_responses
from wiringup.benchmarks.decoding import answers, shown
from wiringup.benchmarks.metrics.bootstrap import image_counts
from wiringup.benchmarks.metrics.gram import Features
from wiringup.core.areas import BEHAVIOR
from wiringup.core.checks import at_least
from wiringup.core.errors import InputError
from wiringup.core.score import DEFAULT_NORMALISATION, Ceiling, Score, check_normalisation
from wiringup.core.seeds import numpy_stream
from wiringup.core.spec import content_hash
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.images.reading import resized_and_cropped

FRACTION = "r/c"  # a fraction of images is no correlation, whose square would be explained variance
SQUASH = "squash"
_CROP = re.compile(r"resize([1-9]\d*)-crop([1-9]\d*)")


@dataclass(frozen=True)
class TopK:
    """The fraction of test images whose class is among the first ``k``; ceiling 1.

    Args:
        test: labelled images to be named.
        fit: images to fit a decoder on. None: the layer itself has to answer with one logit per class.
        k: how many classes a model may name.
        protocol: ``squash``: images reach a network whole, squashed to its input size, as Brain-Score's do.
            ``resize256-crop224``: the short side is resized to 256 px and the centre of 224 px cropped, as
            published accuracies usually are; any other two sizes go as well.

    Error: binomial standard error.
    """

    test: LabelledImages
    name: str
    fit: LabelledImages | None = None
    k: int = 1
    protocol: str = SQUASH
    simulated: bool = False
    area: str = BEHAVIOR

    def __post_init__(self) -> None:
        at_least(self.k, 1, "k of a top-k accuracy")
        if self.protocol != SQUASH and not _CROP.fullmatch(self.protocol):
            raise InputError(
                f"Unknown protocol {self.protocol!r}. Allowed: {SQUASH}, or resizeA-cropB with two sizes in "
                "pixels, as in resize256-crop224."
            )

    @property
    def metric(self) -> str:
        """Such as ``top-1-decoder`` or ``top-5-logits``, with the protocol unless it is ``squash``."""
        source = "logits" if self.fit is None else "decoder"
        protocol = "" if self.protocol == SQUASH else f"-{self.protocol}"
        return f"top-{self.k}-{source}{protocol}"

    @cached_property
    def stimuli(self) -> Stimuli:
        """The images to fit on, if any, then the test images, as the protocol shows them."""
        stimuli, sizes = shown(self.fit, self.test), _CROP.fullmatch(self.protocol)
        return resized_and_cropped(stimuli, int(sizes[1]), int(sizes[2])) if sizes else stimuli

    @cached_property
    def sha256(self) -> str:
        """Hash of images, data and metric."""
        fit = self.fit.pixels_sha256 if self.fit else None
        return content_hash([self.metric, fit, self.test.pixels_sha256])

    def score(self, responses: Responses, layer: str, normalisation: str = DEFAULT_NORMALISATION) -> Score:
        """Score ``responses`` (images, features) of ``layer`` to `stimuli`.

        Raises:
            InputError: if there is not one response per image, a response is NaN, or a layer without a
                decoder does not have one feature per class.
        """
        check_normalisation(normalisation)
        check_responses(self, responses)
        found = answers(Features.of(responses), self.fit, self.test, self.name, layer)
        correct = rank(found.scores, self.test.labels) < self.k
        raw = float(correct.mean())
        error = float(np.sqrt(raw * (1 - raw) / len(correct)))
        note = self._note() if self.fit is not None else f"{self._note()}; {found.source}"
        resample = partial(self._draws, correct)
        compared = Comparison(raw, error, Ceiling(1.0, 0.0), np.empty(0), note, resample)
        return scored(self, layer, compared, FRACTION, len(correct), len(self.test.classes))

    def _draws(self, correct: NDArray[np.bool_], most: int | None) -> Resampled:
        generator = numpy_stream(BOOTSTRAP_SEED, "images", self.stimuli.sha256)
        drawn = image_counts(len(correct), generator)[:most] @ correct / len(correct)
        return {"stimuli": (drawn, None), "both": (drawn, None)}

    def _note(self) -> str:
        if self.protocol == SQUASH:
            return "whole images, squashed to the input size"
        return f"{self.protocol}: short side resized, centre cropped"


def rank(scores: NDArray[np.floating], labels: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return how many classes come before the true one; of equal scores the first class does.

    Args:
        scores: (images, classes).
        labels: (images,).
    """
    own = np.take_along_axis(scores, labels[:, None], 1)
    earlier = np.arange(scores.shape[1]) < labels[:, None]
    before: NDArray[np.intp] = ((scores > own) | ((scores == own) & earlier)).sum(1)
    return before
