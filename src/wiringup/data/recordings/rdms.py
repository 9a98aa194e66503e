"""Anyone's dissimilarity matrices: read from npy, npz, MATLAB or rsatoolbox files, and checked.

They are symmetric, zero on the diagonal, finite, and different from each other.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import squareform

from wiringup.core.cautions import caution
from wiringup.core.checks import listed
from wiringup.core.errors import InputError
from wiringup.core.files import regular
from wiringup.data.formats.arrays import read_npy, read_npz, single_array, warn_of_unused
from wiringup.data.formats.hdf5 import is_hdf5, numbers, open_hdf5
from wiringup.data.formats.matlab import read_mat
from wiringup.data.formats.tables import is_count, plain
from wiringup.data.recordings.responses import Texts, texts_of

FEWEST_IMAGES = 4  # of three images there are three dissimilarities: no rank correlation means anything
_ROUNDING = 1e-5  # of the largest dissimilarity: 1 - r of float32 features is no better
_IMAGINARY, _IMAGINARY_IF_NEGATIVE = 1.2, 3.0
_FEW_IMAGES = 20  # of fewer, noise decides
_FLOAT32 = np.finfo(np.float32)

Matrix = NDArray[np.float64]

WANTED = "rdms"
CONDENSED = (
    "The matrices are condensed: their numbers were taken in the order of SciPy's squareform and MATLAB's "
    "pdist, the upper triangle row by row (1-2, 1-3 ... 2-3 ...), which cannot be checked."
)
_SUBJECTS = ("subject", "subj", "sub", "participant", "subject id", "participant id")


def read_matrices(path: Path, n_images: int) -> tuple[Matrix, Mapping[str, Texts]]:
    """Read ``.npy``, ``.npz`` or ``.mat`` (one array, or the one called ``rdms``), or rsatoolbox's HDF5.

    Subjects x images x images, images x images x subjects, images x images, or condensed (subjects x pairs):
    what the shape says for ``n_images``; where it allows two readings, the one that is symmetric.

    Args:
        path: the file.
        n_images: number of images that the matrices are of.

    Returns:
        The matrices as stored, float64 (subjects, images, images); and what the file says of each image: name
        -> (images,) texts.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it cannot be read, is a pickle, or does not hold matrices of ``n_images``.
    """
    path = Path(path).expanduser()
    regular(path, "file of dissimilarity matrices")
    values, about = _content(path, n_images)
    if values.dtype.kind not in "iufb":
        raise InputError(f"{path} holds {values.dtype}; dissimilarities have to be real numbers.")
    matrices, condensed = _read_as(values.astype(np.float64), n_images, path)
    if condensed:
        caution(CONDENSED)
    return matrices, about


def _content(path: Path, n: int) -> tuple[NDArray[Any], dict[str, Texts]]:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return read_npy(path), {}
    if suffix == ".npz":
        return _from_arrays(read_npz(path), (), n, path)
    if suffix == ".mat":
        return _from_arrays(*read_mat(path, WANTED), n, path)
    if is_hdf5(path):
        return _from_rsatoolbox(path, n)
    raise InputError(
        f"{path} is none of .npy, .npz, .mat (MATLAB) and rsatoolbox's HDF5. A pickle is never opened: in "
        'rsatoolbox, save with rdms.save("rdms.h5", file_type="hdf5").'
    )


def _from_arrays(
    arrays: dict[str, NDArray[Any]], rest: tuple[str, ...], n: int, path: Path
) -> tuple[NDArray[Any], dict[str, Texts]]:
    """Return the matrices, and the lists with one entry for each image."""
    values = arrays.pop(single_array(arrays, path, WANTED))
    lists = {k: texts_of(a.ravel()) for k, a in arrays.items() if a.size == n == max(a.shape, default=0)}
    warn_of_unused(path, [*(name for name in arrays if name not in lists), *rest])
    return values, lists


def _from_rsatoolbox(path: Path, n: int) -> tuple[NDArray[Any], dict[str, Texts]]:
    with open_hdf5(path, "dissimilarity matrices") as file:
        if not hasattr(file.get("dissimilarities"), "shape"):
            raise InputError(
                f"{path} holds {listed(list(file)) or 'nothing'}, but no 'dissimilarities' as rsatoolbox "
                "writes them."
            )
        values = numbers(file["dissimilarities"], f"{path}, dissimilarities,")
        patterns = _descriptors(file, "pattern_descriptors", n)
        patterns = {name: texts for name, texts in patterns.items() if not is_count(texts)}  # its "index"
        _check_subjects(_descriptors(file, "rdm_descriptors", len(values)), path)
    pairs = values.ndim == 2 and values.shape[1] == n * (n - 1) // 2
    return _squares(values) if pairs else values, patterns


def _descriptors(file: Any, name: str, length: int) -> dict[str, Texts]:
    """Return the descriptors in a group of the file that have ``length`` entries."""
    if name not in file:
        return {}
    group = file[name]
    arrays = {
        k: numbers(v, f"{name}/{k}") for k, v in group.items() if getattr(v, "shape", None) == (length,)
    }
    arrays |= {key: np.asarray(value) for key, value in group.attrs.items()}
    return {key: texts_of(array) for key, array in arrays.items() if array.shape == (length,)}


def _check_subjects(descriptors: Mapping[str, Texts], path: Path) -> None:
    """Refuse several matrices of one subject; warn where something else tells the matrices apart."""
    telling = {k: texts for k, texts in descriptors.items() if k != "index" and len(set(texts)) > 1}
    for name, texts in telling.items():
        if plain(name) in map(plain, _SUBJECTS) and len(set(texts)) < len(texts):
            twice = next(text for text in texts if texts.count(text) > 1)
            raise InputError(
                f"{path} holds {texts.count(twice)} matrices of {name} {twice!r}; keep one for each subject, "
                "or average them: the noise ceiling compares subjects."
            )
    if telling and not any(plain(name) in map(plain, _SUBJECTS) for name in telling):
        kinds = listed([f"{name} ({len(set(texts))} kinds)" for name, texts in telling.items()])
        caution(f"{path.name} tells its matrices apart by {kinds}; each was taken as a subject.")


def _read_as(values: Matrix, n: int, path: Path) -> tuple[Matrix, bool]:
    """Return (subjects, n, n) and whether it was condensed.

    Raises:
        InputError: if no reading of the shape has ``n`` images, or several do.
    """
    if n < FEWEST_IMAGES:
        raise InputError(
            f"{path}: {n} images are too few to rank dissimilarities; at least {FEWEST_IMAGES} are needed."
        )
    square, condensed = _square_readings(values, n), _condensed_readings(values, n)
    if len(square) + len(condensed) > 1:
        square = [m for m in square if is_matrix(m)] if not condensed else square
    if len(square) + len(condensed) == 1:
        return (square or condensed)[0], bool(condensed)
    if _square_readings(values, n) or condensed:
        raise InputError(
            f"{path} has shape {values.shape}, which can be read in two ways, and the numbers do not decide: "
            "neither or both are symmetric with a zero diagonal. Save it as subjects x images x images."
        )
    raise InputError(
        f"{path} has shape {values.shape}; dissimilarities of {n} images have to be subjects x {n} x {n}, "
        f"{n} x {n} x subjects, {n} x {n}, or condensed: subjects x {n * (n - 1) // 2}."
    )


def _square_readings(values: Matrix, n: int) -> list[Matrix]:
    if values.ndim == 2:
        values = values[None]
        return [values] if values.shape[1:] == (n, n) else []
    moved = [np.moveaxis(values, axis, 0) for axis in (0, 2)] if values.ndim == 3 else []
    return [m for m in moved if m.shape[1:] == (n, n)]


def _condensed_readings(values: Matrix, n: int) -> list[Matrix]:
    if values.ndim > 2:
        return []
    rows = np.atleast_2d(values)
    return [_squares(r) for r in (rows, rows.T) if r.shape[1] == n * (n - 1) // 2]


def _squares(rows: Matrix) -> Matrix:
    return np.stack([squareform(row) for row in rows])


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
        _refuse_negative(matrix, name)
    first, second = np.triu_indices(len(images), 1)
    upper = values[:, first, second]
    exact = np.zeros(values.shape, np.float32)
    exact[:, first, second] = exact[:, second, first] = upper
    _warn_of_oddities(values, upper, called)
    return exact


def similarities_assumed(rdms: NDArray[np.float32]) -> bool:
    """Return whether matrices were taken that seem to hold similarities with a diagonal set to 0, and warn.

    Points at these distances would lie further along an imaginary axis than along any real one (the
    eigenvalues of classical scaling). The ratio of the two was 0 for RDMs of recordings, 1.2 at most for
    noise alone, and 2.7 for simulated cross-validated distances, of which some are negative.

    Args:
        rdms: (subjects, images, images).
    """
    mean = rdms.mean(0, dtype=np.float64)
    centred = mean - mean.mean(0) - mean.mean(1)[:, None] + mean.mean()
    below, above = np.linalg.eigvalsh(-centred)[[0, -1]]
    limit = _IMAGINARY if (mean >= 0).all() else _IMAGINARY_IF_NEGATIVE
    if len(mean) < _FEW_IMAGES or -below <= limit * above:
        return False
    caution(
        "The matrices look like similarities whose diagonal was set to 0: no points could lie at such "
        "distances. If a larger number means that two images are more alike, give 1 - r instead."
    )
    return True


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


def _refuse_negative(matrix: Matrix, name: str) -> None:
    upper = matrix[np.triu_indices(len(matrix), 1)]
    if upper.max() <= 0:
        raise InputError(
            f"{name} has no dissimilarity above 0 ({upper.min():.3g} to {upper.max():.3g}): these are "
            "similarities, or negated distances. The larger a dissimilarity, the less alike two images are: "
            "give 1 - r, or -D."
        )


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
