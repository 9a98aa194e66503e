"""netCDF-4 files, opened without reading their values: needs the optional extra ``netcdf``."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from wiringup.core.errors import InputError, WiringupError
from wiringup.data.formats.hdf5 import check_contained


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
    check_contained(path, "netCDF-4")
    try:
        with xarray.open_dataset(path, engine="h5netcdf", decode_times=False) as dataset:
            yield dataset
    except WiringupError:
        raise
    except Exception as error:  # of damaged bytes the libraries raise nearly every kind there is
        raise InputError(f"{path} cannot be read as netCDF-4 ({error}).") from error


def along(dataset: Any, dimension: Any, besides: str) -> dict[str, NDArray[Any]]:
    """Return every array but ``besides`` that has ``dimension`` alone, marked as a coordinate or not."""
    return {
        str(name): variable.values
        for name, variable in dataset.variables.items()
        if variable.dims == (dimension,) and str(name) != besides
    }
