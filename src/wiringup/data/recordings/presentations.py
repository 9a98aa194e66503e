"""From presentations, one image after the other, to units x images x repeats."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.errors import InputError

Index = NDArray[np.intp]


def occurrences(image: Index) -> Index:
    """Return, for each presentation (of the image with this index), how often it was shown before."""
    import pandas as pd

    return np.asarray(pd.Series(image).groupby(image).cumcount(), np.intp)


def unfolded(values: NDArray[Any], image: Index, repeat: Index) -> NDArray[Any]:
    """Return responses as (units, images, repeats), NaN where an image has no such repeat.

    Args:
        values: (units, presentations).
        image: (presentations,) index of the image that was shown.
        repeat: (presentations,) index of the repeat.

    Raises:
        InputError: if an image is shown twice in one repeat.
    """
    shape = (int(image.max()) + 1, int(repeat.max()) + 1)
    cells, counts = np.unique(np.ravel_multi_index((image, repeat), shape), return_counts=True)
    if len(cells) < len(image):
        twice, again = np.unravel_index(int(cells[counts.argmax()]), shape)
        raise InputError(
            f"{len(image) - len(cells)} presentations show an image for a second time in one repeat, such as "
            f"image {twice} in repeat {again}; each repeat has to show an image once."
        )
    trials = np.full((len(values), *shape), np.nan, np.result_type(values, np.float32))
    trials[:, image, repeat] = values
    return trials
