"""Every data set by its name: the published ones, and those that the user imported."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wiringup.core.checks import one_of
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.home import data_home
from wiringup.core.stimuli import LabelledImages
from wiringup.data.images.source import read_labelled
from wiringup.data.measurements import DataSet
from wiringup.data.sources import imported, published
from wiringup.data.sources.brainscore import reading as brainscore
from wiringup.data.sources.fetch import check_whole, fetch_command, files_of
from wiringup.data.sources.imported import CHOICES, DISSIMILARITIES, RECORDING

IMAGES = "images"


@dataclass(frozen=True)
class Published:
    """A published data set: what it is, which sources it needs and how it is read.

    Attributes:
        area: the area recorded, ``behavior`` for choices, empty for labelled images.
        kind: recording, dissimilarities, choices or images.
        sources: names as `fetch` takes them.
        read: reads it from the data folder; None for labelled images, which are read from ``images``.
        images: file of labelled images below the data folder.
    """

    area: str
    kind: str
    sources: tuple[str, ...]
    read: Callable[[Path], DataSet] | None = None
    images: str = ""


@dataclass(frozen=True)
class Known:
    """One line of the list of data sets: present or not, and why not."""

    name: str
    area: str
    kind: str
    present: bool
    why: str = ""


def _cichy(area: str, background: str) -> Published:
    read = partial(published.cichy, area=area, background=background)
    return Published(published.CICHY_AREAS[area], DISSIMILARITIES, ("cichy2016",), read)


def _cowley(session: str) -> Published:
    read = partial(published.cowley, session=session)
    return Published("V4", RECORDING, (f"cowley2023.{session}",), read)


def _brain_score(name: str, area: str) -> Published:
    read = partial(brainscore.recording, name=name, area=area)
    return Published(area, RECORDING, (f"{name}.public",), read)


PUBLISHED = {
    "cowley2023.210325": _cowley("210325"),
    "cowley2023.190923": _cowley("190923"),
    "henaff2021": Published("V1", RECORDING, ("henaff2021",), published.henaff),
    "cichy2016.IT": _cichy("IT", "gray"),
    "cichy2016.EVC": _cichy("EVC", "gray"),
    "cichy2016.white.IT": _cichy("IT", "white"),
    "cichy2016.white.EVC": _cichy("EVC", "white"),
    "cifar10h": Published("behavior", CHOICES, ("cifar10h", "cifar10"), published.cifar10h),
    "majajhong2015.public.V4": _brain_score("majajhong2015", "V4"),
    "majajhong2015.public.IT": _brain_score("majajhong2015", "IT"),
    "freemanziemba2013.public.V1": _brain_score("freemanziemba2013", "V1"),
    "freemanziemba2013.public.V2": _brain_score("freemanziemba2013", "V2"),
    "rajalingham2018.public": Published(
        "behavior", CHOICES, ("rajalingham2018.public",), brainscore.rajalingham
    ),
    "cifar10.train": Published("", IMAGES, ("cifar10",), images="cifar10/train.zip"),
    "tinyimagenet40.train": Published("", IMAGES, ("tinyimagenet40",), images="tinyimagenet40/train.zip"),
    "tinyimagenet40.val": Published("", IMAGES, ("tinyimagenet40",), images="tinyimagenet40/val.zip"),
}
"""The published data sets by name."""


def load(name: str, home: Path | None = None) -> DataSet:
    """Load a recording, dissimilarities or choices by name.

    Args:
        name: a published set (a key of `PUBLISHED`) or an imported one.
        home: the data folder; by default `data_home`.

    Raises:
        InputError: if the name is unknown, is that of labelled images, or its files are damaged.
        MissingDataError: if the set is known but absent, with the command that brings it.
    """
    home = data_home(home)
    names = imported.imported_names(home)
    if one_of(name, [*PUBLISHED, *names], "data set") in names:
        return imported.load_set(home, name)
    entry = PUBLISHED[name]
    if entry.read is None:
        raise InputError(f"{name} is a set of labelled images, not of responses; use load_images.")
    _check_files(name, home)
    return entry.read(home)


def load_images(name: str, home: Path | None = None, size: int | None = None) -> LabelledImages:
    """Load labelled images by name (such as ``tinyimagenet40.val``), at ``size`` pixels if given.

    Raises:
        InputError: if no set of labelled images has this name, or its file is damaged.
        MissingDataError: if it is known but absent, with the command that brings it.
    """
    home = data_home(home)
    names = [key for key, entry in PUBLISHED.items() if entry.kind == IMAGES]
    _check_files(one_of(name, names, "set of labelled images"), home)
    return read_labelled(home / PUBLISHED[name].images, size)


def known(home: Path | None = None) -> list[Known]:
    """Return every published and imported data set, and for each whether it is present or why not."""
    home = data_home(home)
    of_others = (
        Known(name, entry.area, entry.kind, not (why := _absent(entry, home)), why)
        for name, entry in PUBLISHED.items()
    )
    return [*of_others, *(_known_imported(name, home) for name in imported.imported_names(home))]


def _known_imported(name: str, home: Path) -> Known:
    try:
        meta = imported.describe(home, name)
        return Known(name, meta["area"], meta.get("kind", RECORDING), present=True)
    except InputError as error:
        return Known(name, "", RECORDING, present=False, why=str(error))


def _check_files(name: str, home: Path) -> None:
    why = _absent(PUBLISHED[name], home)
    if why:
        raise MissingDataError(f"The data set {name} is not there: {why}")
    for source in PUBLISHED[name].sources:
        check_whole(source, home)


def _absent(entry: Published, home: Path) -> str:
    """Return what is missing and the commands that bring it; empty if nothing is."""
    problems, commands = [], []
    for name in entry.sources:
        source, files = files_of(name)
        for file in files:
            path = home / source.name / file.name
            if not path.is_file():
                problems.append(f"no {source.name}/{file.name}")
            elif file.size not in (None, path.stat().st_size):
                problems.append(
                    f"{source.name}/{file.name} has {path.stat().st_size} bytes instead of {file.size}"
                )
            else:
                continue
            commands.append(fetch_command(source))
    run = ", then ".join(dict.fromkeys(commands))
    return f"{', '.join(problems)} in {home}. Run: {run}" if problems else ""
