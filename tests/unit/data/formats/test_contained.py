"""A netCDF file that would have another file read, or announces more than it holds."""

import zipfile

import h5py
import numpy as np
import pytest

from wiringup.core.errors import InputError
from wiringup.data.recordings.responses import read_responses
from wiringup.data.sources.brainscore.brainio import read_choices


def hdf5(path, **more):
    with h5py.File(path, "w") as file:
        for name, n in (("neuroid", 3), ("presentation", 8)):
            file[name] = np.arange(n)
            file[name].make_scale(name)
        file.create_dataset("x", (3, 8), "f8", **more)
        for axis, name in enumerate(("neuroid", "presentation")):
            file["x"].dims[axis].attach_scale(file[name])
    return path


def test_values_that_lie_in_the_file_are_read(tmp_path):
    assert read_responses(hdf5(tmp_path / "a.nc", data=np.ones((3, 8)))).values.shape == (3, 8, 1)


def test_values_from_other_files_are_refused(tmp_path):
    (tmp_path / "secret").write_bytes(b"x" * 192)
    path = hdf5(tmp_path / "a.nc", external=[(str(tmp_path / "secret"), 0, 192)])
    for read in (read_responses, read_choices):
        with pytest.raises(InputError, match="'/x' lies in another file"):
            read(path)
    with h5py.File(path, "a") as file:
        del file["x"]
        file["x"] = h5py.ExternalLink(str(hdf5(tmp_path / "other.nc", data=np.ones((3, 8)))), "x")
    with pytest.raises(InputError, match="'x' lies in another file"):
        read_responses(path)


def test_values_that_are_not_there_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file.create_dataset("x", (10**6, 10**6), "f4", chunks=(1000, 1000))
    with pytest.raises(
        InputError, match=r"'/x' announces an array of 4,000,000,000,000 bytes, but only 0 are"
    ):
        read_responses(tmp_path / "a.nc")


def test_text_that_is_none_is_one_error(tmp_path):
    """Bytes of HDF5 in which strings are no UTF-8."""
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file.create_dataset(b"\xff\xfe", data=[1.0])
    with pytest.raises(InputError):
        read_responses(tmp_path / "a.nc")


def test_arrays_that_are_compressed_otherwise_are_refused(tmp_path):
    """A few KB of bzip2 unpack to GB, and Python unpacks them at once."""
    np.save(tmp_path / "a.npy", np.ones((3, 8)))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.write(tmp_path / "a.npy", "a.npy")
    with pytest.raises(InputError, match="'a' is compressed in another way than numpy does it"):
        read_responses(tmp_path / "a.npz")
