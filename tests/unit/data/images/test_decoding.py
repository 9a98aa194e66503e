"""One rule for pictures: known formats, upright, on grey, the first frame, within bounds."""

import io
import os
import struct
import threading
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from made_images import encoded, flat, noise, write_folder, write_tar, write_zip
from wiringup.core.errors import InputError
from wiringup.data.formats import zips
from wiringup.data.images import decoding
from wiringup.data.images.cache import ImageCache
from wiringup.data.images.decoding import decode, dimensions, squared, warn_of
from wiringup.data.images.reading import read_named, read_stimuli
from wiringup.data.images.source import read_labelled

RAMP = np.stack(
    [
        np.tile(np.arange(0, 240, 4, dtype=np.uint8), (40, 1)),
        *[np.full((40, 60), v, np.uint8) for v in (7, 90)],
    ],
    2,
)


def turned(pixels, orientation, form="PNG", **options):
    exif = Image.Exif()
    exif[0x112] = orientation
    return encoded(pixels, form, exif=exif, **options)


def announcing(width, height):
    """A PNG of a few bytes that announces so many pixels."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("form", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_exif_turns_an_image_upright(orientation, form, options):
    """Pillow's own ImageOps is the peer."""
    content = turned(RAMP, orientation, form, **options)
    with Image.open(io.BytesIO(content)) as image:
        peer = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert (peer.shape != RAMP.shape) == (orientation > 4)
    assert np.array_equal(decode(content, "x", None), peer)
    assert dimensions(content, "x") == peer.shape[1::-1]
    assert np.array_equal(squared(content, "x", 20), decoding.square(peer, 20, 20))


def test_a_jpeg_is_upright_and_still_decoded_at_a_reduced_scale(monkeypatch):
    pixels = np.kron(RAMP, np.ones((8, 8, 1), np.uint8))  # 320 x 480
    plain = encoded(pixels, "JPEG", quality=95)
    loaded = []

    def counted(image, where, size, *more):
        found = image_of(image, where, size, *more)
        loaded.append(tuple(sorted(image.size)))
        return found

    image_of = decoding._loaded
    monkeypatch.setattr(decoding, "_loaded", counted)
    for orientation, turns in ((6, 3), (3, 2), (8, 1)):  # quarter turns against the clock
        content = turned(pixels, orientation, "JPEG", quality=95)
        assert np.array_equal(squared(content, "x", 32), np.rot90(squared(plain, "x", 32), turns))
        assert dimensions(content, "x") == ((320, 480) if turns % 2 else (480, 320))
    assert loaded[:2] == [(80, 120)] * 2


def test_images_without_exif_and_alpha_are_decoded_as_before():
    for content in (encoded(RAMP), encoded(RAMP, "JPEG"), encoded(RAMP[..., 0]), encoded(RAMP, "BMP")):
        with Image.open(io.BytesIO(content)) as image:
            before = image.convert("RGB")
        assert np.array_equal(decode(content, "x", None), np.asarray(before))
        resized = np.asarray(before.resize((16, 16), Image.Resampling.BILINEAR))
        assert np.array_equal(decode(content, "x", 16), resized)


