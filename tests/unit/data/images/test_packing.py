"""Packing that was interrupted goes on, and packs nothing twice; what is left out is written down."""

import errno
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from made_images import class_folders, encoded, noise, write_folder, write_tar, write_zip
from wiringup.core.errors import InputError, UnreadableError, WiringupError
from wiringup.core.progress import Progress
from wiringup.data.images import cache, keeping, packing
from wiringup.data.images.cache import ImageCache
from wiringup.data.images.pack_file import RECORD
from wiringup.data.images.packing import JOURNAL, REPORTED
from wiringup.data.images.source import open_source, read_labelled

PIXELS = noise(12, 16, 16)
KEPT = ("squares", "raw", "jpeg:90")


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "images", class_folders(PIXELS))


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "STEP", 1)
    monkeypatch.setattr(cache, "disk_of", lambda *_: 0)  # which would decode some
    return ImageCache(tmp_path / "store", 1.0)


@pytest.fixture
def decoded(monkeypatch):
    """The names of the images that are decoded from now on, without their folders."""
    names = []
    stored = keeping.Keeping.stored

    def counted(self, content, where, side, seen):
        names.append(Path(where).name)
        return stored(self, content, where, side, seen)

    monkeypatch.setattr(keeping.Keeping, "stored", counted)
    return names


def content(images):
    return [image.tolist() for image in images.stimuli.each(slice(None))]


@pytest.fixture
def killed(store, folder, monkeypatch):
    """Pack until an error comes at the image after five, by default as if the process were killed."""

    def kill(error=KeyboardInterrupt, seen=KeyboardInterrupt, side=16, keep="squares"):
        put = packing._Put.__call__

        def stopping(self, row, *image):
            if np.count_nonzero(self._records["bytes"]) == 5:
                raise error
            put(self, row, *image)

        with monkeypatch.context() as patched:
            patched.setattr(packing._Put, "__call__", stopping)
            with pytest.raises(seen):
                store.load(folder, side, keep=keep)

    return kill


@pytest.mark.parametrize("keep", KEPT)
def test_a_killed_packing_goes_on_where_it_was(store, folder, tmp_path, decoded, killed, keep):
    whole = ImageCache(tmp_path / "other", 1.0).load(folder, 12, keep=keep)
    killed(side=12, keep=keep)
    assert store.entries() == []
    decoded.clear()
    with Progress() as shown:
        found = store.load(folder, 12, keep=keep)
    assert len(decoded) == 7 and shown.done["check"] == 5 + 12  # five were not hashed in this pass
    assert found.sha256 == whole.sha256 and content(found) == content(whole)
    assert {path.suffix for path in store.folder.glob("[!.]*")} == {
        store.entries()[0].path.suffix,
        ".index",
        ".json",
    }


@pytest.mark.parametrize(
    "damage",
    ["a byte of an image", "end of the images", "a byte of the journal", "end of it", "header", "no images"],
)
def test_what_is_damaged_of_half_a_pack_is_packed_again(store, folder, decoded, killed, damage):
    whole = read_labelled(folder)
    killed()
    (images,), (journal,) = (list(store.folder.glob(f"*{suffix}")) for suffix in (".unfinished", ".journal"))
    again = 8
    if damage == "a byte of an image":
        flip(images, 16 * 16 * 3 * 2 + 200)
    elif damage == "end of the images":
        images.write_bytes(images.read_bytes()[:-1])
    elif damage == "a byte of the journal":
        flip(journal, JOURNAL.itemsize * 3 + 20)
    elif damage == "end of it":
        journal.write_bytes(journal.read_bytes()[:-1])
    else:
        flip(images, 30) if damage == "header" else images.unlink()
        again = 12
    decoded.clear()
    found = store.load(folder, 16)
    assert len(decoded) == again
    assert np.array_equal(found.stimuli.pixels, whole.stimuli.pixels)


