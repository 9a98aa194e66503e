import unicodedata

import pytest

from wiringup.core.checks import differing_classes, places_of_classes
from wiringup.core.errors import InputError, MissingDataError
from wiringup.data.images.names import read_class_names


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.txt", "cat\r\n dog \n\npolar bear\n"),
        ("c.csv", "\ufeffcat\ndog\npolar bear"),
        ("c.json", '["cat", "dog", "polar bear"]'),
        ("c.json", '{"2": "polar bear", "0": "cat", "1": "dog"}'),
        ("c.json", '{"polar bear": 2, "dog": 1, "cat": 0}'),
    ],
)
def test_usual_forms_are_read_in_their_order(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    assert read_class_names(tmp_path / name) == ("cat", "dog", "polar bear")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.txt", b"cat\ndog\ncat\n", "names the class 'cat' more than once"),
        ("c.txt", b"cat\n", "names 1 classes; two or more names, one a line"),
        ("c.txt", b"\xff\xfe\x00", "no text in UTF-8"),
        ("c.json", b"[1, 2]", "holds no list of class names. Allowed are"),
        ("c.json", b'{"cat": 0, "dog": 2}', "holds no list of class names"),
        ("c.json", b"[", "is not valid JSON"),
    ],
)
def test_what_names_no_classes_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_class_names(tmp_path / name)
    with pytest.raises(MissingDataError):
        read_class_names(tmp_path / "none.txt")


def test_names_are_matched_in_one_form_and_never_by_half():
    nfd = unicodedata.normalize("NFD", "b\u00e4r")
    assert places_of_classes(["b\u00e4r", "cat"], ["cat", nfd]) == [1, 0]
    assert places_of_classes(["polar bear", "Cat"], ["cat", "polar_bear"]) == [1, 0]
    assert places_of_classes(["a", "A"], ["A", "a"]) == [1, 0]
    assert places_of_classes(["a", "A"], ["a", "b"]) is None
    assert places_of_classes(["cat"], ["cat", "dog"]) is None
    told = differing_classes(["cat", "cow"], ["cat", "dog", "emu"])
    parts = [
        "3 in the model, 2 in the benchmark",
        "only in the model: dog, emu",
        "only in the benchmark: cow",
    ]
    assert told == "; ".join(parts)
