"""Responses as they are stored: float32, NaN where missing, the units of one area; with cautions."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wiringup.core.cautions import caution
from wiringup.core.checks import listed
from wiringup.core.errors import InputError
from wiringup.data.recordings.responses import StoredResponses

_FAR = 3  # times the span of all other values: a code such as 255 or 9999 among counts


def in_area(found: StoredResponses, area: str) -> StoredResponses:
    """Return the units of ``area``, where the file says where each lies.

    Raises:
        InputError: if no unit lies there.
    """
    if found.regions is None or not any(map(str.strip, found.regions)):
        return found
    here = np.array([_area_of(region) == area for region in found.regions])
    others = sorted(set(np.array(found.regions)[~here].tolist()))
    if not here.any():
        raise InputError(
            f"The file of responses says that its units lie in {listed(others)}, not in {area}. Say another "
            f"--area; or, if {area} is meant, call it so in the file, or leave its list of regions out."
        )
    if others:
        caution(f"{(~here).sum()} units of {listed(others)} were left out; {here.sum()} of {area} were kept.")
    return found.of_units(here) if others else found


def _area_of(region: str) -> str:
    """Return which area a region is part of, or the region; posterior, central and anterior IT are IT."""
    name = region.strip().upper()
    return "IT" if name in ("PIT", "CIT", "AIT") else name


def axes_assumed(found: StoredResponses, n_images: int) -> bool:
    """Return whether responses, which stand as units x images x repeats, could have other axes, and warn."""
    units, images, repeats = found.values.shape
    if found.settled:
        return False
    right, swapped, shape = "units,images", "images,units", f"{units} x {images}"
    if repeats > 1:
        right, swapped, shape = f"{right},repeats", f"{swapped},repeats", f"{shape} x {repeats}"
    if n_images == units:
        why, wrong = "as many units as images", swapped
    elif n_images == repeats:
        why, wrong = "as many repeats as images", "units,repeats,images"
    elif repeats > units:
        why, wrong = "more repeats than units", "repeats,images,units"
    else:
        return False
    caution(
        f"There are {why} ({shape}), and nothing in the file says which axis is which: {right} was assumed "
        f"and cannot be checked. If it is wrong, say for example --axes {wrong}; --axes {right} confirms it."
    )
    return True


def looks_swapped(found: StoredResponses, n_images: int) -> str:
    """Return a hint on which axis has as many entries as there are images, or an empty string."""
    if found.settled:
        return ""
    units, _, repeats = found.values.shape
    if units == n_images:
        return " This looks like images x units; pass units x images, or say --axes images,units."
    if repeats == n_images:
        return (
            " This looks like units x repeats x images; pass units x images x repeats, or say "
            "--axes units,repeats,images."
        )
    return ""


def cleaned(found: StoredResponses, missing: float | None) -> StoredResponses:
    """Return float32 trials with NaN where missing, without units that have no trial.

    Raises:
        InputError: if the code ``missing`` never occurs, a value does not fit, or nothing is left.
    """
    wide = found.values.astype(np.float64)
    if missing is not None:
        wide[_coded(found.values, missing)] = np.nan
    _check_finite(wide)
    silent = np.asarray(np.isnan(wide).all(axis=(1, 2)))
    if silent.all():
        raise InputError("Every response is missing; nothing is left to import.")
    _warn_of_codes(wide)
    kept = found.of_units(~silent) if silent.any() else found
    if silent.any():
        rows = listed(list(map(str, np.flatnonzero(silent))), 10)
        caution(f"{silent.sum()} units have no response at all and were left out (rows {rows}).")
    trials = wide[~silent].astype(np.float32)
    unseen = int(np.isnan(trials).all(axis=(0, 2)).sum())
    if unseen:
        caution(f"{unseen} images have no response of any unit; they are kept, but cannot be scored.")
    still = np.asarray(np.nanmax(trials, (1, 2)) == np.nanmin(trials, (1, 2)))
    if still.any():
        rows = listed(list(map(str, np.flatnonzero(~silent)[still])), 10)
        caution(f"{still.sum()} units respond to all images alike; they have no score (rows {rows}).")
    return replace(kept, values=trials)


def _warn_of_codes(wide: NDArray[np.float64]) -> None:
    """Warn of values that may be codes for missing trials.

    These are one or two negative values that recur where all others are positive, and a highest value that
    recurs far above all others.
    """
    negative, times = np.unique(wide[wide < 0], return_counts=True)
    found = [(value, "no other is negative") for value in negative]
    if len(negative) > 2 or times.min(initial=2) < 2:
        found = []
    top = np.nanmax(wide)
    others = wide[(wide < top) & (wide >= 0)]
    if len(others) and (wide == top).sum() > 1 and top - others.max() > _FAR * np.ptp(others) > 0:
        found.append((top, "no other is near"))
    for value, why in found:
        code = np.format_float_positional(np.float32(value), trim="-")
        caution(
            f"{(wide == value).sum()} responses are {code}, and {why}: if it stands for missing trials, "
            f"say --missing {code}."
        )


def _coded(values: NDArray[np.generic], missing: float) -> NDArray[np.bool_]:
    """Return where the code for missing trials stands: compared in the type in which the values are stored.

    What was stored as float32 and widened later holds the code as float32 rounds it.
    """
    if np.isnan(missing):
        coded = np.isnan(values.astype(np.float64))
    elif values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            rounded = [float(kind(missing)) for kind in (np.float64, np.float32, values.dtype.type)]
        coded = np.isin(values, [code for code in rounded if np.isfinite(code) or np.isinf(missing)])
    else:
        coded = values == (int(missing) if float(missing).is_integer() else missing)
    if not coded.any():
        there = values[~np.isnan(values.astype(np.float64))]
        lie = f", which lie between {there.min():g} and {there.max():g}" if len(there) else ""
        raise InputError(
            f"The code {missing:g} for missing trials does not occur in the responses{lie}. Correct "
            "--missing, or leave it out."
        )
    return np.asarray(coded)


def _check_finite(wide: NDArray[np.float64]) -> None:
    bad = np.abs(wide) > np.finfo(np.float32).max
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"{bad.sum()} responses are infinite or beyond the range of float32, the first at (unit, image, "
            f"repeat) {first}. Mark missing trials with NaN or with a code, and rescale huge values."
        )
