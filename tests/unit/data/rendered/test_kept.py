"""Rendered pixels are drawn once, and what is kept is never mistaken for something else."""

import logging
from pathlib import Path

import numpy as np
import pytest

from wiringup.data.rendered import kept
from wiringup.data.rendered.kept import RenderedCache
from wiringup.data.rendered.render import render
from wiringup.data.rendered.scenes import RenderSpec

SPEC = RenderSpec(3, size=16, split="kept")
PIXELS = np.arange(3 * 16 * 16 * 3, dtype=np.uint8).reshape(3, 16, 16, 3)


def never() -> "kept.Pixels":
    raise AssertionError("rendered again")


@pytest.fixture
def cache(tmp_path: Path) -> RenderedCache:
    found = RenderedCache(tmp_path / "rendered")
    assert np.array_equal(found.load(SPEC, lambda: PIXELS), PIXELS)
    return found


def test_what_is_kept_is_not_rendered_again(cache: RenderedCache) -> None:
    again = cache.load(SPEC, never)
    assert again.dtype == np.uint8
    assert np.array_equal(again, PIXELS)


@pytest.mark.parametrize(
    "other",
    [
        RenderSpec(4, size=16, split="kept"),
        RenderSpec(3, size=17, split="kept"),
        RenderSpec(3, size=16, level=3, split="kept"),
        RenderSpec(3, size=16, seed=1, split="kept"),
        RenderSpec(3, size=16, split="other"),
    ],
)
def test_another_set_is_rendered(cache: RenderedCache, other: RenderSpec) -> None:
    assert np.array_equal(cache.load(other, lambda: PIXELS + 1), PIXELS + 1)


def test_other_code_renders_anew(cache: RenderedCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_code", lambda: "other code")
    assert np.array_equal(cache.load(SPEC, lambda: PIXELS + 1), PIXELS + 1)


def test_a_damaged_file_is_rendered_anew(cache: RenderedCache, caplog: pytest.LogCaptureFixture) -> None:
    (path,) = cache.folder.glob("*.npy")
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(cache.load(SPEC, lambda: PIXELS), PIXELS)
    assert "damaged" in caplog.text
    assert np.array_equal(cache.load(SPEC, never), PIXELS)


def test_what_does_not_fit_is_rendered_all_the_same(tmp_path: Path) -> None:
    small = RenderedCache(tmp_path / "small", limit=1e-6)
    barred = RenderedCache(tmp_path / "file" / "rendered")
    (tmp_path / "file").write_text("no folder")
    for cache in (small, barred):
        assert np.array_equal(cache.load(SPEC, lambda: PIXELS), PIXELS)
        assert not list(cache.folder.glob("*")) if cache is small else not cache.folder.exists()


def test_scenes_are_the_same_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIRINGUP_CACHE", str(tmp_path))
    first, second = render(SPEC), render(SPEC)
    assert len(list((tmp_path / "rendered").glob("*.npy"))) == 1
    assert np.array_equal(first.images.stimuli.pixels, second.images.stimuli.pixels)
    assert first.images.sha256 == second.images.sha256
