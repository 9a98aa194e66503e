"""What tests of commands share."""

import pytest

from made_images import class_folders, noise, write_folder
from tests_world import write_toy_benchmark


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Images of two classes to learn from, beside a data folder that holds the benchmark ``toy``."""
    monkeypatch.setenv("WIRINGUP_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    write_toy_benchmark(tmp_path / "data")
    return str(write_folder(tmp_path / "images", class_folders(noise(30))))
