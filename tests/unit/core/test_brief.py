"""What holds a great deal is shown in one line."""

import numpy as np
import pytest

from wiringup.benchmarks.predictivity import Predictivity
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.data.measurements import Choices, Dissimilarities, Judgements, Recording

STIMULI = from_pixels(np.zeros((6, 8, 9), np.uint8))
IMAGES = LabelledImages(STIMULI, np.arange(6) % 2, ("cat", "dog"))
RECORDING = Recording(
    "mine", "V4", np.zeros((3, 6, 40), np.float32), STIMULI, groups=np.array(list("aabbcc"))
)


def test_images_are_counted():
    assert repr(STIMULI) == "Stimuli(6 images, 8 x 9 px)"
    assert repr(IMAGES) == f"LabelledImages(stimuli={STIMULI!r}, labels=<int64 (6,)>, classes=('cat', 'dog'))"


def test_long_lists_of_names_are_counted():
    many = LabelledImages(STIMULI, np.arange(6), tuple("abcdef"))
    assert "classes=<6 x str>" in repr(many)


def test_a_recording_and_its_benchmark():
    told = repr(RECORDING)
    assert told.startswith(
        f"Recording(name='mine', area='V4', trials=<float32 (3, 6, 40)>, stimuli={STIMULI!r}, "
    )
    assert "groups=<str (6,)>, labels=None" in told and "\n" not in told
    assert repr(Predictivity(RECORDING)) == "Predictivity('mine', V4, pls-25)"


@pytest.mark.parametrize("kind", [Choices, Dissimilarities, Judgements])
def test_other_data_are_as_brief(kind):
    assert "__repr__" in vars(kind) and kind.__repr__ is Recording.__repr__
