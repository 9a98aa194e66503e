"""A subject seen through principal components: the peer's rule for comparing layers of unequal size."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from wiringup.benchmarks.metrics import pca
from wiringup.core.spec import content_hash
from wiringup.core.stimuli import Stimuli
from wiringup.models.readout import Subject


@dataclass(frozen=True)
class Reduced:
    """A subject whose layers answer with their first principal components, fitted on given images.

    Brain-Score's rule: 1,000 components, fitted on 1,000 ImageNet images.

    Attributes:
        subject: what looks at the images.
        images: what the components are fitted on; None for the images that are shown.
        components: at most as many as images, less one.
    """

    subject: Subject
    images: Stimuli | None = None
    components: int = pca.COMPONENTS

    @property
    def name(self) -> str:
        """The subject's own name."""
        return self.subject.name

    @property
    def identity(self) -> str:
        """A hash of the subject, the images of the PCA and the number of components."""
        images = "" if self.images is None else self.images.sha256
        return content_hash([self.subject.identity, images, self.components])

    def layer_for(self, area: str) -> str:
        """Return the subject's layer."""
        return self.subject.layer_for(area)

    def responses(self, stimuli: Stimuli, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return {layer: float32 (images, components)}.

        Raises:
            InputError: if a layer answers all images that the components are fitted on alike.
        """
        if self.images is None:
            shown = self.subject.responses(stimuli, layers)
            return {layer: pca.fit(shown.pop(layer), self.components).scores.float() for layer in layers}
        fitted = self.subject.responses(self.images, layers)
        shown = self.subject.responses(stimuli, layers)
        return {
            layer: pca.fit(fitted.pop(layer), self.components).transform(shown.pop(layer)).float()
            for layer in layers
        }
