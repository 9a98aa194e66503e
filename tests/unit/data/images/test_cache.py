"""Images decoded once: whole or not at all, found by content, checked, bounded, never all in memory."""

import errno
import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made_images import class_folders, encoded, flat, noise, write_folder, write_tar, write_zip
from wiringup.core.errors import InputError, UnreadableError, WiringupError
from wiringup.core.memory import GB
from wiringup.core.progress import Progress
from wiringup.core.sealed import write_sealed
from wiringup.core.stimuli import LabelledImages, Stimuli
from wiringup.data.images import cache, keeping, pack_file
from wiringup.data.images.cache import ImageCache
from wiringup.data.images.decoding import squared
from wiringup.data.images.pack_file import noted, wrong_rows
from wiringup.data.images.packed import read_packed
from wiringup.data.images.packing import REPORTED
from wiringup.data.images.source import read_labelled

PIXELS = noise(12, 16, 16)


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "images", class_folders(PIXELS))


@pytest.fixture
def store(tmp_path, caplog):
    return ImageCache(tmp_path / "store", 1.0), caplog


def files(store):
    return [entry.path for entry in store.entries()]


def no_decoding(monkeypatch):
    monkeypatch.setattr(keeping, "squared", lambda *_: pytest.fail("an image was decoded"))


def test_what_is_packed_is_what_was_read(store, folder, monkeypatch):
    kept, _ = store
    plain = read_labelled(folder)
    for i in range(2):
        with Progress() as shown:
            found = kept.load(folder, 16)
        assert shown.done == (
            {"pack": 12} if i == 0 else {}
        )  # what was hashed as it was packed is not read again
        assert np.array_equal(found.stimuli.pixels, plain.stimuli.pixels)
        assert (found.stimuli.ids, found.classes) == (plain.stimuli.ids, plain.classes)
        assert np.array_equal(found.labels, plain.labels) and found.labels.dtype == np.int64
        assert found.sha256 == plain.sha256
        assert len(files(kept)) == 1
        if i == 0:
            no_decoding(monkeypatch)


def test_a_choice_is_read_from_the_file_and_takes_no_memory(store, folder):
    kept, _ = store
    plain, found = read_labelled(folder), kept.load(folder, 16)
    rows = np.array([7, 2, 9, 2])
    chosen, peer = found.take(rows), plain.take(rows)
    assert chosen.sha256 == peer.sha256 and chosen.stimuli.ids == peer.stimuli.ids
    assert chosen.stimuli.sides == (16, 16) and len(chosen) == 4
    assert "pixels" not in vars(chosen.stimuli)  # nothing was read into memory so far
    for at in (np.array([3, 0]), slice(1, 3)):
        assert np.array_equal(chosen.stimuli.at(at), peer.stimuli.pixels[at])
    assert np.array_equal(chosen.take(np.array([1])).stimuli.pixels, peer.take(np.array([1])).stimuli.pixels)
    assert isinstance(found.take(np.arange(3, 8)).stimuli.pixels, np.memmap)


def test_images_of_any_size_become_square_as_torchvision_does(store, tmp_path):
    shapes = [(20, 33), (41, 24), (16, 16), (9, 30)]
    images = [noise(1, *shape, seed=i)[0] for i, shape in enumerate(shapes)]
    source = write_zip(tmp_path / "x.zip", class_folders(images))
    found = store[0].load(source, 12)
    for image, name in zip(images, ["a/0000.png", "b/0001.png", "a/0002.png", "b/0003.png"], strict=True):
        h, w = image.shape[:2]
        # Resize(12), CenterCrop(12) as documented: the short side is 12, the long one is cut to whole px
        size = (12, int(12 * h / w)) if w < h else (int(12 * w / h), 12)
        resized = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
        top, left = round((resized.shape[0] - 12) / 2), round((resized.shape[1] - 12) / 2)
        row = found.stimuli.ids.index(name)
        assert np.array_equal(found.stimuli.at(np.array([row]))[0], resized[top : top + 12, left : left + 12])


def test_every_image_has_a_hash_of_its_own(store, folder):
    found, plain = store[0].load(folder, 16).stimuli, read_labelled(folder).stimuli
    expected = [list(hashlib.sha256(image.tobytes()).digest()) for image in plain.pixels]
    rows = np.array([7, 2, 9, 2])
    for stimuli in (found, plain):
        assert stimuli.image_sha256.dtype == np.uint8 and stimuli.image_sha256.tolist() == expected
        assert stimuli.take(rows).image_sha256.tolist() == [expected[row] for row in rows]
    assert plain.take(rows[:0]).image_sha256.shape == (0, 32)


