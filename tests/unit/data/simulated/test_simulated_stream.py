"""The stream as a whole: marked as simulated, plausible, reproducible, independent."""

import importlib

import numpy as np
import pytest

from wiringup.core.areas import AREAS
from wiringup.core.errors import InputError
from wiringup.data.rendered.render import render
from wiringup.data.rendered.scenes import RenderSpec
from wiringup.data.simulated.stream import SimulatedStream


@pytest.fixture(scope="module")
def stream():
    return SimulatedStream(3, units=40, repeats=6)


@pytest.fixture(scope="module")
def means(stream, scenes):
    return stream.means(scenes)


@pytest.fixture(scope="module")
def recordings(stream, scenes):
    return stream.recordings(scenes)


def test_recordings_say_that_they_are_simulated(recordings, scenes):
    assert tuple(recordings) == AREAS
    for area, recording in recordings.items():
        assert recording.name == f"simulated.{area}"
        assert recording.area == area
        assert recording.simulated
        assert "SIMULATED" in recording.source
        assert recording.trials.shape == (40, 120, 6) and recording.trials.dtype == np.float32
        assert recording.stimuli is scenes.images.stimuli
        names = [scenes.images.classes[i] for i in scenes.images.labels]
        assert recording.labels.tolist() == names


def test_every_unit_responds_plausibly(means):
    for area, mean in means.items():
        rate, modulation = mean.mean(axis=1), mean.std(axis=1) / mean.mean(axis=1)
        assert rate.min() > 2 and rate.max() < 60, area
        assert 5 < np.median(rate) < 40, area
        assert modulation.min() > 0.1, area
        assert mean.min() > 0, area


def test_units_of_an_area_differ(means):
    for area, mean in means.items():
        r = np.corrcoef(mean)[np.triu_indices(40, 1)]
        assert np.median(np.abs(r)) < 0.6, area
        assert r.max() < 0.99, area


def test_trials_scatter_about_the_true_means(stream, means, recordings):
    for area, recording in recordings.items():
        z = (recording.trials - means[area][..., None]) / np.sqrt(stream.fano * means[area][..., None])
        assert z.mean() == pytest.approx(0, abs=0.03)
        assert z.var() == pytest.approx(1, abs=0.05)


def test_a_response_does_not_depend_on_the_other_images(stream, means, scenes):
    few = stream.means(scenes.take(np.array([70, 3])))
    for area in AREAS:
        np.testing.assert_allclose(few[area], means[area][:, [70, 3]], rtol=2e-3)


def test_the_same_seed_repeats_everything(recordings, scenes):
    again = SimulatedStream(3, units=40, repeats=6)
    for area, recording in again.recordings(scenes).items():
        np.testing.assert_array_equal(recording.trials, recordings[area].trials)
    np.testing.assert_array_equal(
        again.choices(scenes, scenes).counts,
        SimulatedStream(3, units=40, repeats=6).choices(scenes, scenes).counts,
    )


def test_another_seed_has_other_units_and_choices(stream, means, scenes):
    other = SimulatedStream(4, units=40)
    for area, mean in other.means(scenes).items():
        matched = [np.corrcoef(a, b)[0, 1] for a, b in zip(mean, means[area], strict=True)]
        assert np.mean(matched) < 0.6, area
        assert not np.allclose(mean, means[area])
    assert (other.choices(scenes, scenes).counts != stream.choices(scenes, scenes).counts).any()


def test_noise_is_independent_between_areas_and_image_sets(stream, scenes, means, recordings):
    noise = {a: (r.trials - means[a][..., None]).ravel() for a, r in recordings.items()}
    assert np.abs(np.corrcoef(list(noise.values())) - np.eye(4)).max() < 0.03
    swapped = scenes.take(np.roll(np.arange(120), 1))
    other = stream.recordings(swapped)["IT"].trials - np.roll(means["IT"], 1, axis=1)[..., None]
    assert abs(np.corrcoef(other.ravel(), noise["IT"])[0, 1]) < 0.03


def test_every_area_and_image_set_has_its_own_stream_of_noise(stream, scenes, monkeypatch):
    module = importlib.import_module("wiringup.data.simulated.stream")
    firsts = []

    def record(mean, repeats, fano, rng, missing):
        firsts.append(rng.random())
        return np.zeros((*mean.shape, repeats), dtype=np.float32)

    monkeypatch.setattr(module, "draw_trials", record)
    for images in (4, 5):
        stream.recordings(scenes.take(np.arange(images)))
    assert len(set(firsts)) == 2 * len(AREAS)


def test_areas_and_trials_do_not_shift_each_other(scenes):
    """More repeats or subjects leave the units as they are."""
    few = scenes.take(np.arange(10))
    one, two = SimulatedStream(5, units=10), SimulatedStream(5, units=10, repeats=3, subjects=2, missing=0.2)
    for area in AREAS:
        np.testing.assert_array_equal(one.means(few)[area], two.means(few)[area])
    assert np.isnan(two.recordings(few)["V2"].trials).any()


def test_true_reliability_is_below_one_and_grows_with_repeats(scenes):
    half = scenes.take(np.arange(50))
    few, many = (SimulatedStream(3, units=20, repeats=r).reliability(half) for r in (2, 20))
    for area in AREAS:
        assert few[area].min() > 0.1 and few[area].max() < 1
        assert (many[area] > few[area]).all()
        # Spearman-Brown: ten times the trials
        np.testing.assert_allclose(many[area], 10 * few[area] / (1 + 9 * few[area]), rtol=1e-9)


def test_early_areas_see_images_of_any_size():
    stream, spec = SimulatedStream(6, units=15), RenderSpec(24, size=96, level=3)
    large = render(spec).images.stimuli
    half = large.pixels.reshape(24, 48, 2, 48, 2, 3).mean(axis=(2, 4)).astype(np.uint8)
    small = type(large)(half, large.ids)
    for area, mean in stream.early_means(large).items():
        r = [np.corrcoef(a, b)[0, 1] for a, b in zip(mean, stream.early_means(small)[area], strict=True)]
        assert np.median(r) > 0.9, area


def test_choices_are_counts_about_the_true_probabilities(stream, scenes):
    fit = scenes.take(np.arange(16))
    choices = stream.choices(scenes, fit)
    assert choices.name == "simulated.behavior" and choices.simulated and "SIMULATED" in choices.source
    assert choices.test is scenes.images and len(choices.fit) == 16
    assert (choices.counts.sum(axis=1) == stream.subjects * stream.trials).all()
    p = stream.choice_probabilities(scenes)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert np.corrcoef(choices.counts.ravel(), p.ravel())[0, 1] > 0.97


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"units": 0}, "simulated stream's units is 0, but has to be at least 1"),
        ({"fano": 0.5}, "simulated stream's fano is 0.5, but has to be at least 1"),
        ({"missing": 2.0}, "fraction of missing trials is 2.0"),
        ({"degrees": 1.0}, "width of the images in degrees is 1.0, but has to be at least 4"),
    ],
)
def test_refuses_impossible_streams(wrong, message):
    with pytest.raises(InputError, match=message):
        SimulatedStream(0, **wrong)
