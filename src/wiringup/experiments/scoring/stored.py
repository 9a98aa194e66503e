"""Read a table of responses that were computed elsewhere: what ``wiringup score FILE`` scores."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import listed
from wiringup.core.errors import InputError
from wiringup.core.files import regular
from wiringup.core.stimuli import Stimuli
from wiringup.data.formats.arrays import read_npy, read_npz
from wiringup.data.images.names import matched
from wiringup.data.recordings.responses import StoredResponses, by_usual_id, read_responses
from wiringup.models.stored import StoredSubject

NETCDF = (".nc", ".nc4", ".netcdf")
SUFFIXES = (".npz", ".npy", ".safetensors", *NETCDF)
IDS = ("ids", "image_ids", "image_id", "stimulus_ids", "stimulus_id")
"""Names under which a file may hold the ids of its images."""

ONLY = "responses"


def is_stored(model: str) -> bool:
    """Return whether the name of a model is that of a file of responses."""
    return Path(model).suffix.lower() in SUFFIXES


def read_stored(path: Path) -> StoredSubject:
    """Read the responses of any model.

    ``.npz`` and ``.safetensors``: an array for each layer, images first; ids of the images under one of
    `IDS` (in safetensors as metadata, one id a line), or in the only list of texts. ``.npy``: one layer.
    netCDF: one variable with named dimensions (Brain-Score's ``presentation`` x ``neuroid``, with its
    ``layer`` if there is one); repeated presentations of an image are averaged. Ids are called in one of the
    usual ways, or are the only texts that tell all presentations apart.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it cannot be read, or what it holds cannot be the responses of a model.
    """
    path = path.expanduser()
    regular(path, "file of responses")
    match path.suffix.lower():
        case ".npz":
            layers, ids = _with_ids(read_npz(path), path)
        case ".npy":
            layers, ids = {ONLY: read_npy(path)}, None
        case ".safetensors":
            layers, ids = _from_safetensors(path)
        case suffix if suffix in NETCDF:
            layers, ids = _by_layer(read_responses(path))
        case suffix:
            raise InputError(f"{path} is none of {', '.join(SUFFIXES)}.")
    try:
        return StoredSubject(path.name, {name: _table(v, name, path) for name, v in layers.items()}, ids)
    except InputError as error:
        raise InputError(
            f"{error} ({path} is read as responses: layers of images x features. Weights are scored with "
            "wiringup score ARCHITECTURE --weights FILE.)"
        ) from error


Found = tuple[Mapping[str, NDArray[Any]], tuple[str, ...] | None]


def named_for(stored: StoredSubject, stimuli: Stimuli) -> tuple[StoredSubject, str]:
    """Return responses whose images are called as a benchmark calls them, and what had to be assumed.

    Args:
        stored: the responses; suffix, folders and case of their ids may be others than the benchmark's.
        stimuli: its images.
    """
    if stored.ids is None:
        first, last = stimuli.ids[0], stimuli.ids[-1]
        return stored, f"no ids of images: rows were taken in the benchmark's order ({first!r} to {last!r})"
    places = zip(stimuli.ids, matched(stimuli.ids, stored.ids), strict=True)
    return replace(stored, called={name: stored.ids[i] for name, i in places if i is not None}), ""


def _with_ids(arrays: dict[str, NDArray[Any]], path: Path) -> Found:
    named = [name for name in IDS if name in arrays]
    texts = [name for name, values in arrays.items() if values.ndim == 1 and values.dtype.kind in "US"]
    if not named and len(texts) < len(arrays):
        named = texts
        if len(texts) > 1:
            raise InputError(
                f"{path} holds several lists of texts: {listed(texts)}. Call the one that names the images "
                f"{IDS[0]!r}."
            )
    if not named:
        return arrays, None
    ids = arrays.pop(named[0])
    if ids.ndim != 1 or ids.dtype.kind not in "USiu":
        raise InputError(f"{path}: {named[0]!r} has to be one text or number for each image.")
    return arrays, tuple(i.decode() if isinstance(i, bytes) else str(i) for i in ids.tolist())


def _from_safetensors(path: Path) -> Found:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as content:
            metadata = content.metadata() or {}
            layers = {name: content.get_tensor(name).float().numpy() for name in content.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"{path} is no whole safetensors file ({error}).") from error
    listed = next((metadata[name] for name in IDS if name in metadata), None)
    return layers, None if listed is None else tuple(listed.splitlines())


def _by_layer(found: StoredResponses) -> Found:
    found, ids = by_usual_id(found)
    if ids is None:
        names = [t for t in found.about.values() if len(set(t)) == len(t) and not any(map(str.isdecimal, t))]
        ids = names[0] if len(names) == 1 else None
    values = found.values[:, :, 0] if found.values.shape[2] == 1 else np.nanmean(found.values, 2)
    if found.layers is None:
        return {ONLY: values.T}, ids
    labels = np.array(found.layers)
    return {name: values[labels == name].T for name in dict.fromkeys(found.layers)}, ids


def _table(values: NDArray[Any], name: str, path: Path) -> NDArray[np.float32]:
    if values.dtype.kind not in "iufb" or values.ndim < 2:
        raise InputError(
            f"{path}: {name!r} is {values.dtype} {values.shape}; a layer is real numbers, images x features."
        )
    with np.errstate(over="ignore"):
        narrow = np.ascontiguousarray(values.reshape(len(values), -1), dtype=np.float32)
    if np.isinf(narrow).any() and np.isfinite(values).all():
        raise InputError(f"{path}: {name!r} holds numbers beyond the range of float32; rescale them.")
    return narrow
