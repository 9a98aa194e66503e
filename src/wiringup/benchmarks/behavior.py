"""Behavioural consistency: does a model confuse the same images with the same objects as people do?"""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from wiringup.benchmarks.area import BOOTSTRAP_SEED
from wiringup.benchmarks.benchmark import Measured, Responses, check_responses
from wiringup.benchmarks.metrics import bootstrap, i2n
from wiringup.benchmarks.metrics.decoder import class_probabilities
from wiringup.benchmarks.metrics.gram import Features
from wiringup.core.areas import BEHAVIOR
from wiringup.core.score import DEFAULT_NORMALISATION, Draws, Score, check_normalisation
from wiringup.core.seeds import numpy_stream
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.recordings import Choices

NORMALISATION = "r/sqrt(c)"


def concatenated(first: LabelledImages, second: LabelledImages) -> Stimuli:
    """Return the images of both as one stack, ``first`` first."""
    a, b = first.stimuli, second.stimuli
    return Stimuli(np.concatenate([a.pixels, b.pixels]), a.ids + b.ids)


@dataclass(frozen=True)
class ChoiceConsistency(Measured[Choices]):
    """The i2n consistency of a decoder on a model's features with people's choices among all classes.

    The decoder (logistic regression, C = 1e-3) is fitted on other labelled images; its class probabilities
    and the human proportions enter the same d' and are compared image by image. The normalised score is
    always the peer's own, the mean of r / sqrt(c) over two halvings of the judgements: r was taken with
    half of them, so that sqrt(c) is what a perfect model reaches. Error: bootstrap over images; the peer's
    own (over the two halvings, which says little) stands in the note.
    """

    metric: str = "i2n"
    area: str = BEHAVIOR

    @cached_property
    def stimuli(self) -> Stimuli:
        """The images to fit the decoder on, then the images that were judged."""
        return concatenated(self.data.fit, self.data.test)

    @cached_property
    def halves(self) -> i2n.Halves:
        """Choice proportions of random halves of the judgements."""
        return i2n.count_halves(self.data.counts)

    def score(self, responses: Responses, layer: str, normalisation: str = DEFAULT_NORMALISATION) -> Score:
        """Score ``responses`` (images, features) of ``layer`` to `stimuli`.

        Raises:
            InputError: if there is not one response per image, or a response is NaN.
        """
        check_normalisation(normalisation)
        check_responses(self, responses)
        values = Features.of(responses).values
        fit, test = self.data.fit, self.data.test
        probabilities = class_probabilities(
            values[: len(fit)], fit.labels, values[len(fit) :], len(fit.classes)
        )
        found = i2n.consistency(probabilities, self.halves, test.labels)
        top1 = float((probabilities.argmax(1) == test.labels).mean())
        return Score(
            benchmark=self.name,
            area=self.area,
            metric=self.metric,
            layer=layer,
            raw=found.raw,
            ceiling=found.ceiling,
            score=found.ceiled,
            normalisation=NORMALISATION,
            error=found.error,
            n_stimuli=len(test),
            n_units=len(test.classes),
            simulated=self.simulated,
            note=f"decoder fitted on {len(fit)} images, {top1:.1%} correct; "
            f"error by bootstrap over images, +-{found.halves_error:.4f} over halves of the judgements",
            evidence=partial(self.draws, probabilities),
        )

    def draws(self, chosen: i2n.Matrix) -> Draws:
        """Return bootstrap draws of the ceiled score: the rows of finished signatures are resampled."""
        truth = self.data.test.labels
        own = i2n.signature(chosen, truth, self.metric)
        people = [
            (i2n.signature(a, truth, self.metric), i2n.signature(b, truth, self.metric))
            for a, b in self.halves
        ]
        generator = numpy_stream(BOOTSTRAP_SEED, "images", self.stimuli.sha256)
        found = bootstrap.consistency_draws(own, people, bootstrap.image_counts(len(own), generator))
        return {"stimuli": found, "both": found}
