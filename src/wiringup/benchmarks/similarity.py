"""Representational similarity: does a model find the same images alike as a brain area does?"""

from dataclasses import dataclass
from functools import cached_property

from wiringup.benchmarks.area import AreaBenchmark, Comparison
from wiringup.benchmarks.metrics import rdm
from wiringup.benchmarks.metrics.gram import Features
from wiringup.core.score import Ceiling
from wiringup.data.recordings import Dissimilarities


@dataclass(frozen=True)
class Similarity(AreaBenchmark[Dissimilarities]):
    """Spearman correlation between a model's RDM and each subject's, averaged over subjects.

    The model's RDM is 1 - Pearson r over features. Error: standard error over subjects. The ceiling is the
    noise ceiling's lower bound (each subject against the mean of the others): what another brain reaches.
    A model can pass it, up to the upper bound, which the note gives.
    """

    metric: str = "rsa-spearman"

    @property
    def n_units(self) -> int:
        """The number of subjects."""
        return len(self.data.rdms)

    @cached_property
    def ceiling(self) -> Ceiling | None:
        """The noise ceiling: lower bound as ``value``, upper bound as ``upper``; None for one subject."""
        return rdm.noise_ceiling(self.data.rdms)

    def compare(self, responses: Features) -> Comparison:
        """Compare the RDM of ``responses`` (images, features) with every subject's; units are subjects."""
        found = rdm.compare(rdm.correlation_distance(responses).cpu().numpy(), self.data.rdms)
        bounds, note = self.ceiling, "no noise ceiling: one subject"
        if bounds is not None:
            note = f"noise ceiling {bounds.value:.3f} (lower bound, used) to {bounds.upper:.3f} (upper)"
        return Comparison(found.value, found.error, bounds, found.subjects, note)
