"""Imported recordings and choices on disk: one folder each, whole or absent, verified when read."""

import datetime
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from wiringup.core.areas import BEHAVIOR
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.files import PART, locked, sweep
from wiringup.core.home import writable
from wiringup.core.sealed import add_comment, expect_seal, read_sealed, sealed_path, write_sealed
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.formats.arrays import read_npz
from wiringup.data.measurements import Choices, DataSet, Dissimilarities, Judgements, Recording, TwoChoice

FORMAT = 1
RECORDING, DISSIMILARITIES, CHOICES, JUDGEMENTS = "recording", "dissimilarities", "choices", "judgements"
COUNTS = "counts"

_KINDS: dict[str, type[DataSet]] = {
    RECORDING: Recording,
    DISSIMILARITIES: Dissimilarities,
    CHOICES: TwoChoice,
    JUDGEMENTS: Judgements,
    COUNTS: Choices,
}
Arrays = dict[str, np.ndarray[Any, Any]]
_ARRAYS = "arrays.npz"
_META = "meta.json"
ADVICE = "Restore it from a copy, or remove the folder and import the set again."


def imported_folder(home: Path, name: str) -> Path:
    """Return the folder of the imported set ``name``."""
    return home / "imported" / name


def imported_names(home: Path) -> list[str]:
    """Return the names of all imported sets, sorted."""
    return sorted(meta.parent.name for meta in (home / "imported").glob(f"[!.]*/{_META}"))


def save_set(data: DataSet, home: Path, provenance: dict[str, Any]) -> Path:
    """Store a data set as ``home/imported/<name>``: arrays (no pickles) and a description.

    The folder appears only when it is complete. Saving the same content again changes nothing, unless what is
    said about it (names of units, what was assumed) is new.

    Args:
        data: what to store.
        home: the data folder.
        provenance: plain JSON values that say which files it was made of.

    Raises:
        InputError: if another set is stored under this name.
        BusyError: if another process is storing a set of this name.
        WiringupError: if the disk is full.
    """
    folder = imported_folder(home, data.name)
    if folder.exists():
        _check_same(folder, data)
        if _beside(data) == _beside(load_set(home, data.name)):
            return folder
    busy = f"Another process is importing {data.name!r}. When it is done, run the same command again."
    with locked(writable(folder.parent) / f".{folder.name}.lock", busy):
        if folder.exists():
            _check_same(folder, data)
            _write(folder, data, provenance)
        else:
            _make(folder, data, provenance)
    return folder


def _make(folder: Path, data: DataSet, provenance: dict[str, Any]) -> None:
    unfinished = folder.with_name(f".{folder.name}{PART}")
    try:
        _write(unfinished, data, provenance)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write(folder: Path, data: DataSet, provenance: dict[str, Any]) -> None:
    """Write both files, each whole or not at all; a new and an old one of the same content are a set too."""
    sweep(folder, _META, _ARRAYS)
    write_sealed(folder / _META, _description(data, provenance))
    with sealed_path(folder / _ARRAYS) as path:  # last: the names of units in them tell that all is written
        with path.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **_arrays(data))
        add_comment(path)


def _beside(data: DataSet) -> tuple[Any, ...]:
    """Return what a set says about itself that decides no score, and is therefore not in its hash."""
    if isinstance(data, Recording):
        return data.unit_ids, data.assumed
    return (data.assumed,) if isinstance(data, Dissimilarities) else ()


def load_set(home: Path, name: str) -> DataSet:
    """Read an imported set back and verify its hash.

    Raises:
        MissingDataError: if there is no such set.
        InputError: if its files were changed or damaged.
    """
    folder = imported_folder(home, name)
    if not folder.is_dir():
        raise MissingDataError(f"No imported set {name!r} in {folder.parent}.")
    meta = _read_meta(folder)
    expect_seal(folder / _ARRAYS, ADVICE)
    try:
        data = _data_set(meta, read_npz(folder / _ARRAYS))
        intact = data.sha256 == meta["sha256"]
    except (InputError, MissingDataError, KeyError, TypeError) as error:
        raise _damaged(folder, f"({error})") from error
    if not intact:
        raise _damaged(folder, "(its content does not match its hash)")
    return data


