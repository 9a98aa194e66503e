"""Sampling of clusters, and distilling them again; bench/test_reference_birth.py has the definition."""

import numpy as np
import pytest
import torch

from wiringup.birth.clusters import ClusterLayer
from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream

THREE = ClusterLayer(
    3,
    np.array([6.0, 14.0, 20.0]),
    np.array([5.0, 6.0, 3.0]),
    np.array([0.02, 0.1, 0.05]),
    np.stack([np.full((3, 3), -2.0), np.arange(9).reshape(3, 3) / 4, np.full((3, 3), 7.0)]),
)
SIGNS = ClusterLayer(
    1, np.array([30.0, 34.0]), np.array([4.0, 4.0]), np.zeros(2), np.array([[[-0.5]], [[0.25]]])
)


def test_counts_follow_their_normals_scaled_to_the_channels():
    weight = SIGNS.sample(torch.Size((4000, 256, 1, 1)), torch_stream(0))
    negative = (weight[..., 0, 0] == -0.5).sum(1).float()
    assert set(weight.unique().tolist()) == {-0.5, 0.25}
    assert negative.mean() == pytest.approx(4 * 30, abs=4 * 16 / np.sqrt(4000))
    assert negative.std() == pytest.approx(4 * 4, rel=0.05)


def test_channels_are_shuffled():
    weight = SIGNS.sample(torch.Size((4000, 64, 1, 1)), torch_stream(0))
    share = (weight[..., 0, 0] == -0.5).float().mean(0)
    assert share.numpy() == pytest.approx(np.full(64, 30 / 64), abs=5 * 0.5 / np.sqrt(4000))
    sign = (weight[:, :, 0, 0] == -0.5).float()
    assert torch.corrcoef(sign.T)[0, 1].abs() < 0.08


def test_full_kernels_take_no_more_than_their_channels():
    greedy = ClusterLayer(
        1, np.array([4.0, 4.0]), np.array([50.0, 0.0]), np.zeros(2), np.array([[[1.0]], [[2.0]]])
    )
    weight = greedy.sample(torch.Size((500, 8, 1, 1)), torch_stream(0))
    assert (weight == 1).all(1).any() and (weight == 2).all(1).any()
    assert ((weight == 1) | (weight == 2)).all()


def test_counts_below_zero_take_nothing_from_others():
    layer = ClusterLayer(
        1,
        np.array([10.0, 0.0, 10.0]),
        np.array([0.0, 6.0, 0.0]),
        np.zeros(3),
        np.array([[[1.0]], [[2.0]], [[3.0]]]),
    )
    weight = layer.sample(torch.Size((500, 20, 1, 1)), torch_stream(0))
    assert ((weight == 1).flatten(1).sum(1) == 10).all()
    assert (weight == 2).flatten(1).sum(1).bincount()[0] == pytest.approx(250, abs=50)


def test_one_cluster_fills_everything():
    single = ClusterLayer(1, np.array([3.0]), np.array([1.0]), np.zeros(1), np.array([[[0.5]]]))
    assert (single.sample(torch.Size((70, 5, 1, 1)), torch_stream(0)) == 0.5).all()


def test_another_kernel_size_resizes_the_centres():
    silent = ClusterLayer(3, np.array([1.0]), np.zeros(1), np.zeros(1), np.arange(9.0).reshape(1, 3, 3))
    large = silent.sample(torch.Size((2, 2, 5, 5)), torch_stream(0))
    assert large[0, 0].mean() == pytest.approx(4.0, abs=1e-5)
    assert (large[0, 0].diff(dim=0) >= 0).all() and (large[0, 0].diff(dim=1) >= 0).all()
    small = silent.sample(torch.Size((2, 2, 1, 1)), torch_stream(0))
    assert small.flatten().tolist() == pytest.approx([4.0] * 4, abs=1e-5)


def test_seed_decides():
    shape = torch.Size((100, 40, 3, 3))
    first, again, other = (THREE.sample(shape, torch_stream(s)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_distilling_a_sample_recovers_its_parameters():
    narrow = ClusterLayer(
        3, THREE.count_mean, np.array([1.5, 2.0, 2.5]), THREE.noise_std, THREE.centers
    )  # in two of three clusters independent draws, so that the third varies by sqrt(1.5^2 + 2^2)
    weight = narrow.sample(torch.Size((3000, 40, 3, 3)), torch_stream(0))
    found = ClusterLayer.fit(weight, torch_stream(1), 3)
    assert found.count_mean == pytest.approx(narrow.count_mean, abs=0.2)
    assert found.count_std == pytest.approx([1.5, 2.0, 2.5], rel=0.06)
    assert found.noise_std == pytest.approx(narrow.noise_std, rel=0.02)
    assert found.centers == pytest.approx(narrow.centers, abs=0.005)
    assert found.in_channels == pytest.approx(40, abs=1e-4)


def test_clusters_run_from_the_rarest_to_the_most_frequent_with_their_own_noise():
    weight = torch.full((30, 20, 1, 1), 5.0)
    weight[:, :4] = -1 + 0.1 * torch.tensor([1.0, -1, 1, -1]).view(1, 4, 1, 1)
    found = ClusterLayer.fit(weight, torch_stream(0), 2)
    assert found.count_mean == pytest.approx([4, 16])
    assert found.noise_std == pytest.approx([0.1, 0], abs=1e-4)
    assert found.centers.ravel() == pytest.approx([-1, 5], abs=1e-5)


def test_spread_of_counts_is_that_of_all_output_kernels():
    weight = torch.tensor([[1.0, 5, 5, 5], [1, 1, 1, 5]])[..., None, None]
    found = ClusterLayer.fit(weight, torch_stream(0), 2)
    assert found.count_mean == pytest.approx([2, 2])
    assert found.count_std == pytest.approx([1, 1])


def test_kernels_have_to_be_square():
    with pytest.raises(InputError, match=r"square kernels; got \(4, 4, 1, 3\)"):
        ClusterLayer.fit(torch.zeros(4, 4, 1, 3), torch_stream(0), 2)
    with pytest.raises(InputError, match="square kernels"):
        THREE.sample(torch.Size((4, 4)), torch_stream(0))
