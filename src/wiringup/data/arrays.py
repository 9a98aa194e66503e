"""Arrays of numbers and text from npy and npz files, never from pickles."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.errors import InputError, MissingDataError

_BROKEN = (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read every array of an npz.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it is damaged, no npz, or holds pickled objects.
    """
    content = _read(path)
    if isinstance(content, dict):
        return content
    raise InputError(f"{path} holds a single array (npy), not an npz.")


def read_npy(path: Path) -> NDArray[Any]:
    """Read the array of an npy file; raises as `read_npz`."""
    content = _read(path)
    if isinstance(content, dict):
        raise InputError(f"{path} is an npz, although its name says npy.")
    return content


def _read(path: Path) -> NDArray[Any] | dict[str, NDArray[Any]]:
    if not path.is_file():
        raise MissingDataError(f"There is no file {path}.")
    try:
        with path.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else {key: loaded[key] for key in loaded.files}
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = str(error)
    if "Object arrays" in reason:
        reason = "it holds pickled objects, which wiringup never loads"
    elif "allow_pickle" in reason:  # numpy takes whatever it does not know for a pickle
        reason = "it is no .npy or .npz file, or holds pickled objects, which wiringup never loads"
    return InputError(f"{path} cannot be read as arrays ({reason}).")
