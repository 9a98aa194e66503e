"""Where data, caches and results live unless a command says otherwise."""

import os
from pathlib import Path

import platformdirs


def data_home() -> Path:
    """Return the folder of fetched and imported data: ``$WIRINGUP_DATA`` or the user data folder."""
    named = os.environ.get("WIRINGUP_DATA")
    return Path(named).expanduser() if named else user_home()


def user_home() -> Path:
    """Return the platform's user data folder for wiringup."""
    return Path(platformdirs.user_data_dir("wiringup"))
