"""Arrays of numbers from MATLAB files: up to version 7 by SciPy, version 7.3, which is HDF5, by h5py."""

import math
import mmap
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import listed
from wiringup.core.errors import InputError
from wiringup.data.formats.arrays import check_size, readable
from wiringup.data.formats.hdf5 import is_hdf5, numbers, open_hdf5

_NUMERIC = frozenset(
    ["double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))]
)
_NAMES_NO_VARIABLE = "#"  # what MATLAB keeps for itself: cells and structs are stored in #refs#


def read_mat(path: Path, wanted: str) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Read one array of a MATLAB file, with its axes in MATLAB's order, and the lists beside it.

    Args:
        path: version 4, 5, 6, 7 or 7.3.
        wanted: name of the variable, where there are several arrays.

    Returns:
        the array, called ``wanted`` whatever its name, and the lists by their names: rows or columns of
        numbers and, up to version 7, cells of texts and char matrices; and the names of everything else.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it is damaged, or neither has a numeric array ``wanted`` nor a single one. Structs,
            cells, text, sparse matrices and objects are no numeric arrays.
    """
    path = Path(path).expanduser()
    with readable(path):
        values, beside = _from_hdf5(path, wanted) if is_hdf5(path) else _from_mat5(path, wanted)
    lists = {name: array for name, array in beside.items() if array is not None}
    return {wanted: values} | lists, tuple(name for name in beside if name not in lists)


def _as_list(values: Any) -> NDArray[Any] | None:
    """Return a row or column as (n,): numbers, or the texts of a cell; None if it is something else."""
    array = np.asarray(values).ravel()
    if array.dtype.kind != "O":
        if array.dtype.kind == "U":
            return np.char.rstrip(array)  # rows of a char matrix are filled up with blanks
        return array if array.dtype.kind in "iufb" else None
    texts = [cell.item() if isinstance(cell, np.ndarray) and cell.size == 1 else cell for cell in array]
    return np.array(texts) if texts and all(isinstance(text, str) for text in texts) else None


def _choose(kinds: Mapping[str, str], wanted: str, path: Path) -> str:
    """Return the variable to read, of {name: MATLAB class}."""
    numeric = [name for name, kind in kinds.items() if kind in _NUMERIC]
    if wanted in numeric:
        return wanted
    if wanted not in kinds and len(numeric) == 1:
        return numeric[0]
    found = listed([f"{name} ({kind})" for name, kind in kinds.items()]) or "nothing"
    raise InputError(
        f"{path} holds {found}; the variable to import has to be the only numeric array, or be a numeric "
        f"array called {wanted!r}. In MATLAB: {wanted} = ...; save('file.mat', '{wanted}'). "
        "Structs, cells and objects are not read: take the array out of them first."
    )


def _from_mat5(path: Path, wanted: str) -> tuple[NDArray[Any], dict[str, NDArray[Any] | None]]:
    """Read from a mapped file, of which no more is allocated than there is, whatever its headers ask for."""
    import scipy.io

    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as file:
        listing = scipy.io.whosmat(file, appendmat=False)
        found = {name: (shape, kind) for name, shape, kind in listing}
        if len(found) < len(listing):
            names = listed([variable[0] for variable in listing])
            raise InputError(f"{path} holds two variables of one name among {names}.")
        taken = _choose({name: kind for name, (_, kind) in found.items()}, wanted, path)
        beside = [name for name in found if name != taken and _may_be_list(*found[name])]
        for name in (taken, *beside):
            _check_shape(found[name][0], f"{path}, variable {name!r},", path.stat().st_size)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of one that it cannot read SciPy warns, and returns a text
            file.seek(0)
            values = np.array(scipy.io.loadmat(file, appendmat=False, variable_names=[taken])[taken])
        file.seek(0)
        read = scipy.io.loadmat(file, appendmat=False, variable_names=beside) if beside else {}
    return values, {n: _as_list(read[n]) if n in beside else None for n in found if n != taken}


def _may_be_list(shape: tuple[int, ...], kind: str) -> bool:
    return kind == "char" or (kind in (*_NUMERIC, "cell") and math.prod(shape) == max(shape, default=0))


def _check_shape(shape: tuple[int, ...], what: str, stored: int) -> None:
    if min(shape) < 0:
        raise InputError(f"{what} announces the impossible shape {shape}: the file is damaged.")
    check_size(what, math.prod(shape), stored)  # a byte each, or more


def _from_hdf5(path: Path, wanted: str) -> tuple[NDArray[Any], dict[str, NDArray[Any] | None]]:
    def read(name: str) -> NDArray[Any]:
        return numbers(file[name], f"{path}, variable {name!r},")

    with open_hdf5(path) as file:
        kinds = {key: _kind(file[key]) for key in file if not key.startswith(_NAMES_NO_VARIABLE)}
        taken = _choose(kinds, wanted, path)
        lists = {
            name: read(name).ravel() if kind in _NUMERIC and _may_be_list(file[name].shape, kind) else None
            for name, kind in kinds.items()
            if name != taken
        }
        return read(taken).T, lists  # HDF5 counts the axes from the other end


def _kind(variable: Any) -> str:
    """Return the MATLAB class of an object of the file, or a word for it."""
    stated = variable.attrs.get("MATLAB_class", b"")
    kind = stated.decode() if isinstance(stated, bytes) else str(stated)
    if "MATLAB_sparse" in variable.attrs:
        return "sparse"
    if "MATLAB_empty" in variable.attrs:
        return f"empty {kind}"
    if not hasattr(variable, "dtype"):
        return kind or "struct"
    number = variable.dtype.kind in "iufb"
    if kind:
        return kind if number or kind not in _NUMERIC else f"complex {kind}"
    return "double" if number else str(variable.dtype)  # written by another program than MATLAB
