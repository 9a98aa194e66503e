"""Arrays from files that lie, are cut short or damaged: one typed error each, and nothing is allocated."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from wiringup.core.errors import InputError, MissingDataError
from wiringup.data.formats import arrays
from wiringup.data.formats.arrays import read_npy, read_npz

VALUES = np.random.default_rng(0).normal(size=(3, 4))


def npy_bytes(values=VALUES):
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def announcing(shape, descr="'<f8'"):
    """An npy of twelve values whose header claims something else."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + VALUES.tobytes()


def refused(path, message, read=read_npy):
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=message):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_round_trips(tmp_path):
    np.save(tmp_path / "a.npy", VALUES.T)
    np.savez_compressed(tmp_path / "a.npz", one=VALUES, names=np.array(["a", "b"]), nothing=np.zeros((0, 2)))
    np.testing.assert_array_equal(read_npy(tmp_path / "a.npy"), VALUES.T)
    found = read_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(found["one"], VALUES)
    assert found["names"].tolist() == ["a", "b"] and found["nothing"].shape == (0, 2)


def test_a_constant_array_may_be_packed_as_tightly_as_deflate_can(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", zeros=np.zeros((1000, 1000)))
    assert not read_npz(tmp_path / "a.npz")["zeros"].any()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("(1000000000000,)", "announces an array of 8,000,000,000,000 bytes, but only 224 are stored"),
        ("(10000000, 100000, 100000000)", "announces an array"),
        ("(-3, 4)", r"impossible shape \(-3, 4\)"),
        ("(3, 5)", r"announces 120 bytes of values \(shape \(3, 5\), float64\), but holds 96"),
        ("(3, 3)", "announces 72 bytes of values .* but holds 96"),
        ("(3, 'x')", "cannot be read as arrays"),
        ("(" * 200, "cannot be read as arrays"),
    ],
)
def test_headers_that_lie(tmp_path, shape, message):
    (tmp_path / "a.npy").write_bytes(announcing(shape))
    refused(tmp_path / "a.npy", message)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", announcing(shape))
    refused(tmp_path / "a.npz", message.partition(", but only")[0], read_npz)


@pytest.mark.parametrize("descr", ["'<U0'", "'|V0'"])
def test_numbers_without_width_are_not_endless(tmp_path, descr):
    (tmp_path / "a.npy").write_bytes(announcing("(1000000000000,)", descr))
    refused(tmp_path / "a.npy", "announces an array of 1,000,000,000,000 bytes")


def test_a_member_that_announces_more_than_deflate_can_hold(tmp_path):
    content = announcing("(100000000,)")
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content)
        archive.infolist()[0].file_size = len(content) - 96 + 800_000_000  # what the directory will say
    refused(tmp_path / "a.npz", "announces an array of 800,000,000 bytes", read_npz)


def test_what_does_not_fit_into_the_memory(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", VALUES)
    monkeypatch.setattr(arrays, "free_memory", lambda: 95)
    refused(tmp_path / "a.npy", "needs 9.6e-05 MB of memory, but only 9.5e-05 MB are free")


def test_cut_short_anywhere(tmp_path):
    whole = npy_bytes()
    np.savez(tmp_path / "whole.npz", x=VALUES)
    packed = (tmp_path / "whole.npz").read_bytes()
    for n in range(0, len(whole), 7):
        (tmp_path / "a.npy").write_bytes(whole[:n])
        refused(tmp_path / "a.npy", "a.npy")
    for n in range(0, len(packed), 7):
        (tmp_path / "a.npz").write_bytes(packed[:n])
        refused(tmp_path / "a.npz", "a.npz", read_npz)


def test_a_flipped_bit_in_an_npz_is_noticed(tmp_path):
    np.savez(tmp_path / "a.npz", x=VALUES)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.index(VALUES.tobytes()) + 5] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    refused(tmp_path / "a.npz", "Bad CRC-32", read_npz)


def test_other_things(tmp_path):
    (tmp_path / "two.npy").write_bytes(npy_bytes() + npy_bytes())
    refused(tmp_path / "two.npy", "several arrays were written into one file")
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    refused(tmp_path / "objects.npy", "pickled objects, which wiringup never loads")
    np.savez(tmp_path / "a.npz", x=VALUES)
    (tmp_path / "named.npy").write_bytes((tmp_path / "a.npz").read_bytes())
    refused(tmp_path / "named.npy", "is an npz, although its name says npy")
    refused(tmp_path / "two.npy", "holds a single array", read_npz)
    (tmp_path / "text.npz").write_text("hello")
    refused(tmp_path / "text.npz", "no .npy or .npz file", read_npz)
    with zipfile.ZipFile(tmp_path / "twice.npz", "w") as archive:
        archive.writestr("x.npy", npy_bytes())
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("x.npy", npy_bytes())
    refused(tmp_path / "twice.npz", "two arrays called 'x'", read_npz)
    with pytest.raises(MissingDataError, match="no file"):
        read_npy(tmp_path / "absent.npy")
