"""Arrays from npy and npz files: never from pickles, and never larger than what is there."""

import contextlib
import io
import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from numpy.lib import format as npy
from numpy.typing import NDArray

from wiringup.core.cautions import caution
from wiringup.core.checks import listed
from wiringup.core.errors import InputError, WiringupError
from wiringup.core.files import regular
from wiringup.core.memory import free_memory, in_gb
from wiringup.data.formats.zips import COMPRESSIONS

_HEADER = 12 + 10_000  # bytes of the longest that numpy reads
DEFLATE = 1032
"""The most bytes that deflate, the compression of npz, MATLAB and HDF5 files, packs into one."""


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read every array of an npz.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it is damaged, no npz, holds pickled objects, or announces more than is there.
    """
    with readable(path):
        if _starts(path) == npy.MAGIC_PREFIX:
            raise InputError(f"{path} holds a single array (npy), not an npz.")
        with zipfile.ZipFile(path) as archive:
            return _members(archive, path)


def read_npy(path: Path) -> NDArray[Any]:
    """Read the array of an npy file; raises as `read_npz`."""
    with readable(path):
        if _starts(path).startswith(b"PK"):
            raise InputError(f"{path} is an npz, although its name says npy.")
        with path.open("rb") as stream:
            size = path.stat().st_size
            _check_header(stream, str(path), size, size)
            stream.seek(0)
            return npy.read_array(stream, allow_pickle=False)


def single_array(arrays: Mapping[Any, Any], path: Path, called: str) -> str:
    """Return the name of the array that is meant: the one ``called`` so, the only one, or the only wide one.

    Raises:
        InputError: if several could be meant; naming all, with their shapes.
    """
    wide = [str(name) for name, array in arrays.items() if array.ndim > 1]
    for found in ([called] if called in arrays else [], [str(name) for name in arrays], wide):
        if len(found) == 1:
            return found[0]
    shapes = listed([f"{name} {array.shape}" for name, array in arrays.items()]) or "nothing"
    raise InputError(f"{path} holds {shapes}; name the one to import {called!r}.")


def warn_of_unused(path: Path, names: Sequence[str]) -> None:
    """Give a caution on what else is in a file."""
    if names:
        caution(f"{path.name} holds more, which was not used: {listed(names)}.")


@contextlib.contextmanager
def readable(path: Path, kind: str = "arrays") -> Iterator[None]:
    """Raise typed errors for whatever a library makes of a damaged file ``path`` while it reads it.

    Args:
        path: the file.
        kind: what it is read as, for the message.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if reading fails, in whatever way.
    """
    regular(path)
    try:
        yield
    except WiringupError:
        raise
    except Exception as error:  # of damaged bytes NumPy, SciPy and zipfile raise nearly every kind there is
        raise _unreadable(path, kind, error) from error


def check_size(what: str, announced: int, stored: int) -> None:
    """Raise `InputError` as `check_stored`, or if an array does not fit into the memory."""
    check_stored(what, announced, stored)
    check_room(what, announced)


def check_room(what: str, size: int) -> None:
    """Raise `InputError` if ``size`` bytes do not fit into the memory that is free."""
    free = free_memory()
    if free is not None and size > free:
        raise InputError(f"{what} needs {in_gb(size)} of memory, but only {in_gb(free)} are free.")


def check_stored(what: str, announced: int, stored: int) -> None:
    """Raise `InputError` if an array cannot be as large as it says.

    Args:
        what: what announces it, for the message.
        announced: bytes of the array.
        stored: bytes, compressed or not, that lie in the file for it.
    """
    if announced > DEFLATE * stored:
        raise InputError(
            f"{what} announces an array of {announced:,} bytes, but only {stored:,} are stored: "
            "the file is damaged, or was cut short."
        )


def _starts(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(len(npy.MAGIC_PREFIX))


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name in arrays:
            raise InputError(f"{path} holds two arrays called {name!r}.")
        if member.compress_type not in COMPRESSIONS:
            raise InputError(f"{path}: {name!r} is compressed in another way than numpy does it.")
        with archive.open(member) as stream:
            _check_header(stream, f"{path}, array {name!r},", member.file_size, member.compress_size)
        with archive.open(member) as stream:
            arrays[name] = npy.read_array(stream, allow_pickle=False)
    return arrays


def _check_header(stream: IO[bytes], what: str, size: int, stored: int) -> None:
    """Compare what the header of an npy announces with the bytes that there are.

    Args:
        stream: at the start of the npy.
        what: for the message.
        size: of header and values, in bytes.
        stored: the same as it lies in the file, compressed or not.
    """
    head = io.BytesIO(stream.read(_HEADER))  # which may announce a length of its own, up to 4 GB
    first = npy.read_magic(head) == (1, 0)
    read = npy.read_array_header_1_0 if first else npy.read_array_header_2_0
    shape, _, dtype = read(head)
    if dtype.hasobject:
        raise ValueError("Object arrays are not allowed")
    if min(shape, default=0) < 0:
        raise InputError(f"{what} announces the impossible shape {shape}: the file is damaged.")
    count = math.prod(shape)
    check_size(what, count * max(1, dtype.itemsize), stored)
    there = size - head.tell()
    if there != count * dtype.itemsize:
        raise InputError(
            f"{what} announces {count * dtype.itemsize:,} bytes of values (shape {shape}, {dtype}), but "
            f"holds {there:,}: it was cut short or damaged, or several arrays were written into one file."
        )


def _unreadable(path: Path, kind: str, error: Exception) -> InputError:
    reason = str(error) or type(error).__name__
    if "Object arrays" in reason:
        reason = "it holds pickled objects, which wiringup never loads"
    elif "magic string" in reason or "not a zip" in reason:
        reason = "it is no .npy or .npz file, or holds pickled objects, which wiringup never loads"
    return InputError(f"{path} cannot be read as {kind} ({reason}).")
