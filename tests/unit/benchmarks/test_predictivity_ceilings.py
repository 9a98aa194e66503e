import numpy as np
import pytest
import torch

from wiringup.benchmarks.area import usable
from wiringup.benchmarks.predictivity import Predictivity
from wiringup.core.errors import InputError
from wiringup.core.score import Ceiling
from wiringup.core.stimuli import from_pixels
from wiringup.data.recordings import Recording


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