def test_sides_in_a_damaged_journal_are_not_believed(store, folder, killed):
    """No hash of an image covers them."""
    killed(keep="raw")
    (journal,) = store.folder.glob("*.journal")
    flip(journal, JOURNAL.itemsize * 3 + JOURNAL.fields["record"][1] + RECORD.fields["height"][1])
    assert store.load(folder, 16, keep="raw").stimuli.sides_of(slice(None)).tolist() == 12 * [[16, 16]]


def flip(path, at):
    changed = bytearray(path.read_bytes())
    changed[at] ^= 1
    path.write_bytes(changed)


@pytest.mark.parametrize("keep", KEPT)
def test_only_what_changed_is_packed_again(store, folder, decoded, keep):
    before = store.load(folder, 16, keep=keep)
    (folder / "a/0004.png").write_bytes(encoded(noise(1, 16, 16, seed=9)[0]))
    (folder / "a/0002.png").unlink()
    (folder / "b/0011.png").rename(folder / "b/0000.png")
    decoded.clear()
    after = store.load(folder, 16, keep=keep)
    assert decoded == ["0004.png"]
    old = dict(zip(before.stimuli.ids, content(before), strict=True))
    new = dict(zip(after.stimuli.ids, content(after), strict=True))
    assert new["b/0000.png"] == old["b/0011.png"] and new["a/0004.png"] != old["a/0004.png"]
    assert all(new[name] == old[name] for name in new if name not in ("b/0000.png", "a/0004.png"))


def test_another_size_takes_nothing_over(store, folder, decoded):
    store.load(folder, 16)
    assert store.load(folder, 8).stimuli.sides == (8, 8) and len(decoded) == 24


def test_a_damaged_image_is_packed_again_alone(store, folder, decoded, caplog):
    good = store.load(folder, 16).stimuli.pixels.copy()
    (entry,) = store.entries()
    flip(entry.path, 2000)
    decoded.clear()
    assert np.array_equal(store.load(folder, 16).stimuli.pixels, good)
    assert decoded == ["0004.png"]  # a/0004.png is row 2
    assert "1 of 12 images do not match their hashes" in caplog.text


def corrupted(folder):
    for name in ("a/0002.png", "b/0005.png"):
        (folder / name).write_bytes(b"no image")


def test_corrupt_images_are_named_at_the_end_and_the_others_are_kept(store, folder, decoded):
    corrupted(folder)
    for expected in (12, 2):
        decoded.clear()
        with pytest.raises(InputError, match="2 of 12 images cannot be used") as raised:
            store.load(folder, 16)
        assert all(name in str(raised.value) for name in ("a/0002.png", "b/0005.png", "--skip-corrupt"))
        assert len(decoded) == expected
    for i, name in ((2, "a/0002.png"), (5, "b/0005.png")):
        (folder / name).write_bytes(encoded(PIXELS[i]))
    decoded.clear()
    found = store.load(folder, 16)
    assert sorted(decoded) == ["0002.png", "0005.png"]  # the others come from the pack that was not finished
    assert np.array_equal(found.stimuli.pixels, read_labelled(folder).stimuli.pixels)


@pytest.mark.parametrize("keep", KEPT)
def test_corrupt_images_are_left_out_if_that_is_asked(store, folder, caplog, keep):
    plain = ImageCache(store.folder.parent / "other", 1.0).load(folder, 16, keep=keep)
    corrupted(folder)
    packed = store.pack(folder, 16, keep=keep, skip_corrupt=True)
    assert list(packed.left_out) == ["a/0002.png", "b/0005.png"]
    assert "not a readable image" in packed.left_out["a/0002.png"]
    assert "2 of 12 images are corrupt and left out" in caplog.text
    rows = [row for row, name in enumerate(plain.stimuli.ids) if name not in packed.left_out]
    expected = plain.take(np.array(rows))
    for found in (packed.images, store.load(folder, 16, keep=keep)):
        assert found.sha256 == expected.sha256 and found.stimuli.ids == expected.stimuli.ids
    some = store.load(folder, 16, lambda labels, _there: np.flatnonzero(labels == 1)[-2:], keep=keep)
    assert some.stimuli.ids == expected.stimuli.ids[-2:] and set(some.labels) == {1}
    assert caplog.text.count("2 of 12 images are corrupt and left out") == 3


