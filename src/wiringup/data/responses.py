"""Anyone's responses from npy, npz, MATLAB or netCDF files, as units x images x repeats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.errors import InputError, MissingDataError
from wiringup.data.arrays import read_npy, read_npz
from wiringup.data.matlab import read_mat
from wiringup.data.netcdf import open_netcdf
from wiringup.data.presentations import occurrences, unfolded

_DIMENSIONS: Mapping[str, frozenset[str]] = {
    "unit": frozenset(["neuroid", "unit", "neuron", "channel", "cell", "voxel"]),
    "image": frozenset(["presentation", "stimulus", "stimuli", "image", "stimulus_id", "image_id"]),
    "repeat": frozenset(["repetition", "repeat", "trial"]),
}
_IMAGE_IDS = ("stimulus_id", "image_id")
_LAYER = ("layer",)


@dataclass(frozen=True, eq=False)
class Responses:
    """What a file of responses holds.

    Attributes:
        values: numbers as stored, (units, images, repeats).
        image_ids: the name of each image, where the file gives them.
        named_axes: True if the file names its axes, so that they cannot be swapped.
        gathered: True if presentations were gathered by ``image_ids``, so that their order means nothing.
        layers: the layer of each unit, where the file names one (responses of a model).
    """

    values: NDArray[Any]
    image_ids: tuple[str, ...] | None = None
    named_axes: bool = False
    gathered: bool = False
    layers: tuple[str, ...] | None = None


def read_responses(path: Path) -> Responses:
    """Read responses from ``.npy``, ``.npz``, ``.mat`` or ``.nc``.

    An ``.npz`` or ``.mat`` (MATLAB, up to 7.3) holds one array, or one that is called ``responses``.
    The arrays of an ``.npz`` with several populations of the same images are pooled, in the order of
    their names.

    netCDF files hold one data variable; its dimensions are recognised by name (Brain-Score's
    ``neuroid`` x ``presentation`` among them, whose presentations of one stimulus become repeats; a
    ``time_bin`` of length one is dropped).

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it cannot be read, or is not units x images (x repeats) of real numbers.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise MissingDataError(f"There is no file of responses {path}.")
    match path.suffix.lower():
        case ".npy":
            return Responses(_three_axes(read_npy(path), path))
        case ".npz":
            return Responses(_from_npz(read_npz(path), path))
        case ".mat":
            return Responses(_three_axes(read_mat(path, "responses"), path))
        case ".nc" | ".nc4" | ".netcdf":
            return _read_netcdf(path)
    raise InputError(
        f"{path} is none of .npy, .npz, .mat (MATLAB) and .nc (netCDF); save the responses as one of them."
    )


def _single(arrays: Mapping[Any, Any], path: Path) -> Any:
    if "responses" in arrays:
        return arrays["responses"]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    raise InputError(
        f"{path} holds {len(arrays)} arrays ({', '.join(map(str, arrays)) or 'none'}); name the one to "
        "import 'responses'."
    )


def _from_npz(arrays: Mapping[str, NDArray[Any]], path: Path) -> NDArray[Any]:
    populations = [arrays[name] for name in sorted(arrays)]
    several = len(populations) > 1 and "responses" not in arrays
    if several and all(p.ndim == 3 and p.shape[1] == populations[0].shape[1] for p in populations):
        return pooled([_three_axes(p, path) for p in populations])
    return _three_axes(_single(arrays, path), path)


def pooled(populations: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """Stack populations (units, images, repeats) over units; repeats that one lacks are NaN."""
    repeats = max(p.shape[2] for p in populations)
    short = ((p.astype(np.float32), repeats - p.shape[2]) for p in populations)
    return np.concatenate(
        [np.pad(p, ((0, 0), (0, 0), (0, lacking)), constant_values=np.nan) for p, lacking in short]
    )


def _three_axes(values: NDArray[Any], path: Path) -> NDArray[Any]:
    if values.dtype.kind not in "iufb":
        raise InputError(f"{path} holds {values.dtype}; responses have to be real numbers.")
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise InputError(
            f"{path} has shape {values.shape}; responses have to be units x images, "
            "or units x images x repeats."
        )
    return values if values.ndim == 3 else values[:, :, None]


def _read_netcdf(path: Path) -> Responses:
    with open_netcdf(path) as dataset:
        return _from_variable(_single(dict(dataset.data_vars), path), path)


def _from_variable(variable: Any, path: Path) -> Responses:
    """Bring an ``xarray.DataArray`` to units x images x repeats by the names of its dimensions."""
    spare = [d for d in variable.dims if variable.sizes[d] == 1 and _kind(str(d)) is None]
    variable = variable.squeeze(spare)
    kinds = {_kind(str(d)): d for d in variable.dims}
    if None in kinds or len(kinds) != variable.ndim or not {"unit", "image"} <= kinds.keys():
        raise InputError(
            f"{path} has dimensions {dict(variable.sizes)}; expected one for the units (such as neuroid), "
            "one for the images (such as presentation) and perhaps one for the repeats (such as repetition)."
        )
    variable = variable.transpose(*(kinds[k] for k in _DIMENSIONS if k in kinds))
    values = _three_axes(variable.values, path)
    layers = _names_along(variable, kinds["unit"], _LAYER)
    ids = _names_along(variable, kinds["image"], (*_IMAGE_IDS, kinds["image"]))
    if ids is None or len(set(ids)) == len(ids):
        return Responses(values, ids, named_axes=True, layers=layers)
    if values.shape[2] > 1:
        raise InputError(f"{path} repeats stimuli along its images and has a dimension of repeats as well.")
    return replace(_unfolded(values[:, :, 0], ids), layers=layers)


def _kind(dimension: str) -> str | None:
    spellings = {dimension.lower(), dimension.lower().removesuffix("s")}
    return next((kind for kind, names in _DIMENSIONS.items() if spellings & names), None)


def _names_along(variable: Any, dimension: str, coordinates: Sequence[str]) -> tuple[str, ...] | None:
    for name in coordinates:
        if name in variable.coords and variable.coords[name].dims == (dimension,):
            ids = variable.coords[name].values
            # A plain count 0, 1, 2 ... is a position, not a name.
            counted = ids.dtype.kind in "iuf" and np.array_equal(ids, np.arange(len(ids)))
            return None if counted else tuple(str(i) for i in ids)
    return None


def _unfolded(presentations: NDArray[Any], ids: tuple[str, ...]) -> Responses:
    """Turn presentations (units, presentations) of named stimuli into units x images x repeats.

    Images stand in the order in which they first appear; absent repeats are NaN.
    """
    images = tuple(dict.fromkeys(ids))
    position = {name: i for i, name in enumerate(images)}
    image = np.array([position[name] for name in ids])
    values = unfolded(presentations, image, occurrences(image))
    return Responses(values, images, named_axes=True, gathered=True)
