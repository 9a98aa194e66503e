"""Brain-Score's recorded numbers on its public data; only where the data are.

They are looked for in ``WIRINGUP_DATA`` and beside the other test data (``WIRINGUP_TEST_DATA``/data).
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from wiringup.benchmarks.catalog import DATA_SETS, load_benchmark
from wiringup.benchmarks.metrics.correlation import aggregate
from wiringup.benchmarks.predictivity import cross_validated_r
from wiringup.data.sources import catalog

NAMED = {"WIRINGUP_DATA": "", "WIRINGUP_TEST_DATA": "data"}
FOLDERS = [Path(os.environ[name], below).expanduser() for name, below in NAMED.items() if name in os.environ]


def benchmark_of(name):
    for folder in FOLDERS:
        if DATA_SETS[name] in (found.name for found in catalog.known(folder) if found.present):
            return load_benchmark(name, folder)
    command = f"wiringup fetch {DATA_SETS[name].split('.')[0]}"
    pytest.skip(f"needs public data of Brain-Score ({command}) in a folder named by {' or '.join(NAMED)}")


SELF = {
    "FreemanZiemba2013public.V1-pls": (0.679954, (102, 135, 20)),
    "FreemanZiemba2013public.V2-pls": (0.577498, (103, 135, 20)),
    "MajajHong2015public.V4-pls": (0.897956, (88, 3200, 51)),
    "MajajHong2015public.IT-pls": (0.816251, (168, 3200, 51)),
}
"""What the peer scores for the data as their own model, and units, images and repeats."""


@pytest.mark.parametrize("name", SELF)
def test_the_data_as_their_own_model(name):
    expected, shape = SELF[name]
    benchmark = benchmark_of(name)
    assert benchmark.data.trials.shape == shape
    r = cross_validated_r(benchmark.targets.float(), benchmark.targets, benchmark.folds, solver="sklearn")
    assert aggregate(r).value == pytest.approx(expected, abs=1e-3)


def test_the_ceiling_of_it():
    assert benchmark_of("MajajHong2015public.IT-pls").ceiling.value == pytest.approx(0.81580, abs=1e-3)


def test_objects_were_shown_28_or_51_times():
    trials = torch.from_numpy(benchmark_of("MajajHong2015public.IT-pls").data.trials[0])
    shown, images = np.unique((~trials.isnan()).sum(1), return_counts=True)
    assert dict(zip(shown.tolist(), images.tolist(), strict=True)) == {28: 640, 51: 2560}


def test_trials_of_people():
    data = benchmark_of("Rajalingham2018public-i2n").data
    assert (len(data.image), len(data.test), len(data.test.classes)) == (585_511, 2160, 24)
    assert np.bincount(data.test.labels).tolist() == [90] * 24
