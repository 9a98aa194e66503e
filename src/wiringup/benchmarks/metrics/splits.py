"""Which images fit and which test: the peer's shuffled splits, and folds that keep groups together."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wiringup.core.errors import InputError

N_SPLITS = 10
TRAIN_SIZE = 0.9
SEED = 1
FEWEST_TEST_IMAGES = 3  # on two, r is +1 or -1 whatever they are
FEWEST_IMAGES = 21  # a tenth of them, rounded up, is `FEWEST_TEST_IMAGES`


@dataclass(frozen=True, eq=False)
class Fold:
    """Indices of the images to fit on and of those to test on.

    Attributes:
        groups: (train images,) names, where images of one group have to stay together: a choice that is
            made inside the training images (of a penalty) leaves out whole groups.
    """

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    groups: NDArray[np.str_] | None = None


@dataclass(frozen=True, eq=False)
class Folds:
    """Cross-validation folds of a set of images, and in words how they were made."""

    kind: str
    folds: tuple[Fold, ...]

    def __len__(self) -> int:
        return len(self.folds)


def make_folds(
    n_images: int,
    labels: NDArray[np.str_] | None = None,
    groups: NDArray[np.str_] | None = None,
) -> Folds:
    """Return the folds for ``n_images``: grouped if groups are given, else the peer's shuffled splits.

    Groups win over labels: near-copies of one image on both sides of a fold are a leak (in V1, neighbouring
    frames of a movie turn r .26 into .82). Labels that decide nothing (too rare to
    stratify by) are named in ``kind``.

    Raises:
        InputError: if there are fewer than two groups, or too few images to split.
    """
    if groups is not None:
        made, why = grouped_folds(groups), "groups come first"
    elif labels is not None and _can_stratify(labels):
        return stratified_splits(labels)
    else:
        made, why = shuffled_splits(n_images), "there are too many of them, or too few images of one"
    return made if labels is None else replace(made, kind=f"{made.kind}; labels are not balanced: {why}")


def stratified_splits(labels: NDArray[np.str_]) -> Folds:
    """Return Brain-Score's splits: 10 x 90 % / 10 %, each label in proportion (random_state 1).

    Raises:
        InputError: for fewer than `FEWEST_IMAGES`.
    """
    from sklearn.model_selection import StratifiedShuffleSplit

    _check_enough(len(labels))
    splitter = StratifiedShuffleSplit(n_splits=N_SPLITS, train_size=TRAIN_SIZE, random_state=SEED)
    pairs = splitter.split(np.zeros(len(labels)), labels)
    return Folds(f"{N_SPLITS} random splits stratified by label", tuple(Fold(*pair) for pair in pairs))


def shuffled_splits(n_images: int) -> Folds:
    """Return Brain-Score's splits for images without labels: 10 x 90 % / 10 % (random_state 1).

    Raises:
        InputError: for fewer than `FEWEST_IMAGES`.
    """
    from sklearn.model_selection import ShuffleSplit

    _check_enough(n_images)
    splitter = ShuffleSplit(n_splits=N_SPLITS, train_size=TRAIN_SIZE, random_state=SEED)
    pairs = splitter.split(np.zeros(n_images))
    return Folds(f"{N_SPLITS} random splits", tuple(Fold(*pair) for pair in pairs))


def grouped_folds(groups: NDArray[np.str_]) -> Folds:
    """Return up to 10 folds of balanced size; all images of a group are on one side of each.

    Every image is tested once. Deterministic: the largest groups are dealt out first, each to the fold
    that is smallest so far.

    Raises:
        InputError: if there are fewer than two groups, or a fold would have too few images.
    """
    from sklearn.model_selection import GroupKFold

    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise InputError("All images belong to one group, so no fold can hold some of them out.")
    n_folds = min(N_SPLITS, n_groups)
    pairs = GroupKFold(n_splits=n_folds).split(np.zeros(len(groups)), groups=groups)
    folds = tuple(Fold(train, test, groups[train]) for train, test in pairs)
    if min(len(fold.test) for fold in folds) < FEWEST_TEST_IMAGES:
        raise InputError(
            f"The groups leave a fold of fewer than {FEWEST_TEST_IMAGES} images to test on, on which no "
            f"correlation means anything ({n_groups} groups, {len(groups)} images). Use larger groups."
        )
    return Folds(f"{n_folds} folds that keep {n_groups} groups together", folds)


def _check_enough(n_images: int) -> None:
    if n_images < FEWEST_IMAGES:
        raise InputError(
            f"Predictivity needs at least {FEWEST_IMAGES} images for its 90 % / 10 % splits: on fewer than "
            f"{FEWEST_TEST_IMAGES} to test on, no correlation means anything; got {n_images}. Use a "
            "recording of more images."
        )


def _can_stratify(labels: NDArray[np.str_]) -> bool:
    counts = np.unique(labels, return_counts=True)[1]
    n_test = len(labels) - int(TRAIN_SIZE * len(labels))
    return bool(counts.min() >= 2 and len(counts) <= n_test)
