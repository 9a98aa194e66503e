"""Representational similarity: does a model find the same images alike as a brain area does?"""

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from wiringup.benchmarks.benchmark import Measured, ceiled_score, check_responses
from wiringup.benchmarks.metrics import rdm
from wiringup.core.score import DEFAULT_NORMALISATION, Ceiling, Score
from wiringup.core.stimuli import Stimuli
from wiringup.data.recordings import Dissimilarities


@dataclass(frozen=True)
class Similarity(Measured[Dissimilarities]):
    """Spearman correlation between a model's RDM and each subject's, averaged over subjects.

    The model's RDM is 1 - Pearson r over features. Error: standard error over subjects. The ceiling is the
    noise ceiling's lower bound (each subject against the mean of the others): what another brain reaches.
    A model can pass it, up to the upper bound, which the note gives.
    """

    metric: str = "rsa-spearman"

    @property
    def area(self) -> str:
        """The area that was recorded."""
        return self.data.area

    @property
    def stimuli(self) -> Stimuli:
        """The images that were shown."""
        return self.data.stimuli

    @cached_property
    def ceiling(self) -> Ceiling | None:
        """The noise ceiling: lower bound as ``value``, upper bound as ``upper``; None for one subject."""
        return rdm.noise_ceiling(self.data.rdms)

    def score(self, responses: Tensor, layer: str, normalisation: str = DEFAULT_NORMALISATION) -> Score:
        """Score ``responses`` (images, features) of ``layer``; units are subjects.

        Raises:
            InputError: if there is not one response per image, or a response is NaN.
        """
        check_responses(self, responses)
        model = rdm.correlation_distance(responses).cpu().numpy()
        found = rdm.compare(model, self.data.rdms)
        bounds = self.ceiling
        note = "no noise ceiling: one subject"
        if bounds is not None:
            note = f"noise ceiling {bounds.value:.3f} (lower bound, used) to {bounds.upper:.3f} (upper)"
        return ceiled_score(
            self,
            layer,
            normalisation,
            raw=found.value,
            error=found.error,
            ceiling=bounds,
            units=found.subjects,
            note=note,
        )
