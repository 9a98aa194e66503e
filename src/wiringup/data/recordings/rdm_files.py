"""Anyone's dissimilarity matrices from npy, npz, MATLAB or rsatoolbox files: subjects x images x images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cautions import caution
from wiringup.core.checks import listed
from wiringup.core.errors import InputError
from wiringup.core.files import regular
from wiringup.data.formats.arrays import read_npy, read_npz, single_array, warn_of_unused
from wiringup.data.formats.hdf5 import is_hdf5, numbers, open_hdf5
from wiringup.data.formats.matlab import read_mat
from wiringup.data.formats.tables import is_count, plain
from wiringup.data.recordings.rdm_checks import FEWEST_IMAGES, Matrix, is_matrix
from wiringup.data.recordings.responses import Texts, texts_of

WANTED = "rdms"
CONDENSED = (
    "The matrices are condensed: their numbers were taken in the order of SciPy's squareform and MATLAB's "
    "pdist, the upper triangle row by row (1-2, 1-3 ... 2-3 ...), which cannot be checked."
)
_SUBJECTS = ("subject", "subj", "sub", "participant", "subject id", "participant id")


@dataclass(frozen=True, eq=False)
class Matrices:
    """What a file of dissimilarity matrices holds.

    Attributes:
        values: as stored, float64 (subjects, images, images).
        about: what the file says of each image: name -> (images,) texts.
    """

    values: Matrix
    about: Mapping[str, Texts] = field(default_factory=dict)


def read_matrices(path: Path, n_images: int) -> Matrices:
    """Read ``.npy``, ``.npz`` or ``.mat`` (one array, or the one called ``rdms``), or rsatoolbox's HDF5.

    Subjects x images x images, images x images x subjects, images x images, or condensed (subjects x pairs):
    what the shape says for ``n_images``; where it allows two readings, the one that is symmetric.

    Args:
        path: the file.
        n_images: number of images that the matrices are of.

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
    return Matrices(matrices, about)


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
    return _squares(values, n) if pairs else values, patterns


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
    return [_squares(r, n) for r in (rows, rows.T) if r.shape[1] == n * (n - 1) // 2]


def _squares(rows: Matrix, n: int) -> Matrix:
    first, second = np.triu_indices(n, 1)
    values = np.zeros((len(rows), n, n))
    values[:, first, second] = values[:, second, first] = rows
    return values
