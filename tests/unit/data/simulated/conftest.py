"""Pictures with known answers, and scenes to look at."""

import numpy as np
import pytest

from wiringup.core.stimuli import from_pixels
from wiringup.data.rendered.render import render
from wiringup.data.rendered.scenes import RenderSpec
from wiringup.data.simulated.maps import GRID, maps_of


@pytest.fixture(scope="session")
def plane():
    """The grid of the field of view: right and up, -1 ... 1, (GRID, GRID) each."""
    axis = (np.arange(GRID) + 0.5) / GRID * 2 - 1
    return np.meshgrid(axis, -axis)


@pytest.fixture(scope="session")
def grating(plane):
    """Draws full-field gratings; frequency in cycles per field, orientation of the normal in radians."""

    def draw(frequency, orientation, phase=0.0, contrast=1.0):
        across = plane[0] * np.cos(orientation) + plane[1] * np.sin(orientation)
        return contrast * np.cos(np.pi * frequency * across + phase)

    return draw


@pytest.fixture(scope="session")
def stimuli_of():
    """Makes stimuli of contrast images (n, h, w) in -1 ... 1."""
    return lambda contrast: from_pixels(
        np.clip((np.asarray(contrast) + 1) * 127.5 + 0.5, 0, 255).astype(np.uint8)
    )


@pytest.fixture(scope="session")
def look(stimuli_of):
    """Makes the maps of a few contrast images."""
    return lambda contrast: next(maps_of(stimuli_of(contrast)))


@pytest.fixture(scope="session")
def scenes():
    return render(RenderSpec(120, level=6, split="simulated-test"))
