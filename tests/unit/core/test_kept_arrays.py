"""Arrays are made once, and what is kept is never mistaken for something else."""

import logging
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from wiringup.core.kept_arrays import ArrayCache

ARRAY = np.arange(600, dtype=np.uint8).reshape(3, 200)


def never() -> np.ndarray:
    raise AssertionError("made again")


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    found = ArrayCache(tmp_path / "arrays")
    assert np.array_equal(found.load("a" * 64, lambda: ARRAY), ARRAY)
    return found


def entry(cache: ArrayCache) -> Path:
    (path,) = cache.folder.glob("*.npy")
    return path


def test_what_is_kept_is_not_made_again(cache: ArrayCache) -> None:
    again = cache.load("a" * 64, never)
    assert again.dtype == np.uint8
    assert np.array_equal(again, ARRAY)


def test_under_another_key_is_another_array(cache: ArrayCache) -> None:
    assert np.array_equal(cache.load("b" * 64, lambda: ARRAY + 1), ARRAY + 1)
    assert np.array_equal(cache.load("a" * 64, never), ARRAY)


def test_a_damaged_file_is_made_anew(cache: ArrayCache, caplog: pytest.LogCaptureFixture) -> None:
    entry(cache).write_bytes(entry(cache).read_bytes()[:-1] + b"\0")
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(cache.load("a" * 64, lambda: ARRAY), ARRAY)
    assert "damaged" in caplog.text
    assert np.array_equal(cache.load("a" * 64, never), ARRAY)


def test_what_cannot_be_kept_is_made_all_the_same(tmp_path: Path) -> None:
    small, barred = ArrayCache(tmp_path / "small", limit=1e-7), ArrayCache(tmp_path / "file" / "arrays")
    (tmp_path / "file").write_text("no folder")
    for cache in (small, barred):
        assert np.array_equal(cache.load("a" * 64, lambda: ARRAY), ARRAY)
        assert not cache.folder.exists()


def test_what_cannot_be_read_or_removed_is_made_all_the_same(
    cache: ArrayCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = entry(cache)
    path.unlink()
    path.mkdir()  # as unreadable for root as for anybody
    assert np.array_equal(cache.load("a" * 64, lambda: ARRAY + 1), ARRAY + 1)

    def refused(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    other = cache.folder / ("b" * 64 + f".{'0' * 64}.npy")
    other.write_bytes(b"damaged")
    monkeypatch.setattr(Path, "unlink", refused)
    assert np.array_equal(cache.load("b" * 64, lambda: ARRAY), ARRAY)


def test_a_lock_that_nobody_gives_back_is_not_waited_for(
    cache: ArrayCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = ArrayCache.locked
    monkeypatch.setattr(ArrayCache, "locked", lambda self, patience: waits(self, min(patience, 0.05)))
    with FileLock(cache.folder / ".lock"):
        assert np.array_equal(cache.load("b" * 64, lambda: ARRAY), ARRAY)
    assert not list(cache.folder.glob("b*"))