def test_changes_in_memory_never_reach_the_file(store, folder):
    kept, told = store
    found = kept.load(folder, 16)
    before = found.stimuli.pixels.copy()
    found.stimuli.pixels[:] = 0
    assert np.array_equal(kept.load(folder, 16).stimuli.pixels, before)
    assert told.messages == []  # the file was whole, and not packed again


@pytest.mark.parametrize("change", ["content", "name", "size"])
def test_another_source_or_size_is_another_file(store, folder, change):
    kept, _ = store
    first = kept.load(folder, 16)
    if change == "content":
        path = folder / "a" / "0000.png"
        path.write_bytes(encoded(flat(1, 16)))
        os.utime(path, ns=(1, 1))
    elif change == "name":
        (folder / "a" / "0000.png").rename(folder / "b" / "0000.png")
    second = kept.load(folder, 8 if change == "size" else 16)
    assert len(files(kept)) == 2 and first.sha256 != second.sha256


def test_a_few_of_many_are_packed_alone_unless_all_are_there(store, folder, monkeypatch):
    kept, _ = store
    few = lambda labels, _there: np.flatnonzero(labels == 1)[[3, 1]]  # noqa: E731
    alone = kept.load(folder, 16, few)
    assert len(read_packed(files(kept)[0]).images) == 2
    kept.load(folder, 16)
    kept.clear()
    kept.load(folder, 16)
    no_decoding(monkeypatch)
    from_all = kept.load(folder, 16, few)
    assert alone.sha256 == from_all.sha256 and alone.stimuli.ids == from_all.stimuli.ids
    assert len(files(kept)) == 1


def test_of_two_that_begin_together_one_packs(store, folder, monkeypatch):
    decoded = []

    def counted(*arguments):
        decoded.append(arguments)
        return squared(*arguments)

    monkeypatch.setattr(keeping, "squared", counted)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: store[0].load(folder, 16), range(2))
    assert one.sha256 == other.sha256 and len(decoded) == 12


def test_half_of_the_images_pack_all(store, folder):
    kept, _ = store
    kept.load(folder, 16, lambda labels, _there: np.arange(6))
    assert len(read_packed(files(kept)[0]).images) == 12


def test_corrupt_images_are_all_named_and_nothing_is_kept(store, folder):
    kept, _ = store
    for name in ("a/0002.png", "b/0005.png"):
        (folder / name).write_bytes(b"no image")
    content = (folder / "a" / "0004.png").read_bytes()
    (folder / "a" / "0004.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError) as raised:
        kept.load(folder, 16)
    told = str(raised.value)
    assert told.startswith("3 of 12 images cannot be used:")
    assert all(name in told for name in ("a/0002.png", "b/0005.png", "a/0004.png"))
    assert [p for p in kept.folder.iterdir() if p.suffix in (".npy", ".json")] == []


def test_only_so_many_corrupt_images_are_named(store, tmp_path):
    contents = {f"{c}/{i}.png": b"?" for c in "ab" for i in range(REPORTED)}
    with pytest.raises(InputError) as raised:
        store[0].load(write_folder(tmp_path / "x", contents), 16)
    assert str(raised.value).count("not a readable image") == REPORTED
    assert f"... and {REPORTED} more" in str(raised.value)


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".npy", lambda b: b[:-1]),
        (".npy", lambda b: b + b"x"),
        (".npy", lambda b: b[:-2000] + bytes([b[-2000] ^ 1]) + b[-1999:]),
        (".npy", lambda b: b.replace(b"|u1", b"|i1")),
        (".npy", lambda b: b[:5]),
        (".npy", lambda b: b""),
        (".index", lambda b: b[:-1]),
        (".index", lambda b: bytes([b[0] ^ 1]) + b[1:]),
        (".json", lambda b: b.replace(b"wiringup images 3", b"wiringup images 1")),
        (".json", lambda b: b.replace(b'["a", "b"]', b'["b", "a"]')),
        (".json", lambda b: b[:-1]),
        (".json", lambda b: b"\xff" * len(b)),
        (".json", lambda b: b"{}"),
    ],
    ids=[
        "short",
        "long",
        "a pixel",
        "type",
        "stub",
        "empty",
        "hashes cut",
        "a hash",
        "format",
        "classes",
        "cut",
        "garbage",
        "no seal",
    ],
)
def test_a_damaged_file_is_packed_again_with_a_note(store, folder, suffix, damage):
    kept, told = store
    good = kept.load(folder, 16).sha256
    (path,) = files(kept)
    whole = path.with_suffix(suffix).read_bytes()
    path.with_suffix(suffix).unlink()  # another file: what is mapped from the old one stays as it was
    path.with_suffix(suffix).write_bytes(damage(whole))
    assert damage(whole) != whole
    with pytest.raises(InputError, match=r"no whole file of packed images|is damaged"):
        read_packed(path)
    assert kept.load(folder, 16).sha256 == good
    assert len(told.messages) == 1 and "damaged" in told.messages[0] and str(path) in told.messages[0]
    kept.load(folder, 16)
    assert len(told.messages) == 1


