"""Every kind of labelled images, recognised from what is there, and refused with what is allowed."""

import tarfile

import numpy as np
import pytest

from made_images import class_folders, encoded, noise, write_folder, write_tar, write_zip
from wiringup.core.errors import InputError, MissingDataError
from wiringup.data.images.decoding import squared
from wiringup.data.images.source import open_source, read_labelled


def opened(path, size=8):
    """Ids, labels, classes and square pixels of a source."""
    with open_source(path, size) as source:
        pixels = [squared(source.read(i), source.where(i), size) for i in range(len(source))]
        return source, np.array(pixels)


def cifar10(folder, n=4, seed=0):
    """The five training files, each with ``n`` records, and their pixels and labels."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (5, n, 3, 32, 32), dtype=np.uint8)
    labels = rng.integers(0, 10, (5, n, 1), dtype=np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(5):
        records = np.concatenate([labels[i], pixels[i].reshape(n, -1)], axis=1)
        (folder / f"data_batch_{i + 1}.bin").write_bytes(records.tobytes())
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels.ravel()


@pytest.mark.parametrize("write", [write_folder, lambda p, c: write_zip(p.with_suffix(".zip"), c)])
def test_class_folders_are_what_read_labelled_reads(tmp_path, write):
    path = write(tmp_path / "x", class_folders(noise(6)))
    source, pixels = opened(path)
    peer = read_labelled(path)
    assert (source.ids, source.classes) == (peer.stimuli.ids, peer.classes)
    assert np.array_equal(source.labels, peer.labels) and np.array_equal(pixels, peer.stimuli.pixels)


def test_npz(tmp_path):
    pixels = noise(4)
    np.savez(tmp_path / "x.npz", images=pixels, labels=np.array([1, 0, 1, 0]), classes=np.array(["a", "b"]))
    source, found = opened(tmp_path / "x.npz")
    assert source.classes == ("a", "b") and source.labels.tolist() == [1, 0, 1, 0]
    assert np.array_equal(found, pixels)


def test_cifar_10(tmp_path):
    pixels, labels = cifar10(tmp_path)
    source, found = opened(tmp_path, 32)
    assert np.array_equal(found, pixels) and np.array_equal(source.labels, labels)
    assert source.classes == tuple("0123456789")
    assert (source.ids[0], source.ids[-1]) == ("data_batch_1/00000", "data_batch_5/00003")
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    (tmp_path / "batches.meta.txt").write_text("\n".join(names) + "\n\n")
    named, _ = opened(tmp_path, 32)
    assert named.classes == tuple(names) and named.fingerprint != source.fingerprint
    one, third = opened(tmp_path / "data_batch_3.bin", 32)
    assert np.array_equal(third, pixels[8:12]) and np.array_equal(one.labels, labels[8:12])


def test_the_class_in_cifar_100_is_the_fine_label(tmp_path):
    pixels = noise(3, 32, 32)
    labels = np.array([[19, 99], [0, 0], [7, 42]], np.uint8)
    records = np.concatenate([labels, pixels.transpose(0, 3, 1, 2).reshape(3, -1)], axis=1)
    for name in ("train.bin", "test.bin"):
        (tmp_path / name).write_bytes(records.tobytes())
    for path in (tmp_path, tmp_path / "test.bin"):
        source, found = opened(path, 32)
        assert np.array_equal(found, pixels) and source.labels.tolist() == [99, 0, 42]
        assert len(source.classes) == 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "data_batch_4.bin").unlink(), r"CIFAR-10 lacks .*data_batch_4\.bin"),
        (
            lambda f: (f / "data_batch_2.bin").write_bytes(b"x" * 3074),
            r"3,074 bytes, which are no whole recor",
        ),
        (lambda f: (f / "data_batch_2.bin").write_bytes(b""), "0 bytes, which are no whole records"),
        (
            lambda f: (f / "data_batch_5.bin").write_bytes(b"\x0a" * 3073),
            "has the label 10, but CIFAR-10 has",
        ),
    ],
)
def test_cifar_that_is_not_whole(tmp_path, change, message):
    cifar10(tmp_path)
    change(tmp_path)
    with pytest.raises(InputError, match=message):
        opened(tmp_path)


def shards(folder, pixels, label=lambda i: str(i % 3).encode(), field="cls", per=4):
    """WebDataset shards of ``per`` images; return the pattern that names them."""
    for start in range(0, len(pixels), per):
        contents = {}
        for i in range(start, min(start + per, len(pixels))):
            contents |= {f"./s/{i:03d}.{field}": label(i), f"./s/{i:03d}.png": encoded(pixels[i])}
            contents |= {f"./s/{i:03d}.seg.png": b"another field, no image of the sample"}
        write_tar(folder / f"shard-{start // per:03d}.tar", contents)
    return folder / f"shard-{{000..{(len(pixels) - 1) // per:03d}}}.tar"


def test_labelled_images_are_read_from_every_kind(tmp_path):
    cifar10(tmp_path / "cifar")
    for path in (shards(tmp_path, noise(6, 32, 32)), tmp_path / "cifar", "rendered:9"):
        source, pixels = opened(path, 32)
        found = read_labelled(path, 32)
        assert np.array_equal(found.stimuli.pixels, pixels) and np.array_equal(found.labels, source.labels)
        assert (found.stimuli.ids, found.classes) == (source.ids, source.classes)
    turned = read_labelled(tmp_path / "cifar", classes="9876543210")
    some = read_labelled(tmp_path / "cifar", choose=lambda labels: np.array([3, 1]))
    assert np.array_equal(9 - turned.labels[[3, 1]], some.labels)


def test_shards_by_range_by_folder_and_alone(tmp_path):
    pixels = noise(10)
    pattern = shards(tmp_path / "x", pixels)
    for path in (pattern, tmp_path / "x"):
        source, found = opened(path)
        assert np.array_equal(found, pixels)
        assert source.labels.tolist() == [i % 3 for i in range(10)] and source.classes == ("0", "1", "2")
        assert (source.ids[0], source.ids[9]) == ("shard-000/s/000", "shard-002/s/009")
    last, found = opened(tmp_path / "x" / "shard-002.tar")
    assert np.array_equal(found, pixels[8:]) and last.labels.tolist() == [1, 0]
    assert last.classes == ("0", "2")  # numbers are names, and none is counted that does not occur
    middle, _ = opened(str(pattern).replace("000..002", "1..1").replace("{", "00{"))
    assert middle.ids[0] == "shard-001/s/004"


@pytest.mark.parametrize("form", [lambda n: {"label": n}, lambda n: {"cls": n, "caption": "x"}, lambda n: n])
def test_labels_from_json_may_be_names(tmp_path, form):
    names = ["owl", "cat10", "cat9"]
    path = shards(tmp_path, noise(6), lambda i: form(names[i % 3]), "json")
    source, _ = opened(path)
    assert source.classes == ("cat9", "cat10", "owl") and source.labels.tolist() == [2, 1, 0] * 2
    numbers = opened(shards(tmp_path / "n", noise(3), lambda i: {"label": 2**40 * i}, "json"))[0]
    assert numbers.classes == ("0", "1099511627776", "2199023255552") and numbers.labels.tolist() == [0, 1, 2]


IMAGE = encoded(noise(1)[0])


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"a.png": IMAGE}, r"'a\.png' has no label beside it; looked for a\.cls and a\.json"),
        ({"a.png": IMAGE, "a.cls": b""}, r"'a\.cls' in .* holds no label"),
        ({"a.png": IMAGE, "a.json": {"id": 3}}, r"'a\.json' in .* holds no label"),
        ({"a.png": IMAGE, "a.json": {"label": -1}}, "holds no label"),
        ({"a.png": IMAGE, "a.json": {"label": True}}, "holds no label"),
        ({"a.png": IMAGE, "a.json": b"{"}, "holds no label"),
        ({"a.png": IMAGE, "a.jpg": IMAGE, "a.cls": b"1"}, "the key 'a' has 2 images"),
        ({"a.cls": b"1"}, r"'a\.cls' has no image beside it; looked for a\.jpg, "),
        ({"a.txt": b"1"}, "hold no images"),
        ({"a0.5.png": IMAGE, "a0.5.cls": b"1", "a0.6.png": IMAGE}, r"'a0\.6\.png' has no label beside it"),
        ({"a.png": IMAGE, "a.json": b'{"label": NaN}'}, "holds no label .*NaN is no number"),
        ({"a.png": IMAGE, "a.json": b"[" * 100_000}, "holds no label .*nested more than 100 levels"),
        ({"a.png": IMAGE, "a.cls": b"9" * 5000}, "a name of at most 1000 characters"),
        ({"a.png": IMAGE, "a.cls": b"\xff"}, r"'a\.cls' in .* holds no label"),
        ({"a.png": IMAGE, "a.cls": b" " * 2_000_000}, "it is too long for a label"),
        (
            {"a.png": IMAGE, "a.cls": b"1", "b.png": IMAGE, "b.cls": b"dog"},
            "some labels are numbers and some",
        ),
    ],
)
def test_shards_that_cannot_be_used(tmp_path, contents, message):
    with pytest.raises(InputError, match=message):
        opened(write_tar(tmp_path / "x.tar", contents))


def test_shards_that_are_damaged_compressed_or_missing(tmp_path):
    path = write_tar(tmp_path / "x.tar", {"a.png": IMAGE, "a.cls": b"1"}, "w:gz")
    with pytest.raises(InputError, match="not a readable, uncompressed tar"):
        opened(path)
    write_tar(path, {"a.cls": b"1", "a.png": IMAGE})
    path.write_bytes(path.read_bytes()[:1600])
    with pytest.raises(InputError, match=r"x\.tar is not a readable, uncompressed tar .* copy complete"):
        opened(path)
    write_tar(tmp_path / "y-1.tar", {})
    with pytest.raises(MissingDataError, match=r"2 of 3 shards are not there: .*y-2\.tar, .*y-3\.tar"):
        opened(tmp_path / "y-{1..3}.tar")
    with pytest.raises(InputError, match=r"The range \{3\.\.1\} in .*y-\{3\.\.1\}\.tar runs backwards"):
        opened(tmp_path / "y-{3..1}.tar")
    for endless in ("y-{0..999999999999}.tar", "y-{0..999}-{0..999}.tar"):
        with pytest.raises(InputError, match=r"names more than 100,000 shards"):
            opened(tmp_path / endless)
    with pytest.raises(MissingDataError, match="y-0-00-x"):
        opened(tmp_path / "y-{0..1}-{00..10}-x.tar")


def test_dots_in_the_names_of_shards(tmp_path, caplog):
    """As in names that hold a scale or a contrast; what is no part of a sample is told."""
    pixels, contents = noise(6), {}
    for i, image in enumerate(pixels):
        key = f"obj_{i}" if i % 3 else f"obj_{i}_scale0.{i}"
        contents |= {f"{key}.PNG": encoded(image), f"{key}.cls": str(i % 2).encode()}
    contents |= {
        "obj_1.txt": b"a caption",
        "obj_1.seg.png": IMAGE,
        "obj_2.meta.json": b"{}",
        "._obj_3.png": b"?",
    }
    contents |= {"obj_2.json": b"{}"}
    source, found = opened(write_tar(tmp_path / "x.tar", contents))
    assert np.array_equal(found, pixels) and source.labels.tolist() == [0, 1] * 3
    assert source.ids[:2] == ("x/obj_0_scale0.0", "x/obj_1")
    assert caplog.messages == [
        f"4 files in {tmp_path / 'x.tar'} are no image or label of a sample and are not used: "
        ".txt (1), .json (1), .seg.png (1), .meta.json (1)."
    ]


def test_a_name_twice_in_a_shard(tmp_path):
    path = write_tar(tmp_path / "x.tar", {"a.png": IMAGE, "a.cls": b"1"})
    with tarfile.open(path, "a") as archive:
        archive.addfile(tarfile.TarInfo("a.cls"))
    with pytest.raises(InputError, match=r"holds 'a\.cls' twice"):
        opened(path)


def test_members_of_a_tar_that_lie(tmp_path):
    path = write_tar(tmp_path / "x.tar", {"a.cls": b"1", "a.png": IMAGE})
    whole = path.read_bytes()
    about = tarfile.TarInfo("a.png")
    for size, message in ((10**10, "does not lie in it"), (-512, "not a readable, uncompressed tar")):
        about.size = size
        path.write_bytes(whole[:1024] + about.tobuf(tarfile.GNU_FORMAT) + whole[1536:])
        with pytest.raises(InputError, match=message):
            opened(path)


def test_numbers_in_an_npz_are_names(tmp_path):
    np.savez(tmp_path / "x.npz", images=noise(3), labels=np.array([2**40, 7, 2**40]))
    source, _ = opened(tmp_path / "x.npz")
    assert source.classes == ("7", "1099511627776") and source.labels.tolist() == [1, 0, 1]
    np.savez(tmp_path / "x.npz", images=noise(3), labels=np.array([0, -1, 0]))
    with pytest.raises(InputError, match="Labels have to be 0 or more; found -1"):
        opened(tmp_path / "x.npz")


def test_rendered_objects(tmp_path, monkeypatch):
    source, pixels = opened("rendered:16", 16)
    again, more = opened("rendered:24", 16)
    assert pixels.shape == (16, 16, 16, 3) and np.bincount(source.labels).tolist() == [2] * 8
    assert np.array_equal(more[:16], pixels) and again.fingerprint != source.fingerprint
    for number in ("", ":", ":many", ":" + "9" * 5000):
        with pytest.raises(InputError, match="write rendered:2000"):
            opened(f"rendered{number}")
    with pytest.raises(InputError, match="asks for 999,999,999,999 objects; at most 10,000,000"):
        opened("rendered:999999999999")
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "rendered", class_folders(noise(2)))
    assert opened("rendered")[0].classes == ("a", "b")  # what is there goes first


@pytest.mark.parametrize("name", ["x.txt", "x.tar.gz", "x.bin"])
def test_what_is_none_of_them_is_told_what_is_allowed(tmp_path, name):
    (tmp_path / name).write_bytes(b"?")
    with pytest.raises(InputError) as raised:
        opened(tmp_path / name)
    told = str(raised.value)
    assert name in told and "data_batch_1.bin" in told
    assert ("Unpack it first" in told) == name.endswith("gz")
    with pytest.raises(MissingDataError, match=r"no folder or file .*nowhere.* Allowed are .*rendered:N"):
        opened(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["folder", "zip", "cifar", "shards"])
def test_other_content_under_the_same_names_is_another_source(tmp_path, kind):
    def write(seed):
        contents = class_folders(noise(2, seed=seed))
        if kind == "folder":
            return write_folder(tmp_path / "x", contents)
        if kind == "zip":
            return write_zip(tmp_path / "x.zip", contents)
        if kind == "cifar":
            return cifar10(tmp_path / "c", 1, seed) and tmp_path / "c"
        return shards(tmp_path / "s", noise(2, seed=seed))

    prints = [opened(write(seed), 32)[0].fingerprint for seed in (0, 1)]
    assert prints[0] != prints[1]
    assert opened(write(1), 32)[0].fingerprint == prints[1] or kind in ("folder", "shards")
