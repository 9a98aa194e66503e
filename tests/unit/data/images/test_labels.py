"""Images in one folder with a table of their classes, as ImageNet's validation set comes."""

import shutil

import numpy as np
import pytest

from made_images import encoded, noise, write_folder, write_zip
from wiringup.core.errors import InputError
from wiringup.data.images import pictures
from wiringup.data.images.cache import ImageCache
from wiringup.data.images.source import open_source, read_labelled

PIXELS = noise(4, 8, 8)
NAMES = [f"ILSVRC2012_val_0000000{i}.JPEG" for i in range(1, 5)]
CLASSES = ["n02", "n10", "n02", "n1"]
ROWS = [f"{name},{label}" for name, label in zip(NAMES, CLASSES, strict=True)]


@pytest.fixture
def folder(tmp_path):
    contents = {name: encoded(pixels) for name, pixels in zip(NAMES, PIXELS, strict=True)}
    return write_folder(tmp_path / "val", contents)


def table(path, header, rows):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.mark.parametrize("place", ["folder beside", "in the folder", "zip"])
@pytest.mark.parametrize("header", ["filename,class", "Image File,synset", "image_id,label"])
def test_the_table_says_the_class_of_each(folder, tmp_path, place, header):
    path = table(tmp_path / "val.csv", header, [ROWS[row] for row in (2, 0, 3, 1)])
    if place == "in the folder":
        path = path.rename(folder / "any.csv")
    elif place == "zip":
        write_zip(tmp_path / "val.zip", {file.name: file.read_bytes() for file in folder.iterdir()})
        shutil.rmtree(folder)
    found = read_labelled(path)
    assert found.classes == ("n1", "n02", "n10") and found.stimuli.ids == tuple(NAMES)
    assert [found.classes[label] for label in found.labels] == CLASSES
    assert np.array_equal(found.stimuli.pixels, PIXELS)


def test_the_table_of_kaggle_is_read_as_it_is(folder, tmp_path):
    rows = [f"{name.partition('.')[0]},{label} 1 2 3 4" for name, label in zip(NAMES, CLASSES, strict=True)]
    found = read_labelled(table(tmp_path / "val.csv", "ImageId,PredictionString", rows))
    assert [found.classes[label] for label in found.labels] == CLASSES


def test_another_table_or_another_file_is_another_source(folder, tmp_path):
    def fingerprint(rows, name="val.csv"):
        with open_source(table(tmp_path / name, "filename,class", rows)) as source:
            return source.fingerprint

    whole = fingerprint(ROWS)
    assert fingerprint(ROWS[::-1]) == whole
    assert len({whole, fingerprint(ROWS[:3]), fingerprint([*ROWS[:3], f"{NAMES[3]},n02"])}) == 3
    (folder / NAMES[0]).write_bytes(encoded(PIXELS[3]))
    assert fingerprint(ROWS) != whole
    images = ImageCache(tmp_path / "store", 1.0).load(tmp_path / "val.csv", 8)
    assert np.array_equal(images.stimuli.pixels[0], PIXELS[3])


@pytest.mark.parametrize("start", ["val/", "./val/", "val\\"])
def test_paths_in_a_table_are_followed_and_nothing_else_is_listed(folder, tmp_path, monkeypatch, start):
    monkeypatch.setattr(pictures, "images_below", lambda _: pytest.fail("the folder was listed"))
    rows = [f"{start}{row}" for row in ROWS]
    found = read_labelled(table(tmp_path / "labels.csv", "filename,class", rows))
    assert found.stimuli.ids == tuple(f"val/{name}" for name in NAMES)
    assert [found.classes[label] for label in found.labels] == CLASSES
    with pytest.raises(InputError, match=r"names 1 images that are not in .*: val/absent\.JPEG"):
        read_labelled(table(tmp_path / "labels.csv", "filename,class", [*rows, "val/absent.JPEG,n02"]))


def test_where_bare_names_are_looked_for_is_said(folder, tmp_path, caplog):
    caplog.set_level("INFO")
    found = read_labelled(table(tmp_path / "labels.csv", "filename,class", ROWS))
    assert len(found) == 4 and f"labels.csv names in {tmp_path} and all folders below" in caplog.text


def test_images_that_the_table_leaves_out_are_counted(folder, tmp_path, caplog):
    found = read_labelled(table(tmp_path / "val.csv", "filename,class", ROWS[1:]))
    assert found.stimuli.ids == tuple(NAMES[1:])
    assert "1 of 4 images are not in val.csv, and not used" in caplog.text


@pytest.mark.parametrize(
    ("header", "rows", "told"),
    [
        ("filename,class", [*ROWS, "absent.JPEG,n02"], r"names 1 images that are not in .*val: absent\.JPEG"),
        ("filename,class", [*ROWS, ROWS[0]], "names 1 images twice"),
        ("filename,class", [*ROWS[:3], f"{NAMES[3]},"], "has an empty cell in column 'class'"),
        (ROWS[0], ROWS[1:], "needs one column that names the files: call it filename, file, image"),
        ("filename,what", ROWS, "needs one column that says the class of each: call it label, labels"),
        (
            "filename,class,label",
            [f"{row},x" for row in ROWS],
            "label, class could be it; rename",
        ),
    ],
)
def test_what_a_table_lacks_is_told(folder, tmp_path, header, rows, told):
    with pytest.raises(InputError, match=told):
        read_labelled(table(tmp_path / "val.csv", header, rows))
