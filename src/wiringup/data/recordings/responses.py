"""Anyone's responses from npy, npz, MATLAB or netCDF files, as units x images x repeats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wiringup.core.brief import Brief
from wiringup.core.cautions import caution
from wiringup.core.checks import listed, one_of
from wiringup.core.errors import InputError
from wiringup.core.files import regular
from wiringup.data.formats.arrays import read_npy, read_npz, single_array
from wiringup.data.formats.hdf5 import along, open_netcdf
from wiringup.data.formats.matlab import read_mat
from wiringup.data.formats.tables import is_count, plain, spelled
from wiringup.data.images.table import FILES, IDS

RESPONSES = "responses"
"""What an array is called, where there are several."""

AXES = ("units", "images", "repeats")
_DIMENSIONS: Mapping[str, frozenset[str]] = {
    "unit": frozenset(["neuroid", "unit", "neuron", "channel", "cell", "voxel"]),
    "image": frozenset(["presentation", "stimulus", "stimuli", "image", "stimulus_id", "image_id"]),
    "repeat": frozenset(["repetition", "repeat", "trial"]),
}
_UNIT_IDS = (
    "neuroid id", "unit id", "neuron id", "channel id", "cell id", "voxel id", "site id", "electrode id",
    "unit name", "channel name", "units", "unit ids", "neuroid", "unit", "neuron", "channel", "cell", "voxel",
)  # fmt: skip
_SAME, _FEWEST_SAME = 0.95, 5  # r of units, and units, by which two arrays are of the same ones
_REGIONS = ("region", "area", "brain area", "roi")

Texts = tuple[str, ...]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class StoredResponses(Brief):
    """What a file of responses holds.

    Attributes:
        values: numbers as stored, (units, images, repeats); presentations, where an image may come again,
            stand along the images' axis until `by_image` gathers them.
        about: what the file says of each image or presentation: name -> (images,) texts.
        dimension: what the file calls the images' axis; empty where it names no axes, so that they could be
            swapped.
        settled: True if it is beyond doubt which axis is which.
        unit_ids: the name of each unit, where the file gives them.
        regions: the area of each unit, where the file says it.
        layers: the layer of each unit, where the file names one (responses of a model).
        unused: what else is in the file.
    """

    values: NDArray[Any]
    about: Mapping[str, Texts] = field(default_factory=dict)
    dimension: str = ""
    settled: bool = False
    unit_ids: Texts | None = None
    regions: Texts | None = None
    layers: Texts | None = None
    unused: tuple[str, ...] = ()

    @property
    def id_names(self) -> list[str]:
        """What in ``about`` is called like ids or files of images, in the order in which it counts."""
        return spelled(self.about, (*IDS, self.dimension, *FILES))

    def by_image(self, index: Index) -> "StoredResponses":
        """Return responses in another order of the images, presentations of one image as its repeats.

        Args:
            index: (images,) or (presentations,) place of the image that was shown.

        Raises:
            InputError: if images come again, and there is a dimension of repeats as well.
        """
        if len(set(index.tolist())) == len(index):
            order = np.argsort(index)
            about = {name: tuple(texts[i] for i in order) for name, texts in self.about.items()}
            return replace(self, values=self.values[:, order], about=about)
        if self.values.shape[2] > 1:
            raise InputError(
                "The file of responses repeats stimuli along its images and has a dimension of repeats as "
                "well."
            )
        first = np.unique(index, return_index=True)[1]
        steady = {
            name: tuple(texts[i] for i in first)
            for name, texts in self.about.items()
            if all(text == texts[first[i]] for text, i in zip(texts, index, strict=True))
        }
        values = unfolded(self.values[:, :, 0], index, occurrences(index))
        varying = tuple(name for name in self.about if name not in steady)
        return replace(self, values=values, about=steady, unused=(*self.unused, *varying))

    def of_units(self, keep: NDArray[np.bool_]) -> "StoredResponses":
        """Return the units where ``keep`` (units,) is True; those without names are called by their row."""
        ids = self.unit_ids or tuple(map(str, range(len(self.values))))
        kept = tuple(name for name, here in zip(ids, keep, strict=True) if here)
        return replace(self, values=self.values[keep], unit_ids=kept)


def parse_axes(text: str) -> tuple[str, ...]:
    """Return the axes that a text such as ``"images,units"`` names, in its order.

    Raises:
        InputError: if a name is unknown or stands twice, or units or images are not there.
    """
    axes = tuple(one_of(part.strip().lower(), AXES, "axis") for part in text.split(","))
    if len(set(axes)) < len(axes) or not {"units", "images"} <= set(axes):
        raise InputError(f"Axes {text!r} have to name units and images (and repeats, if any) once each.")
    return axes


def read_responses(path: Path, axes: Sequence[str] | None = None) -> StoredResponses:
    """Read responses from ``.npy``, ``.npz``, ``.mat`` or ``.nc``.

    An ``.npz`` or ``.mat`` (MATLAB, up to 7.3) holds one array, or one that is called ``responses``; lists
    beside it (names of images or units) come along.
    The arrays of an ``.npz`` with several populations of the same images are pooled, in the order of
    their names; lists beside them (names of images or units) come along.

    netCDF files hold one data variable; its dimensions are recognised by name (Brain-Score's
    ``neuroid`` x ``presentation`` among them; a ``time_bin`` of length one is dropped).

    Args:
        path: the file.
        axes: names of the axes, some of `AXES`, where the file does not name them; by default in that order.

    Raises:
        MissingDataError: if there is no such file.
        InputError: if it cannot be read, or is not units x images (x repeats) of real numbers.
    """
    path = Path(path).expanduser()
    regular(path, "file of responses")
    match path.suffix.lower():
        case ".npy":
            return StoredResponses(_three_axes(read_npy(path), path, axes), settled=axes is not None)
        case ".npz":
            return replace(_from_npz(read_npz(path), path, axes), settled=axes is not None)
        case ".mat":
            arrays, rest = read_mat(path, RESPONSES)
            found = _from_npz(arrays, path, axes)
            return replace(found, unused=(*found.unused, *rest), settled=axes is not None)
        case ".nc" | ".nc4" | ".netcdf":
            if axes is not None:
                raise InputError(f"{path} names its axes itself; leave out --axes.")
            return _read_netcdf(path)
    raise InputError(
        f"{path} is none of .npy, .npz, .mat (MATLAB) and .nc (netCDF); save the responses as one of them."
    )


def _from_npz(arrays: Mapping[str, NDArray[Any]], path: Path, axes: Sequence[str] | None) -> StoredResponses:
    populations = {name: arrays[name] for name in sorted(arrays) if arrays[name].ndim > 1}
    deep = {name: _three_axes(p, path, axes) for name, p in populations.items() if p.ndim == 3}
    several = len(populations) > 1 and RESPONSES not in arrays and len(deep) == len(populations)
    if several and len({p.shape[1] for p in deep.values()}) == 1:
        shapes = listed([f"{name} {p.shape}" for name, p in deep.items()])
        caution(f"{len(deep)} arrays of {path.name} were pooled, as other units each: {shapes}.")
        _warn_of_twins(deep)
        ids = tuple(f"{name}:{row}" for name, p in deep.items() for row in range(len(p)))
        return _with_lists(StoredResponses(pooled(list(deep.values())), unit_ids=ids), arrays, tuple(deep))
    name = single_array(arrays, path, RESPONSES)
    return _with_lists(StoredResponses(_three_axes(arrays[name], path, axes)), arrays, (name,))


def _warn_of_twins(populations: Mapping[str, NDArray[Any]]) -> None:
    """Warn of populations whose units respond alike, row by row, more than other rows do."""
    tuning = {name: _tuning(values) for name, values in populations.items()}
    for one, two in combinations(tuning, 2):
        if tuning[one].shape != tuning[two].shape:
            continue
        alike = tuning[one] @ tuning[two].T
        same = int((alike.argmax(1) == np.arange(len(alike))).sum())
        if np.median(np.diagonal(alike)) > _SAME or same >= max(_FEWEST_SAME, len(alike) / 2):
            caution(
                f"The units of {one!r} and {two!r} respond alike, row by row: they look like the same units "
                "twice (halves of the repeats, two windows, a copy that was normalised). If so, keep one "
                f"array, or call it {RESPONSES!r}: each unit counts twice."
            )


def _tuning(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return averages over repeats, (units, images), with mean 0 and norm 1, or 0 if a unit does not vary."""
    wide = values.astype(np.float64)
    trials = np.maximum(np.isfinite(wide).sum(2), 1)
    average = np.nan_to_num(wide, posinf=0, neginf=0).sum(2) / trials
    average -= average.mean(1, keepdims=True)
    norm = np.linalg.norm(average, axis=1, keepdims=True)
    return np.asarray(average / np.where(norm > 0, norm, np.inf))