def test_what_cannot_be_read_just_now_is_not_packed_again(store, folder, monkeypatch):
    kept, told = store
    kept.load(folder, 16)
    before, opened = sorted(kept.folder.iterdir()), Path.open

    def denied(path, *how, **named):
        if path.suffix == ".json":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *how, **named)

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(UnreadableError, match=r"\.json cannot be read \(Permission denied\)"):
        kept.load(folder, 16)
    assert sorted(kept.folder.iterdir()) == before and told.messages == []


def test_another_format_is_packed_again(store, folder):
    kept, told = store
    good = kept.load(folder, 16).sha256
    (path,) = files(kept)
    write_sealed(path.with_suffix(".json"), {"format": "wiringup images 1"})
    with pytest.raises(InputError, match="has the format 'wiringup images 1'; this version reads"):
        read_packed(path)
    assert kept.load(folder, 16).sha256 == good
    (told,) = told.messages
    assert told.startswith("Packed images of another version are packed again") and "damaged" not in told


def test_what_another_process_repaired_meanwhile_is_taken(store, folder, monkeypatch):
    kept, told = store
    good = kept.load(folder, 16).sha256
    looks = []

    def once(path, verify=False):
        looks.append(path)
        if len(looks) == 1:
            raise InputError("damaged")
        return read_packed(path, verify)

    monkeypatch.setattr(cache, "read_packed", once)
    no_decoding(monkeypatch)
    assert kept.load(folder, 16).sha256 == good and len(looks) == 2 and told.messages == []


def test_nothing_is_repaired_in_a_folder_that_may_only_be_read(store, folder, monkeypatch):
    kept, _ = store
    kept.load(folder, 16)
    (path,) = files(kept)
    path.write_bytes(path.read_bytes()[:-1])
    before = sorted(kept.folder.iterdir())
    monkeypatch.setattr(os, "access", lambda *_: False)
    for choose in (None, lambda labels, _there: np.arange(1)):
        with pytest.raises(WiringupError, match="Cannot write to"):
            kept.load(folder, 16, choose)
    assert sorted(kept.folder.iterdir()) == before


@pytest.mark.parametrize("error", [errno.EROFS, errno.ENOENT])  # a mount, and an entry evicted just now
def test_packed_images_are_served_where_their_use_cannot_be_noted(store, folder, monkeypatch, error):
    kept, _ = store
    good = kept.load(folder, 16).sha256

    def refused(*_, **_named):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "utime", refused)
    assert kept.load(folder, 16).sha256 == good


def test_a_short_read_is_no_damage(store, folder, monkeypatch):
    found, read = store[0].load(folder, 16), os.preadv
    plain = read_labelled(folder).stimuli.pixels
    monkeypatch.setattr(
        os, "preadv", lambda file, parts, at: read(file, [memoryview(parts[0]).cast("B")[:100]], at)
    )
    assert np.array_equal(found.stimuli.at(np.arange(12)), plain)


@pytest.fixture
def array(store, folder, monkeypatch):
    """A packed array that was found whole, and a list that receives each array that is hashed from now on."""
    store[0].load(folder, 16)
    (path,) = files(store[0])
    hashed = []
    compared = lambda content, records: hashed.append(path) or wrong_rows(content, records)  # noqa: E731
    monkeypatch.setattr(pack_file, "wrong_rows", compared)
    return path, hashed


def flip(path, at=-2000):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_what_was_found_whole_is_known_by_size_and_time(store, folder, array):
    path, hashed = array
    stamp = path.stat().st_mtime_ns
    for _ in range(2):
        store[0].load(folder, 16)
    assert hashed == [] and path.stat().st_mtime_ns == stamp
    store[0].load(folder, 16, verify=True)
    assert hashed == [path]


