"""A V1 front from published physiology: drawn cells against the published counts."""

import numpy as np
import pytest
import torch

from wiringup.birth.apply import BirthSpec, describe_birth, give_birth
from wiringup.birth.gabor_fit import fit_gabors
from wiringup.birth.physiology import (
    FREQUENCY_CELLS,
    FREQUENCY_EDGES,
    draw_cells,
    physiological_gabors,
)
from wiringup.core.seeds import torch_stream
from wiringup.models.architecture import ModelSpec, build

CELLS = 20_000


@pytest.fixture(scope="module")
def cells():
    return draw_cells(CELLS, torch_stream(0)).T


def shares(values, edges):
    return np.histogram(values, edges)[0] / len(values)


def test_frequencies_have_the_published_shares(cells):
    expected = np.array([4, 4, 8, 25, 32, 26, 28, 12, 8]) / 147
    edges = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.2)
    assert shares(cells[0], edges) == pytest.approx(expected, abs=0.012)


def test_orientations_have_the_published_shares_and_prefer_the_cardinal(cells):
    degrees = np.degrees(cells[1])
    expected = np.array([66, 49, 77, 54]) / 246
    assert shares(degrees, (-22.5, 22.5, 67.5, 112.5, 157.5)) == pytest.approx(expected, abs=0.012)
    assert expected[[0, 2]].sum() == pytest.approx(0.58, abs=0.005)


def test_widths_have_the_published_joint_shares(cells):
    edges = [-1.0, -0.76, -0.52, -0.28, -0.04, 0.2]
    found = np.histogram2d(np.log10(cells[2]), np.log10(cells[3]), [edges] * 2)[0]
    published = [[2, 0, 1, 0, 0], [8, 9, 4, 1, 0], [1, 2, 19, 17, 3], [0, 0, 1, 7, 4], [0, 0, 0, 0, 0]]
    assert found / CELLS == pytest.approx(np.array(published) / 79, abs=0.012)


def test_finer_cells_have_more_stripes_and_phases_are_uniform(cells):
    def scores(x):
        ranks = (np.argsort(np.argsort(x)) + 0.5) / len(x)
        return torch.special.ndtri(torch.from_numpy(ranks)).numpy()

    assert np.corrcoef(scores(cells[0]), scores(cells[2]))[0, 1] == pytest.approx(0.75, abs=0.02)
    assert abs(np.corrcoef(cells[0], cells[1])[0, 1]) < 0.03
    assert abs(np.exp(1j * cells[4]).mean()) < 0.03


def test_a_lowest_frequency_cuts_the_distribution_and_keeps_its_shape():
    drawn = draw_cells(CELLS, torch_stream(1), lowest=2.0)[:, 0]
    assert drawn.min() >= 2.0
    expected = np.array(FREQUENCY_CELLS[4:]) / 106
    assert shares(drawn, FREQUENCY_EDGES[4:]) == pytest.approx(expected, abs=0.012)


def test_filters_are_achromatic_gabors_with_the_power_of_kaiming_normal():
    filters = physiological_gabors((48, 3, 11, 11), torch_stream(2))
    assert torch.equal(filters[:, 0], filters[:, 1]) and torch.equal(filters[:, 0], filters[:, 2])
    assert filters.square().mean((1, 2, 3)) == pytest.approx(2 / (48 * 121), rel=1e-4)
    cells = draw_cells(48, torch_stream(2), lowest=28 / 22)
    # a fit sees frequencies of fields with stripes that fit the kernel
    clear = (cells[:, 2] > 0.4) & (cells[:, 2] < 0.8) & (cells[:, 0] > 28 / 7) & (cells[:, 0] < 28 / 3)
    fits = fit_gabors(filters[clear, 0].double())
    assert clear.sum() >= 5
    assert fits[:, 0] * 28 == pytest.approx(cells[clear, 0], rel=0.02)


@pytest.mark.parametrize("architecture", ["cornet_s", "mobilenet_v1"])
def test_only_the_first_convolution_differs_from_kaiming_normal(architecture):
    spec = ModelSpec(architecture, width=1 / 8, classes=3, size=32)
    models = [build(spec), build(spec)]
    for model, recipe in zip(models, ("v1_physiology", "kn"), strict=True):
        give_birth(model, BirthSpec(recipe, 3))
    states = [model.state_dict() for model in models]
    first = next(n for n, v in states[0].items() if v.ndim == 4)
    assert [n for n in states[0] if not torch.equal(states[0][n], states[1][n])] == [first]


def test_a_record_counts_the_parameters_of_physiology():
    assert describe_birth(BirthSpec("v1_physiology"))["parameters"] == 9 + 4 + 25 + 2
    assert describe_birth(BirthSpec("kn"))["parameters"] == 0
