"""Imported recordings on disk: one folder each, whole or absent, verified when read."""

import datetime
import shutil
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.files import atomic_path, read_json, write_json
from wiringup.core.home import writable
from wiringup.core.stimuli import Stimuli
from wiringup.data.arrays import read_npz
from wiringup.data.recordings import Recording

FORMAT = 1
_ARRAYS = "arrays.npz"
_META = "meta.json"


def imported_folder(home: Path, name: str) -> Path:
    """Return the folder of the imported set ``name``."""
    return home / "imported" / name


def imported_names(home: Path) -> list[str]:
    """Return the names of all imported sets, sorted."""
    return sorted(meta.parent.name for meta in (home / "imported").glob(f"[!.]*/{_META}"))


def save_recording(recording: Recording, home: Path, provenance: dict[str, Any]) -> Path:
    """Store a recording as ``home/imported/<name>``: arrays (no pickles) and a description.

    The folder appears only when it is complete. Saving the same content again changes nothing.

    Args:
        recording: what to store.
        home: the data folder.
        provenance: plain JSON values that say which files it was made of.

    Raises:
        InputError: if another recording is stored under this name.
        WiringupError: if the disk is full.
    """
    folder = imported_folder(home, recording.name)
    if folder.exists():
        _check_same(folder, recording)
        return folder
    writable(folder.parent)
    unfinished = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part")
    try:
        with atomic_path(unfinished / _ARRAYS) as path, path.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **_arrays(recording))
        write_json(unfinished / _META, _description(recording, provenance))
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def load_recording(home: Path, name: str) -> Recording:
    """Read an imported recording back and verify its hash.

    Raises:
        MissingDataError: if there is no such set.
        InputError: if its files were changed or damaged.
    """
    folder = imported_folder(home, name)
    if not folder.is_dir():
        raise MissingDataError(f"No imported recordings {name!r} in {folder.parent}.")
    meta = _read_meta(folder)
    try:
        recording = _recording(meta, read_npz(folder / _ARRAYS))
        intact = recording.sha256 == meta["sha256"]
    except (InputError, MissingDataError, KeyError) as error:
        raise _damaged(folder, f"({error})") from error
    if not intact:
        raise _damaged(folder, "(its content does not match its hash)")
    return recording


def describe(home: Path, name: str) -> dict[str, Any]:
    """Return the description stored with an imported set: area, shape, hash, provenance, date."""
    return _read_meta(imported_folder(home, name))


def _read_meta(folder: Path) -> dict[str, Any]:
    meta = read_json(folder / _META)
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise _damaged(folder, f"(its format is not {FORMAT})")
    return meta


def _damaged(folder: Path, why: str) -> InputError:
    return InputError(
        f"The imported set in {folder} is damaged {why}. Remove the folder and import it again."
    )


def _check_same(folder: Path, recording: Recording) -> None:
    if _read_meta(folder).get("sha256") != recording.sha256:
        raise InputError(
            f"Other recordings are already imported as {recording.name!r}. Choose another name, or remove "
            f"{folder} first."
        )


def _arrays(recording: Recording) -> dict[str, np.ndarray[Any, Any]]:
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "trials": recording.trials,
        "pixels": recording.stimuli.pixels,
        "ids": np.array(recording.stimuli.ids),
    }
    optional = {"groups": recording.groups, "labels": recording.labels}
    return arrays | {key: value for key, value in optional.items() if value is not None}


def _description(recording: Recording, provenance: dict[str, Any]) -> dict[str, Any]:
    units, images, repeats = recording.trials.shape
    return {
        "format": FORMAT,
        "name": recording.name,
        "area": recording.area,
        "units": units,
        "images": images,
        "repeats": repeats,
        "sha256": recording.sha256,
        "source": recording.source,
        "provenance": provenance,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _recording(meta: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]) -> Recording:
    return Recording(
        name=meta["name"],
        area=meta["area"],
        trials=arrays["trials"],
        stimuli=Stimuli(arrays["pixels"], tuple(arrays["ids"].tolist())),
        groups=arrays.get("groups"),
        labels=arrays.get("labels"),
        source=meta["source"],
    )
