import errno
import hashlib

import numpy as np
import pytest
from PIL import Image

from wiringup.core.errors import InputError, MissingDataError, WiringupError
from wiringup.core.files import atomic_path, read_json, sha256_of, write_bytes, write_text
from wiringup.core.home import data_home
from wiringup.core.stimuli import LabelledImages, Stimuli, from_pixels, on_screen


def test_a_failed_write_leaves_the_earlier_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    write_bytes(target, b"whole")

    def fail_half_way() -> None:
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail_half_way()
    assert target.read_bytes() == b"whole"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_said_plainly(tmp_path):
    with (
        pytest.raises(WiringupError, match=r"No space left to write .*a\.txt"),
        atomic_path(tmp_path / "a.txt"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_json_and_its_errors(tmp_path):
    path = tmp_path / "deep" / "x.json"
    write_text(path, '{"a": [1, 2]}')
    assert read_json(path) == {"a": [1, 2]}
    with pytest.raises(MissingDataError, match="There is no file"):
        read_json(tmp_path / "none.json")
    path.write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        read_json(path)


def test_sha256_known_answer(tmp_path):
    write_bytes(tmp_path / "abc", b"abc")
    assert sha256_of(tmp_path / "abc").startswith("ba7816bf8f01cfea")


def test_the_data_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("WIRINGUP_DATA", str(tmp_path))
    assert data_home() == tmp_path


def test_stimuli_refuse_what_is_not_a_stack_of_rgb_bytes():
    with pytest.raises(InputError, match=r"uint8 \(images, height, width, 3\); got float64"):
        Stimuli(np.zeros((1, 4, 4, 3)), ("a",))
    with pytest.raises(InputError, match="ids has 1 entries"):
        Stimuli(np.zeros((2, 4, 4, 3), np.uint8), ("a",))


def test_the_hash_of_stimuli_depends_on_pixels_and_order_only():
    pixels = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    one = Stimuli(pixels, ("a", "b"))
    assert one.sha256 == Stimuli(pixels.copy(), ("c", "d")).sha256
    assert one.sha256 != one.take(np.array([1, 0])).sha256
    assert one.take(np.array([1])).ids == ("b",)


def test_the_hash_of_labelled_images_is_made_of_the_hashes_of_each_and_follows_all_that_they_are():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 4, 2, 3), np.uint8)
    found = LabelledImages(Stimuli(pixels, tuple("abcdef")), np.arange(6) % 3, ("x", "y", "z"))
    each = found.stimuli.image_sha256
    assert [row.tobytes() for row in each] == [hashlib.sha256(image.tobytes()).digest() for image in pixels]
    turned = pixels.reshape(6, 2, 4, 3)  # the same bytes
    others = [
        found.take(np.arange(6)[::-1]),
        found.take(np.arange(5)),
        LabelledImages(found.stimuli, (found.labels + 1) % 3, found.classes),
        LabelledImages(found.stimuli, found.labels, ("x", "y", "zz")),
        LabelledImages(Stimuli(turned, found.stimuli.ids), found.labels, found.classes),
        LabelledImages(from_pixels(255 - pixels), found.labels, found.classes),
    ]
    assert len({one.sha256 for one in (found, *others)}) == 7
    assert LabelledImages(from_pixels(pixels.copy()), found.labels, found.classes).sha256 == found.sha256


def test_grey_pixels_become_three_equal_channels():
    grey = from_pixels(np.arange(32, dtype=np.uint8).reshape(2, 4, 4))
    assert grey.pixels.shape == (2, 4, 4, 3)
    assert (grey.pixels[..., 0] == grey.pixels[..., 2]).all()


def test_labels_have_to_point_at_classes():
    stimuli = from_pixels(np.zeros((2, 4, 4), np.uint8))
    with pytest.raises(InputError, match=r"Labels have to lie in 0 \.\.\. 1"):
        LabelledImages(stimuli, np.array([0, 2]), ("a", "b"))
    images = LabelledImages(stimuli, np.array([0, 1]), ("a", "b"))
    assert images.take(np.array([1])).labels.tolist() == [1]
    assert images.sha256 != LabelledImages(stimuli, np.array([1, 0]), ("a", "b")).sha256


@pytest.mark.parametrize("size", [(16, 16), (15, 16), (7, 9)])
@pytest.mark.parametrize(("degrees", "view"), [(4, 8), (8, 4), (8, 8), (6, 8), (8, 7), (10, 3), (2, 5)])
def test_images_on_screen_are_those_of_pillow(size, degrees, view):
    """The peer's placement, made with Pillow: paste on ``gray`` or crop, sizes and corners rounded."""
    height, width = size
    pixels = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8)
    shown = on_screen(Stimuli(pixels, ("a", "b")), degrees, view)
    for ours, image in zip(shown.pixels, map(Image.fromarray, pixels), strict=True):
        new = np.round(np.array(image.size) * (view / degrees)).astype(int)
        left, top = np.round((new - image.size) / 2).astype(int)
        expected = Image.new("RGB", tuple(new), "gray")
        expected.paste(image, (int(left), int(top)))
        np.testing.assert_array_equal(ours, np.asarray(expected))
    assert shown.ids == ("a", "b")


def test_images_that_fill_the_screen_are_not_copied():
    stimuli = from_pixels(np.zeros((1, 4, 4), np.uint8))
    assert on_screen(stimuli, 8, 8) is stimuli


@pytest.mark.parametrize(
    ("degrees", "view", "message"),
    [
        (0, 8, "have to be positive; got 0 and 8"),
        (8, -1, "have to be positive"),
        (100, 1, "Nothing is left of images of 4"),
    ],
)
def test_impossible_screens(degrees, view, message):
    with pytest.raises(InputError, match=message):
        on_screen(from_pixels(np.zeros((1, 4, 4), np.uint8)), degrees, view)