def test_exif_that_cannot_be_read_says_nothing():
    content = encoded(RAMP, "PNG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    assert np.array_equal(decode(content, "x", None), RAMP)
    assert np.array_equal(decode(turned(RAMP, 77), "x", None), RAMP)


def test_what_is_transparent_is_laid_on_grey():
    hidden, alpha = noise(1, 40, 60)[0], np.zeros((40, 60), np.uint8)
    alpha[:, 30:], alpha[:, 50:] = 255, 51  # opaque in the middle, a fifth at the right
    found = decode(encoded(np.dstack([hidden, alpha])), "x", None).astype(int)
    assert (found[:, :30] == 128).all() and np.array_equal(found[:, 30:50], hidden[:, 30:50])
    assert np.abs(found[:, 50:] - (0.2 * hidden[:, 50:] + 0.8 * 128)).max() <= 1
    grey = decode(encoded(np.dstack([hidden[..., 0], alpha])), "x", None)
    assert (grey[:, :30] == 128).all() and np.array_equal(grey[:, 30:50, 0], hidden[:, 30:50, 0])
    opaque = encoded(np.dstack([hidden, np.full((40, 60), 255, np.uint8)]))
    assert np.array_equal(decode(opaque, "x", None), hidden)


@pytest.mark.parametrize("mode", ["P", "RGB", "L"])
def test_a_transparent_colour_is_laid_on_grey(mode):
    stream = io.BytesIO()
    image = Image.fromarray(
        np.where(np.arange(60) < 30, 0, 200).astype(np.uint8) * np.ones((40, 1), np.uint8)
    )
    image.convert(mode).save(stream, "PNG", transparency=(0, 0, 0) if mode == "RGB" else 0)
    seen = []
    found = decode(stream.getvalue(), "x", None, seen.append)
    assert seen == ["transparent"] and (found[:, :30] == 128).all() and (found[:, 30:] == 200).all()


def three_frames(form):
    stream = io.BytesIO()
    frames = [Image.fromarray(flat(value)) for value in (0, 120, 240)]
    frames[0].save(stream, form, save_all=True, append_images=frames[1:])
    return stream.getvalue()


@pytest.mark.parametrize("form", ["GIF", "TIFF", "PNG"])
def test_the_first_of_several_frames_counts(form):
    seen = []
    assert (decode(three_frames(form), "x", None, seen.append) == 0).all() and seen == ["frames"]


CONTENTS = {
    "a/0.png": encoded(flat(7)),
    "a/1.png": turned(flat(8), 6),
    "b/2.gif": three_frames("GIF"),
    "b/3.gif": three_frames("GIF"),
    "b/4.png": encoded(np.dstack([flat(50), np.zeros((8, 8), np.uint8)])),
}
SAID = [
    "1 of 5 images is turned upright, as the EXIF orientation says.",
    "1 of 5 images is transparent in part; what is behind is grey (128).",
    "2 of 5 images have several frames; the first is used.",
]


@pytest.mark.parametrize("write", [write_folder, lambda path, c: write_zip(path.with_suffix(".zip"), c)])
def test_what_the_rule_did_is_said_once_for_a_set(tmp_path, caplog, write):
    path = write(tmp_path / "x", CONTENTS)
    read_stimuli(path)
    assert caplog.messages == SAID
    read_labelled(path)
    kept = ImageCache(tmp_path / "store").load(path, 8)
    assert caplog.messages == SAID * 3
    assert np.array_equal(kept.stimuli.at(slice(None)), read_labelled(path).stimuli.pixels)


def test_of_plain_images_nothing_is_said(caplog):
    warn_of([], 5)
    assert not caplog.messages
    warn_of(["frames"] * 3000, 6000)
    assert caplog.messages == ["3,000 of 6,000 images have several frames; the first is used."]


def test_images_of_brain_score_are_decoded_as_its_loader_does_it(tmp_path):
    path = write_zip(
        tmp_path / "x.zip",
        {name: CONTENTS[name] for name in ("a/1.png", "b/4.png")} | {"c.png": turned(RAMP, 6)},
    )
    assert read_named(path, ["a/1.png", "b/4.png"], as_stored=True)[:, 0, 0].tolist() == [[8] * 3, [50] * 3]
    assert np.array_equal(read_named(path, ["c.png"], as_stored=True)[0], RAMP)
    assert read_named(path, ["b/4.png"])[0, 0, 0].tolist() == [128] * 3


@pytest.mark.parametrize("form", ["EPS", "ICNS", "DDS", "XBM", "PCX", "TGA"])
def test_other_formats_are_never_opened(form, monkeypatch):
    stream = io.BytesIO()
    Image.new("1" if form == "XBM" else "RGB", (32, 32)).save(stream, form)

    def started(*_args, **_more):
        raise AssertionError("a program was started")

    monkeypatch.setattr("subprocess.check_call", started)
    with pytest.raises(InputError, match=r"x\.png is not a readable image \(none of JPEG, PNG, BMP,"):
        decode(stream.getvalue(), "x.png", None)


@pytest.mark.parametrize(
    ("width", "height", "message"),
    [
        (13_000, 13_000, r"13,000 x 13,000 pixels; 128 million are allowed. Reduce it first"),
        (1, 1_000_000, r"1 x 1,000,000 pixels; the long side may be 100 times the short one"),
        (2_000_000_000, 2_000_000_000, "not a readable image"),
        (0, 5, "not a readable image|0 x 5"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_sides_are_bounded_before_anything_is_decoded(width, height, message, monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("it was decoded"))
    for read in (lambda c: decode(c, "x", 16), lambda c: squared(c, "x", 16), lambda c: dimensions(c, "x")):
        with pytest.raises(InputError, match=message):
            read(announcing(width, height))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_photograph_of_a_hundred_megapixels_is_resized():
    with Image.new("RGB", (11_648, 8_736), (9, 60, 200)) as image:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=90)
    assert np.abs(squared(stream.getvalue(), "x", 16).astype(int) - (9, 60, 200)).max() <= 3


def test_the_bound_on_pixels_can_be_said(monkeypatch):
    monkeypatch.setenv("WIRINGUP_MEGAPIXELS", "0.002")
    with pytest.raises(InputError, match=r"60 x 40 pixels; 0\.002 million are allowed"):
        decode(encoded(RAMP), "x", None)


def test_large_images_are_decoded_one_after_another():
    """A thread waits while there is no room for what it decodes; a small image finds some."""
    room, large, small = decoding._Room(), threading.Event(), threading.Event()

    def enter(pixels, entered):
        with room.taken(pixels, 100):
            entered.set()

    threads = [threading.Thread(target=enter, args=args) for args in ((60, large), (10, small))]
    with room.taken(90, 100):
        for thread in threads:
            thread.start()
        assert small.wait(60) and not large.wait(0.1)
    assert large.wait(60)
    for thread in threads:
        thread.join()
    with room.taken(1000, 100):  # alone, whatever its size
        assert room._taken == 1000


def test_files_are_read_ahead_within_bounds(tmp_path, monkeypatch):
    path = write_folder(
        tmp_path / "x", {f"{'ab'[i % 2]}/{i}.png": encoded(p) for i, p in enumerate(noise(7))}
    )
    whole, kept = read_stimuli(path), ImageCache(tmp_path / "one").load(path, 8).sha256
    monkeypatch.setattr(decoding, "PICTURES_BYTES", 500)
    assert read_stimuli(path).sha256 == whole.sha256
    assert ImageCache(tmp_path / "two").load(path, 8).sha256 == kept


def test_few_files_wait_where_they_are_large(monkeypatch):
    monkeypatch.setattr(decoding, "PICTURES_BYTES", 500)
    read = []
    files = ((read.append(name) or b"x" * 200, name) for name in "abcdefgh")
    shown = decoding.side_by_side(lambda content, name: name + content[:1].decode(), files)
    assert next(shown) == "ax" and read == ["a", "b", "c"]
    assert [*shown] == ["bx", "cx", "dx", "ex", "fx", "gx", "hx"]


def test_one_file_under_two_ids_is_read_twice(tmp_path):
    path = write_folder(tmp_path / "x", {f"{i}.png": encoded(flat(i)) for i in range(3)})
    assert read_named(path, ["2.png", "0.png", "2.png"])[:, 0, 0, 0].tolist() == [2, 0, 2]


def test_a_member_of_a_zip_is_bounded(tmp_path, monkeypatch):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", encoded(flat(3)))
        archive.writestr("b.png", b"0" * 100_000)
    monkeypatch.setattr("wiringup.data.images.pictures.PICTURE_BYTES", 50_000)
    with pytest.raises(InputError, match=r"'b\.png' in .* has 100,000 bytes; a picture may have 50,000"):
        read_stimuli(path)


def test_no_more_is_unpacked_than_is_announced(tmp_path):
    path, size = tmp_path / "x.zip", 50_000_000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b.png", bytes(size))
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", size), struct.pack("<I", 1_000)))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"'b\.png' in .* cannot be read"):
        read_stimuli(path)
    assert tracemalloc.get_traced_memory()[1] < size / 10
    tracemalloc.stop()


def test_zips_that_are_encrypted_or_packed_otherwise(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"a.png": encoded(flat(3))})
    content = bytearray(path.read_bytes())
    for at in (content.index(b"PK\x03\x04") + 6, content.index(b"PK\x01\x02") + 8):
        content[at] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"'a\.png' in .* is encrypted; unpack the zip"):
        read_stimuli(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.png", encoded(flat(3)))
    with pytest.raises(InputError, match=r"'a\.png' in .* is compressed in an unusual way"):
        read_stimuli(path)


@pytest.mark.parametrize("name", ["x.png", "x.zip"])
def test_a_pipe_called_like_a_picture_is_refused(tmp_path, name):
    os.mkfifo(tmp_path / name)
    path = tmp_path if name == "x.png" else tmp_path / name
    with pytest.raises(InputError, match="is a pipe, but has to be a"):
        read_stimuli(path)
    if name == "x.png":
        (tmp_path / "a").mkdir()
        (tmp_path / "x.png").rename(tmp_path / "a/x.png")
        write_folder(tmp_path, {"b/y.png": encoded(flat(0))})
        with pytest.raises(InputError, match="is a pipe, but has to be a picture"):
            ImageCache(tmp_path / "store").load(tmp_path, 8)


def test_a_folder_within_itself_is_refused(tmp_path):
    write_folder(tmp_path, {"a/1.png": encoded(flat(0))})
    for name in ("up", "again"):
        (tmp_path / "a" / name).symlink_to(tmp_path)
    with pytest.raises(InputError, match="is a link to a folder that it lies in"):
        read_stimuli(tmp_path)


def test_a_stack_that_does_not_fit_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("wiringup.data.formats.arrays.free_memory", lambda: 1000)
    path = write_folder(tmp_path / "x", {f"{i}.png": encoded(flat(i)) for i in range(6)})
    with pytest.raises(InputError, match=r"6 images of .* needs 0\.00115 MB of memory"):
        read_stimuli(path)


def test_pictures_are_the_same_in_a_folder_a_zip_and_shards(tmp_path, caplog):
    shards = {
        f"{i}.{end}": content
        for i, (name, image) in enumerate(CONTENTS.items())
        for end, content in ((name[-3:], image), ("cls", str(i % 2).encode()))
    }
    found = ImageCache(tmp_path / "store").load(write_tar(tmp_path / "x.tar", shards), 8)
    assert caplog.messages == SAID
    folder = read_labelled(write_folder(tmp_path / "x", CONTENTS))
    assert np.array_equal(found.stimuli.at(slice(None)), folder.stimuli.pixels)


def test_a_pipe_called_like_an_archive_is_refused(tmp_path):
    os.mkfifo(tmp_path / "x.zip")
    with pytest.raises(InputError, match="is a pipe"), zips.open_zip(tmp_path / "x.zip"):
        pass
