"""The list of a large folder is kept as long as nothing in it changed; every change changes the marks."""

import json
import os
import random
import re
import shutil
from pathlib import Path

import pytest

from made_images import encoded, noise, write_tar
from wiringup.core import folders
from wiringup.core.cautions import cautions
from wiringup.core.files import files_below
from wiringup.core.progress import Progress
from wiringup.data.images import listing, shard_list
from wiringup.data.images.listing import default_listings, images_below, marks_of
from wiringup.data.images.names import in_natural_order
from wiringup.data.images.pictures import open_pictures
from wiringup.data.images.source import open_source


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Class folders of eight images, large enough for a list, and settled."""
    monkeypatch.setenv("WIRINGUP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(listing, "LARGE", 1)
    for module in (folders, listing):
        monkeypatch.setattr(module, "SETTLED", -1.0)
    for i in range(8):
        path = tmp_path / "images" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([i]) * 100)
    return tmp_path / "images"


def forbidden(*_):
    raise AssertionError("this is known")


def test_a_second_time_nothing_is_listed_or_sampled(folder, monkeypatch):
    names, marks = images_below(folder), marks_of(folder, images_below(folder))
    assert names == ["a/0.png", "a/2.png", "a/4.png", "a/6.png", "b/1.png", "b/3.png", "b/5.png", "b/7.png"]
    monkeypatch.setattr(listing, "below", forbidden)
    monkeypatch.setattr(listing, "_samples", forbidden)
    assert images_below(folder) == names
    assert marks_of(folder, names) == marks


def added(folder):
    (folder / "a/10.png").write_bytes(b"new")


def removed(folder):
    (folder / "b/3.png").unlink()


def renamed(folder):
    (folder / "b/3.png").rename(folder / "b/30.png")


def moved(folder):
    (folder / "b").rename(folder / "c")


def deeper(folder):
    (folder / "a/more").mkdir()
    (folder / "a/more/1.png").write_bytes(b"new")


def added_and_put_back(folder):
    """As rsync and tar do, which give folders the time stamps that they have elsewhere."""
    before = (folder / "a").stat()
    added(folder)
    os.utime(folder / "a", ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(folder):
    """A whole folder gives way to another one with the same time stamp."""
    before = (folder / "a").stat()
    shutil.rmtree(folder / "a")
    (folder / "a").mkdir()
    added(folder)
    os.utime(folder / "a", ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = [added, removed, renamed, moved, deeper, added_and_put_back, replaced]


@pytest.mark.parametrize("change", CHANGES)
def test_what_comes_goes_or_is_renamed_is_noticed(folder, change):
    before = images_below(folder)
    change(folder)
    names = images_below(folder)
    found = (file.relative_to(folder).as_posix() for file in files_below(folder))
    assert names == in_natural_order(found) != before


def written(file):
    file.write_bytes(b"x" * 101)


def written_with_its_time(file):
    """Equal size and time; what remains are the sample and the time of the inode."""
    about = file.stat()
    file.write_bytes(b"x" * 100)
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))


def gone(file):
    file.unlink()


@pytest.mark.parametrize("change", [written, written_with_its_time, os.utime, gone])
def test_what_changes_in_a_file_changes_the_marks(folder, change):
    names = images_below(folder)
    before = marks_of(folder, names)
    change(folder / "a/4.png")
    assert marks_of(folder, names) != before


def test_of_very_many_files_some_are_sampled_and_of_all_size_and_time_are_known(folder, monkeypatch):
    monkeypatch.setattr(listing, "MOST_SAMPLED", 3)
    names = images_below(folder)
    before = marks_of(folder, names)
    sampled = ["a/0.png", "a/6.png", "b/5.png"]
    for name in names:
        written_with_its_time(folder / name)
        assert (marks_of(folder, names) != before) == (name in sampled)
        before = marks_of(folder, names)
    for name in names:
        written(folder / name)
        assert marks_of(folder, names) != before
        before = marks_of(folder, names)


def test_long_work_says_how_far_it_is_and_short_work_nothing(folder, monkeypatch):
    with Progress() as shown:
        names = images_below(folder)
        marks_of(folder, names)
    assert shown.done == {}
    for module, number in ((folders, 2), (listing, 4)):
        monkeypatch.setattr(module, "REPORTED", number)
    monkeypatch.setattr(listing, "_CHUNK", 2)
    default_listings().clear()
    with Progress() as shown:
        marks_of(folder, images_below(folder))
    assert shown.done == {"list": 2, "look": 8, "sample": 8}


def test_marks_do_not_depend_on_where_the_folder_lies(folder, tmp_path):
    names = images_below(folder)
    copy = shutil.copytree(folder, tmp_path / "copy")  # times and all
    assert images_below(copy) == names and marks_of(copy, names) == marks_of(folder, names)


def test_a_list_that_is_damaged_is_made_again(folder):
    names = images_below(folder)
    path = default_listings().of(folder)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"a/0.png", b"a/1.png"))
    assert images_below(folder) == names and path.read_bytes() == content
    path.write_bytes(b"")
    assert images_below(folder) == names


@pytest.mark.parametrize(
    "damage", [lambda text: text.replace('"samples": "', '"samples": "0'), lambda _: "{}"]
)
def test_samples_that_are_damaged_or_have_no_seal_are_taken_again(folder, damage):
    names = images_below(folder)
    marks, path = marks_of(folder, names), default_listings().of(folder).with_suffix(".json")
    whole = path.read_text()
    path.write_text(damage(whole))
    assert marks_of(folder, names) == marks and path.read_text() == whole
    path.write_text(json.dumps({k: v for k, v in json.loads(whole).items() if k != "seal"}))
    assert marks_of(folder, names) == marks and path.read_text() == whole


def test_what_changed_just_now_and_what_cannot_be_read_is_not_kept(folder, monkeypatch):
    monkeypatch.setattr(listing, "_sample", lambda path: listing.UNREADABLE)
    marks_of(folder, images_below(folder))
    assert [entry.path.suffix for entry in default_listings().entries()] == [".names"]
    assert not default_listings().of(folder).with_suffix(".json").exists()
    default_listings().clear()
    for module in (folders, listing):
        monkeypatch.setattr(module, "SETTLED", 2.0)
    marks_of(folder, images_below(folder))
    assert not default_listings().entries()


def test_a_folder_that_cannot_be_listed_is_named(folder, monkeypatch):
    listed = os.scandir

    def scandir(path):
        if path.endswith("/b"):
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(folders.os, "scandir", scandir)
    with cautions() as told:
        assert images_below(folder) == ["a/0.png", "a/2.png", "a/4.png", "a/6.png"]
    assert told == [f"{folder}/b cannot be listed and is passed over (Permission denied)."]
    monkeypatch.undo()
    assert len(images_below(folder)) == 8


def test_pictures_that_are_not_opened_and_classes_without_any_are_told(folder):
    for name in ("a/README.md", "a/.DS_Store", "labels.csv", "notes/x.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"1")
    (folder / "a" / "8.JFIF").write_bytes(b"1")
    with cautions() as told:
        assert "a/8.JFIF" in images_below(folder)
    assert told == [f"{folder}: no file in notes is opened as an image, so that is no class."]
    for i in range(3):
        (folder / "notes" / f"{i}.JP2").write_bytes(b"1")
    shutil.move(folder / "b", folder / "a" / "b")  # no folders of classes any more
    for _ in range(2):
        with cautions() as told:
            images_below(folder)
        assert [one.split(" are passed")[0] for one in told] == [f"{folder}: 3 .jp2"]
    archive = shutil.make_archive(folder, "zip", folder)
    with cautions() as told, open_pictures(Path(archive)):
        pass
    assert [one.split(" are passed")[0] for one in told] == [f"{archive}: 3 .jp2"]


def test_names_that_are_no_text_are_kept_as_they_are(folder):
    try:
        (folder / os.fsdecode(b"a/\xff\n.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes no name that is no text")
    names = images_below(folder)
    assert os.fsdecode(b"a/\xff\n.png") in names and images_below(folder) == names
    assert listing.read_list(default_listings().of(folder), folder) == names


@pytest.fixture
def shards(tmp_path, folder, monkeypatch):
    """Two shards of four images each, and what their source finds in them."""
    for name in ("LARGE", "SETTLED"):
        monkeypatch.setattr(shard_list, name, getattr(listing, name))
    pixels = noise(8)
    for i in range(2):
        contents = {f"{k}.png": encoded(pixels[k]) for k in range(4 * i, 4 * i + 4)}
        labels = {f"{k}.cls": str(k % 3).encode() for k in range(4 * i, 4 * i + 4)}
        write_tar(tmp_path / "shards" / f"{i}.tar", contents | labels | {f"{i}.txt": b"unused"})
    return tmp_path / "shards"


def found_in(shards):
    with open_source(shards) as source:
        return source.ids, source.labels.tolist(), source.fingerprint, source.where(5), source.read(5)


def test_shards_are_read_once(shards, monkeypatch, caplog):
    before = found_in(shards)
    assert before[0][5] == "1/5" and before[1] == [0, 1, 2, 0, 1, 2, 0, 1]
    told = caplog.messages.copy()
    monkeypatch.setattr(shard_list, "read_samples", forbidden)
    monkeypatch.setattr(shard_list, "sampled", forbidden)
    caplog.clear()
    assert found_in(shards) == before and caplog.messages == told and "2 files" in told[0]


def written_again(shards):
    """Equal size and time."""
    about = (shards / "1.tar").stat()
    content = (shards / "1.tar").read_bytes()
    (shards / "1.tar").write_bytes(content.replace(b"IDAT", b"IDAX"))
    os.utime(shards / "1.tar", ns=(about.st_atime_ns, about.st_mtime_ns))


def another(shards):
    shutil.copy(shards / "1.tar", shards / "2.tar")


@pytest.mark.parametrize("change", [written_again, another, lambda shards: os.utime(shards / "0.tar")])
def test_a_shard_that_changed_is_noticed(shards, change):
    before = found_in(shards)
    change(shards)
    assert found_in(shards)[2] != before[2]


def test_a_kept_list_of_shards_that_is_damaged_is_made_again(shards):
    before = found_in(shards)
    (kept,) = default_listings().folder.glob("*.samples")
    content = kept.read_bytes()
    kept.write_bytes(content.replace(b'"labels": [0', b'"labels": [1'))
    assert kept.read_bytes() != content
    assert found_in(shards) == before and kept.read_bytes() == content


def by_pieces(name):
    """The order as it is defined: part by part, numbers before texts and by their value."""
    parts = [re.findall(r"\d+|\D+", part) for part in name.split("/")]
    return [[(0, int(p)) if p.isdecimal() else (1, p) for p in part] for part in parts], name


def test_the_natural_order_is_the_one_it_was():
    draw = random.Random(0)
    for _ in range(200):
        names = ["".join(draw.choices("a1029b-. /é٣\x01A", k=draw.randint(1, 7))) for _ in range(12)]
        for some in (names, [name.replace("\x01", "") for name in names]):
            assert in_natural_order(some) == sorted(some, key=by_pieces)
