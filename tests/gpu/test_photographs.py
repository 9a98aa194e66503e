"""Whole photographs reach a card as they reach the CPU."""

import pytest
import torch

from made_images import encoded, noise, write_folder
from wiringup.data.images.cache import ImageCache
from wiringup.training.loader import ImageLoader
from wiringup.training.schedule import epochs
from wiringup.training.spec import TrainSpec

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card; none is here")

SHAPES = [(40, 60), (60, 40), (33, 33), (32, 90)] * 8


@pytest.mark.parametrize("augmentation", ["crop+flip", "none"])
@pytest.mark.parametrize("keep", ["raw", "jpeg:90"])
def test_batches_on_the_card_are_those_of_the_cpu(tmp_path, keep, augmentation):
    contents = {
        f"{'abcd'[i % 4]}/{i:02d}.png": encoded(noise(1, *shape, seed=i)[0]) for i, shape in enumerate(SHAPES)
    }
    data = ImageCache(tmp_path / "store", 1.0).load(write_folder(tmp_path / "x", contents), 36, keep=keep)
    how = {"batch": 8, "size": 32, "augmentation": augmentation}
    here, there = (
        [(batch.inputs[0], batch.labels) for batch in ImageLoader(data, spec).batches()]
        for spec in (TrainSpec("all", epochs(2), device=device, **how) for device in ("cpu", "cuda"))
    )
    for (images, labels), (shown, told) in zip(here, there, strict=True):
        assert shown.device.type == "cuda" and torch.equal(told.cpu(), labels)
        torch.testing.assert_close(shown.cpu(), images, rtol=1e-6, atol=1e-6)
