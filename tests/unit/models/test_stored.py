import numpy as np
import pytest
import torch

from wiringup.core.errors import InputError
from wiringup.core.stimuli import Stimuli
from wiringup.models.readout import expanded
from wiringup.models.stored import StoredSubject

VALUES = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
NAMES = ("a", "b", "c", "d", "e")


def shown(*ids: str) -> Stimuli:
    return Stimuli(np.zeros((len(ids), 8, 8, 3), np.uint8), ids)


def test_rows_are_found_by_the_names_of_the_images():
    table = StoredSubject("table", {"V1": VALUES, "V4": 2 * VALUES}, NAMES)
    got = table.responses(shown("d", "a"), ["V4"])
    assert torch.equal(got["V4"], torch.from_numpy(2 * VALUES[[3, 0]]))
    assert list(table.responses(shown(*NAMES), ["all"])) == ["V1", "V4"]
    assert expanded(table, ["V4", "all"]) == ["V4", "V1"]


def test_without_names_the_order_and_number_have_to_be_the_benchmarks():
    table = StoredSubject("table", {"V1": VALUES})
    assert torch.equal(table.responses(shown(*NAMES), ["V1"])["V1"], torch.from_numpy(VALUES))
    with pytest.raises(InputError, match="table has 5 entries, but the benchmark's set of images has 4"):
        table.responses(shown("a", "b", "c", "d"), ["V1"])


def test_images_that_the_table_does_not_know_are_named():
    table = StoredSubject("table", {"V1": VALUES}, NAMES)
    with pytest.raises(InputError, match="no response to 1 of the benchmark's 2 images, such as 'x'"):
        table.responses(shown("a", "x"), ["V1"])


def test_names_that_occur_twice_decide_nothing():
    twice = ("a", "a", "b", "c", "d")
    table = StoredSubject("table", {"V1": VALUES}, twice)
    assert table.responses(shown(*twice), ["V1"])["V1"].shape == (5, 3)
    with pytest.raises(InputError, match="several images have the same id"):
        table.responses(shown("d", "a", "a", "b", "c"), ["V1"])
    with pytest.raises(InputError, match="several images have the same id"):
        StoredSubject("table", {"V1": VALUES}, NAMES).responses(shown("a", "b", "a", "c", "d"), ["V1"])


def test_the_only_layer_stands_for_every_area_otherwise_the_name_decides():
    assert StoredSubject("one", {"features": VALUES}).layer_for("IT") == "features"
    several = StoredSubject("several", {"V1": VALUES, "V4": VALUES})
    assert several.layer_for("V4") == "V4"
    with pytest.raises(InputError, match=r"Unknown layer of several \(name one with --layer\): 'IT'"):
        several.layer_for("IT")
    with pytest.raises(InputError, match="Did you mean 'V4'"):
        several.responses(shown(*NAMES), ["V44"])


@pytest.mark.parametrize(
    ("layers", "ids", "message"),
    [
        ({}, None, "holds no responses"),
        ({"V1": VALUES, "V4": VALUES[:4]}, None, "layer 'V4' has 4 entries, but layer 'V1' has 5"),
        ({"V1": VALUES[0]}, None, r"layer 'V1' has shape \(3,\)"),
        ({"V1": VALUES}, ("a", "b"), "image ids has 2 entries, but layer 'V1' has 5"),
        (
            {"V1": np.where(np.arange(15).reshape(5, 3) == 7, np.nan, VALUES)},
            None,
            "1 of 5 images, .* row 2 ",
        ),
        ({"V1": np.where(np.arange(15).reshape(5, 3) > 7, np.inf, VALUES)}, None, "3 of 5 images, .* row 2 "),
    ],
)
def test_what_cannot_be_responses_is_refused(layers, ids, message):
    with pytest.raises(InputError, match=message):
        StoredSubject("table", layers, ids)


def test_identity_follows_values_layers_and_ids_not_the_name():
    tables = [
        StoredSubject("x", {"V1": VALUES}),
        StoredSubject("x", {"V1": VALUES + 1}),
        StoredSubject("x", {"V4": VALUES}),
        StoredSubject("x", {"V1": VALUES}, NAMES),
    ]
    assert len({t.identity for t in tables}) == 4
    assert StoredSubject("y", {"V1": VALUES}).identity == tables[0].identity