def _with_lists(
    found: StoredResponses, arrays: Mapping[str, NDArray[Any]], used: tuple[str, ...]
) -> StoredResponses:
    """Add the lists of an npz that have one entry for each image or unit."""
    units, images, _ = found.values.shape
    long = {
        name: array.ravel() for name, array in arrays.items() if array.size == max(array.shape, default=0)
    }
    lists = {name: array for name, array in long.items() if name not in used}  # MATLAB's are n x 1
    about = {name: texts_of(array) for name, array in lists.items() if len(array) == images}
    along = {name: texts_of(array) for name, array in lists.items() if len(array) == units}
    name = _first(along, _UNIT_IDS)
    ids = found.unit_ids if name is None or not _distinct(along[name]) else along[name]
    about = {key: texts for key, texts in about.items() if key != name}
    unused = tuple(key for key in arrays if key not in (*used, *about, name))
    return replace(found, about=about, unit_ids=ids, unused=unused)


def pooled(populations: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """Stack populations (units, images, repeats) over units; repeats that one lacks are NaN."""
    repeats = max(p.shape[2] for p in populations)
    short = ((p.astype(np.float32), repeats - p.shape[2]) for p in populations)
    return np.concatenate(
        [np.pad(p, ((0, 0), (0, 0), (0, lacking)), constant_values=np.nan) for p, lacking in short]
    )


def _three_axes(values: NDArray[Any], path: Path, axes: Sequence[str] | None = None) -> NDArray[Any]:
    if values.dtype.kind not in "iufb":
        raise InputError(f"{path} holds {values.dtype}; responses have to be real numbers.")
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise InputError(
            f"{path} has shape {values.shape}; responses have to be units x images, "
            "or units x images x repeats."
        )
    if axes is not None:
        if len(axes) != values.ndim:
            raise InputError(f"{path} has shape {values.shape}, but the axes are {', '.join(axes)}.")
        values = values.transpose([axes.index(axis) for axis in AXES if axis in axes])
    return values if values.ndim == 3 else values[:, :, None]


def _read_netcdf(path: Path) -> StoredResponses:
    with open_netcdf(path) as dataset:
        data = dict(dataset.data_vars)
        name = single_array(data, path, RESPONSES)
        found = _from_variable(dataset, data[name], path)
        unused = [str(n) for n, v in data.items() if str(n) != name and v.ndim > 1]
        return replace(found, unused=tuple(unused))


def _from_variable(dataset: Any, variable: Any, path: Path) -> StoredResponses:
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
    units, images = (
        {name: texts_of(values) for name, values in along(dataset, kinds[kind], str(variable.name)).items()}
        for kind in ("unit", "image")
    )
    ids, region, layer = (
        _first(units, names) for names in ((*_UNIT_IDS, str(kinds["unit"])), _REGIONS, ("layer",))
    )
    return StoredResponses(
        values,
        about=images,
        dimension=str(kinds["image"]),
        settled=True,
        unit_ids=None if ids is None or not _distinct(units[ids]) else units[ids],
        regions=None if region is None else units[region],
        layers=None if layer is None else units[layer],
    )


def _kind(dimension: str) -> str | None:
    spellings = {dimension.lower(), dimension.lower().removesuffix("s")}
    return next((kind for kind, names in _DIMENSIONS.items() if spellings & names), None)


def texts_of(values: NDArray[Any]) -> Texts:
    """Return entries as text; whole numbers without a point, whatever their type."""
    if values.dtype.kind == "f" and np.isfinite(values).all() and (values == np.round(values)).all():
        values = values.astype(np.int64)
    return tuple(v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in values.tolist())


def _first(lists: Mapping[str, Texts], spellings: Sequence[str]) -> str | None:
    return next((name for wanted in spellings for name in lists if plain(name) == plain(wanted)), None)


def _distinct(texts: Texts) -> bool:
    return len(set(texts)) == len(texts)


def by_usual_id(found: StoredResponses) -> tuple[StoredResponses, Texts | None]:
    """Return responses with the presentations of each image gathered, and the images' ids.

    Ids are those called in one of the usual ways; a mere count names nothing. Images stand in the order in
    which they first appear; absent repeats are NaN.
    """
    name = next((name for name in found.id_names if not is_count(found.about[name])), None)
    if name is None:
        return found, None
    ids = tuple(dict.fromkeys(found.about[name]))
    place = {text: i for i, text in enumerate(ids)}
    return found.by_image(np.array([place[text] for text in found.about[name]], np.intp)), ids


def occurrences(image: Index) -> Index:
    """Return, for each presentation (of the image with this index), how often it was shown before."""
    import pandas as pd

    return np.asarray(pd.Series(image).groupby(image).cumcount(), np.intp)


def unfolded(values: NDArray[Any], image: Index, repeat: Index) -> NDArray[Any]:
    """Return responses as (units, images, repeats), NaN where an image has no such repeat.

    Args:
        values: (units, presentations).
        image: (presentations,) index of the image that was shown.
        repeat: (presentations,) index of the repeat.

    Raises:
        InputError: if an image is shown twice in one repeat.
    """
    shape = (int(image.max()) + 1, int(repeat.max()) + 1)
    cells, counts = np.unique(np.ravel_multi_index((image, repeat), shape), return_counts=True)
    if len(cells) < len(image):
        twice, again = np.unravel_index(int(cells[counts.argmax()]), shape)
        raise InputError(
            f"{len(image) - len(cells)} presentations show an image for a second time in one repeat, such as "
            f"image {twice} in repeat {again}; each repeat has to show an image once."
        )
    trials = np.full((len(values), *shape), np.nan, np.result_type(values, np.float32))
    trials[:, image, repeat] = values
    return trials
