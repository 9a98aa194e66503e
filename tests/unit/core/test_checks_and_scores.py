import pytest

from wiringup.core.areas import check_area
from wiringup.core.checks import one_of, same_length
from wiringup.core.errors import InputError
from wiringup.core.registry import Registry
from wiringup.core.score import normalise


def test_an_unknown_name_is_answered_with_the_closest_and_all_allowed():
    with pytest.raises(
        InputError, match=r"Unknown area 'v4'\. Did you mean 'V4'\? Allowed: IT, V1, V2, V4, behavior"
    ):
        check_area("v4")


def test_a_far_name_gets_no_suggestion():
    with pytest.raises(InputError, match=r"Unknown dish 'xyz'\. Allowed: soup\."):
        one_of("xyz", ["soup"], "dish")


def test_same_length_says_both_numbers():
    with pytest.raises(InputError, match="labels has 3 entries, but images has 4"):
        same_length(3, 4, "labels", "images")


def test_a_registry_knows_aliases_and_refuses_a_second_entry():
    registry: Registry[int] = Registry("number")
    registry.add("one", 1, "eins")
    assert registry["eins"] == 1
    assert registry.canonical("eins") == "one"
    assert list(registry) == ["one"]
    with pytest.raises(KeyError, match="registered twice"):
        registry.add("eins", 2)
    with pytest.raises(InputError, match="Unknown number 'tow'"):
        registry["tow"]


@pytest.mark.parametrize(("name", "expected"), [("(r/c)^2", 0.25), ("r/c", 0.5), ("r^2/c", 0.2)])
def test_the_three_normalisations_of_brain_score(name, expected):
    assert normalise(0.4, 0.8, name) == (pytest.approx(expected), name)


def test_squaring_never_turns_a_negative_correlation_into_a_good_score():
    assert normalise(-0.4, 0.8, "(r/c)^2") == (pytest.approx(-0.25), "(r/c)^2")


def test_without_a_ceiling_the_raw_score_is_reported_as_such():
    assert normalise(0.4, None, "r/c") == (0.4, "none")
    assert normalise(0.4, -0.1, "r/c") == (0.4, "none")
    with pytest.raises(InputError, match="Unknown normalisation"):
        normalise(0.4, 0.8, "r*c")
