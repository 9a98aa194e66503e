import csv
import io
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from wiringup.core.errors import InputError, MissingDataError
from wiringup.core.files import sha256_of
from wiringup.data.sources import catalog
from wiringup.data.sources.addresses import SOURCES
from wiringup.data.sources.published import cifar10h

# read in test_brainscore_data.py from small files, and in tests/golden where the data are
BRAIN_SCORE = ("majajhong2015", "freemanziemba2013", "rajalingham2018")


@pytest.fixture(scope="module")
def home(shared):
    return shared / "data"


def member(path, name):
    with zipfile.ZipFile(path) as archive:
        return np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"))


def test_all_are_known_and_present(home):
    known = [entry for entry in catalog.known(home) if not entry.name.startswith(BRAIN_SCORE)]
    assert all(entry.present and not entry.why for entry in known)
    assert [entry.name for entry in known] == [
        "cowley2023.210325",
        "cowley2023.190923",
        "henaff2021",
        "cichy2016.IT",
        "cichy2016.EVC",
        "cichy2016.white.IT",
        "cichy2016.white.EVC",
        "cifar10h",
        "cifar10.train",
        "tinyimagenet40.train",
        "tinyimagenet40.val",
    ]


def test_files_are_those_of_the_table(home):
    for source in SOURCES.values():
        for file in source.files:
            path = home / source.name / file.name
            if path.exists():
                assert (path.stat().st_size, sha256_of(path)) == (file.size, file.digest)


def test_cowley_with_repeats(home):
    recording = catalog.load("cowley2023.210325", home)
    raw = np.load(home / "cowley2023" / "responses_raw_210325.npy")
    assert (recording.name, recording.area) == ("cowley2023.210325", "V4")
    assert recording.trials.shape == (50, 640, 10)
    assert np.array_equal(recording.trials, raw.astype(np.float32), equal_nan=True)
    assert np.isnan(recording.trials).mean() == pytest.approx(0.24375)
    assert recording.stimuli.pixels.shape == (640, 112, 112, 3)
    shown = member(home / "cowley2023" / "images_210325.zip", "image0123.jpg")
    assert np.array_equal(recording.stimuli.pixels[122], shown)
    assert "GPL-3" in recording.source


def test_cowley_averages(home):
    recording = catalog.load("cowley2023.190923", home)
    raw = np.load(home / "cowley2023" / "responses_repeat_averaged_190923.npy")
    assert recording.trials.shape == (33, 1200, 1)
    assert recording.trials[7, 1001, 0] == np.float32(raw[7, 1001])
    shown = member(home / "cowley2023" / "images_190923.zip", "images_190923/image1001.jpg")
    assert np.array_equal(recording.stimuli.pixels[1000], shown)


def test_henaff(home):
    recording = catalog.load("henaff2021", home)
    assert (recording.area, recording.trials.shape) == ("V1", (280, 440, 60))
    assert recording.stimuli.pixels.shape == (440, 256, 256, 3)
    with (
        np.load(home / "henaff2021" / "responses.npz") as raw,
        np.load(home / "henaff2021" / "images_256.npz") as im,
    ):
        first, last = raw["ay2_u003"], raw["ay4_u006"]
        assert np.array_equal(recording.stimuli.pixels[17, :, :, 1], im["images"][17])
    expected = np.where(first == 255, np.nan, first.astype(np.float32))
    assert np.array_equal(recording.trials[:39, :, :50], expected, equal_nan=True)
    assert np.isnan(recording.trials[:39, :, 50:]).all()
    expected = np.where(last == 255, np.nan, last.astype(np.float32))
    assert np.array_equal(recording.trials[-66:, :, :50], expected, equal_nan=True)
    assert np.nanmax(recording.trials) == 123
    with (home / "henaff2021" / "stimuli.csv").open() as stream:
        movies = [row["movie_name"] for row in csv.DictReader(stream)]
    assert recording.groups.tolist() == movies
    assert len(set(movies)) == 10
    assert len(set(recording.stimuli.ids)) == 440


@pytest.mark.parametrize(
    ("name", "key", "area"),
    [("IT", "IT", "IT"), ("EVC", "EVC", "V1"), ("white.IT", "IT", "IT"), ("white.EVC", "EVC", "V1")],
)
def test_cichy(home, name, key, area):
    data = catalog.load(f"cichy2016.{name}", home)
    folder = home / "cichy2016"
    assert (data.name, data.area) == (f"cichy2016.{name}", area)
    with np.load(folder / "rdms.npz") as raw:
        assert np.array_equal(data.rdms, raw[key])
    if "white" in name:
        expected = member(folder / "images_white_background.zip", "image_45.jpg")
    else:
        with np.load(folder / "images_gray_background.npz") as raw:
            expected = raw["images"][44]
    assert data.stimuli.pixels.shape == (92, 175, 175, 3)
    assert np.array_equal(data.stimuli.pixels[44], expected)


def test_cifar10h(home):
    choices = catalog.load("cifar10h", home)
    with np.load(home / "cifar10h" / "behavior.npz") as raw:
        assert np.array_equal(choices.counts, raw["counts"])
        assert np.array_equal(choices.test.labels, raw["labels"])
        assert choices.test.classes == tuple(raw["classes"])
    assert choices.counts.dtype == np.int64
    assert 50 < choices.counts.sum(axis=1).mean() < 52
    assert (choices.counts.argmax(axis=1) == choices.test.labels).mean() > 0.98
    assert np.array_equal(
        choices.test.stimuli.pixels[4321], member(home / "cifar10h" / "images.zip", "04321.jpg")
    )
    assert np.bincount(choices.fit.labels).tolist() == [200] * 10
    i = choices.fit.stimuli.ids[555]
    assert i.split("/")[0] == choices.fit.classes[choices.fit.labels[555]]
    assert np.array_equal(choices.fit.stimuli.pixels[555], member(home / "cifar10" / "train.zip", i))


