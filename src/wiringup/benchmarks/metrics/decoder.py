"""Read-out of object categories from features: what a model would choose."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wiringup.benchmarks.metrics.gram import check_finite
from wiringup.core.errors import InputError

INVERSE_PENALTY = 1e-3
_HUGE = 2.0**64  # differences of float32 features beyond the root of its range can overflow


def class_probabilities(
    fit: Tensor, labels: NDArray[np.int64], test: Tensor, n_classes: int
) -> NDArray[np.float64]:
    """Fit a decoder on ``fit`` and return its class probabilities for ``test``.

    Features are standardised (mean and deviation of the images to fit on); then multinomial logistic
    regression with an L2 penalty, C = 1e-3, as in Rajalingham et al. 2018 and Brain-Score.

    Args:
        fit: (images, features).
        labels: (images,) of the images to fit on, in 0 ... n_classes - 1.
        test: (test images, features).
        n_classes: every class has to occur among the labels.

    Returns:
        float64 (test images, n_classes).

    Raises:
        InputError: if a class has no image to fit on, or a response is NaN.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    absent = sorted(set(range(n_classes)) - set(labels.tolist()))
    if absent:
        raise InputError(f"The decoder has no images to fit on for the classes numbered {absent}.")
    check_finite(fit)
    check_finite(test)
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=INVERSE_PENALTY, solver="newton-cg", max_iter=1000)
    )
    if max(_largest(fit), _largest(test)) > _HUGE:  # standardised features do not depend on their unit
        fit, test = fit / _HUGE, test / _HUGE
    model.fit(fit.cpu().numpy(), labels)
    probabilities: NDArray[np.float64] = model.predict_proba(test.cpu().numpy()).astype(np.float64)
    return probabilities


def _largest(features: Tensor) -> float:
    return max(abs(float(end)) for end in features.aminmax()) if features.numel() else 0.0
