"""Whole photographs in the store: aspect and bytes are kept, nothing is enlarged, nothing can be stacked."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from made_images import encoded, noise, write_folder
from wiringup.core.errors import InputError
from wiringup.data.images.cache import ImageCache
from wiringup.data.images.estimate import estimates
from wiringup.data.images.keeping import Keeping

SHAPES = [(20, 33), (41, 24), (16, 16), (9, 30), (12, 12), (60, 48)]
NAMES = [f"{'ab'[i % 2]}/{i}.jpg" for i in range(len(SHAPES))]
SHORT = 16
ORIENTATION = 0x0112


def smooth(height, width, seed):
    """Noise of a few waves, which a JPEG keeps."""
    coarse = Image.fromarray(noise(1, 4, 4, seed=seed)[0])
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


FILES = {
    name: encoded(smooth(*shape, seed=i), "JPEG", quality=95)
    for i, (name, shape) in enumerate(zip(NAMES, SHAPES, strict=True))
}


def shown(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def at_most(pixels, short):
    """As Resize(short) of torchvision, unless the short side is no longer than that."""
    height, width = pixels.shape[:2]
    if min(height, width) <= short:
        return pixels
    size = (int(short * width / height), short) if height < width else (short, int(short * height / width))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


@pytest.fixture
def store(tmp_path):
    return ImageCache(tmp_path / "store", 1.0)


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "photos", FILES)


def by_name(images):
    return dict(zip(images.stimuli.ids, images.stimuli.each(slice(None)), strict=True))


def test_raw_photographs_keep_their_aspect_and_are_never_enlarged(store, folder):
    found = by_name(store.load(folder, SHORT, keep="raw"))
    assert set(found) == set(NAMES)
    for name, content in FILES.items():
        assert np.array_equal(found[name], at_most(shown(content), SHORT))


def test_a_jpeg_that_fits_is_kept_byte_for_byte_and_others_are_written_anew(store, folder):
    images = store.load(folder, SHORT, keep="jpeg:95")
    hashes = dict(zip(images.stimuli.ids, images.stimuli.image_sha256.tolist(), strict=True))
    found = by_name(images)
    for name, content in FILES.items():
        expected = at_most(shown(content), SHORT)
        kept = expected.shape == shown(content).shape
        assert (bytes(hashes[name]) == hashlib.sha256(content).digest()) is kept
        assert found[name].shape == expected.shape
        if kept:
            assert np.array_equal(found[name], shown(content))
        else:
            again = shown(encoded(expected, "JPEG", quality=95))
            assert np.array_equal(found[name], again)


def test_what_a_reader_of_jpegs_would_show_otherwise_is_written_anew(store, tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    turned = encoded(smooth(12, 8, 0), "JPEG", quality=95, exif=exif)
    grey, png = encoded(smooth(8, 8, 1)[..., 0], "JPEG"), encoded(smooth(8, 8, 2))
    inks = io.BytesIO()
    Image.fromarray(smooth(8, 8, 3)).convert("CMYK").save(inks, "JPEG")
    contents = {"a/0.jpg": turned, "a/1.jpg": grey, "b/2.jpg": png, "b/3.jpg": inks.getvalue()}
    images = store.load(write_folder(tmp_path / "x", contents), SHORT, keep="jpeg")
    kept = [
        bytes(hashed) == hashlib.sha256(content).digest()
        for hashed, content in zip(images.stimuli.image_sha256.tolist(), contents.values(), strict=True)
    ]
    assert kept == [False, True, False, False]
    assert images.stimuli.sides_of(slice(None)).tolist() == [[8, 12], [8, 8], [8, 8], [8, 8]]
    both = by_name(images)["a/0.jpg"], np.rot90(smooth(12, 8, 0), -1)
    assert np.corrcoef(*(pixels.ravel() for pixels in both))[0, 1] > 0.8
    assert [image.shape for image in images.stimuli.each(slice(None))] == [(8, 12, 3)] + 3 * [(8, 8, 3)]


@pytest.mark.parametrize("keep", ["raw", "jpeg:90"])
def test_photographs_are_chosen_and_named_by_what_is_kept_of_them(store, folder, keep):
    images = store.load(folder, SHORT, keep=keep)
    rows = np.array([4, 1, 4])
    some = images.take(rows)
    everything = list(images.stimuli.each(slice(None)))
    assert [
        np.array_equal(a, everything[b]) for a, b in zip(some.stimuli.each(slice(None)), rows, strict=True)
    ]
    assert some.stimuli.sides_of(slice(None)).tolist() == [list(everything[row].shape[:2]) for row in rows]
    assert [image.shape for image in images.stimuli.each(rows)] == [everything[row].shape for row in rows]
    assert images.take(rows[::-1].copy()).sha256 == some.sha256  # 4, 1, 4 is the same backwards
    different = {one.sha256 for one in (images, some, images.take(rows[:2]), images.take(rows[1:]))}
    assert len(different) == 4
    assert len({one.stimuli.sha256 for one in (images, some, images.take(rows[:2]))}) == 3
    other = store.load(folder, SHORT, keep="raw" if keep == "jpeg:90" else "jpeg:90")
    assert other.sha256 != images.sha256 and other.stimuli.sha256 != images.stimuli.sha256


def test_equal_bytes_of_other_sides_are_other_images(store, tmp_path):
    pixels = noise(2, 8, 8)
    hashes = set()
    for name, shape in (("one", (8, 8, 3)), ("other", (4, 16, 3))):
        contents = {f"{c}/x.png": encoded(one.reshape(shape)) for c, one in zip("ab", pixels, strict=True)}
        images = store.load(write_folder(tmp_path / name, contents), SHORT, keep="raw")
        hashes |= {images.sha256, images.stimuli.sha256}
    assert len(hashes) == 4


def test_photographs_are_no_stack(store, folder):
    stimuli = store.load(folder, SHORT, keep="raw").stimuli
    assert not stimuli.uniform
    assert repr(stimuli) == "Photographs(6 images, kept whole (short side at most 16 px, plain pixels))"
    for wrong in (lambda: stimuli.pixels, lambda: stimuli.at(np.arange(2))):
        with pytest.raises(InputError, match="cannot be stacked"):
            wrong()
    with pytest.raises(InputError, match="give the size of the network's input"):
        _ = stimuli.sides


@pytest.mark.parametrize("wrong", ["", "png", "jpeg:0", "jpeg:96", "jpeg:x", "raw:90", "squares:1"])
def test_other_ways_to_keep_images_are_refused(wrong):
    with pytest.raises(InputError, match=r"allowed are squares, raw, jpeg \(of quality 90\) or jpeg:1"):
        Keeping.parse(wrong)


def test_the_quality_is_in_the_words_and_in_the_store(store, folder):
    assert str(Keeping.parse("jpeg")) == "jpeg:90"
    one, same, other = (
        store.load(folder, SHORT, keep=keep).sha256 for keep in ("jpeg", "jpeg:90", "jpeg:40")
    )
    assert one == same != other
    assert (
        Keeping.parse("jpeg:40").described(256)
        == "kept whole (short side at most 256 px, JPEG of quality 40)"
    )


def test_disk_is_told_before(store, folder):
    told = {one.keep: one.disk_bytes for one in estimates(folder, SHORT)}
    for keep, expected in told.items():
        store.clear()
        store.load(folder, SHORT, keep=keep)
        taken = sum(part.stat().st_size for part in store.folder.glob("[!.]*"))
        # each of these few images is counted exactly; the files beside them have some 1.3 kB of words
        assert 0 <= taken - expected < 1500
