"""What all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with ``data/``, ``reference/`` and ``peer/``; tests that need it skip without it."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("WIRINGUP_TEST_DATA", beside))
    if not (folder / "data").is_dir():
        pytest.skip(f"needs the reference data; no folder {folder} (set WIRINGUP_TEST_DATA)")
    return folder
