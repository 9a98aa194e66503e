"""Latent variables: balance, ranges, prefixes, and refusals."""

import numpy as np
import pytest

from wiringup.core.errors import InputError
from wiringup.core.spec import uid
from wiringup.data.rendered.exemplars import CATEGORIES
from wiringup.data.rendered.scenes import LEVELS, RenderSpec, draw_latents

VIEW = ("x", "y", "size", "yaw", "pitch", "roll")


@pytest.mark.parametrize("images", [1, 13, 64, 100])
def test_a_smaller_set_is_the_beginning_of_a_larger(images):
    small, large = draw_latents(RenderSpec(images)), draw_latents(RenderSpec(200))
    assert small.keys() == large.keys()
    for name, values in small.items():
        np.testing.assert_array_equal(values, large[name][:images])


@pytest.mark.parametrize("images", [5, 8, 61, 64, 200])
def test_classes_are_balanced_in_every_beginning(images):
    latents = draw_latents(RenderSpec(images, seed=3))
    counts = np.bincount(latents["category"], minlength=len(CATEGORIES))
    assert counts.max() - counts.min() <= 1
    objects = np.bincount(latents["object"], minlength=64)
    assert objects.max() - objects.min() <= 1
    np.testing.assert_array_equal(latents["object"], latents["category"] * 8 + latents["exemplar"])


@pytest.mark.parametrize("level", LEVELS)
def test_views_fill_the_range_of_their_level(level):
    latents, view = draw_latents(RenderSpec(500, level=level)), LEVELS[level]
    for name in ("x", "y"):
        assert np.abs(latents[name]).max() <= view.position
        assert np.abs(latents[name]).max() >= 0.97 * view.position
    octaves = np.log2(latents["size"])
    assert octaves.min() == pytest.approx(-np.log2(view.scale), abs=0.03)
    assert octaves.max() == pytest.approx(np.log2(view.scale), abs=0.03)
    for name, limit in (("yaw", view.yaw), ("pitch", view.tilt), ("roll", view.tilt)):
        assert limit >= np.abs(latents[name]).max() >= 0.97 * limit
    assert np.ptp(latents["light_azimuth"]) == pytest.approx(2 * view.light, rel=0.03)


def test_without_variation_every_object_is_seen_in_its_canonical_view():
    latents = draw_latents(RenderSpec(100, level=0))
    for name in VIEW:
        assert np.ptp(latents[name]) == 0
    assert latents["size"][0] == 1
    assert len(set(latents["background"].tolist())) == 100


def test_views_do_not_depend_on_each_other_or_on_the_category():
    latents = draw_latents(RenderSpec(2000))
    table = np.stack([latents[name] for name in (*VIEW, "category", "exemplar")])
    assert np.abs(np.corrcoef(table) - np.eye(len(table))).max() < 0.08


@pytest.mark.parametrize("other", [{"seed": 1}, {"split": "test"}, {"level": 3}])
def test_seeds_splits_and_levels_share_no_view(other):
    one, two = draw_latents(RenderSpec(50)), draw_latents(RenderSpec(50, **other))
    assert not set(one["background"].tolist()) & set(two["background"].tolist())
    assert abs(np.corrcoef(one["yaw"], two["yaw"])[0, 1]) < 0.5
    assert uid("x", RenderSpec(50)) != uid("x", RenderSpec(50, **other))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"images": 0}, "number of rendered images is 0, but has to be at least 1"),
        ({"images": 5, "size": 8}, "size of rendered images in pixels is 8, but has to be at least 16"),
        ({"images": 5, "level": 4}, r"Unknown level of variation 4. Allowed: 0 \(none\), 3, 6 \(high\)"),
    ],
)
def test_refuses_what_cannot_be_rendered(wrong, message):
    with pytest.raises(InputError, match=message):
        RenderSpec(**wrong)
