"""Imported recordings and choices on disk: one folder each, whole or absent, verified when read."""

import datetime
import shutil
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from wiringup.core.areas import BEHAVIOR
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.home import writable
from wiringup.core.sealed import add_comment, expect_seal, read_sealed, sealed_path, write_sealed
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.formats.arrays import read_npz
from wiringup.data.measurements import Choices, Dissimilarities, Judgements, Recording, TwoChoice

FORMAT = 1
RECORDING, DISSIMILARITIES, CHOICES, JUDGEMENTS = "recording", "dissimilarities", "choices", "judgements"
COUNTS = "counts"

Storable = Recording | Dissimilarities | Choices | TwoChoice | Judgements
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


def save_set(data: Storable, home: Path, provenance: dict[str, Any]) -> Path:
    """Store a data set as ``home/imported/<name>``: arrays (no pickles) and a description.

    The folder appears only when it is complete. Saving the same content again changes nothing, unless what is
    said about it (names of units, what was assumed) is new.

    Args:
        data: what to store.
        home: the data folder.
        provenance: plain JSON values that say which files it was made of.

    Raises:
        InputError: if another set is stored under this name.
        WiringupError: if the disk is full.
    """
    folder = imported_folder(home, data.name)
    if folder.exists():
        _check_same(folder, data)
        if _beside(data) == _beside(load_set(home, data.name)):
            return folder
    writable(folder.parent)
    unfinished, earlier = (folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part") for _ in range(2))
    try:
        with sealed_path(unfinished / _ARRAYS) as path:
            with path.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **_arrays(data))
            add_comment(path)
        write_sealed(unfinished / _META, _description(data, provenance))
        if folder.exists():
            folder.rename(earlier)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(earlier, ignore_errors=True)
    return folder


def _beside(data: Storable) -> tuple[Any, ...]:
    """Return what a set says about itself that decides no score, and is therefore not in its hash."""
    if isinstance(data, Recording):
        return data.unit_ids, data.assumed
    return (data.assumed,) if isinstance(data, Dissimilarities) else ()


def load_set(home: Path, name: str) -> Storable:
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
    except (InputError, MissingDataError, KeyError) as error:
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


def _check_same(folder: Path, data: Storable) -> None:
    if _read_meta(folder).get("sha256") != data.sha256:
        raise InputError(
            f"Other data are already imported as {data.name!r}. Choose another name, or remove "
            f"{folder} first."
        )


def _arrays(data: Storable) -> Arrays:
    if isinstance(data, Recording):
        arrays = {"trials": data.trials, **_stack("", data.stimuli)}
        units = None if data.unit_ids is None else np.array(data.unit_ids)
        return arrays | _present({"groups": data.groups, "labels": data.labels, "unit_ids": units})
    if isinstance(data, Dissimilarities):
        return {"rdms": data.rdms, **_stack("", data.stimuli)}
    if isinstance(data, Choices):
        arrays = {"counts": data.counts}
    else:
        arrays = {"image": data.image, "choice": data.choice, **_present({"subject": data.subject})}
    if isinstance(data, TwoChoice):
        arrays |= {"sample": data.sample, "distractor": data.distractor}
    fit = {} if data.fit is None or data.fit is data.test else _labelled("fit", data.fit)
    return arrays | _labelled("test", data.test) | fit


def _present(arrays: dict[str, np.ndarray[Any, Any] | None]) -> Arrays:
    return {key: value for key, value in arrays.items() if value is not None}


def _stack(prefix: str, stimuli: Stimuli) -> Arrays:
    return {f"{prefix}pixels": stimuli.pixels, f"{prefix}ids": np.array(stimuli.ids)}


def _labelled(which: str, images: LabelledImages) -> Arrays:
    names = {f"{which}_labels": images.labels, f"{which}_classes": np.array(images.classes)}
    return _stack(f"{which}_", images.stimuli) | names


def _description(data: Storable, provenance: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "name": data.name,
        **_facts(data),
        "sha256": data.sha256,
        "source": data.source,
        "provenance": provenance,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _facts(data: Storable) -> dict[str, Any]:
    if isinstance(data, Recording):
        units, images, repeats = data.trials.shape
        facts = {"kind": RECORDING, "area": data.area, "units": units, "images": images, "repeats": repeats}
        return facts | {"assumed": list(data.assumed)}
    if isinstance(data, Dissimilarities):
        subjects, images = data.rdms.shape[:2]
        facts = {"kind": DISSIMILARITIES, "area": data.area, "subjects": subjects, "images": images}
        return facts | {"assumed": list(data.assumed)}
    kinds: dict[type, str] = {TwoChoice: CHOICES, Judgements: JUDGEMENTS, Choices: COUNTS}
    return {
        "kind": kinds[type(data)],
        "area": BEHAVIOR,
        "trials": int(data.counts.sum()) if isinstance(data, Choices) else len(data.image),
        "images": len(data.test),
        "classes": len(data.test.classes),
        "fit": "none" if data.fit is None else "same" if data.fit is data.test else len(data.fit),
    }


def _data_set(meta: dict[str, Any], arrays: Arrays) -> Storable:
    kind = meta.get("kind", RECORDING)  # sets imported by the first release do not say
    if kind == RECORDING:
        return _recording(meta, arrays)
    if kind == DISSIMILARITIES:
        return _dissimilarities(meta, arrays)
    test = _read_labelled("test", arrays)
    fit = test if meta["fit"] == "same" else _read_labelled("fit", arrays) if "fit_ids" in arrays else None
    name, source = meta["name"], meta["source"]
    if kind == COUNTS:
        return Choices(name, arrays["counts"], test, fit, source=source)
    image, choice = arrays["image"], arrays["choice"]
    if kind == JUDGEMENTS:
        return Judgements(name, image, arrays["subject"], choice, test, fit, source=source)
    if fit is None:
        raise InputError("there are no images to fit on")
    sample, distractor, subject = arrays["sample"], arrays["distractor"], arrays.get("subject")
    return TwoChoice(name, image, sample, distractor, choice, test, fit, subject, source=source)


def _read_labelled(which: str, arrays: Arrays) -> LabelledImages:
    stimuli = Stimuli(arrays[f"{which}_pixels"], tuple(arrays[f"{which}_ids"].tolist()))
    return LabelledImages(stimuli, arrays[f"{which}_labels"], tuple(arrays[f"{which}_classes"].tolist()))


def _recording(meta: dict[str, Any], arrays: Arrays) -> Recording:
    return Recording(
        name=meta["name"],
        area=meta["area"],
        trials=arrays["trials"],
        stimuli=Stimuli(arrays["pixels"], tuple(arrays["ids"].tolist())),
        groups=arrays.get("groups"),
        labels=arrays.get("labels"),
        source=meta["source"],
        unit_ids=tuple(arrays["unit_ids"].tolist()) if "unit_ids" in arrays else None,
        assumed=tuple(meta.get("assumed", ())),  # sets that were imported earlier do not say
    )


def _dissimilarities(meta: dict[str, Any], arrays: Arrays) -> Dissimilarities:
    return Dissimilarities(
        name=meta["name"],
        area=meta["area"],
        rdms=arrays["rdms"],
        stimuli=Stimuli(arrays["pixels"], tuple(arrays["ids"].tolist())),
        source=meta["source"],
        assumed=tuple(meta["assumed"]),
    )
