"""k-means against scikit-learn, and against known clusters."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from wiringup.birth.kmeans import elbow, kmeans
from wiringup.core.errors import InputError
from wiringup.core.seeds import torch_stream


@pytest.mark.parametrize(("d", "k"), [(1, 2), (9, 5), (9, 8)])
@pytest.mark.parametrize("structured", [True, False])
def test_inertia_is_that_of_sklearn(d, k, structured):
    points = torch.randn(3000, d, generator=torch_stream(0, d, k))
    if structured:
        points += 6 * torch.randn(k, d, generator=torch_stream(1))[torch.arange(3000) % k]
    found = kmeans(points, k, torch_stream(2), tolerance=1e-9)
    peer = KMeans(k, n_init=10, random_state=0, tol=0).fit(points.double().numpy())
    assert found.inertia <= peer.inertia_ * (1.0005 if structured else 1.01)
    assert found.inertia >= peer.inertia_ * 0.99


def test_result_is_consistent_with_itself():
    points = torch.randn(2000, 4, generator=torch_stream(0))
    found = kmeans(points, 3, torch_stream(1))
    distance = torch.cdist(points, found.centers).square()
    assert torch.equal(found.labels, distance.argmin(1))
    scatter = torch.stack([distance[found.labels == c, c].sum() for c in range(3)])
    assert torch.allclose(found.scatter.float(), scatter, rtol=1e-4)
    assert found.inertia == pytest.approx(scatter.sum().item(), rel=1e-4)


def test_subsampled_start_reaches_the_optimum_of_all_points():
    centers = torch.tensor([[-4.0, 0], [4, 0], [0, 5]])
    points = centers[torch.arange(200_000) % 3] + torch.randn(200_000, 2, generator=torch_stream(0))
    found = kmeans(points, 3, torch_stream(1), subsample=2000)
    nearest = torch.cdist(centers, found.centers).amin(1)
    assert nearest.max() < 0.02
    assert found.labels.bincount().min() > 60_000


def test_fewer_distinct_points_than_clusters_stays_finite():
    found = kmeans(torch.ones(20, 3), 4, torch_stream(0))
    assert found.inertia == pytest.approx(0, abs=1e-6)
    assert torch.isfinite(found.centers).all()


def test_seed_decides():
    points = torch.randn(500, 9, generator=torch_stream(0))
    first, again, other = (kmeans(points, 4, torch_stream(s), restarts=1) for s in (1, 1, 5))
    assert torch.equal(first.centers, again.centers)
    assert not torch.equal(first.centers, other.centers)


def test_more_clusters_than_points_is_refused():
    with pytest.raises(InputError, match="Cannot make 5 clusters of 3 points"):
        kmeans(torch.zeros(3, 1), 5, torch_stream(0))


def test_labels_cover_points_beyond_one_chunk():
    points = torch.cat([torch.full((70_000, 1), -1.0), torch.full((70_000, 1), 1.0)])
    found = kmeans(points, 2, torch_stream(0))
    assert np.unique(found.labels[:70_000]).size == 1
    assert found.labels[0] != found.labels[-1]


@pytest.mark.parametrize("k", [2, 3, 4, 6])
def test_the_elbow_is_the_number_of_clusters_equally_far_apart(k):
    centers = 10 * torch.eye(9)[:k]
    points = centers[torch.arange(4000) % k] + torch.randn(4000, 9, generator=torch_stream(0))
    assert elbow(points, torch_stream(k)) == k


def test_the_elbow_of_a_plain_cloud_lies_low_and_of_equal_points_at_one():
    cloud = torch.randn(20_000, 9, generator=torch_stream(0))
    assert elbow(cloud, torch_stream(1)) in (4, 5)
    assert elbow(torch.ones(50, 3), torch_stream(0)) == 1
    assert elbow(torch.ones(1, 3), torch_stream(0)) == 1
