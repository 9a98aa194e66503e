"""What a training makes small: losses of what a network answers, by the labels of a batch."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from wiringup.core.errors import InputError


class Objective(Protocol):
    """A loss."""

    @property
    def reads(self) -> str | None:
        """The module whose answer is judged, by its dotted name; None for that of the whole network."""

    def __call__(self, output: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Return the loss of a batch.

        Args:
            output: (n, ...), in the precision of the network's parameters.
            labels: int64 (n,).
            reduction: ``"mean"`` or ``"sum"`` over the batch.
        """


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy of so many classes.

    Raises:
        InputError: if the network has another number of classes.
    """

    classes: int
    reads: str | None = None

    def __call__(self, output: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Return the cross-entropy of logits (n, classes)."""
        if output.shape[1] != self.classes:
            raise InputError(
                f"The network has {output.shape[1]} classes, but the images have {self.classes}; "
                "build the network with as many classes as the images have."
            )
        return nn.functional.cross_entropy(output, labels, reduction=reduction)


@dataclass(frozen=True)
class NTXent:
    """The normalised, temperature-scaled cross-entropy of Chen et al. 2020 (equation 1).

    Each of the 2n representations of a batch is to be told from the 2n - 2 of other pairs as the partner of
    its own, by cosine similarity over ``temperature``. The second half of a batch are the partners of the
    first, row by row.
    """

    temperature: float
    reads: str | None = None

    def __call__(self, output: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Return the loss of representations (2n, ...); their order says what the labels say, which pair."""
        z = nn.functional.normalize(output.flatten(1), dim=1)
        similarity = z @ z.T / self.temperature
        similarity.fill_diagonal_(-torch.inf)
        partner = torch.arange(len(z), device=z.device).roll(len(z) // 2)
        return nn.functional.cross_entropy(similarity, partner, reduction=reduction)
