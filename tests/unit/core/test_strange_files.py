"""What is called like a file and is none, and JSON that no writer of JSON makes."""

import json
import os
import tracemalloc
from pathlib import Path

import pytest

from wiringup.core import limits
from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.files import files_below, parsed_json, read_bounded, read_json, regular


def test_only_plain_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(InputError, match=r"a\.json is a pipe, but has to be a table: a plain file"):
        regular(tmp_path / "a.json", "table")
    with pytest.raises(InputError, match="is a folder, but has to be a file"):
        regular(tmp_path)
    with pytest.raises(InputError, match="/dev/zero is a device"):
        read_json(Path("/dev/zero"))
    with pytest.raises(InputError, match="circle' cannot be opened as a file"):
        regular(tmp_path / "circle")
    with pytest.raises(InputError, match="cannot be opened as a file"):
        regular(tmp_path / ("x" * 300))
    with pytest.raises(MissingDataError, match="There is no table"):
        regular(tmp_path / "nothing", "table")


@pytest.mark.skipif(not Path("/proc/meminfo").is_file(), reason="files of no size are those of Linux")
def test_a_file_has_a_most(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bounded(tmp_path / "a", 5) == b"12345"
    assert b"MemTotal" in read_bounded(Path("/proc/meminfo"), 100_000)  # of which the system says no size
    with pytest.raises(InputError, match="does not end after 9 bytes"):
        read_bounded(Path("/proc/meminfo"), 9)
    tracemalloc.start()
    read_bounded(tmp_path / "a", 10**9)
    assert tracemalloc.get_traced_memory()[1] < 10**6  # what may come is not allocated
    tracemalloc.stop()
    with pytest.raises(InputError, match="a has 5 bytes; a table may have 4"):
        read_bounded(tmp_path / "a", 4, "table")
    monkeypatch.setattr("wiringup.core.files.JSON_BYTES", 4)
    with pytest.raises(InputError, match="may have 4"):
        read_json(tmp_path / "a")


def test_a_file_that_vanishes_while_it_is_opened_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("wiringup.core.files.regular", lambda path, what: path)
    with pytest.raises(MissingDataError, match=r"There is no table .*nothing"):
        read_bounded(tmp_path / "nothing", 5, "table")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "nested more than 100 levels deep"),
        ("[" * 200 + "]" * 200, "nested more than 100 levels deep"),
        ('{"a": NaN}', "NaN is no number of JSON"),
        ("[-Infinity]", "-Infinity is no number of JSON"),
        ("[1e999]", "1e999 is no number of JSON"),
        ("1" * 5000, "4300 digits"),
        ('"\udcff"', "can't decode"),
        ("", "Expecting value"),
    ],
)
def test_json_that_is_none_is_one_error(text, reason):
    with pytest.raises(InputError, match=f"x is not valid JSON .*{reason}"):
        parsed_json(text.encode(errors="surrogateescape"), "x")


def test_json_is_read_as_it_was_written():
    value = {"a": [1, 2.5, None, {"b": "ü"}]}
    assert parsed_json(json.dumps(value).encode(), "x") == value
    deep = json.loads("[" * 99 + "]" * 99)
    assert parsed_json(json.dumps(deep).encode(), "x") == deep


def test_links_are_followed_but_not_in_circles(tmp_path):
    (tmp_path / "data/a").mkdir(parents=True)
    (tmp_path / "data/a/1.png").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/2.png").touch()
    (tmp_path / "data/b").symlink_to(tmp_path / "elsewhere")
    found = sorted(f.relative_to(tmp_path).as_posix() for f in files_below(tmp_path / "data"))
    assert found == ["data/a/1.png", "data/b/2.png"]
    (tmp_path / "data/a/up").symlink_to(tmp_path / "data")
    (tmp_path / "data/a/again").symlink_to(tmp_path / "data")
    with pytest.raises(InputError, match=r"data/a/(up|again) is a link to a folder that it lies in"):
        files_below(tmp_path / "data")


def test_links_that_multiply_end(tmp_path):
    """Thirty folders, each with two links to the next, have a thousand million paths."""
    for i in range(30):
        (tmp_path / str(i)).mkdir()
    for i in range(29):
        for name in ("x", "y"):
            (tmp_path / str(i) / name).symlink_to(tmp_path / str(i + 1))
    with pytest.raises(InputError, match=f"lead to .* more than {limits.SAME_FOLDER} times"):
        files_below(tmp_path / "0")


def test_the_most_pixels_can_be_said(monkeypatch):
    assert limits.most_pixels() == 128_000_000
    monkeypatch.setenv("WIRINGUP_MEGAPIXELS", "0.5")
    assert limits.most_pixels() == 500_000
    for wrong in ("many", "0", "inf", "nan"):
        monkeypatch.setenv("WIRINGUP_MEGAPIXELS", wrong)
        with pytest.raises(InputError, match="has to be a number of megapixels"):
            limits.most_pixels()
