"""IT and behaviour against the latent variables."""

import numpy as np
import pytest

from wiringup.data.rendered.exemplars import CATEGORIES, shape_space
from wiringup.data.rendered.scenes import RenderSpec, draw_latents
from wiringup.data.simulated.late import Observers, draw_it, draw_sensitivity
from wiringup.data.simulated.stream import SimulatedStream


@pytest.fixture(scope="module")
def units():
    return draw_it(200, 8.0, np.random.default_rng(0))


def views(n, **latents):
    """Canonical views of object 0, with some latent variables changed."""
    base = {name: np.repeat(v[:1], n) for name, v in draw_latents(RenderSpec(1, level=0)).items()}
    base["object"] = np.zeros(n, dtype=np.int64)
    return base | latents


def test_it_is_tolerant_to_position_within_its_range(units):
    shifts = np.linspace(-1, 1, 41)
    steady = ~units.carrier
    r = units.drive(views(41, x=shifts, y=np.full(41, 0.0)))[steady]
    r = r / r.max(axis=1, keepdims=True)
    near = np.abs(shifts - units.centre[steady, 0, None]) < 0.5 * units.tolerance[steady, None]
    assert r[near].min() > 0.85
    beyond = np.abs(shifts - units.centre[steady, 0, None]) > 2 * units.tolerance[steady, None]
    assert beyond.any() and r[beyond].max() < 0.2


def test_it_keeps_its_preferred_object_over_views(units):
    """Tolerance: the rank order of objects is the same at every position, size and pose."""
    view = {"x": 0.4, "y": -0.3, "size": 0.7, "yaw": 60.0, "pitch": 30.0, "roll": -20.0}
    objects = np.arange(64)
    canonical = units.drive(views(64, object=objects))
    moved = units.drive(views(64, object=objects) | {k: np.full(64, v) for k, v in view.items()})
    np.testing.assert_array_equal(canonical.argmax(axis=1), moved.argmax(axis=1))


@pytest.mark.parametrize(("name", "values"), [("size", [0.5, 1.0, 2.0]), ("yaw", [-90.0, 0.0, 90.0])])
def test_it_is_tuned_to_size_and_pose(units, name, values):
    r = units.drive(views(3, **{name: np.array(values)}))[~units.carrier]
    assert (r.argmax(axis=1) == 1).mean() > 0.6
    assert ((r.max(axis=1) - r.min(axis=1)) / r.max(axis=1)).mean() > 0.2


def test_carriers_report_position_monotonically(units):
    r = units.drive(views(21, x=np.linspace(-1, 1, 21)))[units.carrier]
    steps = np.diff(r, axis=1) * np.sign(units.report[units.carrier, :1])
    assert units.carrier.sum() == 40
    assert (steps > 0).all()


def test_tuning_is_sparse_over_categories_and_smooth_within_them(units):
    tuning = units.objects.reshape(200, 8, 8)
    best = tuning.max(axis=2)
    assert np.median((best > 0.5 * best.max(axis=1, keepdims=True)).sum(axis=1)) <= 4
    space = shape_space()
    difference = np.abs(tuning[..., :, None] - tuning[..., None, :]).mean(axis=0)
    distance = np.linalg.norm(space[:, :, None] - space[:, None], axis=-1)
    upper = np.triu_indices(8, 1)
    for c in range(8):
        assert np.corrcoef(difference[c][upper], distance[c][upper])[0, 1] > 0.4


def test_kin_are_alike_in_it(units):
    similarity = np.corrcoef(units.objects.reshape(200, 8, 8).mean(axis=2).T)
    index = CATEGORIES.index
    kin = [("animal", "face"), ("boat", "car"), ("car", "plane"), ("chair", "table")]
    others = [("face", "table"), ("fruit", "car"), ("animal", "chair"), ("fruit", "plane")]
    kin_mean, other_mean = (np.mean([similarity[index(a), index(b)] for a, b in p]) for p in (kin, others))
    assert kin_mean > other_mean + 0.2


@pytest.fixture(scope="module")
def stream():
    return SimulatedStream(0, units=100)


def accuracy(stream, level, seed=0):
    latents = draw_latents(RenderSpec(320, level=level, split="judged", seed=seed))
    p = stream._observers.probabilities(stream.it_means(latents)).mean(axis=0)
    return p[np.arange(320), latents["category"]].mean()


def test_observers_err_more_the_more_views_vary(stream):
    none, medium, high = (accuracy(stream, level) for level in (0, 3, 6))
    assert none > medium + 0.01
    assert medium > high + 0.05
    assert 0.5 < high < 0.9
    assert none < 0.99


def test_observers_confuse_kin_most(stream):
    latents = draw_latents(RenderSpec(1024, level=6, split="judged"))
    p = stream._observers.probabilities(stream.it_means(latents)).mean(axis=0)
    confusion = np.stack([p[latents["category"] == c].mean(axis=0) for c in range(8)])
    chair, table, fruit = (CATEGORIES.index(c) for c in ("chair", "table", "fruit"))
    assert confusion[chair, table] > confusion[chair, fruit]
    assert confusion[table, chair] > confusion[table, fruit]


def test_distant_objects_are_harder(stream):
    latents = draw_latents(RenderSpec(1024, level=6, split="judged"))
    p = stream._observers.probabilities(stream.it_means(latents)).mean(axis=0)
    correct = p[np.arange(1024), latents["category"]]
    assert np.corrcoef(correct, np.hypot(latents["x"], latents["y"]))[0, 1] < -0.2


def test_choice_counts_follow_the_probabilities():
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 4
    responses = np.eye(4)[:, labels] + 0.1 * rng.standard_normal((4, 40))
    observers = Observers(responses, labels, draw_sensitivity(3, rng))
    p = observers.probabilities(responses)
    np.testing.assert_allclose(p.sum(axis=2), 1)
    counts = observers.choose(responses, 2000, rng)
    assert (counts.sum(axis=1) == 6000).all()
    expected = p.mean(axis=0)
    error = (counts / 6000 - expected) / np.sqrt(expected * (1 - expected) / 6000)
    assert np.abs(error).max() < 4.5
    assert error.std() == pytest.approx(1, abs=0.25)


def test_an_observer_without_sensitivity_guesses():
    labels = np.arange(20) % 4
    observers = Observers(np.eye(4)[:, labels] + 0.0, labels, np.zeros(2))
    np.testing.assert_allclose(observers.probabilities(np.eye(4)), 0.25)
