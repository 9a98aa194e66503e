"""Trials of a two-alternative task: what is refused, and what the hash follows."""

import dataclasses

import numpy as np
import pytest

from wiringup.core.errors import InputError
from wiringup.core.stimuli import LabelledImages, from_pixels
from wiringup.data.measurements import TwoChoice

RANDOM = np.random.default_rng(0)


def images(n, classes=("cat", "dog", "cow"), side=4):
    pixels = RANDOM.integers(0, 256, (n, side, side), np.uint8)
    return LabelledImages(from_pixels(pixels), np.arange(n) % len(classes), classes)


TEST, FIT = images(6), images(9)


def trials(**changes):
    image = np.arange(30) % 6
    sample = TEST.labels[image]
    distractor = (sample + 1 + np.arange(30) // 15) % 3
    choice = np.where(np.arange(30) % 4, sample, distractor)
    return TwoChoice(**{"name": "pairs", "image": image, "sample": sample, "distractor": distractor,
                        "choice": choice, "test": TEST, "fit": FIT} | changes)  # fmt: skip


def changed(what, value):
    column = getattr(trials(), what).copy()
    column[7] = value
    return {what: column}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (changed("image", 6), r"pairs: image has to hold indices in 0 \.\.\. 5"),
        (changed("choice", -1), r"choice has to hold indices in 0 \.\.\. 2"),
        (changed("sample", 0), "1 trials have a sample that is not the image's class, the first is trial 7"),
        (changed("distractor", 1), "1 trials have the sample as its own distractor"),
        (changed("choice", 0), "1 trials have a choice that is neither sample nor distractor"),
        ({"choice": np.zeros(29, np.int64)}, r"choice has to be int64 \(30,\); got int64 \(29,\)"),
        ({"choice": np.zeros(30)}, r"choice has to be int64 \(30,\); got float64"),
        ({"fit": images(9, ("a", "b", "c"))}, "other classes than the judged ones"),
        ({"fit": images(9, side=5)}, r"judged images are \(4, 4\) pixels, those to fit on \(5, 5\)"),
    ],
)
def test_refuses(changes, message):
    with pytest.raises(InputError, match=message):
        trials(**changes)


def test_hash_follows_trials_images_and_subjects():
    data = trials()
    order = np.arange(30)[::-1]
    columns = ("image", "sample", "distractor", "choice")
    others = [
        trials(**{c: getattr(data, c)[order] for c in columns}),
        trials(fit=TEST),
        trials(test=dataclasses.replace(TEST, stimuli=images(6).stimuli)),
        trials(subject=np.arange(30) % 2),
    ]
    assert trials().sha256 == data.sha256
    assert len({d.sha256 for d in (data, *others)}) == 5


def test_a_hash_stays_what_it_was_when_sets_were_imported():
    expected = "12ae82c1a5b85e4ae9c7f3a57cf3fa09e25f94a296fd8e64cc8e2a9938ae0ac3"
    assert trials().sha256 == expected
