import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from made_images import encoded, flat, write_folder, write_zip
from wiringup.core.errors import InputError, MissingDataError
from wiringup.data.images.reading import read_stimuli
from wiringup.data.images.source import read_labelled


@pytest.fixture
def store(tmp_path, request):
    """Write named contents as a folder or as a zip."""
    if request.param == "folder":
        return lambda contents: write_folder(
            tmp_path / "images", {k: v for k, v in contents.items() if not k.endswith("/")}
        )
    return lambda contents: write_zip(tmp_path / "images.zip", contents)


both = pytest.mark.parametrize("store", ["folder", "zip"], indirect=True)


@both
def test_natural_order_wrapping_folder_and_strangers_ignored(store):
    values = {"image1": 10, "image2": 20, "image10": 100}
    contents = {f"set/{name}.png": encoded(flat(v)) for name, v in values.items()}
    strangers = {
        "set/": b"",
        "__MACOSX/set/._image1.png": b"x",
        "set/.hidden.png": b"x",
        "set/list.csv": b"a,b",
    }
    stimuli = read_stimuli(store({**dict(reversed(contents.items())), **strangers}))
    assert stimuli.ids == ("image1.png", "image2.png", "image10.png")
    assert stimuli.pixels[:, 0, 0, 0].tolist() == [10, 20, 100]


@both
def test_class_folders(store):
    contents = {
        f"w/{c}/{i}.png": encoded(flat(10 * k + i)) for k, c in enumerate(["dog", "cat"]) for i in (1, 2)
    }
    images = read_labelled(store(contents))
    assert images.classes == ("cat", "dog")
    assert images.labels.tolist() == [0, 0, 1, 1]
    assert images.stimuli.pixels[:, 0, 0, 0].tolist() == [11, 12, 1, 2]
    assert images.stimuli.ids[0] == "cat/1.png"


def test_classes_given_set_the_order_and_choose_picks(tmp_path):
    contents = {f"{c}/{i}.png": encoded(flat(10 * k + i)) for k, c in enumerate("ab") for i in range(3)}
    folder = write_folder(tmp_path / "x", contents)
    images = read_labelled(
        folder, classes=("b", "a"), choose=lambda labels: np.flatnonzero(labels == 0)[[2, 0]]
    )
    assert images.labels.tolist() == [0, 0]
    assert images.stimuli.pixels[:, 0, 0, 0].tolist() == [12, 10]
    with pytest.raises(InputError, match="Unknown class folder 'b'"):
        read_labelled(folder, classes=("a", "c"))


def test_class_folder_with_one_inner_folder_is_its_class(tmp_path):
    contents = {f"{c}/images/{i}.png": encoded(flat(0)) for c in "ab" for i in range(2)}
    assert read_labelled(write_folder(tmp_path / "x", contents)).classes == ("a", "b")


def test_splits_are_not_mistaken_for_classes(tmp_path):
    contents = {f"{s}/{c}/1.png": encoded(flat(0)) for s in ("train", "val") for c in "ab"}
    with pytest.raises(InputError, match=r"folders within its folders .*sub-folders are the classes"):
        read_labelled(write_folder(tmp_path / "x", contents))


def test_labels_need_class_folders(tmp_path):
    with pytest.raises(InputError, match=r"outside class folders \(such as '1.png'\)"):
        read_labelled(write_folder(tmp_path / "x", {"1.png": encoded(flat(0)), "a/2.png": encoded(flat(0))}))


def test_resize_equals_pillow_bilinear(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    folder = write_folder(tmp_path / "x", {"a.png": encoded(pixels)})
    expected = np.asarray(Image.fromarray(pixels).resize((16, 16), Image.Resampling.BILINEAR))
    assert np.array_equal(read_stimuli(folder, size=16).pixels[0], expected)
    np.savez(tmp_path / "x.npz", images=pixels[None])
    assert np.array_equal(read_stimuli(tmp_path / "x.npz", size=16).pixels[0], expected)


def test_jpeg_in_reduced_scale_is_close_to_the_full_one(tmp_path):
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(400, 400, 3)), (4, 4, 0))
    pixels = (255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)
    content = encoded(pixels, "JPEG", quality=95)
    full = Image.open(io.BytesIO(content)).resize((32, 32), Image.Resampling.BILINEAR)
    found = read_stimuli(write_folder(tmp_path / "x", {"a.jpg": content}), size=32).pixels[0]
    assert np.abs(found.astype(int) - np.asarray(full)).mean() < 0.5


def test_grey_palette_and_alpha_become_rgb(tmp_path):
    grey = np.full((8, 8), 77, np.uint8)
    palette = io.BytesIO()
    Image.fromarray(flat(0)).convert("P").save(palette, "PNG", transparency=b"\x00" * 4)
    alpha = np.dstack([flat(50), np.zeros((8, 8), np.uint8)])
    contents = {"a.png": encoded(grey), "b.png": palette.getvalue(), "c.png": encoded(alpha)}
    pixels = read_stimuli(write_folder(tmp_path / "x", contents)).pixels
    assert pixels.shape == (3, 8, 8, 3)
    assert pixels[0, 0, 0].tolist() == [77, 77, 77]
    assert pixels[2, 0, 0].tolist() == [128, 128, 128]


