"""A base run and inputs that are small enough for tests."""

from dataclasses import replace

import pytest

from toy_inputs import BASE, ToyInputs
from wiringup.experiments.runs.spec import RunSpec


@pytest.fixture
def inputs(tmp_path) -> ToyInputs:
    return ToyInputs(tmp_path)


@pytest.fixture
def base() -> RunSpec:
    return replace(BASE)
