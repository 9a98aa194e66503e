"""HDF5 files (netCDF-4, MATLAB v7.3, rsatoolbox), opened only if all that they hold lies inside them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.errors import InputError
from wiringup.data.formats.arrays import check_size, check_stored, readable

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_CLASSIC = b"CDF"  # of netCDF-3, in all its forms
_UNSTORED = 1 << 26  # bytes that a data set may have without any in the file: a mere dimension has none
_USER_BLOCK = 512  # MATLAB puts its own line of text in front


def is_hdf5(path: Path) -> bool:
    """Return whether a file is HDF5, by its first bytes."""
    with path.open("rb") as stream:
        start = stream.read(_USER_BLOCK + len(_SIGNATURE))
    return start.startswith(_SIGNATURE) or start[_USER_BLOCK:] == _SIGNATURE


@contextlib.contextmanager
def open_hdf5(path: Path, kind: str = "HDF5") -> Iterator[Any]:
    """Yield the ``h5py.File`` of a file that refers to no other file; ``kind`` is what messages call it.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if h5py is not installed, the file is damaged, or it refers to other files, or a data
            set in it announces more than is stored.
    """
    try:
        import h5py
    except ImportError as error:
        raise InputError(f"Reading {path} needs one more package: pip install 'wiringup[netcdf]'.") from error
    with readable(path, kind), h5py.File(path, "r") as file:
        _check_objects(file, path)
        yield file


def numbers(dataset: Any, what: str) -> NDArray[Any]:
    """Return the values of an ``h5py.Dataset``.

    Raises:
        InputError: if it announces more than is stored.
    """
    check_size(what, int(dataset.nbytes), int(dataset.id.get_storage_size()))
    return np.asarray(dataset[()])


def _check_objects(file: Any, path: Path) -> None:
    """Raise `InputError` if anything in ``file`` is to be read from another file, or is not in it.

    Links can make circles, so that objects are known by their address.
    """
    import h5py

    seen, left = set(), [file]
    while left:
        group = left.pop()
        for name in group:
            kind = group.id.links.get_info(name.encode()).type
            if kind == h5py.h5l.TYPE_SOFT:  # where it leads to in this file, another link leads too
                continue
            if kind != h5py.h5l.TYPE_HARD:
                raise _refers(path, name)
            found = group[name]
            address = h5py.h5o.get_info(found.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(found, h5py.Group):
                left.append(found)
            elif isinstance(found, h5py.Dataset):
                _check_dataset(found, path)


def _check_dataset(found: Any, path: Path) -> None:
    if found.external or found.is_virtual:
        raise _refers(path, found.name)
    if found.nbytes > _UNSTORED:
        check_stored(f"{path}: {found.name!r}", int(found.nbytes), int(found.id.get_storage_size()))


def _refers(path: Path, name: str) -> InputError:
    return InputError(
        f"{path}: {name!r} lies in another file (an external link, external storage or a virtual data set), "
        "which is never opened. Write the values into the file itself."
    )


@contextlib.contextmanager
def open_netcdf(path: Path) -> Iterator[Any]:
    """Yield the ``xarray.Dataset`` of a netCDF-4 file; values are read when they are asked for.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if xarray or h5netcdf is not installed, the file cannot be read, or it refers to others.
    """
    try:
        import h5netcdf  # noqa: F401  xarray needs it, but would not say so
        import xarray
    except ImportError as error:
        raise InputError(
            f"Reading {path} needs two more packages: pip install 'wiringup[netcdf]'."
        ) from error
    with readable(path, "netCDF-4"):
        _refuse_classic(path)
    with open_hdf5(path, "netCDF-4"):  # which refers to no other file
        pass
    with (
        readable(path, "netCDF-4"),
        xarray.open_dataset(path, engine="h5netcdf", decode_times=False) as dataset,
    ):
        yield dataset


def _refuse_classic(path: Path) -> None:
    with path.open("rb") as stream:
        start = stream.read(len(_CLASSIC))
    if start == _CLASSIC:
        new = path.with_name(f"{path.stem}-4.nc").name
        raise InputError(
            f"{path} is netCDF-3, and only netCDF-4 is read. Convert it: nccopy -k nc4 {path.name} {new}; or "
            f"in Python: xarray.load_dataset({path.name!r}).to_netcdf({new!r}, engine='h5netcdf')."
        )


def along(dataset: Any, dimension: Any, besides: str) -> dict[str, NDArray[Any]]:
    """Return every array but ``besides`` that has ``dimension`` alone, marked as a coordinate or not."""
    return {
        str(name): variable.values
        for name, variable in dataset.variables.items()
        if variable.dims == (dimension,) and str(name) != besides
    }