@pytest.fixture
def small_home(tmp_path):
    """CIFAR-10H in small: ten classes, two judged images, 30 training images a class."""
    classes = [f"class{c}" for c in (3, 1, 0, 2, 4, 5, 6, 7, 9, 8)]
    (tmp_path / "cifar10h").mkdir()
    (tmp_path / "cifar10").mkdir()
    counts = np.eye(10, dtype=np.uint8)[[0, 1]] * 50
    np.savez(tmp_path / "cifar10h" / "behavior.npz", counts=counts, labels=np.uint8([0, 1]), classes=classes)
    picture = io.BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "BMP")
    with zipfile.ZipFile(tmp_path / "cifar10h" / "images.zip", "w") as archive:
        for i in range(2):
            archive.writestr(f"{i:05d}.bmp", picture.getvalue())
    with zipfile.ZipFile(tmp_path / "cifar10" / "train.zip", "w") as archive:
        for name in (f"{c}/{i:04d}.bmp" for c in classes for i in range(30)):
            archive.writestr(name, picture.getvalue())
    return tmp_path


def test_decoder_images_are_balanced_nested_and_seeded(small_home):
    few, many = (cifar10h(small_home, n_fit=n) for n in (100, 200))
    assert few.fit.classes[:3] == ("class3", "class1", "class0")
    assert np.bincount(few.fit.labels).tolist() == [10] * 10
    assert few.fit.stimuli.ids[0].startswith("class0/") and few.fit.labels[0] == 2
    assert set(few.fit.stimuli.ids) < set(many.fit.stimuli.ids)
    assert cifar10h(small_home, n_fit=100).fit.stimuli.ids == few.fit.stimuli.ids
    assert cifar10h(small_home, n_fit=100, seed=1).fit.stimuli.ids != few.fit.stimuli.ids


@pytest.mark.parametrize(
    ("n_fit", "message"),
    [(105, "multiple of the 10 classes"), (5, "fit the decoder on is 5, but has to be at least 10")],
)
def test_decoder_images_have_to_be_balanced(small_home, n_fit, message):
    with pytest.raises(InputError, match=message):
        cifar10h(small_home, n_fit=n_fit)


def test_labelled_images(home):
    images = catalog.load_images("tinyimagenet40.val", home)
    assert images.stimuli.pixels.shape == (2000, 64, 64, 3)
    assert np.bincount(images.labels).tolist() == [50] * 40
    i = images.stimuli.ids[777]
    assert i.split("/")[0] == images.classes[images.labels[777]]
    assert np.array_equal(images.stimuli.pixels[777], member(home / "tinyimagenet40" / "val.zip", i))


def test_training_and_validation_agree_on_classes(home):
    with zipfile.ZipFile(home / "tinyimagenet40" / "train.zip") as archive:
        training = {name.split("/")[0] for name in archive.namelist()}
    assert set(catalog.load_images("tinyimagenet40.val", home, size=8).classes) == training


def test_unknown_and_unsuitable_names(tmp_path):
    with pytest.raises(InputError, match=r"Unknown data set 'cichy2016.TI'. Did you mean 'cichy2016.IT'\?"):
        catalog.load("cichy2016.TI", tmp_path)
    with pytest.raises(InputError, match=r"is a set of labelled images.*load_images"):
        catalog.load("tinyimagenet40.val", tmp_path)
    with pytest.raises(InputError, match="Unknown set of labelled images 'henaff2021'"):
        catalog.load_images("henaff2021", tmp_path)


def test_absent_sets_name_the_command(tmp_path):
    with pytest.raises(MissingDataError, match=r"images_210325\.zip.*Run: wiringup fetch cowley2023$"):
        catalog.load("cowley2023.210325", tmp_path)
    both = r"Run: wiringup fetch cifar10h --from DIR, then wiringup fetch cifar10 --from DIR$"
    with pytest.raises(MissingDataError, match=both):
        catalog.load("cifar10h", tmp_path)
    with pytest.raises(MissingDataError, match=r"tinyimagenet40\.train is not there"):
        catalog.load_images("tinyimagenet40.train", tmp_path)
    assert not any(found.present for found in catalog.known(tmp_path))
    assert all("Run: wiringup fetch" in entry.why for entry in catalog.known(tmp_path))


def test_incomplete_copies_are_noticed(tmp_path):
    path = tmp_path / "tinyimagenet40" / "val.zip"
    path.parent.mkdir()
    path.write_bytes(b"short")
    with pytest.raises(MissingDataError, match=r"val\.zip has 5 bytes instead of 4122944"):
        catalog.load_images("tinyimagenet40.val", tmp_path)


def test_a_damaged_published_set_is_refused(shared, tmp_path):
    folder = tmp_path / "cichy2016"
    shutil.copytree(shared / "data" / "cichy2016", folder)
    catalog.load("cichy2016.IT", tmp_path)
    whole = (folder / "rdms.npz").read_bytes()
    (folder / "rdms.npz").write_bytes(whole[:-9] + bytes([whole[-9] ^ 4]) + whole[-8:])
    with pytest.raises(InputError, match=r"rdms\.npz\. Bring them back with: wiringup fetch cichy2016"):
        catalog.load("cichy2016.IT", tmp_path)