@pytest.mark.parametrize(
    "change", ["time", "size", "note lost", "note damaged", "note of another", "no note"]
)
def test_what_may_have_changed_is_hashed(array, change):
    path, hashed = array
    note, about = noted(path), path.stat()
    if change == "time":
        os.utime(path, (1, 1))
    elif change == "size":
        path.write_bytes(path.read_bytes() + b"x")
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
        with pytest.raises(InputError, match="another form than its description says"):
            read_packed(path)
        return
    elif change == "note lost":
        note.unlink()
    elif change == "note damaged":
        flip(note, 80)  # a digit of its seal: what it says is left as it was
    elif change == "note of another":
        write_sealed(note, json.loads(note.read_text()) | {"sha256": "0" * 64})
    else:
        note.write_text("[]")
    for _ in range(2):  # noted again by the first
        read_packed(path)
    assert hashed == [path]


@pytest.mark.parametrize("at", [-2000, 12, 30])  # a pixel, and what numpy reads of the header
def test_a_flip_that_kept_size_and_time_is_found_on_demand(store, folder, array, at):
    path, hashed = array
    kept, told = store
    whole, about = read_packed(path).images, path.stat()
    good, pixels = whole.sha256, whole.pixels_sha256
    content = path.read_bytes()
    path.unlink()  # another file: what is mapped from the old one stays as it was
    path.write_bytes(content)
    flip(path, at)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    if at < 0:
        found = read_packed(path).images  # the hashes of its images are those with which it was packed
        assert found.pixels_sha256 != pixels and found.sha256 == good and hashed == []
    else:
        with pytest.raises(InputError, match="no whole file of packed images"):
            read_packed(path)
    with pytest.raises(InputError, match=r"1 of 12 images do not match their hashes|another form than"):
        read_packed(path, verify=True)
    assert kept.load(folder, 16, verify=True).sha256 == good
    assert sum("damaged" in message for message in told.messages) == 1


def test_nothing_is_noted_of_what_changed_just_now(array):
    """Another change within the clock's tick would leave the same time stamp."""
    path, hashed = array
    os.utime(path)
    for _ in range(2):
        read_packed(path)
    assert hashed == [path, path]


def test_a_store_without_a_note_is_served_where_none_can_be_written(array, monkeypatch):
    path, hashed = array
    noted(path).unlink()

    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(pack_file, "write_sealed", refused)
    assert len(read_packed(path).images) == 12 and hashed == [path] and not noted(path).exists()


def test_using_packed_images_counts_for_the_cache(store, folder, array):
    path, _ = array
    kept, _ = store
    for part in kept.parts(path):
        os.utime(part, (1, 1))
    before = time.time() - 1
    kept.load(folder, 16)
    (entry,) = kept.entries()
    assert entry.used > before


@pytest.mark.parametrize("lost", [".npy", ".index", ".json"])
def test_half_of_a_pair_is_packed_again(store, folder, lost):
    """As a process leaves it that is killed between the two, or is evicting them."""
    kept, told = store
    good = kept.load(folder, 16).sha256
    (path,) = files(kept)
    path.with_suffix(lost).unlink()
    assert kept.load(folder, 16).sha256 == good and told.messages == []
    assert {p.suffix for p in kept.folder.glob("[!.]*")} == {".npy", ".index", ".json"}


def test_the_store_is_bounded_and_what_was_used_longest_ago_goes_first(tmp_path, folder):
    one = 12 * 16 * 16 * 3 + 2000
    kept = ImageCache(tmp_path / "store", 2 * one / GB)
    kept.load(folder, 16)
    (first,) = files(kept)
    for part in kept.parts(first):
        os.utime(part, (1, 1))
    kept.load(folder, 15)
    kept.load(folder, 14)
    assert len(files(kept)) == 2 and first not in files(kept)
    assert kept.clear() > 0 and files(kept) == []
    with pytest.raises(WiringupError, match=r"12 images at 80 px take .* WIRINGUP_CACHE_GB"):
        kept.load(folder, 80)


def test_a_pack_that_grew_above_the_limit_is_kept_and_told(tmp_path, folder, monkeypatch, caplog):
    kept = ImageCache(tmp_path / "store", 12 * 16 * 16 * 3 / GB)
    kept.load(folder, 8)
    monkeypatch.setattr(cache, "disk_of", lambda *_: 0)
    for _ in range(2):
        assert len(kept.load(folder, 16)) == 12
    (path,) = files(kept)
    assert len(caplog.messages) == 1 and caplog.messages[0].startswith(f"{path} takes ")
    assert "WIRINGUP_CACHE_GB" in caplog.messages[0]


def test_any_tool_reads_the_file(store, folder):
    found = store[0].load(folder, 16)
    (path,) = files(store[0])
    assert np.array_equal(np.load(path), found.stimuli.pixels)
    about = json.loads(path.with_suffix(".json").read_text())
    assert np.array_equal(about["labels"], found.labels)
    assert (tuple(about["ids"]), tuple(about["classes"])) == (found.stimuli.ids, found.classes)