def test_a_file_that_cannot_be_read_is_never_left_out(store, folder, decoded, monkeypatch):
    (folder / "a/0002.png").write_bytes(b"no image")
    opened = Path.open

    def stale(self, *arguments, **named):
        if self.name == "0005.png":
            raise OSError(errno.ESTALE, "Stale file handle")
        return opened(self, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", stale)
        with pytest.raises(UnreadableError) as raised:
            store.pack(folder, 16, skip_corrupt=True)
    told = str(raised.value)
    assert told.startswith("1 of 12 images cannot be used:") and "Stale file handle" in told
    assert "The others are packed" in told and "Run the same command again" in told
    assert store.entries() == []
    decoded.clear()
    assert list(store.pack(folder, 16, skip_corrupt=True).left_out) == ["a/0002.png"]
    assert sorted(decoded) == ["0002.png", "0005.png"]


def test_zips_and_shards_that_cannot_be_read_are_told_apart_from_corrupt_ones(tmp_path, monkeypatch):
    contents = class_folders(PIXELS)
    shard = write_tar(tmp_path / "x.tar", {"0.png": encoded(PIXELS[0]), "0.cls": b"1"})
    with open_source(shard) as source:
        shard.unlink()
        with pytest.raises(UnreadableError, match=r"'0\.png' in .*x\.tar cannot be read"):
            source.read(0)
    with open_source(write_zip(tmp_path / "x.zip", contents)) as source:

        def failing(*_):
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(zipfile.ZipFile, "open", failing)
        with pytest.raises(UnreadableError, match="Input/output error"):
            source.read(0)


def test_what_was_left_out_is_tried_again_by_verify(store, folder, decoded, monkeypatch):
    corrupted(folder)
    stored = keeping.Keeping.stored

    def failing(self, content, where, *rest):
        if where.endswith("0007.png"):
            raise InputError("as an earlier version took a stale file for a corrupt one")
        return stored(self, content, where, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(keeping.Keeping, "stored", failing)
        store.pack(folder, 16, skip_corrupt=True)
    decoded.clear()
    assert len(store.pack(folder, 16).left_out) == 3 and decoded == []
    found = store.pack(folder, 16, verify=True)
    assert list(found.left_out) == ["a/0002.png", "b/0005.png"] and len(found.images) == 10
    decoded.clear()
    store.pack(folder, 16, verify=True)
    assert sorted(decoded) == ["0002.png", "0005.png"]  # and nothing else


def test_nothing_is_packed_of_corrupt_images_alone(store, tmp_path):
    contents = {f"{c}/{i}.png": b"?" for c in "ab" for i in range(REPORTED)}
    with pytest.raises(InputError, match=f"{2 * REPORTED} of {2 * REPORTED} images cannot be used"):
        store.pack(write_folder(tmp_path / "x", contents), 16, skip_corrupt=True)


def test_a_full_disk_keeps_what_was_packed(store, folder, decoded, killed):
    killed(OSError(28, "No space left on device"), WiringupError)
    decoded.clear()
    store.load(folder, 16)
    assert len(decoded) == 7


def test_what_is_packed_already_needs_no_room(store, folder, killed, monkeypatch):
    killed()
    monkeypatch.setattr(cache, "disk_of", lambda *_: 12 * 16 * 16 * 3)
    monkeypatch.setattr(cache, "free_disk", lambda _: 7 * 16 * 16 * 3)
    assert len(store.load(folder, 16)) == 12
    with pytest.raises(WiringupError, match="12 images at 17 px take"):
        store.load(folder, 17)


def test_half_packed_images_go_with_the_cache(store, killed):
    killed()
    (images,) = store.folder.glob("*.unfinished")
    assert store.unfinished_bytes == images.stat().st_size > 0
    store.evict()
    assert images.exists()
    os.utime(images, (1, 1))
    store.evict()
    assert list(store.folder.glob("[!.]*")) == []
    killed()
    assert store.clear() > 5 * 16 * 16 * 3 and list(store.folder.glob("[!.]*")) == []
