"""Imported sets are whole or absent: whatever fails, and whoever stores another one meanwhile."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wiringup.core.errors import BusyError, InputError, WiringupError
from wiringup.core.stimuli import from_pixels
from wiringup.data.measurements import Recording
from wiringup.data.sources import imported
from wiringup.data.sources.imported import describe, imported_folder, imported_names, load_set, save_set

RANDOM = np.random.default_rng(0)
STIMULI = from_pixels(RANDOM.integers(0, 256, (6, 4, 4), np.uint8))
MINE = Recording("mine", "V4", RANDOM.standard_normal((2, 6, 3)).astype(np.float32), STIMULI)
OTHER = replace(MINE, trials=MINE.trials + 1)
NEWS = replace(MINE, unit_ids=("a", "b"), assumed=("the axes are units x images x repeats",))


def full(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("fails", ["json.dumps", "numpy.savez"])
def test_a_set_stays_whole_where_news_of_it_cannot_be_written(tmp_path, monkeypatch, fails):
    """As where a process is killed: what is there is read, and the same command again finishes it."""
    save_set(MINE, tmp_path, {})
    with monkeypatch.context() as patched:
        patched.setattr(fails, full)
        with pytest.raises(WiringupError, match="No space left to write"):
            save_set(NEWS, tmp_path, {"news": 1})
    found = load_set(tmp_path, "mine")
    assert (found.sha256, found.unit_ids) == (MINE.sha256, None)
    save_set(NEWS, tmp_path, {"news": 1})
    found = load_set(tmp_path, "mine")
    assert (found.sha256, found.unit_ids, found.assumed) == (MINE.sha256, NEWS.unit_ids, NEWS.assumed)
    assert describe(tmp_path, "mine")["provenance"] == {"news": 1}


def test_a_set_is_never_moved_away(tmp_path, monkeypatch):
    """Killed before the new one is in its place, a process would leave none."""
    save_set(MINE, tmp_path, {})
    monkeypatch.setattr(Path, "rename", full)
    save_set(NEWS, tmp_path, {})
    assert load_set(tmp_path, "mine").unit_ids == NEWS.unit_ids


def test_one_process_at_a_time_stores_a_set(tmp_path, monkeypatch):
    written = imported._write

    def beside_another(*given):
        monkeypatch.undo()
        with pytest.raises(BusyError, match=r"Another process is importing 'mine'\. When it is done"):
            save_set(OTHER, tmp_path, {})
        save_set(replace(OTHER, name="yours"), tmp_path, {})
        written(*given)

    monkeypatch.setattr(imported, "_write", beside_another)
    save_set(MINE, tmp_path, {})
    assert imported_names(tmp_path) == ["mine", "yours"]
    assert load_set(tmp_path, "mine").sha256 == MINE.sha256
    with pytest.raises(InputError, match="Other data are already imported as 'mine'"):
        save_set(OTHER, tmp_path, {})


def test_who_came_first_is_seen_by_who_waited_for_the_lock(tmp_path, monkeypatch):
    locked = imported.locked

    def late(*given):
        monkeypatch.undo()
        save_set(MINE, tmp_path, {})
        return locked(*given)

    monkeypatch.setattr(imported, "locked", late)
    with pytest.raises(InputError, match="Other data are already imported as 'mine'"):
        save_set(OTHER, tmp_path, {})
    assert load_set(tmp_path, "mine").sha256 == MINE.sha256


def test_what_a_killed_process_left_is_no_part_of_a_set(tmp_path):
    def after(left, data):
        left.mkdir(parents=True, exist_ok=True)
        (left / ".arrays.npz.0123.part").write_bytes(b"half")
        return sorted(path.name for path in save_set(data, tmp_path, {}).iterdir())

    for left, data in ((".mine.part", MINE), ("mine", NEWS)):
        assert after(imported_folder(tmp_path, left), data) == ["arrays.npz", "meta.json"]
    assert not imported_folder(tmp_path, ".mine.part").exists()
