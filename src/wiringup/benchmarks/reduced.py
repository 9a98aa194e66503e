"""A subject seen through principal components: the peer's rule for comparing layers of unequal size."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wiringup.benchmarks.metrics import pca
from wiringup.core.spec import content_hash
from wiringup.core.stimuli import Stimuli
from wiringup.models.readout import Subject, expanded


@dataclass(frozen=True)
class Reduced:
    """A subject whose layers answer with their first principal components, fitted on given images.

    Brain-Score's rule: 1,000 components, fitted on 1,000 ImageNet images.

    Attributes:
        subject: what looks at the images.
        images: what the components are fitted on; None for the images that are shown.
        components: at most as many as images, less one.
        device: where they are computed; by default where the responses are.
    """

    subject: Subject
    images: Stimuli | None = None
    components: int = pca.COMPONENTS
    device: torch.device | None = None

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

    def expand(self, layers: Sequence[str]) -> list[str]:
        """Return ``layers`` one by one, as the subject does."""
        return expanded(self.subject, layers)

    def responses(self, stimuli: Stimuli, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return {layer: float32 (images, components)}.

        A layer that answers all images alike that the components are fitted on has none: it answers with one
        component of 0, which predicts nothing.
        """
        layers = self.expand(layers)
        shown = self.subject.responses(stimuli, layers)
        if self.images is None:
            return {layer: self._reduced(shown.pop(layer)) for layer in layers}
        fitted = self.subject.responses(self.images, layers)
        return {layer: self._reduced(fitted.pop(layer), shown.pop(layer)) for layer in layers}

    def _reduced(self, fitted: Tensor, shown: Tensor | None = None) -> Tensor:
        try:
            found = pca.fit(fitted, self.components, self.device)
        except pca.NothingVaries:
            return torch.zeros(len(fitted if shown is None else shown), 1, device=fitted.device)
        return (found.scores if shown is None else found.transform(shown)).float()
