"""Behavioural consistency: does a model confuse the same images as people, and is it wrong where they are?"""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from wiringup.benchmarks.area import (
    BOOTSTRAP_SEED,
    NO_RESPONSE,
    Comparison,
    defined,
    scored,
    usable,
    usable_ceiling_only,
)
from wiringup.benchmarks.benchmark import Responses, check_responses
from wiringup.benchmarks.decoding import Answers, Decoded, answers
from wiringup.benchmarks.metrics import bootstrap, i2n
from wiringup.benchmarks.metrics.gram import Features
from wiringup.benchmarks.metrics.kappa import error_consistency
from wiringup.core.checks import one_of
from wiringup.core.score import (
    DEFAULT_NORMALISATION,
    UNCEILED,
    Ceiling,
    Draws,
    Score,
    check_normalisation,
)
from wiringup.core.seeds import numpy_stream
from wiringup.data.measurements import Choices, Judgements, TwoChoice

NORMALISATION = "r/sqrt(c)"

Choosing = TypeVar("Choosing", Choices, TwoChoice)


@dataclass(frozen=True)
class BehavioralConsistency(Decoded[Choosing]):
    """The consistency of a decoder on a model's features with people's choices, i2n or a relative of it.

    Class probabilities (of logits the softmax) and the human proportions enter the same d' and are compared.
    The normalised score is always the peer's own, the mean of r / sqrt(c) over two halvings of the
    judgements: r was taken with half of them, so that sqrt(c) is what a perfect model reaches. Error:
    bootstrap over images (o1, o2: objects); the peer's own (over the two halvings, which says little) stands
    in the note. A subclass says what the choices were among.

    Attributes:
        metric: the signature to compare, a key of `i2n.SIGNATURES`.
    """

    metric: str = "i2n"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.metric, i2n.SIGNATURES, "behavioural metric")

    @property
    def halves(self) -> i2n.Halves:
        """Choice proportions of random halves of the judgements."""
        raise NotImplementedError

    def chosen(self, probabilities: i2n.Matrix) -> i2n.Matrix:
        """Return p that a model with these class probabilities chooses each class, asked as people were."""
        raise NotImplementedError

    def score(self, responses: Responses, layer: str, normalisation: str = DEFAULT_NORMALISATION) -> Score:
        """Score ``responses`` (images, features) of ``layer`` to `stimuli`.

        Raises:
            InputError: if there is not one response per image, or a response is NaN.
        """
        check_normalisation(normalisation)
        check_responses(self, responses)
        test = self.data.test
        answered = answers(Features.of(responses), self.data.fit, test, self.name, layer)
        probabilities = answered.probabilities
        found = i2n.consistency(self.chosen(probabilities), self.halves, test.labels, self.metric)
        defined = bool(np.isfinite(found.raw))
        ceiled = _has_ceiling(found)
        raw = found.raw if defined else 0.0
        return Score(
            benchmark=self.name,
            area=self.area,
            metric=self.metric,
            layer=layer,
            raw=raw,
            ceiling=found.ceiling if ceiled else None,
            score=found.ceiled if ceiled and defined else raw,
            normalisation=NORMALISATION if ceiled else UNCEILED,
            error=found.error if defined else 0.0,
            n_stimuli=len(test),
            n_units=len(test.classes),
            simulated=self.simulated,
            note=self._note(found, answered, float((probabilities.argmax(1) == test.labels).mean())),
            evidence=partial(self.draws, self.chosen(probabilities)) if ceiled and defined else None,
        )

    def draws(self, chosen: i2n.Matrix, most: int | None = None, /) -> Draws:
        """Return bootstrap draws of the ceiled score: the rows of finished signatures are resampled."""
        truth = self.data.test.labels
        own = i2n.signature(chosen, truth, self.metric)
        people = [
            (i2n.signature(a, truth, self.metric), i2n.signature(b, truth, self.metric))
            for a, b in self.halves
        ]
        generator = numpy_stream(BOOTSTRAP_SEED, "images", self.stimuli.sha256)
        counts = bootstrap.image_counts(len(own), generator)[:most]
        found = bootstrap.consistency_draws(own, people, counts)
        return {"stimuli": found, "both": found}

    def _note(self, found: i2n.Consistency, answered: Answers, top1: float) -> str:
        rows = "objects" if self.metric.startswith("o") else "images"
        parts = [
            f"{answered.source or self.fitted_on}, {top1:.1%} correct",
            f"error by bootstrap over {rows}, +-{found.halves_error:.4f} over halves of the judgements",
        ]
        if found.left_out:
            parts.append(
                f"{found.left_out:.1%} of (image, choice) left out: no trial in half of the judgements"
            )
        if not _has_ceiling(found):
            told = f"r = {found.ceiling:.3f} +- {found.ceiling_error:.3f}"
            parts.append(f"halves of the judgements agree too little to divide by ({told}): raw score")
        if not np.isfinite(found.raw):
            parts.append(NO_RESPONSE)
        return "; ".join(parts)


def _has_ceiling(found: i2n.Consistency) -> bool:
    return min(found.ceilings) > 0 and usable(Ceiling(found.ceiling, found.ceiling_error))


@dataclass(frozen=True)
class ChoiceConsistency(BehavioralConsistency[Choices]):
    """Consistency with choices among all classes; proportions stand for those of a two-way task."""

    @cached_property
    def halves(self) -> i2n.Halves:
        """Choice proportions of random halves of the judgements, image by image."""
        return i2n.count_halves(self.data.counts)

    def chosen(self, probabilities: i2n.Matrix) -> i2n.Matrix:
        """Return the probabilities themselves."""
        return probabilities


@dataclass(frozen=True)
class TwoChoiceConsistency(BehavioralConsistency[TwoChoice]):
    """Consistency with choices between the true class and one distractor (Rajalingham et al. 2018)."""

    @cached_property
    def halves(self) -> i2n.Halves:
        """Choice proportions of random halves of the trials, drawn as Brain-Score draws them."""
        data = self.data
        trials = i2n.Trials(data.image, data.sample, data.distractor, data.choice)
        return i2n.trial_halves(trials, len(data.test), len(data.test.classes))

    def chosen(self, probabilities: i2n.Matrix) -> i2n.Matrix:
        """Return P_c / (P_c + P_truth) of each class c."""
        return i2n.two_way(probabilities, self.data.test.labels)


KAPPA_NORMALISATION = "r/c"  # kappa is a fraction of agreement, no correlation whose square would be variance


@dataclass(frozen=True)
class ErrorConsistency(Decoded[Judgements]):
    """Cohen's kappa of a model's right and wrong decisions with every subject's (Geirhos et al. 2020).

    The model decides for its most probable class. The score is the mean kappa over subjects, as a fraction of
    the mean kappa over pairs of subjects.
    """

    NAME: ClassVar[str] = "error-consistency"

    @property
    def metric(self) -> str:
        """``error-consistency``."""
        return self.NAME

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
        return scored(self, layer, found, KAPPA_NORMALISATION, len(test), len(found.units))

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
