"""Names of images: what is the same image, and what could be two."""

import unicodedata

import pytest

from wiringup.data.images.names import matched, without_suffix

NFC, NFD = (unicodedata.normalize(form, "Bär_1.png") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    ("wanted", "names", "found"),
    [
        (["b.png", "a.png"], ["a.png", "b.png"], [1, 0]),
        (["C:\\stim\\b.png", "C:\\stim\\a.png"], ["a.png", "b.png"], [1, 0]),
        (["x/y/b.png", "./a.png"], ["a.png", "b.png"], [1, 0]),
        (["b", "a"], ["a.png", "b.png"], [1, 0]),
        (["b.jpg", "a.TIF"], ["a.png", "b.png"], [1, 0]),
        ([NFC], [NFD], [0]),
        ([NFD], [NFC], [0]),
        (["c0.012", "c0.01"], ["c0.01.png", "c0.012.png"], [1, 0]),
        (["IM_2.PNG", "Im_1.png"], ["im_1.png", "im_2.png"], [1, 0]),
        # the longest tail that tells them apart: 01.png alone is three images
        (["s/cat/01.png", "s/dog/01.png"], ["dog/01.png", "cat/01.png", "cow/01.png"], [1, 0]),
        # what could be two images is none
        (["01.png"], ["dog/01.png", "cat/01.png"], [None]),
        (["A.png"], ["a.png", "a.PNG"], [None]),
        (["a/1.png", "b/1.png"], ["1.png", "2.png"], [None, None]),
        (["1.png", "1.jpg"], ["1.png"], [0, None]),
        (["a.png", "x.png"], ["a.png", "b.png"], [0, None]),
        ([], ["a.png"], []),
    ],
)
def test_matched(wanted, names, found):
    assert matched(wanted, names) == found


def test_only_suffixes_of_images_are_cut_off():
    assert [without_suffix(n) for n in ("a.b.PNG", "contrast0.012", "a.mat", ".png", "")] == [
        "a.b", "contrast0.012", "a.mat", ".png", "",
    ]  # fmt: skip
