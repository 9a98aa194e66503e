"""Where data, caches and results live unless a command says otherwise."""

import os
from pathlib import Path

import platformdirs

from wiringup.core.errors import WiringupError


def data_home(home: Path | None = None) -> Path:
    """Return the folder of fetched and imported data.

    Args:
        home: the folder; by default ``$WIRINGUP_DATA`` or the user data folder.
    """
    if home is not None:
        return home
    named = os.environ.get("WIRINGUP_DATA")
    return Path(named).expanduser() if named else user_home()


def user_home() -> Path:
    """Return the platform's user data folder for wiringup."""
    return Path(platformdirs.user_data_dir("wiringup"))


def cache_home() -> Path:
    """Return the folder of what can be computed again: ``$WIRINGUP_CACHE`` or the user cache folder."""
    named = os.environ.get("WIRINGUP_CACHE")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("wiringup"))


def writable(folder: Path, variable: str = "WIRINGUP_DATA") -> Path:
    """Return ``folder``, made if it was not there; ``variable`` is what moves it elsewhere.

    Raises:
        WiringupError: if it cannot be made or written to, with what to do.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
        reason = "Permission denied"
    except OSError as error:
        reason = error.strerror or str(error)
    raise WiringupError(
        f"Cannot write to {folder} ({reason}). Set {variable} to a folder that you may write."
    )