def describe(home: Path, name: str) -> dict[str, Any]:
    """Return the description stored with an imported set: area, shape, hash, provenance, date."""
    return _read_meta(imported_folder(home, name))


def _read_meta(folder: Path) -> dict[str, Any]:
    meta = read_sealed(folder / _META, ADVICE)
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise _damaged(folder, f"(its format is not {FORMAT})")
    return meta


def _damaged(folder: Path, why: str) -> InputError:
    return InputError(
        f"The imported set in {folder} is damaged {why}. Remove the folder and import it again."
    )


def _check_same(folder: Path, data: DataSet) -> None:
    if _read_meta(folder).get("sha256") != data.sha256:
        raise InputError(
            f"Other data are already imported as {data.name!r}. Choose another name, or remove "
            f"{folder} first."
        )


def _arrays(data: DataSet) -> Arrays:
    """Return the arrays of a data set by the names of its fields; images as ``pixels`` and ``ids``."""
    arrays: Arrays = {}
    for field in fields(data):
        value = getattr(data, field.name)
        match value:
            case np.ndarray():
                arrays[field.name] = value
            case Stimuli():
                arrays |= _stack("", value)
            case LabelledImages() if field.name != "fit" or value is not getattr(data, "test", None):
                arrays |= _stack(f"{field.name}_", value.stimuli)
                arrays[f"{field.name}_labels"] = value.labels
                arrays[f"{field.name}_classes"] = np.array(value.classes)
            case tuple() if field.name != "assumed":  # which stands in the description
                arrays[field.name] = np.array(value)
    return arrays


def _stack(prefix: str, stimuli: Stimuli) -> Arrays:
    return {f"{prefix}pixels": stimuli.pixels, f"{prefix}ids": np.array(stimuli.ids)}


def _description(data: DataSet, provenance: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "name": data.name,
        **_facts(data),
        "sha256": data.sha256,
        "source": data.source,
        "provenance": provenance,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _facts(data: DataSet) -> dict[str, Any]:
    kind = next(kind for kind, made in _KINDS.items() if isinstance(data, made))
    if isinstance(data, Recording | Dissimilarities):
        shape = data.trials.shape if isinstance(data, Recording) else data.rdms.shape[:2]
        counted = ("units", "images", "repeats") if isinstance(data, Recording) else ("subjects", "images")
        facts = {"kind": kind, "area": data.area, "assumed": list(data.assumed)}
        return facts | dict(zip(counted, shape, strict=True))
    return {
        "kind": kind,
        "area": BEHAVIOR,
        "trials": int(data.counts.sum()) if isinstance(data, Choices) else len(data.image),
        "images": len(data.test),
        "classes": len(data.test.classes),
        "fit": "none" if data.fit is None else "same" if data.fit is data.test else len(data.fit),
    }


def _data_set(meta: dict[str, Any], arrays: Arrays) -> DataSet:
    made = _KINDS[meta.get("kind", RECORDING)]  # sets imported by the first release do not say
    values: dict[str, Any] = {"name": meta["name"], "source": meta["source"]}
    values |= {field.name: arrays[field.name] for field in fields(made) if field.name in arrays}
    if made in (Recording, Dissimilarities):
        assumed = tuple(meta.get("assumed", ()))  # sets that were imported earlier do not say
        values |= {"area": meta["area"], "stimuli": _stimuli("", arrays), "assumed": assumed}
        if "unit_ids" in values:
            values["unit_ids"] = tuple(values["unit_ids"].tolist())
    else:
        test = _labelled("test", arrays)
        fit = test if meta["fit"] == "same" else _labelled("fit", arrays) if "fit_ids" in arrays else None
        if made is TwoChoice and fit is None:
            raise InputError("there are no images to fit on")
        values |= {"test": test, "fit": fit}
    return made(**values)


def _labelled(which: str, arrays: Arrays) -> LabelledImages:
    classes = tuple(arrays[f"{which}_classes"].tolist())
    return LabelledImages(_stimuli(f"{which}_", arrays), arrays[f"{which}_labels"], classes)


def _stimuli(prefix: str, arrays: Arrays) -> Stimuli:
    return Stimuli(arrays[f"{prefix}pixels"], tuple(arrays[f"{prefix}ids"].tolist()))
