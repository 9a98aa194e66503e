"""What all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with ``data/``, ``reference/`` and ``peer/``; tests that need it skip without it."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("WIRINGUP_TEST_DATA", beside))
    if not (folder / "data").is_dir():
        pytest.skip(f"needs the reference data; no folder {folder} (set WIRINGUP_TEST_DATA)")
    return folder


@pytest.fixture(autouse=True)
def kept_apart(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept between runs never reaches the user's own cache."""
    monkeypatch.setenv("WIRINGUP_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One torch thread while a test runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