def test_more_than_8_bits_is_refused(tmp_path):
    folder = write_folder(tmp_path / "x", {"deep.png": encoded(np.full((8, 8), 40000, np.uint16))})
    with pytest.raises(InputError, match=r"deep\.png has more than 8 bits a channel"):
        read_stimuli(folder)


def deep_colour():
    """A PNG of 2 x 2 pixels in colour with 16 bits a channel, which Pillow opens as RGB."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(2 * 13))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content"), [("deep.png", deep_colour()), ("deep.ppm", b"P6 2 2 65535\n" + bytes(24))]
)
def test_more_than_8_bits_in_colour_are_not_cut_without_a_word(tmp_path, name, content):
    with pytest.raises(InputError, match=rf"{name} has more than 8 bits a channel"):
        read_stimuli(write_folder(tmp_path / "x", {name: content}))


def test_eight_bits_of_every_format_pass(tmp_path):
    image = Image.fromarray(np.full((8, 8, 3), 90, np.uint8))
    for kind in ("JPEG", "PNG", "BMP", "GIF", "WEBP", "PPM", "TIFF"):
        stored = io.BytesIO()
        image.save(stored, kind)
        name = f"a.{kind.lower()}"
        read = read_stimuli(write_folder(tmp_path / kind, {name: stored.getvalue()}))
        assert abs(int(read.pixels[0, 0, 0, 0]) - 90) < 3


@both
def test_different_sizes_are_named(store):
    contents = {f"{i}.png": encoded(flat(0, 8)) for i in range(3)} | {"3.png": encoded(flat(0, 12))}
    path = store(contents)
    with pytest.raises(
        InputError, match=r"different sizes: 8x8 \(3 images\), 12x12 \(1 images\).*for example --size 8"
    ):
        read_stimuli(path)
    assert read_stimuli(path, size=8).pixels.shape == (4, 8, 8, 3)


@both
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_truncated_image_is_named(store, form):
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    content = encoded(noise, form)
    path = store({"fine.png": encoded(noise), "half.png": content[: len(content) // 2]})
    with pytest.raises(InputError, match=r"half\.png.* is not a readable image \("):
        read_stimuli(path)


def test_garbage_image_is_named(tmp_path):
    with pytest.raises(InputError, match=r"bad\.jpg is not a readable image \(none of JPEG, PNG"):
        read_stimuli(write_folder(tmp_path / "x", {"bad.jpg": b"no image"}))


def test_damaged_zip_member_is_named(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"a.bmp": encoded(flat(3), "BMP")})
    content = bytearray(path.read_bytes())
    content[80] ^= 255
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"'a\.bmp' in .*x\.zip cannot be read \(Bad CRC"):
        read_stimuli(path)


def test_broken_zip(tmp_path):
    path = tmp_path / "x.zip"
    path.write_bytes(b"PK not really")
    with pytest.raises(InputError, match="is not a readable zip"):
        read_stimuli(path)


@both
def test_no_images(store):
    with pytest.raises(InputError, match=r"holds no images \(looked for \.jpg"):
        read_stimuli(store({"notes.txt": b"hello"}))


def test_missing_path_and_wrong_kind(tmp_path):
    with pytest.raises(MissingDataError, match="There is no folder or file"):
        read_stimuli(tmp_path / "nowhere")
    (tmp_path / "x.tar").write_bytes(b"")
    with pytest.raises(InputError, match="neither a folder of images, nor a zip, nor an npz"):
        read_stimuli(tmp_path / "x.tar")
    with pytest.raises(InputError, match="size of images in pixels is 0"):
        read_stimuli(tmp_path, size=0)


def test_npz_grey_and_labelled(tmp_path):
    images = np.arange(4 * 6 * 6, dtype=np.uint8).reshape(4, 6, 6)
    path = tmp_path / "x.npz"
    np.savez(path, pictures=images, labels=np.array([1, 0, 1, 0]), classes=np.array(["a", "b"]))
    assert np.array_equal(read_stimuli(path).pixels[..., 2], images)
    labelled = read_labelled(path, size=3, choose=lambda labels: np.flatnonzero(labels == 1))
    assert labelled.classes == ("a", "b")
    assert labelled.stimuli.pixels.shape == (2, 3, 3, 3)
    assert labelled.stimuli.ids == ("image00000", "image00002")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((2, 4, 4), np.float32)}, r"exactly one stack of images.*x float32 \(2, 4, 4\)"),
        ({"x": np.zeros((2, 3, 4, 4), np.uint8)}, r"x uint8 \(2, 3, 4, 4\)"),
        ({"x": np.zeros((2, 4, 4), np.uint8), "y": np.zeros((2, 4, 4), np.uint8)}, "exactly one stack"),
        ({"x": np.array([{}], dtype=object)}, "it holds pickled objects, which wiringup never loads"),
    ],
)
def test_npz_without_one_stack(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read_stimuli(tmp_path / "x.npz")


def test_npz_without_labels_or_damaged(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, x=np.zeros((2, 4, 4), np.uint8))
    with pytest.raises(InputError, match="has to hold integers 'labels'"):
        read_labelled(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be read as arrays"):
        read_stimuli(path)
