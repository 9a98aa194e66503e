"""Principal components of responses to a few images, exact, through the images x images Gram matrix.

With Xc = U S V' (n images, p features), Xc Xc' = U S^2 U' is only (n, n). Scores of other responses x are
(x - mean) V = (x - mean) Xc' U / S: the components V (as large as the responses) are never made, and features
are taken to float64 a block of columns at a time, as in `gram`.
"""

from dataclasses import dataclass
from functools import cached_property

import scipy.linalg
import torch
from torch import Tensor

from wiringup.benchmarks.metrics.arrays import in_numpy
from wiringup.benchmarks.metrics.gram import check_finite, gram
from wiringup.core.checks import at_least
from wiringup.core.errors import InputError
from wiringup.models.storage import BLOCK

COMPONENTS = 1000
_RANK = 1e-12  # of the largest eigenvalue: rounding of a Gram matrix, below which no direction is known


class NothingVaries(InputError):
    """All images are answered alike, so that there are no components."""


@dataclass(frozen=True, eq=False)
class PCA:
    """A principal component analysis of ``features``.

    Attributes:
        features: (images, features) that it was fitted on; kept as they are, to transform others.
        left: float64 (images, components), orthonormal: U.
        singular: float64 (components,), descending: S.
    """

    features: Tensor
    left: Tensor
    singular: Tensor

    @property
    def explained_variance(self) -> Tensor:
        """Variance of each component over the images it was fitted on, float64 (components,), ddof 1."""
        return self.singular.square() / (len(self.features) - 1)

    @cached_property
    def scores(self) -> Tensor:
        """Scores of the images it was fitted on, float64 (images, components)."""
        return self.left * self.singular

    def transform(self, responses: Tensor, block: int = BLOCK) -> Tensor:
        """Return the scores of other ``responses`` (images, features), float64 (images, components).

        Raises:
            InputError: for another number of features, or a response that is NaN or infinite.
        """
        check_finite(responses)
        if responses.shape[1] != self.features.shape[1]:
            raise InputError(
                f"The PCA was fitted on {self.features.shape[1]:,} features; these responses have "
                f"{responses.shape[1]:,}."
            )
        product = self.left.new_zeros(len(responses), len(self.features))
        for start in range(0, responses.shape[1], block):
            fitted, shown = (
                x[:, start : start + block].to(product.device).double() for x in (self.features, responses)
            )
            mean = fitted.mean(0)
            product.addmm_(shown - mean, (fitted - mean).T)
        return product @ (self.left / self.singular)


def fit(features: Tensor, components: int = COMPONENTS, device: torch.device | None = None) -> PCA:
    """Fit a PCA on ``features`` (images, features), centred, not scaled.

    Args:
        features: on any device; may be backed by a file.
        components: as many are kept, but never more than the data have (images - 1 at most): where
            scikit-learn returns a last component without variance, a direction of rounding, none is.
        device: where it is computed; by default where the features are.

    Returns:
        Signs: the largest entry of each column of ``left`` is positive.

    Raises:
        InputError: for fewer than two images or one component, or NaN.
        NothingVaries: for responses that do not vary.
    """
    at_least(components, 1, "the number of components")
    at_least(len(features), 2, "the number of images to fit a PCA on")
    power, left = (x.flip(-1)[..., :components] for x in _decomposed(gram(features, device=device)))
    kept = int((power > _RANK * power[0]).sum()) if power[0] > 0 else 0
    if not kept:
        raise NothingVaries("The layer answers all images that the PCA is fitted on alike; nothing varies.")
    left = left[:, :kept]
    top = left.abs().argmax(0, keepdim=True)
    left = left * left.gather(0, top).sign()
    return PCA(features, left, power[:kept].sqrt())


def _decomposed(product: Tensor) -> tuple[Tensor, Tensor]:
    if not in_numpy(product.device):
        values, vectors = torch.linalg.eigh(product)
        return values, vectors
    power, left = scipy.linalg.eigh(product.numpy(), driver="evd")
    return torch.from_numpy(power), torch.from_numpy(left)
