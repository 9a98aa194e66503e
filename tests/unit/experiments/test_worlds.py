import numpy as np
import pytest
from PIL import Image

from wiringup.core.errors import InputError
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.experiments.worlds import HELD_OUT_IMAGES, calibration_images, from_files, make_world, split


def images(n: int) -> LabelledImages:
    pixels = np.arange(n, dtype=np.uint32)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint32)
    return LabelledImages(from_pixels((pixels % 251).astype(np.uint8)), np.arange(n) % 4, tuple("abcd"))


def test_a_balanced_fifth_is_held_out_and_never_learned_from():
    labels = images(100).labels
    learned, held_out = split(labels)
    assert (len(learned), len(held_out)) == (80, 20)
    assert np.bincount(labels[held_out]).tolist() == [5, 5, 5, 5]
    assert sorted([*learned, *held_out]) == list(range(100))
    assert len(split(images(4000).labels)[1]) == HELD_OUT_IMAGES


def test_calibration_images_are_balanced_and_come_from_the_images_to_learn_from():
    found = images(40)
    chosen = calibration_images(found, 8)
    assert len(chosen) == 8
    assert set(chosen.ids) <= set(found.stimuli.ids)
    assert len(calibration_images(found, 100)) == 40


def test_too_few_images_say_how_many_there_are(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        for i in range(5):
            Image.fromarray(np.full((8, 8, 3), i, np.uint8)).save(tmp_path / label / f"{i}.png")
    with pytest.raises(InputError, match="leaves 8 images to learn from beside 2 held-out ones"):
        from_files(tmp_path, 8, 9, 0, lambda _: None)


def test_an_unknown_brain_is_refused(tmp_path):
    with pytest.raises(InputError, match="Unknown brain 'imagined'"):
        make_world(None, "imagined", 10, 4, 32, tmp_path, lambda _: None)
