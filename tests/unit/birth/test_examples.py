"""The examples about births: what their numbers rest on."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from wiringup.birth.apply import BirthSpec
from wiringup.core.seeds import torch_stream
from wiringup.core.stimuli import from_pixels
from wiringup.experiments.runs.births import born
from wiringup.models.architecture import ModelSpec
from wiringup.models.preprocessing import preprocess
from wiringup.models.readout import subject

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_wider_expansion_holds_a_narrower_one():
    expanded = example("random_expansion").expanded
    maps = torch.randn(5, 6, 8, 8, generator=torch_stream(0)).relu()
    narrow, wide = (expanded(maps, n, 1, rectified=True) for n in (4, 16))
    assert narrow.shape == (5, 4, 2, 2) and wide.shape == (5, 16, 2, 2)
    torch.testing.assert_close(wide[:, :4], narrow)
    assert not torch.equal(expanded(maps, 4, 2, rectified=True), narrow)
    linear = expanded(maps, 4, 1, rectified=False)
    assert (narrow >= 0).all() and (linear < 0).any()


@pytest.mark.parametrize(("area", "layer"), [("V1", "V1"), ("V4", "V4@3")])
def test_the_layer_in_front_is_the_last_time_step_of_an_area(area, layer):
    spec = ModelSpec(width=1 / 8, classes=3, size=32)
    pixels = torch.randint(0, 256, (3, 32, 32, 3), generator=torch_stream(1), dtype=torch.uint8).numpy()
    model = born(spec, BirthSpec("wavelets"), None, None)
    maps = example("random_expansion").area_maps(model, preprocess(pixels, 32), area)
    read = subject(model, spec).responses(from_pixels(pixels), [layer])
    torch.testing.assert_close(maps.flatten(1), read[layer])


def test_differences_of_births_are_paired_by_neuron_and_by_seed():
    rng = np.random.default_rng(0)
    base = rng.uniform(0.2, 0.6, 40)
    a, b = (base + shift + rng.normal(0, 0.01, (6, 40)) for shift in (0.05, 0.0))
    a[0, 3] = np.nan  # a neuron without a score in one seed is left out of all
    cells = example("birth_difference").compared(a, b)
    low, high = map(float, cells[3].split(" to "))
    assert low < 0.05 < high and high - low < 0.01
    assert float(cells[4]) < 0.001 and float(cells[6]) == pytest.approx(2 / 2**6, abs=1e-4)
    assert float(cells[2]) == pytest.approx(0.05, abs=0.01)
    same = example("birth_difference").compared(b, b)
    assert (same[2], same[4], same[6]) == ("+0.000", "1", "1")
