import numpy as np
import pytest
import torch

from wiringup.benchmarks.area import usable
from wiringup.benchmarks.predictivity import Predictivity, held_out_r
from wiringup.core.errors import InputError
from wiringup.core.score import Ceiling
from wiringup.core.stimuli import from_pixels
from wiringup.data.measurements import Recording


def noise(groups=None) -> Recording:
    rng = np.random.default_rng(0)
    images = from_pixels(rng.integers(0, 256, (60, 4, 4, 3), dtype=np.uint8))
    trials = rng.normal(size=(8, 60, 4)).astype(np.float32)
    return Recording("noise.V4", "V4", trials, images, groups=groups)


@pytest.mark.parametrize(
    ("value", "error", "expected"),
    [(0.5, 0.1, True), (0.5, 0.3, False), (0.05, 0.001, False), (-0.3, 0.01, False)],
)
def test_a_ceiling_near_zero_is_not_divided_by(value, error, expected):
    assert usable(Ceiling(value, error)) is expected
    assert usable(Ceiling(value, 0.0, sampling=error)) is expected


def test_two_repeats_of_noise_seldom_pass_for_a_ceiling():
    shown = from_pixels(np.random.default_rng(0).integers(0, 256, (100, 2, 2, 3), dtype=np.uint8))
    trials = np.random.default_rng(1).normal(size=(60, 5, 100, 2)).astype(np.float32)
    accepted = [usable(Predictivity(Recording("noise.V4", "V4", t, shown)).ceiling) for t in trials]
    assert np.mean(accepted) <= 0.05
    true = trials + np.random.default_rng(2).normal(size=(60, 5, 100, 1)).astype(np.float32)
    accepted = [usable(Predictivity(Recording("true.V4", "V4", t, shown)).ceiling) for t in true]
    assert np.mean(accepted) == 1.0


def test_a_ceiling_tells_of_neurons_that_are_left_out():
    features = torch.randn(60, 20, generator=torch.Generator().manual_seed(0))
    data = noise()
    data.trials[0, 3:, 1:] = np.nan
    told = "1 of 8 neurons, which are constant or have fewer than 6 images with both halves of the repeats"
    assert f"; noise ceiling without {told}, in some halvings" in Predictivity(data).score(features, "x").note
    data.trials[:, 3:, 1:] = np.nan
    assert "no noise ceiling: every neuron is constant or" in Predictivity(data).score(features, "x").note
    assert "without" not in Predictivity(noise()).score(features, "x").note


def test_a_recording_of_noise_is_scored_raw_and_says_why():
    score = Predictivity(noise()).score(torch.randn(60, 20, generator=torch.Generator().manual_seed(0)), "x")
    assert score.ceiling is None
    assert score.normalisation == "none"
    assert score.score == score.raw
    assert "too low or too uncertain to divide by" in score.note


def test_groups_that_leave_too_few_images_to_test_on_are_refused():
    groups = np.array([f"g{i}" for i in range(60)])
    assert len(Predictivity(noise(groups)).folds.folds) == 10
    few = Recording(
        "few.V4", "V4", noise().trials[:, :10], noise().stimuli.take(np.arange(10)), groups=groups[:10]
    )
    with pytest.raises(InputError, match=r"fewer than 3 images to test on, .* \(10 groups, 10 images\)"):
        _ = Predictivity(few).folds


def test_a_neuron_is_left_out_where_it_has_fewer_than_three_test_images():
    benchmark = Predictivity(noise())
    tested = benchmark.folds.folds[0].test
    benchmark.data.trials[0, tested[2:]] = np.nan
    benchmark.data.trials[1, tested[3:]] = np.nan
    predictions = [torch.randn(6, 8, generator=torch.Generator().manual_seed(1))] * 10
    r = held_out_r(predictions, benchmark.targets, benchmark.folds)
    assert r[0].isnan().tolist() == [True] + [False] * 7
    few = torch.stack([benchmark.targets[fold.test, 0].isnan().sum() > 3 for fold in benchmark.folds.folds])
    assert torch.equal(r[:, 0].isnan(), few)


def test_a_score_tells_of_neurons_that_are_left_out_and_resamples_without_them():
    data = noise()
    data.trials[0, 4:] = np.nan
    data.trials[1, 30:] = np.nan
    features = torch.randn(60, 20, generator=torch.Generator().manual_seed(0))
    score = Predictivity(data).score(features, "x")
    assert "; 2 of 8 neurons have folds of fewer than 3 test images with a response" in score.note
    assert np.isnan(score.units).tolist() == [True] + [False] * 7
    others = Recording("noise.V4", "V4", data.trials[1:], data.stimuli)
    alone = Predictivity(others).score(features, "x")
    assert score.raw == pytest.approx(alone.raw, abs=1e-6)
    np.testing.assert_allclose(score.evidence()["stimuli"], alone.evidence()["stimuli"], atol=1e-6)
    assert "neurons have folds" not in Predictivity(noise()).score(features, "x").note


def test_a_recording_that_shows_every_neuron_two_test_images_is_refused():
    data = noise()
    data.trials[:, 2:] = np.nan
    with pytest.raises(InputError, match=r"noise.V4: no neuron has responses to 3 of the test images"):
        Predictivity(data).score(torch.randn(60, 20), "x")


def test_a_recording_in_which_nothing_varies_has_no_score():
    features = torch.randn(60, 20, generator=torch.Generator().manual_seed(0))
    data = noise()
    data.trials[3] = 0.1
    found = Predictivity(data).score(features, "x")
    assert "; 1 of 8 neurons do not vary over the test images of any fold and have no score" in found.note
    assert np.isnan(found.units).tolist() == [False] * 3 + [True] + [False] * 4
    data.trials[:] = np.arange(8, dtype=np.float32)[:, None, None]
    found = Predictivity(data).score(features, "x")
    assert np.isnan([found.raw, found.score, found.error]).all() and found.normalisation == "none"
    assert found.note == "no score: no recorded neuron varies over the test images of any fold"
    constant = Predictivity(noise()).score(torch.ones(60, 20), "x")
    assert constant.raw == 0 and "the layer answers" in constant.note  # a layer's fault, not the recording's
