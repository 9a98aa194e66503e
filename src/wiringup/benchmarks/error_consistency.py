"""Error consistency: is a model wrong on the images on which people are wrong?"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wiringup.benchmarks.area import Comparison, defined, usable_ceiling_only
from wiringup.benchmarks.benchmark import Measured, Responses, check_responses
from wiringup.benchmarks.decoding import answers, fitted_on, shown
from wiringup.benchmarks.metrics.gram import Features
from wiringup.benchmarks.metrics.kappa import error_consistency
from wiringup.core.areas import BEHAVIOR
from wiringup.core.score import DEFAULT_NORMALISATION, Score, check_normalisation, normalise
from wiringup.core.stimuli import Stimuli
from wiringup.data.measurements import Judgements

NORMALISATION = "r/c"  # kappa is a fraction of agreement, no correlation whose square would be variance


@dataclass(frozen=True)
class ErrorConsistency(Measured[Judgements]):
    """Cohen's kappa of a model's right and wrong decisions with every subject's (Geirhos et al. 2020).

    The model decides for its most probable class: of a decoder (logistic regression, C = 1e-3) fitted on
    labelled images, or of its own logits where the data come without images to fit on. The score is the mean
    kappa over subjects, as a fraction of the mean kappa over pairs of subjects.
    """

    NAME: ClassVar[str] = "error-consistency"
    area: str = BEHAVIOR

    @property
    def metric(self) -> str:
        """``error-consistency``."""
        return self.NAME

    @cached_property
    def stimuli(self) -> Stimuli:
        """The images to fit on, if any, then the images that were judged."""
        return shown(self.data.fit, self.data.test)

    @cached_property
    def fitted_on(self) -> str:
        """What a reader has to know about the images that the decoder learns from, if there is one."""
        return "" if self.data.fit is None else fitted_on(self.data.fit, self.data.test)

    def score(self, responses: Responses, layer: str, normalisation: str = DEFAULT_NORMALISATION) -> Score:
        """Score ``responses`` (images, features) of ``layer`` to `stimuli`.

        Raises:
            InputError: if there is not one response per image, a response is NaN, or a layer without a
                decoder does not have one feature per class.
        """
        check_normalisation(normalisation)
        check_responses(self, responses)
        fit, test = self.data.fit, self.data.test
        answered = answers(Features.of(responses), fit, test, self.name, layer)
        right = answered.scores.argmax(1) == test.labels
        source = answered.source or self.fitted_on
        found = usable_ceiling_only(defined(self._compare(right, source)))
        top = None if found.ceiling is None else found.ceiling.value
        value, applied = normalise(found.raw, top, NORMALISATION)
        return Score(
            benchmark=self.name,
            area=self.area,
            metric=self.metric,
            layer=layer,
            raw=found.raw,
            ceiling=top,
            score=value,
            normalisation=applied,
            error=found.error,
            n_stimuli=len(test),
            n_units=len(found.units),
            simulated=self.simulated,
            note=found.note,
            units=found.units,
        )

    def _compare(self, right: NDArray[np.bool_], source: str) -> Comparison:
        people = self.data.correct
        found = error_consistency(right.astype(np.float64), people)
        note = f"{source}; {right.mean():.1%} correct, people {np.nanmean(people):.1%}"
        note += "; errors by bootstrap over images"
        undefined = int(np.isnan(found.subjects).sum())
        if undefined:
            note += f"; {undefined} of {len(people)} subjects left out: kappa is not defined"
        if found.ceiling is None:
            note += "; no two subjects judged enough of the same images for a ceiling"
        return Comparison(found.value, found.error, found.ceiling, found.subjects, note)
