"""Are these dissimilarities? Symmetric, zero on the diagonal, finite, different from each other."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cautions import caution
from wiringup.core.checks import listed
from wiringup.core.errors import InputError

FEWEST_IMAGES = 4  # of three images there are three dissimilarities: no rank correlation means anything
_ROUNDING = 1e-5  # of the largest dissimilarity: 1 - r of float32 features is no better
_FLOAT32 = np.finfo(np.float32)

Matrix = NDArray[np.float64]


def checked(values: Matrix, called: Sequence[str], images: Sequence[str]) -> NDArray[np.float32]:
    """Return matrices (subjects, images, images), exactly symmetric and 0 on the diagonal.

    Args:
        values: the same, as read.
        called: what messages call each of the matrices.
        images: names of the images.

    Raises:
        InputError: if one of them cannot hold dissimilarities, or could not be scored.
    """
    for matrix, name in zip(values, called, strict=True):
        _refuse_similarities(matrix, name)
        _refuse_gaps(matrix, name, images)
        _refuse_asymmetric(matrix, name, images)
        _refuse_flat(matrix, name)
    first, second = np.triu_indices(len(images), 1)
    upper = values[:, first, second]
    exact = np.zeros(values.shape, np.float32)
    exact[:, first, second] = exact[:, second, first] = upper
    _warn_of_oddities(values, upper, called)
    return exact


def is_matrix(values: NDArray[Any]) -> bool:
    """Return whether (subjects, images, images) are symmetric with a zero (or NaN) diagonal, and vary."""
    scale = _largest(values)
    return 0 < scale < np.inf and _off_zero(values) <= _ROUNDING * scale and not _asymmetric(values).any()


def looks_like_matrices(responses: NDArray[Any]) -> bool:
    """Return whether two axes of "responses" are images: square, symmetric and with a zero diagonal.

    Args:
        responses: (units, images, repeats).
    """
    turned = (np.moveaxis(responses, axis, 0) for axis in range(3))
    return any(m.shape[1] == m.shape[2] >= FEWEST_IMAGES and is_matrix(m.astype(np.float64)) for m in turned)


def _largest(values: NDArray[Any]) -> float:
    return float(np.abs(values).max(where=~np.isnan(values), initial=0.0))


def _off_zero(values: NDArray[Any]) -> float:
    """Return the largest number on a diagonal; NaN counts as 0."""
    return _largest(np.diagonal(values, axis1=-2, axis2=-1))


def _asymmetric(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where (i, j) and (j, i) differ by more than rounding."""
    turned = np.swapaxes(values, -1, -2)
    gaps = np.isnan(values) & np.isnan(turned)
    near = np.abs(values - turned) <= _ROUNDING * _largest(values)
    return np.asarray(~(near | gaps))


def _refuse_similarities(matrix: Matrix, name: str) -> None:
    diagonal = np.diagonal(matrix)
    if (diagonal > 0).all() and (
        diagonal >= np.abs(matrix).max(1, where=~np.isnan(matrix), initial=0.0)
    ).all():
        found = "1" if np.allclose(diagonal, 1) else f"{diagonal.min():.3g} to {diagonal.max():.3g}"
        raise InputError(
            f"{name} looks like similarities (correlations, a kernel): its diagonal is {found}, the largest "
            "number of each row. Dissimilarities are 0 there; give 1 - r."
        )
    off = _off_zero(matrix)
    if off > _ROUNDING * _largest(matrix):
        raise InputError(
            f"{name} is not 0 on its diagonal (up to {off:.3g}), where an image meets itself. Set the "
            "diagonal to 0 if it means nothing, as after cross-validation."
        )


def _refuse_gaps(matrix: Matrix, name: str, images: Sequence[str]) -> None:
    infinite = np.isinf(matrix)
    missing = np.triu(np.isnan(matrix) & np.isnan(matrix.T), 1)
    for bad, what in ((infinite, "infinite"), (missing, "missing (NaN)")):
        if bad.any():
            pair = " and ".join(repr(images[i]) for i in np.argwhere(bad)[0])
            raise InputError(
                f"{name} has {int(bad.sum())} dissimilarities that are {what}, the first of {pair}. "
                "Leave those images out of the matrices and of the stimuli."
            )


def _refuse_asymmetric(matrix: Matrix, name: str, images: Sequence[str]) -> None:
    bad = np.triu(_asymmetric(matrix), 1)
    if not bad.any():
        return
    i, j = np.argwhere(bad)[0]
    empty = any(not np.nan_to_num(triangle).any() for triangle in (np.triu(matrix, 1), np.tril(matrix, -1)))
    remedy = (
        "One triangle is empty: give D + D'" if empty else "If both directions were measured, give their mean"
    )
    raise InputError(
        f"{name} is not symmetric: {images[i]!r} to {images[j]!r} is {matrix[i, j]:.6g}, the other way round "
        f"{matrix[j, i]:.6g}. {remedy}."
    )


def _refuse_flat(matrix: Matrix, name: str) -> None:
    upper = matrix[np.triu_indices(len(matrix), 1)]
    if upper.min() == upper.max():
        raise InputError(f"{name}: all dissimilarities are equal ({upper[0]:.6g}); nothing can be compared.")
    sizes = np.abs(upper[upper != 0])
    if sizes.max() > _FLOAT32.max or sizes.min() < _FLOAT32.tiny:
        raise InputError(f"{name} holds numbers beyond the range of float32; rescale them: only ranks count.")


def _warn_of_oddities(values: Matrix, upper: Matrix, called: Sequence[str]) -> None:
    blank = int(np.isnan(np.diagonal(values, axis1=1, axis2=2)).any(1).sum())
    if blank:
        caution(f"The diagonal of {blank} of {len(values)} matrices is NaN; it was taken as 0.")
    negative = int((upper < 0).sum())
    if negative:
        caution(
            f"{negative} dissimilarities are negative, as cross-validated distances can be; they were kept."
        )
    first = {u.tobytes(): name for u, name in zip(upper[::-1], called[::-1], strict=True)}
    originals = [first[u.tobytes()] for u in upper]
    twins = [f"{one} and {name}" for one, name in zip(originals, called, strict=True) if one != name]
    if twins:
        caution(f"The same matrix stands in several places ({listed(twins)}): the noise ceiling is too high.")
