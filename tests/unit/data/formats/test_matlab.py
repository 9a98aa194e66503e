"""MATLAB files of version 5 and 7.3, and HDF5 files that refer to others."""

import tracemalloc

import h5py
import numpy as np
import pytest
import scipy.io

from wiringup.core.errors import InputError
from wiringup.data.formats.hdf5 import open_hdf5
from wiringup.data.formats.matlab import read_mat
from wiringup.data.recordings.responses import read_responses

VALUES = np.random.default_rng(0).normal(size=(3, 4, 2))


def write_v73(path, variables):
    """As MATLAB does: a block of text in front, axes reversed, the class as an attribute."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, (values, kind) in variables.items():
            file[name] = values.T
            file[name].attrs["MATLAB_class"] = np.bytes_(kind)
        file.create_group("#refs#")
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512))


@pytest.mark.parametrize("compressed", [False, True])
def test_version_5(tmp_path, compressed):
    content = {"responses": VALUES, "fs": 1000.0, "name": "Nim", "info": {"a": 1}}
    scipy.io.savemat(tmp_path / "a.mat", content, do_compression=compressed)
    np.testing.assert_array_equal(read_responses(tmp_path / "a.mat").values, VALUES)
    scipy.io.savemat(tmp_path / "one.mat", {"spikes": VALUES[:, :, 0].astype("int16"), "name": "Nim"})
    expected = VALUES[:, :, :1].astype("int16")
    np.testing.assert_array_equal(read_responses(tmp_path / "one.mat").values, expected)


def test_version_73_has_its_axes_restored(tmp_path):
    write_v73(tmp_path / "a.mat", {"fs": (np.ones((1, 1)), "double"), "responses": (VALUES, "double")})
    np.testing.assert_array_equal(read_responses(tmp_path / "a.mat").values, VALUES)
    letters = np.array([[78, 105]], np.uint16)
    write_v73(tmp_path / "one.mat", {"spikes": (VALUES, "double"), "name": (letters, "char")})
    np.testing.assert_array_equal(read_mat(tmp_path / "one.mat", "responses")[0]["responses"], VALUES)


def test_which_variable_is_meant_has_to_be_clear(tmp_path):
    told = r"holds a \(double\), b \(double\), s \(struct\); .* called 'responses'"
    scipy.io.savemat(tmp_path / "a.mat", {"a": VALUES, "b": VALUES, "s": {"x": 1}})
    with pytest.raises(InputError, match=told):
        read_responses(tmp_path / "a.mat")
    scipy.io.savemat(tmp_path / "s.mat", {"responses": {"x": 1}, "other": VALUES})
    with pytest.raises(InputError, match="Structs, cells and objects are not read"):
        read_responses(tmp_path / "s.mat")
    with h5py.File(tmp_path / "h.mat", "w") as file:
        file.create_group("responses")["x"] = VALUES
        file["other"] = VALUES
    with pytest.raises(InputError, match=r"other \(double\), responses \(struct\)"):
        read_responses(tmp_path / "h.mat")


def test_complex_and_empty_variables_are_no_responses(tmp_path):
    scipy.io.savemat(tmp_path / "c.mat", {"responses": VALUES + 1j})
    with pytest.raises(InputError, match="complex128; responses have to be real"):
        read_responses(tmp_path / "c.mat")
    with h5py.File(tmp_path / "e.mat", "w") as file:
        file["responses"] = np.array([0, 0], np.uint64)
        file["responses"].attrs["MATLAB_class"] = np.bytes_("double")
        file["responses"].attrs["MATLAB_empty"] = 1
    with pytest.raises(InputError, match=r"responses \(empty double\)"):
        read_responses(tmp_path / "e.mat")


def test_damaged_files_end_in_one_error(tmp_path):
    scipy.io.savemat(tmp_path / "5.mat", {"responses": VALUES}, do_compression=True)
    write_v73(tmp_path / "7.mat", {"responses": (VALUES, "double")})
    for name in ("5.mat", "7.mat"):
        whole = (tmp_path / name).read_bytes()
        for n in range(0, len(whole) - 1, len(whole) // 25):
            (tmp_path / "cut.mat").write_bytes(whole[:n])
            with pytest.raises(InputError, match=r"cut\.mat"):
                read_mat(tmp_path / "cut.mat", "responses")


def test_shapes_that_lie(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"responses": VALUES})
    content = (tmp_path / "a.mat").read_bytes()
    true = np.array(VALUES.shape, "<i4").tobytes()
    assert content.count(true) == 1
    for shape in ((1 << 30, 1 << 30, 4), (-3, 4, 2)):
        (tmp_path / "a.mat").write_bytes(content.replace(true, np.array(shape, "<i4").tobytes()))
        with pytest.raises(InputError, match="announces"):
            read_mat(tmp_path / "a.mat", "responses")
    with h5py.File(tmp_path / "h.mat", "w") as file:
        file.create_dataset("responses", (1_000_000, 1_000_000), "f8", chunks=(1000, 1000))
    with pytest.raises(InputError, match="announces an array of 8,000,000,000,000 bytes, but only 0 are"):
        read_mat(tmp_path / "h.mat", "responses")


def test_nothing_is_read_from_other_files(tmp_path):
    (tmp_path / "secret").write_bytes(np.arange(24.0).tobytes())
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = VALUES
    with h5py.File(tmp_path / "storage.mat", "w") as file:
        external = [(str(tmp_path / "secret"), 0, 192)]
        file.create_group("deep").create_dataset("responses", (3, 4, 2), "f8", external=external)
    with h5py.File(tmp_path / "link.mat", "w") as file:
        file["responses"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "x")
    with h5py.File(tmp_path / "virtual.mat", "w") as file:
        layout = h5py.VirtualLayout((3, 4, 2), "f8")
        layout[...] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (3, 4, 2))
        file.create_virtual_dataset("responses", layout)
    for name in ("storage", "link", "virtual"):
        with pytest.raises(InputError, match="lies in another file"):
            read_mat(tmp_path / f"{name}.mat", "responses")


def test_links_in_a_circle_come_to_an_end(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        inner = file.create_group("inner")
        inner["back"] = file["/"]
        inner["soft"] = h5py.SoftLink("/nowhere")
    with open_hdf5(tmp_path / "a.h5"):
        pass


def test_no_more_is_allocated_than_there_is(tmp_path):
    """The header of a file of version 4 announces a name of 2^31 - 2 bytes."""
    header = np.array([0, 3, 5, 0, 2**31 - 2], "<i4").tobytes()
    (tmp_path / "a.mat").write_bytes(header + b"responses")
    tracemalloc.start()
    with pytest.raises(InputError):
        read_mat(tmp_path / "a.mat", "responses")
    assert tracemalloc.get_traced_memory()[1] < 10**8
    tracemalloc.stop()
