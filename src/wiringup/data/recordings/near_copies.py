"""Near-copies among stimuli, such as neighbouring frames of a movie: what folds must not separate."""

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cautions import caution
from wiringup.core.stimuli import Stimuli
from wiringup.data.measurements import Recording

SIDE = 32
ALIKE = 0.99
"""Above it two thumbnails count as near-copies.

Frames of a movie pass it (44 % of the 440 of henaff2021), and no two of the 6,900 distinct photographs,
renderings and objects of cowley2023, cichy2016 and cifar10h do, whose closest pair is at .988.
"""

_FINEST = 64
_ROWS = 1024


def near_copies(stimuli: Stimuli, alike: float = ALIKE) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs of images whose thumbnails correlate by more than ``alike``.

    Args:
        stimuli: the images.
        alike: Pearson r over the pixels of grey thumbnails of `SIDE` x `SIDE`.

    Returns:
        The first and the second image of every pair, first < second. Images without any contrast are
        near-copies of nothing.
    """
    small = thumbnails(stimuli)
    pairs = []
    for start in range(0, len(small), _ROWS):
        first, second = np.nonzero(small[start : start + _ROWS] @ small.T > alike)
        pairs.append(np.array([first + start, second]))
    first, second = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), np.intp)
    return first[first < second], second[first < second]


def thumbnails(stimuli: Stimuli, side: int = SIDE) -> NDArray[np.float32]:
    """Return grey thumbnails (images, side * side) with mean 0 and norm 1; 0 for an image without contrast.

    The green channel stands for grey. Each pixel is the mean of its part of the image, of which at most
    `_FINEST` rows and columns are read: a movie's worth of images takes a fraction of a second.
    """
    pixels = stimuli.pixels
    step = max(1, min(pixels.shape[1:3]) // _FINEST)
    grey = pixels[:, ::step, ::step, 1].astype(np.float32)
    for axis in (1, 2):
        grey = _averaged(grey, axis, side)
    flat = grey.reshape(len(grey), -1)
    flat -= flat.mean(1, keepdims=True)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.where(norm > 1e-3, norm, np.float32(np.inf)), np.float32)


def _averaged(grey: NDArray[np.float32], axis: int, side: int) -> NDArray[np.float32]:
    """Return ``grey`` with ``axis`` cut into at most ``side`` parts, each averaged."""
    n = grey.shape[axis]
    starts = np.linspace(0, n, min(side, n) + 1).astype(np.intp)
    widths = np.diff(starts).reshape([-1 if i == axis else 1 for i in range(3)])
    return np.asarray(np.add.reduceat(grey, starts[:-1], axis=axis) / widths, np.float32)


def warn_of_near_copies(recording: Recording) -> None:
    """Warn of a recording without groups whose stimuli hold near-copies."""
    if recording.groups is not None:
        return
    stimuli = recording.stimuli
    first, second = near_copies(stimuli)
    if not len(first):
        return
    n = len(np.unique(np.concatenate([first, second])))
    a, b = stimuli.ids[first[0]], stimuli.ids[second[0]]
    caution(
        f"{n} of {len(stimuli)} images are near-copies of another one, such as {a!r} and {b!r}. Random folds "
        "train on one and test on the other, which inflates r: give a table with a column that names what "
        "belongs together (a movie, a scene), and --group."
    )
