"""Ray casting against closed forms, and against sampling points along the rays."""

import numpy as np
import pytest

from wiringup.data.rendered.exemplars import CATEGORIES, EXEMPLARS, body, shape_space
from wiringup.data.rendered.shapes import Body, box, cylinder, ellipsoid, paraboloid, rotation

GREY = (0.5, 0.5, 0.5)
FRONT = np.eye(3)


def rays(n=41, reach=1.1):
    axis = np.linspace(-reach, reach, n).astype(np.float32)
    u, v = np.meshgrid(axis, axis)
    return u.ravel(), v.ravel()


def test_rotation_turns_the_axes_as_named():
    x, y, z = np.eye(3)
    np.testing.assert_allclose(rotation(90, 0, 0) @ z, x, atol=1e-12)
    np.testing.assert_allclose(rotation(0, 90, 0) @ y, z, atol=1e-12)
    np.testing.assert_allclose(rotation(0, 0, 90) @ x, y, atol=1e-12)
    turn = rotation(20, -50, 130)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)


def test_a_sphere_is_hit_inside_its_radius_with_radial_normals():
    u, v = rays()
    hits = Body([ellipsoid((3, 1, -2), (2, 2, 2), GREY)]).cast(rotation(30, 40, 50), u, v)
    inside = u**2 + v**2 < 1
    np.testing.assert_array_equal(hits.hit, inside)
    depth = np.sqrt(1 - (u**2 + v**2)[inside])
    expected = np.stack([u[inside], v[inside], depth], axis=1)
    np.testing.assert_allclose(hits.normals, expected, atol=5e-3)


def test_a_box_shows_its_front_and_turned_its_edge():
    u, v = rays()
    cube = Body([box((0, 0, 0), (1, 1, 1), GREY)])  # scaled so that a face's centre is at distance 1
    front = cube.cast(FRONT, u, v)
    np.testing.assert_array_equal(front.hit, np.maximum(abs(u), abs(v)) < 1)
    np.testing.assert_allclose(front.normals, np.tile([0.0, 0.0, 1.0], (front.hit.sum(), 1)), atol=1e-3)
    edge = cube.cast(rotation(45, 0, 0), u, v)
    right = u[edge.hit] > 1e-3
    half = np.sqrt(0.5)
    np.testing.assert_allclose(edge.normals[right], np.tile([half, 0, half], (right.sum(), 1)), atol=2e-3)


def test_an_upright_cylinder_is_flat_from_above_and_round_from_the_side():
    u, v = rays()
    can = Body([cylinder((0, 0, 0), (1, 1, 1), GREY)])
    above = can.cast(rotation(0, 90, 0), u, v)
    np.testing.assert_array_equal(above.hit, u**2 + v**2 < 1)
    np.testing.assert_allclose(above.normals[:, 2], 1, atol=1e-3)
    side = can.cast(FRONT, u, v)
    np.testing.assert_allclose(side.normals[:, 0], u[side.hit], atol=5e-3)


def test_a_paraboloid_narrows_to_its_tip():
    u, v = rays(201)
    hits = Body([paraboloid((0, 0, 0), (1, 1, 1), GREY)]).cast(FRONT, u, v)
    size = np.sqrt(1.25)  # the body's centre is at (0, .5, 0), its farthest extreme that far away
    x, y = u * size, v * size + 0.5
    np.testing.assert_array_equal(hits.hit, (x**2 < 1 - y) & (y > 0))


def test_a_clipped_ellipsoid_shows_its_cut():
    u, v = rays()
    bowl = Body([ellipsoid((0, 0, 0), (1, 1, 1), GREY, high=(1.0, 0.0, 1.0))])
    hits = bowl.cast(rotation(0, 90, 0), u, v)  # seen from above
    np.testing.assert_allclose(hits.normals, np.tile([0.0, 0.0, 1.0], (hits.hit.sum(), 1)), atol=1e-3)


def test_the_nearer_solid_hides_the_farther():
    near = box((0, 0, 1), (0.5, 0.5, 0.1), (1.0, 0.0, 0.0))
    far = box((0, 0, -1), (0.5, 0.5, 0.1), (0.0, 1.0, 0.0))
    u = v = np.zeros(1, dtype=np.float32)
    for solids in ([near, far], [far, near]):
        assert Body(solids).cast(FRONT, u, v).colours[0].tolist() == [1, 0, 0]
        assert Body(solids).cast(rotation(180, 0, 0), u, v).colours[0].tolist() == [0, 1, 0]


def within(solid, points):
    own = np.linalg.solve(solid.axes, (points - np.array(solid.centre)).T)
    quadric = (np.array(solid.curvature)[:, None] * own**2).sum(axis=0) + solid.slope * own[1]
    bounds = (own >= np.array(solid.low)[:, None]) & (own <= np.array(solid.high)[:, None])
    return (quadric <= 1) & bounds.all(axis=0)


@pytest.mark.parametrize("category", range(len(CATEGORIES)))
def test_objects_are_hit_where_a_point_of_the_ray_lies_in_a_solid(category):
    """The silhouette of each category against brute force: points sampled along every ray."""
    thing, pose = body(category, category), rotation(40, -25, 70)
    u, v = rays(25)
    hit = thing.cast(pose, u, v).hit
    depth = np.linspace(-1.05, 1.05, 1001)
    points = np.stack(np.broadcast_arrays(u[:, None], v[:, None], depth), axis=-1).reshape(-1, 3)
    middle, radius = thing._placement
    inside = np.zeros(len(points), dtype=bool)
    for solid in thing.solids:
        inside |= within(solid, points @ pose * radius + middle)
    sampled = inside.reshape(len(u), -1).any(axis=1)
    assert hit.any()
    assert not (sampled & ~hit).any()
    assert (hit & ~sampled).sum() <= 4  # sampling can step over a grazed edge


def test_normals_are_of_unit_length_and_face_the_viewer():
    u, v = rays(64)
    for category in range(len(CATEGORIES)):
        hits = body(category, 0).cast(rotation(25, 20, 5), u, v)
        np.testing.assert_allclose(np.linalg.norm(hits.normals, axis=1), 1, atol=2e-3)
        assert hits.normals[:, 2].min() > -1e-3


def test_every_object_fills_its_sphere_without_leaving_it():
    u, v = rays(101, 1.3)
    for category in range(len(CATEGORIES)):
        for exemplar in range(EXEMPLARS):
            hit = body(category, exemplar).cast(FRONT, u, v).hit
            far = np.hypot(u, v)[hit].max()
            assert 0.5 < far < 1.12, (CATEGORIES[category], exemplar)


def test_exemplars_differ_and_fill_shape_space():
    space = shape_space()
    assert space.shape == (8, 8, 4)
    strata = np.floor(space * EXEMPLARS).astype(int)
    np.testing.assert_array_equal(np.sort(strata, axis=1), np.arange(8)[None, :, None] * np.ones((8, 1, 4)))
    for category in space:
        assert np.abs(np.corrcoef(category.T) - np.eye(4)).max() < 0.95
    space[:] = 0
    assert shape_space().max() > 0.9  # a copy: the world cannot be changed
