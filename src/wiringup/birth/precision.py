"""The precision of distilled parameters."""

import numpy as np
from numpy.typing import NDArray

_DIGITS = 7


def rounded(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return ``values`` at 7 significant digits, what float32 weights can support.

    Distilled parameters are rounded once, before they are used, so that a genome in memory and the same
    genome read from its file give birth to identical networks.
    """
    flat = [float(f"{v:.{_DIGITS}g}") for v in np.asarray(values, dtype=np.float64).ravel()]
    return np.array(flat).reshape(np.shape(values))