def test_the_hash_of_images_is_what_it_always_was():
    pixels = noise(1500, 4, 6)
    digest = hashlib.sha256(str(pixels.shape).encode())
    digest.update(pixels.tobytes())
    stimuli = Stimuli(pixels, tuple(map(str, range(1500))))
    assert stimuli.sha256 == digest.hexdigest()
    labelled = LabelledImages(stimuli, np.zeros(1500, np.int64), ("a",))
    assert labelled.take(np.arange(1499)).stimuli.sha256 != stimuli.sha256


def bitmaps(values, size, write):
    """Bitmaps of one size, grey but for their middle row."""
    pixels = [flat(50, size) for _ in values]
    for one, value in zip(pixels, values, strict=True):
        one[size // 2] = value
    return write({f"{'ab'[i % 2]}/{i}.ppm": encoded(one, "PPM") for i, one in enumerate(pixels)})


@pytest.mark.parametrize("size", [8, 100])
@pytest.mark.parametrize("kind", ["folder", "zip", "shards"])
def test_equal_names_sizes_and_times_are_not_taken_for_equal_images(store, tmp_path, kind, size):
    """As what is unpacked from a reproducible archive has them."""

    def written(name, contents):
        if kind == "zip":
            return write_zip(tmp_path / f"{name}.zip", contents)
        if kind == "shards":
            labels = {f"{key.partition('.')[0]}.cls": key[:1].encode() for key in contents}
            return write_tar(tmp_path / name / "x.tar", contents | labels).parent
        return write_folder(tmp_path / name, contents)

    def grey(name, values):
        path = bitmaps(values, size, lambda contents: written(name, contents))
        for file in (path, *path.rglob("*")):
            os.utime(file, (0, 0))
        return path

    kept, _ = store
    middles = [
        kept.load(path, size).stimuli.pixels[:, size // 2, 0, 0].tolist()
        for path in (grey("one", range(10, 13)), grey("two", range(200, 203)))
    ]
    assert list(map(sorted, middles)) == [[10, 11, 12], [200, 201, 202]]
    assert len(files(kept)) == 2


@pytest.mark.parametrize("kind", ["folder", "shards"])
def test_images_that_were_moved_are_found_and_edited_ones_are_not(store, folder, tmp_path, kind, monkeypatch):
    kept, _ = store
    if kind == "shards":
        contents = {f"{i}.png": encoded(image) for i, image in enumerate(PIXELS)}
        folder = write_tar(tmp_path / "s" / "x.tar", contents | {f"{i}.cls": b"1" for i in range(12)}).parent
    kept.load(folder, 16)
    folder = folder.rename(tmp_path / "elsewhere")
    with monkeypatch.context() as patched:
        no_decoding(patched)
        kept.load(folder, 16)
    file = folder / ("x.tar" if kind == "shards" else "a/0000.png")
    content, times = file.read_bytes(), file.stat()
    at = content.index(b"IDAT") + 200
    file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(InputError, match="not a readable image"):  # nothing old comes in its place
        kept.load(folder, 16)


def test_a_file_that_cannot_be_opened_is_named(store, folder):
    (folder / "a" / "0002.png").unlink()
    (folder / "a" / "0002.png").symlink_to(folder / "nowhere.png")
    with pytest.raises(InputError, match=r"0002\.png cannot be read"):
        store[0].load(folder, 16)


def test_a_pack_that_is_cut_while_it_is_used_is_an_error_and_no_crash(store, folder):
    found = store[0].load(folder, 16)
    (array,) = (path for path in store[0].folder.glob("*.npy"))
    expected = found.stimuli.at(np.arange(3))
    with array.open("r+b") as stream:
        stream.truncate(array.stat().st_size - 1)
    assert np.array_equal(found.stimuli.at(np.arange(3)), expected)
    with pytest.raises(InputError, match="shorter than it was when it was opened"):
        found.stimuli.at(np.arange(12))


def test_the_hash_of_packed_images_is_that_of_the_same_in_memory_and_reads_none(store, folder, monkeypatch):
    found, rows = store[0].load(folder, 16), np.array([7, 2, 5])
    in_memory = LabelledImages(
        Stimuli(found.stimuli.at(rows), tuple("xyz")), found.labels[rows], found.classes
    )
    monkeypatch.setattr(pack_file.Reader, "into", lambda *_: pytest.fail("an image was read"))
    assert found.take(rows).sha256 == in_memory.sha256
