"""Brain-Score's public recordings and behaviour, read from the files that `addresses` names."""

from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from wiringup.core.checks import one_of
from wiringup.core.errors import InputError
from wiringup.core.stimuli import LabelledImages, Stimuli, on_screen
from wiringup.data.measurements import Recording, TwoChoice
from wiringup.data.recordings.responses import Index, occurrences, unfolded
from wiringup.data.sources.addresses import Source, find_source
from wiringup.data.sources.brainscore.brainio import (
    Presentations,
    StimulusSet,
    Window,
    open_stimulus_set,
    read_choices,
    read_responses,
)

FIELD_OF_VIEW = 8.0
"""What a model sees, in degrees, unless it is said otherwise: the peer's convention."""


@dataclass(frozen=True)
class Protocol:
    """How a data set was recorded and is scored.

    Attributes:
        regions: the areas that were recorded.
        degrees: width of the images.
        window: responses are averaged over it.
        label: property of the images by which splits are stratified.
    """

    regions: tuple[str, ...]
    degrees: float
    window: Window
    label: str


PROTOCOLS = {
    "majajhong2015": Protocol(("V4", "IT"), 8.0, (70, 170), "object_name"),
    "freemanziemba2013": Protocol(("V1", "V2"), 4.0, (50, 200), "texture_type"),
}
"""The neural data sets of Brain-Score, by the name of their source."""

OBJECTOME_DEGREES = 8.0


def recording(home: Path, name: str, area: str, field_of_view: float = FIELD_OF_VIEW) -> Recording:
    """Read one area of a neural data set of Brain-Score.

    Images stand in the order of their stimulus ids, in which the peer keeps averages over repetitions; its
    splits depend on it. A repeat is one ``repetition`` label; labels that an image lacks are NaN.

    Args:
        home: the data folder.
        name: a key of `PROTOCOLS`.
        area: one of its regions.
        field_of_view: of the model, in degrees; images are placed on its screen at their true size.

    Raises:
        MissingDataError, InputError: if files are missing or do not fit each other.
    """
    source, how = find_source(name), PROTOCOLS[one_of(name, PROTOCOLS, "data set of Brain-Score")]
    files = _files(home, source)
    presentations = read_responses(files[".nc"], one_of(area, how.regions, f"area of {name}"), how.window)
    stimuli = open_stimulus_set(files[".csv"], files[".zip"])
    rows, image = joined(presentations, stimuli)
    return Recording(
        name=f"{name}.public.{area}",
        area=area,
        trials=trials_of(presentations, image),
        stimuli=_placed(stimuli, rows, how.degrees, field_of_view),
        labels=labels_of(how.label, presentations, stimuli, rows),
        source=source.line,
    )


def rajalingham(home: Path) -> TwoChoice:
    """Read Rajalingham et al. (2018), public part: people's choices between two of 24 objects.

    The images that were judged are also those on which the peer fits a model's decoder.

    Raises:
        MissingDataError, InputError: if files are missing or do not fit each other.
    """
    source = find_source("rajalingham2018")
    files = _files(home, source)
    presentations = read_choices(files[".nc"])
    stimuli = open_stimulus_set(files[".csv"], files[".zip"])
    rows, image = joined(presentations, stimuli)
    classes, sample = np.unique(presentations.coordinate("sample_obj"), return_inverse=True)
    _, first = np.unique(image, return_index=True)
    shown = _placed(stimuli, rows, OBJECTOME_DEGREES, FIELD_OF_VIEW)
    images = LabelledImages(shown, sample[first].astype(np.int64), tuple(classes.tolist()))
    choices = presentations.coordinates.get("choice", presentations.values)
    return TwoChoice(
        name="rajalingham2018.public",
        image=image.astype(np.int64),
        sample=sample.astype(np.int64),
        distractor=_class_of(presentations.coordinate("dist_obj"), classes, presentations.path),
        choice=_class_of(choices, classes, presentations.path),
        test=images,
        fit=images,
        subject=_who(presentations),
        source=source.line,
    )


def _class_of(names: NDArray[np.str_], classes: NDArray[np.str_], path: Path) -> NDArray[np.int64]:
    index = np.minimum(np.searchsorted(classes, names), len(classes) - 1)
    unknown = names[classes[index] != names]
    if len(unknown):
        raise InputError(
            f"{path} has {len(unknown)} choices or distractors that are the object of no image, such as "
            f"{str(unknown[0])!r}; objects are {', '.join(classes.tolist())}."
        )
    return index.astype(np.int64)


def _who(presentations: Presentations) -> NDArray[np.int64] | None:
    workers = presentations.coordinates.get("WorkerID")
    return None if workers is None else np.unique(workers, return_inverse=True)[1].astype(np.int64)


def joined(presentations: Presentations, stimuli: StimulusSet) -> tuple[Index, Index]:
    """Find the image of each presentation in the stimulus set.

    Returns:
        The rows of the set that were shown, sorted by stimulus id, and for each presentation an index into
        them.

    Raises:
        InputError: if an image was shown that the set does not list.
    """
    ids, image = np.unique(presentations.ids, return_inverse=True)
    row_of = {name: row for row, name in enumerate(stimuli.ids)}
    unknown = [name for name in ids.tolist() if name not in row_of]
    if unknown:
        raise InputError(
            f"{presentations.path} shows {len(unknown)} stimuli that {stimuli.table.path.name} lacks, such "
            f"as {unknown[0]!r}: the two do not belong together."
        )
    return np.array([row_of[name] for name in ids.tolist()], np.intp), image.astype(np.intp)


def trials_of(presentations: Presentations, image: Index) -> NDArray[np.float32]:
    """Return responses as (units, images, repeats).

    A repeat is one label of the coordinate ``repetition``, in sorted order, NaN for images that lack it;
    without the coordinate, presentations of an image are counted.

    Raises:
        InputError: if an image has one label twice.
    """
    labels = presentations.coordinates.get("repetition")
    repeat = occurrences(image) if labels is None else np.unique(labels, return_inverse=True)[1]
    return unfolded(presentations.values, image, repeat.astype(np.intp))


def labels_of(name: str, presentations: Presentations, stimuli: StimulusSet, rows: Index) -> NDArray[np.str_]:
    """Return a property of the images in ``rows``: a column of the CSV, or else of the presentations.

    Raises:
        InputError: if neither has it.
    """
    if name in stimuli.table.columns:
        return stimuli.table.column(name)[rows]
    _, first = np.unique(presentations.ids, return_index=True)
    return presentations.coordinate(name)[first].astype(np.str_)


def _files(home: Path, source: Source) -> dict[str, Path]:
    """Return the CSV, the zip and the netCDF file of a source, by their suffix."""
    return {Path(file.name).suffix: home / source.name / file.name for file in source.files}


_IN_MEMORY: WeakValueDictionary[tuple[object, ...], Stimuli] = WeakValueDictionary()
"""Images that somebody holds: two areas recorded with the same images share them."""


def _placed(stimuli: StimulusSet, rows: Index, degrees: float, field_of_view: float) -> Stimuli:
    files = tuple((path, path.stat().st_mtime_ns) for path in (stimuli.table.path, stimuli.archive))
    key = (files, rows.tobytes(), degrees, field_of_view)
    found = _IN_MEMORY.get(key)
    if found is None:
        found = _IN_MEMORY[key] = on_screen(stimuli.images(rows), degrees, field_of_view)
    return found
