import logging
from pathlib import Path

import pytest
import torch

from wiringup.core.errors import InputError, WiringupError
from wiringup.core.memory import GB
from wiringup.models import files
from wiringup.models import storage as module
from wiringup.models.files import mapped, reserve
from wiringup.models.storage import Storage, working_set

SIZES = {"V1": 3000, "V4": 500}
NEED = 4 * 100 * 3500


def is_mapped_from(folder: Path) -> bool:
    """Whether this process maps a file in ``folder``; always true where the system does not tell."""
    maps = Path("/proc/self/maps")
    return not maps.exists() or str(folder) in maps.read_text()


@pytest.fixture(autouse=True)
def told(caplog):
    caplog.set_level(logging.INFO, "wiringup")


def test_what_fits_is_kept_in_memory(tmp_path, caplog):
    stores = Storage((NEED + 10) / GB, tmp_path).stores(100, SIZES)
    assert {k: (v.shape, v.dtype) for k, v in stores.items()} == {
        "V1": ((100, 3000), torch.float32),
        "V4": ((100, 500), torch.float32),
    }
    assert caplog.messages == []


def test_what_does_not_fit_goes_to_files_with_a_note_and_leaves_none_behind(tmp_path, caplog):
    folder = tmp_path / "made"
    stores = Storage((NEED + 10) / GB, folder).stores(100, SIZES, working=20)
    assert is_mapped_from(folder)
    stores["V1"][5:7] = 2.5
    assert stores["V1"].sum() == 2 * 3000 * 2.5
    assert (stores["V4"] == 0).all()
    assert "1.4 MB of responses" in caplog.text and str(folder) in caplog.text
    assert list(folder.iterdir()) == []
    del stores
    assert not Path("/proc/self/maps").exists() or not is_mapped_from(folder)


def test_what_fits_nowhere_is_refused_with_need_have_and_advice(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "free_disk", lambda folder: NEED - 1)
    with pytest.raises(WiringupError) as told:
        Storage(0.001, tmp_path).stores(100, SIZES, working=500_000)
    figures = ("need 1.4 MB", "0.5 MB of memory", "1 MB of memory may be used", str(tmp_path))
    advice = ("fewer layers", "fewer stimuli", "smaller --size", "--memory", "WIRINGUP_MEMORY")
    for part in figures + advice:
        assert part in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_files_do_not_help_where_scoring_itself_needs_more(tmp_path):
    with pytest.raises(WiringupError, match="network and scoring 2 MB of memory, but 1 MB"):
        Storage(0.001, tmp_path).stores(100, SIZES, working=2_000_000)


def test_the_limit_is_the_argument_then_the_environment_then_what_is_free(monkeypatch):
    monkeypatch.setattr(module, "free_memory", lambda: 10 * GB)
    monkeypatch.delenv("WIRINGUP_MEMORY", raising=False)
    assert Storage().limit() == 8 * GB
    monkeypatch.setenv("WIRINGUP_MEMORY", "2.5")
    assert Storage().limit() == 2.5 * GB
    assert Storage(1).limit() == GB
    monkeypatch.setenv("WIRINGUP_MEMORY", "")
    monkeypatch.setattr(module, "free_memory", lambda: None)
    assert Storage().limit() is None
    assert Storage().stores(2, {"V1": 3})["V1"].shape == (2, 3)


def test_processes_of_one_training_share_the_memory(monkeypatch):
    monkeypatch.setattr(module, "free_memory", lambda: 10 * GB)
    monkeypatch.delenv("WIRINGUP_MEMORY", raising=False)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert (Storage().limit(), Storage(2).limit()) == (2 * GB, GB / 2)


def test_processes_on_one_card_share_what_is_free_and_keep_what_is_theirs(monkeypatch):
    for name, value in (("memory_reserved", 5), ("memory_allocated", 3), ("mem_get_info", (100, 200))):
        monkeypatch.setattr(torch.cuda, name, lambda card, value=value: value)
    monkeypatch.delenv("WIRINGUP_CARD_SHARE", raising=False)
    assert module.free_on(torch.device("cuda")) == 102
    monkeypatch.setenv("WIRINGUP_CARD_SHARE", "0.25")
    assert module.free_on(torch.device("cuda")) == 27
    for wrong in ("half", "0", "2", "nan"):
        monkeypatch.setenv("WIRINGUP_CARD_SHARE", wrong)
        with pytest.raises(InputError, match=f"'{wrong}'; it has to be above 0 and at most 1"):
            module.free_on(torch.device("cuda"))


@pytest.mark.parametrize("wrong", ["much", "-1", "0", "nan"])
def test_a_limit_that_is_no_number_of_gb_is_refused(monkeypatch, wrong):
    monkeypatch.setenv("WIRINGUP_MEMORY", wrong)
    with pytest.raises(InputError, match="has to be a number of GB above 0"):
        Storage().limit()


def test_a_full_disk_is_met_when_the_file_is_made_not_when_it_is_written(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "posix_fallocate", full)
    with pytest.raises(WiringupError, match="No space left"):
        mapped(10, 10, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_has_its_place_on_the_disk_at_once(tmp_path, monkeypatch):
    for name in ("reserved", "long"):
        with (tmp_path / name).open("w+b") as stream:
            reserve(stream, 100_000)
        monkeypatch.delattr(files.os, "posix_fallocate", raising=False)
    blocks = {name: (tmp_path / name).stat() for name in ("reserved", "long")}
    assert [s.st_size for s in blocks.values()] == [100_000, 100_000]
    assert blocks["reserved"].st_blocks * 512 >= 100_000 > blocks["long"].st_blocks * 512


def test_the_working_set_is_the_larger_of_a_batch_and_the_gram_matrices():
    assert working_set(images=10, batch=8, largest=10**6) == 4 * 8 * 10**6
    assert working_set(images=10_000, batch=1, largest=1) == 8 * (3 * 10_000**2 + 4096 * 10_000)
